"""The alignment page, and what concerns the item as a whole: the sitting, loading, what a document lacks."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from leadroom.lib import clock
from leadroom.lib.actors import Actor
from leadroom.pipeline import moves
from leadroom.requirements import actions
from leadroom.requirements.queries import open_sitting_of
from leadroom.web import access, answers
from leadroom.web.align.acting import acted, drawn


@require_GET
def item(request: HttpRequest, pk: int) -> HttpResponse:
    """One item's questions, decisions and document."""
    is_region = request.headers.get("HX-Request") == "true"
    return drawn(request, access.item(request, pk), "#body" if is_region else "")


@require_POST
def sit_down(request: HttpRequest, pk: int) -> HttpResponse:
    """Begin this person's sitting on the item; the page asks for it when it opens."""
    found = access.item(request, pk)
    actor = access.require_lead(request, found.project)
    actions.open_sitting(item=found, user_id=request.user.pk or 0, by=actor, now=clock.now())
    if request.headers.get("HX-Request") != "true":
        return redirect("align:item", pk=pk)
    return HttpResponse(status=204)


@require_POST
def put_aside(request: HttpRequest, pk: int) -> HttpResponse:
    """Put the other alignment aside and begin this one."""
    found = access.item(request, pk)

    def act(actor: Actor) -> tuple[str, str]:
        now, user_id = clock.now(), request.user.pk or 0
        sitting = open_sitting_of(user_id)
        if sitting is not None and sitting.item_id != found.pk:
            actions.put_aside(sitting=sitting, by=actor, now=now)
        actions.open_sitting(item=found, user_id=user_id, by=actor, now=now)
        return "Put aside; what was decided there is kept", ""

    return acted(request, found, act)


@require_POST
def hold(request: HttpRequest, pk: int) -> HttpResponse:
    """Load the item, so that it waits to be fired when it is aligned; or take that back."""
    found, is_held = access.item(request, pk), request.POST.get("hold") == "1"

    def act(actor: Actor) -> tuple[str, str]:
        actions.hold(item=found, is_held=is_held, by=actor, now=clock.now())
        return "It waits, loaded, once it is aligned" if is_held else "It goes on by itself once it is aligned", ""

    return acted(request, found, act)


@require_POST
def supply(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what a LOW document lacks; another requirements run works it in."""
    found = access.item(request, pk)
    actor = access.require_lead(request, found.project)
    moves.supply_missing(item=found, text=request.POST.get("text", ""), by=actor, now=clock.now())
    return answers.done(request, "Sent; the requirements agent works it in", reverse("align:item", args=[pk]), go=True)
