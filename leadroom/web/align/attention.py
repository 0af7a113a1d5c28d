"""Whose move it is, how long there is to undo, and what the alignment takes of a person's attention."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from leadroom.lib import clock
from leadroom.lib.shapes import count_of
from leadroom.projects.enums import STAGES, Risk, Stage
from leadroom.projects.models import WorkItem
from leadroom.reading.queries import Waiting
from leadroom.requirements.enums import Strategy
from leadroom.requirements.models import Alignment, Ambiguity, Sitting
from leadroom.requirements.queries import open_counts, open_sitting_of
from leadroom.requirements.rules import ROUND_LIMITS, SITTING_MINUTES, is_asked, strategy_for


@dataclass(frozen=True)
class Armed:
    """Everything is decided, and the agent does not have it yet. `seconds` is None when only a person can send it.

    `since` names the decision from which the seconds count.
    """

    decided: int
    left: int
    seconds: int | None
    since: str
    undo_url: str
    hand_over_url: str
    reason: str


@dataclass(frozen=True)
class Elsewhere:
    """The other item this person is aligning right now."""

    item: WorkItem
    done: int
    every: int

    @property
    def reason(self) -> str:
        return (
            f"You are aligning item {self.item.number}, “{self.item.title}”; one at a time keeps both right. "
            "Put that one aside first."
        )


@dataclass(frozen=True)
class Plan:
    """How the item is aligned: the strategy and its reason, the round of questions, whether it waits when aligned."""

    strategy: str
    reason: str
    round: int
    rounds: int
    is_enough: bool
    is_held: bool
    is_fired: bool


@dataclass(frozen=True)
class Standing:
    """What decides whose move it is."""

    kinds: frozenset[str]
    asked: int
    left: int
    has_document: bool
    is_held: bool


def undo_url(item: WorkItem, moment: dt.datetime) -> str:
    """Where everything that was decided at `moment` is undone."""
    return f"{reverse('align:undo', args=[item.pk])}?{urlencode({'at': moment.isoformat()})}"


def present_plan(item: WorkItem, alignment: Alignment | None) -> Plan:
    strategy, reason = (Strategy(alignment.strategy), alignment.strategy_reason) if alignment else strategy_for(item)
    return Plan(
        strategy=strategy.label,
        reason=reason,
        round=alignment.round if alignment else 0,
        rounds=ROUND_LIMITS[Risk(item.risk)],
        is_enough=bool(alignment and alignment.enough_at),
        is_held=bool(alignment and alignment.is_held),
        is_fired=bool(alignment and alignment.fired_at),
    )


def elsewhere(item: WorkItem, sitting: Sitting | None) -> Elsewhere | None:
    """The sitting that stands in the way of deciding here, as the rule of requirements.actions sees it."""
    if sitting is None or sitting.item_id == item.pk or item.stage != Stage.ALIGN:
        return None
    is_over = clock.now() - sitting.last_at > dt.timedelta(minutes=SITTING_MINUTES)
    if is_over or sitting.item.stage != Stage.ALIGN:
        return None
    still_open, every = open_counts([sitting.item_id]).get(sitting.item_id, (0, 0))
    return Elsewhere(sitting.item, every - still_open, every)


def sitting_of(request: HttpRequest) -> Sitting | None:
    return open_sitting_of(request.user.pk) if request.user.pk else None


def present_armed(
    item: WorkItem, rows: Sequence[Ambiguity], alignment: Alignment | None, *, reason: str
) -> Armed | None:
    """None while something is asked, and once the agent has every decision."""
    fresh = [row for row in rows if row.handed_at is None]
    if item.stage != Stage.ALIGN or not fresh or any(is_asked(row, item.risk) for row in rows):
        return None
    moments = [row.decided_at for row in fresh if row.decided_by_id and row.decided_at]
    if not moments and item.risk == Risk.LIGHT:
        return None
    latest = max(moments, default=None)
    gone = alignment.go_at if alignment else None
    is_gone = gone is not None and gone >= (latest or max(row.proposed_at for row in fresh))
    seconds = 0 if is_gone else None
    if latest is not None and not is_gone:
        seconds = max(0, round(settings.UNDO_SECONDS - (clock.now() - latest).total_seconds()))
    undo = undo_url(item, latest) if latest else ""
    return Armed(
        decided=len(moments),
        left=len(fresh) - len(moments),
        seconds=seconds,
        since=str(gone if is_gone else latest or ""),
        undo_url="" if is_gone else undo,
        hand_over_url="" if is_gone else reverse("align:hand_over", args=[item.pk]),
        reason=reason,
    )


def whose_move(item: WorkItem, now: Standing) -> tuple[str, str]:
    """Whose turn, and the next move in one sentence."""
    if STAGES.is_final(item.stage) or item.stage != Stage.ALIGN:
        return "nobody", f"Alignment is over; the item is in {Stage(item.stage).label.lower()}. The decisions stay."
    for kind, sentence in _HUMAN.items():
        if kind in now.kinds:
            return "human", sentence.format(asked=count_of(now.asked, "question"), left=now.left)
    if now.asked + now.left and item.risk == Risk.LIGHT:
        open_ = count_of(now.asked + now.left, "question")
        return "machine", f"{open_} open; recommendations are taken by themselves (light risk)."
    if now.has_document and now.is_held:
        return "human", "Your move: aligned and loaded. Fire it from the queue, alone or with others."
    return "agent", "The requirements agent is at work: it reads, asks what is open, or writes the document."


_HUMAN = {
    "picks": "Your move: {asked} to decide. The agent writes the document.",
    "document": "Your move: the document has LOW confidence. Say what is missing, and the agent works it in.",
    "question": "Your move: the requirements agent asks you something; its card is under Needs you.",
    "run": "Your move: the requirements agent stopped; its card is under Needs you.",
}


@dataclass(frozen=True)
class QueueEntry:
    """An item in the queue, and why it stands where it stands."""

    title: str
    url: str
    reason: str
    is_current: bool


def present_queue(
    item: WorkItem, waiting: Sequence[Waiting], aligning: Sequence[WorkItem]
) -> tuple[list[QueueEntry], int]:
    """Items that wait for the person, most pressing first, with this one; and how many more an agent works on.

    None for an item whose alignment is over: it is read, not worked through.
    """
    if item.stage != Stage.ALIGN:
        return [], 0
    words = {card.item.pk: _reason(card) for card in waiting if card.kind in ("picks", "document")}
    rows = [card.item for card in waiting if card.kind in ("picks", "document")]
    if item.pk not in words:
        rows.append(item)
    shown = {row.pk for row in rows}
    entries = [
        QueueEntry(row.title, reverse("align:item", args=[row.pk]), words.get(row.pk, ""), row.pk == item.pk)
        for row in rows
    ]
    return entries, sum(row.pk not in shown for row in aligning)


def _reason(card: Waiting) -> str:
    what = "unclear document"
    if card.kind == "picks":
        what = f"{card.extra['open']} open" if card.extra["open"] else "one look"
    return f"critical, {what}" if card.item.risk == Risk.CRITICAL else what
