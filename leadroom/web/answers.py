"""Answers of POSTs: a toast and news for htmx, a redirect for a plain form."""

import json

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect


def done(request: HttpRequest, text: str, to: str, *, undo_url: str = "", go: bool = False) -> HttpResponse:
    """`text` as a toast (with undo when given). `go` sends the browser to `to`; a plain form always goes there."""
    if request.headers.get("HX-Request") != "true":
        return redirect(to)
    if go:
        return HttpResponse(headers={"HX-Redirect": to})
    answer = HttpResponse(status=204)
    answer["HX-Trigger"] = json.dumps({"toast": {"text": text, "kind": "ok", "undo_url": undo_url or None}})
    return answer
