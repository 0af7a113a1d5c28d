"""The room: every item at a glance."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from leadroom.lib import clock
from leadroom.web import access
from leadroom.web.context import topbar_facts
from leadroom.web.room.checklist import DISMISSED, getting_started
from leadroom.web.room.presenters import VIEWS, present_board


def _context(request: HttpRequest) -> dict[str, Any]:
    board = present_board(
        request.user,
        access.waiting(request),
        view=request.GET.get("view", "stages"),
        is_compact=request.GET.get("density") == "compact",
        now=clock.now(),
    )
    views = [{"key": key, "word": word, "is_current": key == board.view} for key, word in VIEWS.items()]
    return {"board": board, "views": views}


@require_GET
def board(request: HttpRequest) -> HttpResponse:
    """The home page."""
    return render(request, "room/board.html", _context(request) | {"checks": getting_started(request)})


@require_GET
def strips(request: HttpRequest) -> HttpResponse:
    """The board alone, for news."""
    return render(request, "room/board.html#board", _context(request))


@require_GET
def topbar(request: HttpRequest) -> HttpResponse:
    """The live facts of the top bar."""
    return render(request, "components/topbar_facts.html", {"topbar": topbar_facts(request)})


@require_POST
def dismiss(request: HttpRequest) -> HttpResponse:
    """Put the first-steps card away for this session."""
    request.session[DISMISSED] = True
    return redirect("room:board")
