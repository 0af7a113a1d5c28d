"""Answers of a form that sits inside a live region: the region drawn anew, with a toast."""

import json
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from leadroom.web import answers


def redrawn(
    request: HttpRequest,
    region: str,
    draw: Callable[[], HttpResponse],
    text: str,
    to: str,
    *,
    undo_url: str = "",
) -> HttpResponse:
    """`draw()` with `text` as a toast when the form targets the element with id `region`; else as `answers.done`.

    So a page shows the new state at once, live or not, and the same address serves a card elsewhere.
    """
    if not request.headers.get("HX-Target", "").endswith(f"#{region}"):
        return answers.done(request, text, to, undo_url=undo_url)
    answer = draw()
    answer["HX-Trigger"] = json.dumps({"toast": {"text": text, "kind": "ok", "undo_url": undo_url or None}})
    return answer


def redrawn_in_conflict(draw: Callable[[], HttpResponse], sentence: str) -> HttpResponse:
    """`draw()` as a 409 with the sentence as a toast: somebody was first, here is how it stands now."""
    answer = draw()
    answer.status_code = 409
    answer["HX-Trigger"] = json.dumps({"toast": {"text": sentence, "kind": "bad"}})
    return answer
