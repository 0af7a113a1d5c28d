"""The lane: what waits to be aligned and why in this order, what an agent has, and what is loaded to be fired."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from leadroom.lib import clock
from leadroom.lib.errors import BadInput
from leadroom.lib.shapes import count_of
from leadroom.projects.enums import Risk
from leadroom.projects.models import WorkItem
from leadroom.projects.queries import led_projects
from leadroom.reading.loaded import held_ids, loaded
from leadroom.reading.moves import next_moves
from leadroom.reading.queries import Waiting
from leadroom.requirements import actions
from leadroom.web import access
from leadroom.web.align.acting import aligning
from leadroom.web.regions import redrawn

_KINDS = ("picks", "document")
_ID_DIGITS = 18


@dataclass(frozen=True)
class LaneRow:
    """An item in ALIGN. `place` says why it stands where it stands; `reason` why this person may not load it."""

    item: WorkItem
    sentence: str
    place: str
    since: dt.datetime
    is_held: bool
    reason: str


@dataclass(frozen=True)
class LoadedRow:
    """A loaded item; `value` names it with the digest of the document that is shown."""

    item: WorkItem
    number: int
    confidence: str
    since: dt.datetime
    value: str
    is_ticked: bool
    reason: str


@dataclass(frozen=True)
class LanePage:
    """Everything in ALIGN that the person sees; each item stands in one of the lists."""

    queue: tuple[LaneRow, ...]
    with_agents: tuple[LaneRow, ...]
    loaded: tuple[LoadedRow, ...]
    fire_reason: str


def present_lane(
    items: Sequence[WorkItem], waiting: Sequence[Waiting], led: set[int], ticked: Iterable[str]
) -> LanePage:
    """`led` are the projects in which this person decides, `ticked` the values that were ticked on the page."""
    moves, held = next_moves(items, waiting), held_ids(item.pk for item in items)
    ready, chosen = loaded(item.pk for item in items), set(ticked)
    places = _places(waiting)

    def row(item: WorkItem) -> LaneRow:
        move = moves[item.pk]
        sentence = move.sentence.removeprefix("Your turn: ")
        return LaneRow(item, sentence, places.get(item.pk, ""), move.since, item.pk in held, _reason(item, led))

    by_id = {item.pk: item for item in items}
    queue = [by_id[pk] for pk in places if pk in by_id]
    rest = [item for item in items if item.pk not in places and item.pk not in ready]
    rows = []
    for item in items:
        if item.pk in ready and item.pk not in places:
            document = ready[item.pk]
            value = f"{item.pk}:{document.digest}"
            rows.append(
                LoadedRow(
                    item,
                    document.number,
                    document.confidence,
                    document.since,
                    value,
                    value in chosen,
                    _reason(item, led),
                )
            )
    fire_reason = "" if any(not row.reason for row in rows) else "You may look at these items, but not fire them."
    return LanePage(tuple(map(row, queue)), tuple(map(row, rest)), tuple(rows), fire_reason)


def _reason(item: WorkItem, led: set[int]) -> str:
    return "" if item.project_id in led else f"Only the lead of {item.project.name} decides here."


def _places(waiting: Sequence[Waiting]) -> dict[int, str]:
    """Item id to why it comes where it comes, in that order: critical items first, then whoever waits longest."""
    places: dict[int, str] = {}
    for card in waiting:
        if card.kind not in _KINDS or card.item.pk in places:
            continue
        if card.item.risk == Risk.CRITICAL:
            places[card.item.pk] = "critical comes first"
        elif all(place == "critical comes first" for place in places.values()):
            places[card.item.pk] = "waits longest"
        else:
            places[card.item.pk] = "came later"
    return places


@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """Opens the item that presses most; the lane when none waits."""
    first = next((card for card in access.waiting(request) if card.kind in _KINDS), None)
    return redirect("align:item", pk=first.item.pk) if first is not None else _drawn(request)


@require_GET
def lane(request: HttpRequest) -> HttpResponse:
    """The whole lane; for news its region alone, with what was ticked on the page still ticked."""
    return _drawn(request)


def _drawn(request: HttpRequest) -> HttpResponse:
    led = set(led_projects(request.user).values_list("pk", flat=True))
    page = present_lane(aligning(request), access.waiting(request), led, request.GET.getlist("item"))
    fragment = "#lane" if request.headers.get("HX-Request") == "true" else ""
    return render(request, f"align/queue.html{fragment}", {"page": page})


@require_POST
def fire(request: HttpRequest) -> HttpResponse:
    """Send the ticked items on to planning, all or none, each with the document that was seen."""
    items = {}
    for value in request.POST.getlist("item"):
        number, _, digest = value.partition(":")
        if not (number.isascii() and number.isdigit() and len(number) <= _ID_DIGITS and digest):
            raise BadInput("The form does not say which document you saw, so nothing was fired. Reload the page.")
        items[access.item(request, int(number))] = digest
    for item in items:
        access.require_lead(request, item.project)
    count = actions.fire(items=items, by=access.person(request), now=clock.now())
    text = f"Fired: {count_of(count, 'item')} on the way to the test planner"
    return redrawn(request, "lane", lambda: _drawn(request), text, reverse("align:lane"))
