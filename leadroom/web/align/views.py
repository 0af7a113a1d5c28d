"""Alignment: one item at a time, one decision at a time."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from leadroom.lib import clock
from leadroom.lib.shapes import count_of
from leadroom.pipeline import moves
from leadroom.projects.enums import Stage
from leadroom.projects.models import WorkItem
from leadroom.requirements import actions
from leadroom.requirements.queries import open_count
from leadroom.web import access, answers
from leadroom.web.align import forms
from leadroom.web.align.presenters import present_page
from leadroom.web.regions import redrawn

TEMPLATE = "align/item.html"


def _aligning(request: HttpRequest) -> list[WorkItem]:
    rows = WorkItem.objects.filter(project_id__in=access.project_ids(request), stage=Stage.ALIGN)
    return list(rows.select_related("project").order_by("stage_entered_at", "pk"))


@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """Opens the item that presses most; a page of its own only when nothing waits."""
    waiting = access.waiting(request)
    first = next((card for card in waiting if card.kind in ("picks", "document")), None)
    if first is not None:
        return redirect("align:item", pk=first.item.pk)
    return render(request, "align/queue.html", {"aligning": _aligning(request)})


@require_GET
def item(request: HttpRequest, pk: int) -> HttpResponse:
    """One item's questions, decisions and document."""
    is_region = request.headers.get("HX-Request") == "true"
    return _drawn(request, access.item(request, pk), "#body" if is_region else "")


def _drawn(request: HttpRequest, item: WorkItem, fragment: str) -> HttpResponse:
    waiting = access.waiting(request)
    page = present_page(item, waiting, _aligning(request), request)
    return render(request, TEMPLATE + fragment, {"page": page})


def _answer(request: HttpRequest, item: WorkItem, text: str, undo_url: str = "") -> HttpResponse:
    to = reverse("align:item", args=[item.pk])
    return redrawn(
        request, f"align-{item.pk}-body", lambda: _drawn(request, item, "#body"), text, to, undo_url=undo_url
    )


@require_POST
def pick(request: HttpRequest, pk: int) -> HttpResponse:
    """Decide one question by candidate or own words."""
    ambiguity = access.ambiguity(request, pk)
    actor = access.require_lead(request, ambiguity.item.project)
    given = forms.read_pick(request)
    actions.resolve(
        ambiguity=ambiguity,
        by=actor,
        now=clock.now(),
        seen_digest=given.seen,
        picked=given.picked,
        own_answer=given.own_answer,
        user_id=request.user.pk,
    )
    is_last = open_count(ambiguity.item) == 0
    undo = "" if is_last else reverse("align:reopen", args=[ambiguity.pk])
    text = f"{ambiguity.key} decided" + ("; the agent writes the document" if is_last else "")
    return _answer(request, ambiguity.item, text, undo)


@require_POST
def reopen(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a decision back."""
    ambiguity = access.ambiguity(request, pk)
    actor = access.require_lead(request, ambiguity.item.project)
    actions.reopen(ambiguity=ambiguity, by=actor, now=clock.now())
    return _answer(request, ambiguity.item, f"{ambiguity.key} is open again")


@require_POST
def pick_all(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the recommendation of every open question that was seen."""
    found = access.item(request, pk)
    actor = access.require_lead(request, found.project)
    seen = forms.read_seen(request.POST)
    count = actions.resolve_recommended(item=found, by=actor, now=clock.now(), seen=seen, user_id=request.user.pk)
    return _answer(request, found, f"{count_of(count, 'recommendation')} taken; the agent writes the document")


@require_POST
def supply(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what a LOW document lacks; another requirements run works it in."""
    found = access.item(request, pk)
    actor = access.require_lead(request, found.project)
    moves.supply_missing(item=found, text=request.POST.get("text", ""), by=actor, now=clock.now())
    return answers.done(request, "Sent; the requirements agent works it in", reverse("align:item", args=[pk]), go=True)
