"""How triage of one project is doing: what the engine learned, its last check, and the second opinion's switch."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from leadroom.lib import clock
from leadroom.lib.errors import BadInput, LeadroomError
from leadroom.projects.models import Project
from leadroom.projects.queries import may_act
from leadroom.triage import actions
from leadroom.triage.engine import model
from leadroom.triage.judging import bias_of
from leadroom.triage.models import Shelf
from leadroom.triage.queries import last_check, needs_check
from leadroom.triage.rules import MOST_ASKS
from leadroom.web import access
from leadroom.web.refusals import status_of


@require_http_methods(["GET", "POST"])
def engine(request: HttpRequest, slug: str) -> HttpResponse:
    """The page; a POST lets a model be asked about suggestions, or no more."""
    project = access.project(request, slug)
    if request.method == "GET":
        return _page(request, project)
    try:
        actor = access.require_lead(request, project)
        asks, is_on = _number(request.POST.get("asks_per_day", "")), "is_on" in request.POST
        actions.set_adjudication(project=project, is_on=is_on, asks_per_day=asks, by=actor, now=clock.now())
    except LeadroomError as error:
        return _page(request, project, error=str(error), status=status_of(error))
    return redirect("triage:engine", slug)


def _number(word: str) -> int:
    if not (word.isascii() and word.isdigit() and len(word) <= 6):
        raise BadInput("Say how many questions a day may have, as a whole number; nothing was changed.")
    return int(word)


def _page(request: HttpRequest, project: Project, *, error: str = "", status: int = 200) -> HttpResponse:
    shelf = Shelf.objects.filter(project=project).first() or Shelf(project=project)
    check = last_check()
    is_today = shelf.asked_on == clock.now().date()
    context: dict[str, Any] = {
        "project": project,
        "shelf": shelf,
        "version": model.load().version,
        "bias": _percent_word(bias_of(shelf)),
        "check": check,
        "needs_check": needs_check(check),
        "asked_today": shelf.asked_today if is_today else 0,
        "most": MOST_ASKS,
        "error": error,
        "reason": "" if may_act(request.user, project) else f"Only the lead of {project.name} decides this.",
    }
    return render(request, "triage/engine.html", context, status=status)


def _percent_word(bias: float) -> str:
    """The bias in log-odds, in words."""
    if abs(bias) < 0.05:
        return "as likely as the model says"
    return f"{'more' if bias > 0 else 'less'} likely than the model says ({bias:+.2f} in log-odds)"
