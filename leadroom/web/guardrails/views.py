"""The guardrails on one page, and the switch."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from leadroom.agents import actions as runs
from leadroom.guardrails import actions
from leadroom.guardrails.enums import Lock
from leadroom.lib import clock
from leadroom.lib.errors import BadInput
from leadroom.lib.shapes import count_of
from leadroom.web import access
from leadroom.web.context import topbar_facts
from leadroom.web.guardrails import presenters, scoping
from leadroom.web.regions import redrawn

LEVELS = {"paused": Lock.PAUSED, "read_only": Lock.READ_ONLY}


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Every stop control, budget, floor, approval and isolation level, resolved per agent."""
    fragment = "#board" if request.headers.get("HX-Request") == "true" else ""
    return render(request, f"guardrails/index.html{fragment}", {"page": presenters.present_page(request)})


@require_POST
def press(request: HttpRequest) -> HttpResponse:
    """Lock a scope at once."""
    scope = scoping.asked_scope(request)
    actor = scoping.check_may_press(request, scope)
    level = LEVELS.get(request.POST.get("level", "read_only"))
    if level is None:
        raise BadInput("A scope is paused or made read-only; nothing was changed.")
    actions.press(scope=scope, level=level, reason=request.POST.get("reason", ""), by=actor, now=clock.now())
    words = "Pause" if level is Lock.PAUSED else "Read-only"
    return _shown(request, f"{words} requested: {scope.name}. The badge says when it is proven.")


@require_POST
def release(request: HttpRequest) -> HttpResponse:
    """Open a scope; what was halted stays halted."""
    scope = scoping.asked_scope(request)
    actor = scoping.check_may_release(request, scope)
    epoch = request.POST.get("epoch", "")
    if not (epoch.isascii() and epoch.isdigit() and len(epoch) <= 9):
        raise BadInput("The form does not say which lock was seen; nothing was changed. Reload the page.")
    actions.release(scope=scope, seen_epoch=int(epoch), by=actor, now=clock.now())
    return _shown(request, f"Unlocked: {scope.name}. Nobody goes on by itself.")


@require_POST
def resume(request: HttpRequest) -> HttpResponse:
    """Let every halted run of a scope go on, as far as the person leads it."""
    scope = scoping.asked_scope(request)
    scoping.check_may_press(request, scope)
    resumed = 0
    for run in presenters.halted_runs(request, scope):
        runs.retry(run=run, by=access.require_lead(request, run.item.project), now=clock.now())
        resumed += 1
    return _shown(request, f"{count_of(resumed, 'run')} queued; they go on where they were.")


def _shown(request: HttpRequest, text: str) -> HttpResponse:
    """The region the form sits in, drawn anew at once (the broker may be down); else as any answer."""

    def draw() -> HttpResponse:
        if request.headers.get("HX-Target", "").endswith("#topbar-facts"):
            return render(request, "components/topbar_facts.html", {"topbar": topbar_facts(request)})
        return render(request, "guardrails/index.html#board", {"page": presenters.present_page(request)})

    region = "topbar-facts" if request.headers.get("HX-Target", "").endswith("#topbar-facts") else "guardrails-board"
    return redrawn(request, region, draw, text, reverse("guardrails:index"))
