"""What every tab of an item shares: header, stages, tabs, the next move."""

import datetime as dt
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from leadroom.agents.enums import RunState
from leadroom.lib.errors import NotPermitted
from leadroom.lib.states import Turn
from leadroom.projects.enums import STAGES, Risk, Stage
from leadroom.projects.models import StageVisit, WorkItem
from leadroom.projects.rules import check_drop
from leadroom.reading.moves import Move, next_moves
from leadroom.web import access
from leadroom.web.refusals import refusal_of
from leadroom.web.templatetags.leadroom_ui import duration, hue
from leadroom.web.templatetags.looks import look_of

TABS = {
    "detail": "Request",
    "alignment": "Alignment",
    "plan": "Plan",
    "streams": "Streams",
    "changes": "Changes",
    "verification": "Verification",
    "reports": "Reports",
    "sources": "Sources",
}
_STEPS = (Stage.ALIGN, Stage.PLAN, Stage.BUILD, Stage.VERIFY, Stage.STITCH, Stage.DONE)
_LINKS: dict[str, tuple[str, str]] = {
    "picks": ("align:item", "Decide"),
    "document": ("align:item", "Say what is missing"),
    "plan": ("plans:detail", "Review the plan"),
    "question": ("runs:detail", "Answer"),
    "approval": ("guardrails:request", "Look at it"),
    "run": ("runs:detail", "See the run"),
    "verification": ("items:verification", "See why"),
    "stitch": ("stitch:item", "Look and sign"),
}


@dataclass(frozen=True)
class Step:
    """One stage of `components/stepper.html`."""

    word: str
    icon: str
    state: str
    turn: str
    note: str


@dataclass(frozen=True)
class Tab:
    """A tab as a link of its own."""

    key: str
    word: str
    url: str
    is_current: bool


@dataclass(frozen=True)
class Choice:
    """One option of a select."""

    value: str
    word: str
    is_chosen: bool


@dataclass(frozen=True)
class ItemFrame:
    """`item` is the row itself; `drop_reason` is why it cannot be dropped, `risk_reason` why its risk stays."""

    item: WorkItem
    hue: int
    risk_word: str
    risk: str
    is_critical: bool
    risks: tuple[Choice, ...]
    stepper: tuple[Step, ...]
    tabs: tuple[Tab, ...]
    tab: str
    turn: str
    is_your_turn: bool
    sentence: str
    since: dt.datetime
    move_url: str
    move_word: str
    start_again_url: str
    risk_reason: str
    drop_reason: str
    start_again_reason: str


def present_frame(request: HttpRequest, item: WorkItem, tab: str, *, now: dt.datetime) -> ItemFrame:
    """The frame around `tab`, in a fixed number of queries."""
    move = next_moves([item], access.waiting(request))[item.pk]
    lookers = act_reason(request, item)
    move_url, move_word = _move_link(item, move)
    return ItemFrame(
        item=item,
        hue=hue(item.project),
        risk_word=Risk(item.risk).label,
        risk=item.risk,
        is_critical=item.risk == Risk.CRITICAL,
        risks=tuple(Choice(risk.value, risk.label, risk == item.risk) for risk in Risk),
        stepper=_stepper(item, move, now),
        tabs=tuple(Tab(key, word, reverse(f"items:{key}", args=[item.pk]), key == tab) for key, word in TABS.items()),
        tab=tab,
        turn=move.turn,
        is_your_turn=move.turn is Turn.HUMAN,
        sentence=move.sentence,
        since=move.since,
        move_url=move_url,
        move_word=move_word,
        start_again_url=reverse("items:start_again", args=[item.pk]) if _is_stopped(move) else "",
        risk_reason=lookers or refusal_of(lambda: _check_open(item)),
        drop_reason=lookers or refusal_of(lambda: check_drop(item, by=access.person(request))),
        start_again_reason=lookers,
    )


def act_reason(request: HttpRequest, item: WorkItem) -> str:
    """Why this person may not act here, empty for a lead."""
    return refusal_of(lambda: access.require_lead(request, item.project))


def _check_open(item: WorkItem) -> None:
    if STAGES.is_final(item.stage):
        raise NotPermitted(f"The item is {Stage(item.stage).label.lower()}; nothing can be changed any more.")


def _move_link(item: WorkItem, move: Move) -> tuple[str, str]:
    if move.kind in _LINKS:
        name, word = _LINKS[move.kind]
        about_item = {"picks", "document", "verification", "stitch"}
        pk = item.pk if move.kind in about_item else move.subject_id
        if move.kind == "question" and move.run is not None:
            pk = move.run.pk
        return reverse(name, args=[pk]), word
    if move.state == "LOADED":
        return reverse("align:lane"), "Fire it"
    if move.turn is Turn.MACHINE and item.stage in (Stage.VERIFY, Stage.STITCH):
        name, word = (
            ("items:verification", "Watch") if item.stage == Stage.VERIFY else ("stitch:item", "See the stitch")
        )
        return reverse(name, args=[item.pk]), word
    if move.run is not None and move.turn is not Turn.NOBODY:
        return reverse("runs:detail", args=[move.run.pk]), "Watch" if move.turn is Turn.AGENT else "See the run"
    return "", ""


def _is_stopped(move: Move) -> bool:
    return move.kind == "run" and move.run is not None and move.run.state == RunState.CANCELLED


def _stepper(item: WorkItem, move: Move, now: dt.datetime) -> tuple[Step, ...]:
    visits = list(StageVisit.objects.filter(item=item).order_by("pk"))
    reached = [visit.stage for visit in visits if visit.stage in _STEPS]
    at = max((_STEPS.index(Stage(stage)) for stage in reached[-1:]), default=0)
    steps = []
    for n, stage in enumerate(_STEPS):
        mine = [visit for visit in visits if visit.stage == stage]
        spent = sum(((visit.left_at or now) - visit.entered_at for visit in mine), dt.timedelta())
        times = f", {len(mine)} times" if len(mine) > 1 else ""
        is_now = stage == item.stage and stage != Stage.DONE
        state = "now" if is_now else "done" if item.stage == Stage.DONE or n < at else "next"
        if item.stage == Stage.DROPPED and n == at:
            state = "failed"
        note = duration(spent) + times if mine and stage != Stage.DONE else ""
        steps.append(Step(stage.label, look_of(stage).icon, state, move.turn if is_now else "", note))
    return tuple(steps)
