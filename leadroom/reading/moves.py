"""The next move of a work item and whose it is, in one sentence."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from django.db.models import Max, Model, Q, QuerySet
from django.utils.timezone import localtime

from leadroom.agents.enums import OPEN, RUNS, Phase, RunState
from leadroom.agents.models import Run
from leadroom.lib.states import Turn
from leadroom.projects.enums import Stage
from leadroom.projects.models import StageVisit, WorkItem
from leadroom.reading.loaded import Loaded, loaded
from leadroom.reading.order import Blocked, blocked_by_card
from leadroom.reading.queries import Waiting, waiting_for_lead
from leadroom.verification.enums import VerificationState
from leadroom.verification.models import VerificationRun
from leadroom.worktrees.enums import StitchState
from leadroom.worktrees.models import Stitch

R = TypeVar("R", bound=Model)


class Pace(StrEnum):
    """The group an item belongs to on the board."""

    NEEDS_YOU = "needs_you"
    WORKING = "working"
    WAITING = "waiting"
    IDLE = "idle"
    DONE = "done"


@dataclass(frozen=True)
class Move:
    """Whose turn it is and what comes next.

    `kind` and `subject_id` are those of the open card (reading.queries.Waiting), empty without one. `state`
    says how it stands (RUNNING, QUEUED, WAITING, MACHINE, DONE …). `run` is the item's live run, or its newest.
    """

    turn: Turn
    pace: Pace
    state: str
    sentence: str
    since: dt.datetime
    kind: str = ""
    subject_id: int = 0
    run: Run | None = None


@dataclass(frozen=True)
class _Facts:
    """What is known of one item besides its row."""

    card: Waiting | None
    run: Run | None
    verification: VerificationRun | None
    stitch: Stitch | None
    last_visit: StageVisit | None
    loaded: Loaded | None


def next_move(item: WorkItem) -> Move:
    """The item's next move; reads only."""
    return next_moves([item])[item.pk]


def next_moves(items: Sequence[WorkItem], cards: Iterable[Waiting] | None = None) -> dict[int, Move]:
    """Item id to next move, in a fixed number of queries. `cards`: those of the items' projects, when at hand."""
    ids = [item.pk for item in items]
    if cards is None:
        cards = waiting_for_lead(sorted({item.project_id for item in items}))
    first_cards: dict[int, Waiting] = {}
    for card in cards:
        if blocked_by_card(card.kind) is not Blocked.NOBODY:  # else it waits beside the item, not in its way
            first_cards.setdefault(card.item.pk, card)
    runs = live_runs(ids)
    verifications = {row.item_id: row for row in _newest(VerificationRun.objects.filter(item_id__in=ids))}
    stitches = {row.item_id: row for row in Stitch.objects.filter(item_id__in=ids).exclude(state=StitchState.ABORTED)}
    visits = {row.item_id: row for row in _newest(StageVisit.objects.filter(item_id__in=ids))}
    held = loaded(item.pk for item in items if item.stage == Stage.ALIGN)
    return {
        item.pk: _move(
            item,
            _Facts(
                first_cards.get(item.pk),
                runs.get(item.pk),
                verifications.get(item.pk),
                stitches.get(item.pk),
                visits.get(item.pk),
                held.get(item.pk),
            ),
        )
        for item in items
    }


def live_runs(item_ids: Sequence[int]) -> dict[int, Run]:
    """Item id to its live run, else its newest one; without the long texts."""
    newest = Run.objects.filter(item_id__in=item_ids).values("item_id").annotate(top=Max("pk")).values("top")
    rows = (
        Run.objects.filter(Q(pk__in=newest) | Q(item_id__in=item_ids, state__in=OPEN))
        .select_related("agent")
        .defer("brief", "system_prompt")
        .order_by("pk")
    )
    chosen: dict[int, Run] = {}
    for run in rows:
        before = chosen.get(run.item_id)
        if before is None or RUNS.is_final(before.state) or not RUNS.is_final(run.state):
            chosen[run.item_id] = run
    return chosen


def _newest(rows: QuerySet[R]) -> QuerySet[R]:
    """The newest row of each item."""
    return rows.filter(pk__in=rows.order_by().values("item_id").annotate(top=Max("pk")).values("top"))


def _move(item: WorkItem, facts: _Facts) -> Move:
    if item.stage in (Stage.DONE, Stage.DROPPED):
        return _ended(item, facts)
    run, card = facts.run, facts.card
    if card is not None:
        asked = f"Your turn: {_sentence(card.asked)}"
        return Move(Turn.HUMAN, Pace.NEEDS_YOU, "WAITING", asked, card.since, card.kind, card.subject_id, run)
    if run is not None and not RUNS.is_final(run.state):
        return _running(run)
    if facts.loaded is not None:
        sentence = "Loaded: aligned, waits for you to fire it."
        return Move(Turn.HUMAN, Pace.WAITING, "LOADED", sentence, facts.loaded.since, run=run)
    if item.stage == Stage.VERIFY:
        return _verifying(item, facts)
    if item.stage == Stage.STITCH:
        return _stitching(item, facts)
    return Move(Turn.MACHINE, Pace.IDLE, "MACHINE", _BETWEEN[item.stage], item.stage_entered_at, run=run)


_BETWEEN: Mapping[str, str] = {
    Stage.ALIGN: "Leadroom's turn: it starts the requirements agent, or hands its document on.",
    Stage.PLAN: "Leadroom's turn: it starts the test planner or the reviewer, or hands the frozen plan on.",
    Stage.BUILD: "Leadroom's turn: it starts the developer, or takes its work to the trial merge.",
}


def _sentence(text: str) -> str:
    """With a final mark; the first letter as it is, for names and code."""
    text = text.strip()
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _running(run: Run) -> Move:
    who, heard_at = run.agent.name.lower(), run.last_event_at or run.queued_at
    if run.state == RunState.RUNNING:
        phase = f", phase {Phase(run.phase).label.lower()}" if run.phase else ""
        since = run.started_at or run.queued_at
        return Move(Turn.AGENT, Pace.WORKING, "RUNNING", f"The {who} works{phase}.", since, run=run)
    if run.state == RunState.LIMITED:
        until = f" until {localtime(run.limited_until):%H:%M:%S}" if run.limited_until else ""
        sentence = f"The {who} waits for the model's rate limit{until} and goes on by itself."
        return Move(Turn.MACHINE, Pace.WAITING, "LIMITED", sentence, heard_at, run=run)
    if run.state == RunState.QUEUED:
        sentence = f"The {who} is queued and starts as soon as a seat is free."
        return Move(Turn.MACHINE, Pace.WAITING, "QUEUED", sentence, run.queued_at, run=run)
    # nobody is asked: the mechanism answers, such as taking the recommendations of a light item
    return Move(Turn.MACHINE, Pace.IDLE, "MACHINE", f"Leadroom's turn: it answers the {who}.", heard_at, run=run)


def _verifying(item: WorkItem, facts: _Facts) -> Move:
    run, since = facts.run, item.stage_entered_at
    if facts.stitch is not None and facts.stitch.state == StitchState.PENDING:
        sentence = "Leadroom tries the merge with the branch as it is now."
        return Move(Turn.MACHINE, Pace.WORKING, "PENDING", sentence, since, run=run)
    state = facts.verification.state if facts.verification else ""
    if state == VerificationState.RUNNING:
        sentence = "Leadroom runs every frozen case on the merged tree."
        return Move(Turn.MACHINE, Pace.WORKING, state, sentence, since, run=run)
    if state == VerificationState.QUEUED:
        sentence = "The verification is queued: every frozen case, on the merged tree."
        return Move(Turn.MACHINE, Pace.WAITING, state, sentence, since, run=run)
    sentence = "Leadroom's turn: it takes the merged tree to its verification, or the result on."
    return Move(Turn.MACHINE, Pace.IDLE, "MACHINE", sentence, since, run=run)


_AT_THE_STITCH: Mapping[str, str] = {
    StitchState.PENDING: "The branch moved, so Leadroom tries the merge anew.",
    StitchState.SIGNED: "Signed: Leadroom writes the merge.",
    StitchState.MERGED: "Merged: Leadroom publishes it to your repository.",
}


def _stitching(item: WorkItem, facts: _Facts) -> Move:
    state = facts.stitch.state if facts.stitch else "MACHINE"
    sentence = _AT_THE_STITCH.get(state, "Leadroom's turn: it prepares the stitch.")
    return Move(Turn.MACHINE, Pace.WORKING, state, sentence, item.stage_entered_at, run=facts.run)


def _ended(item: WorkItem, facts: _Facts) -> Move:
    if item.stage == Stage.DROPPED:
        reason = facts.last_visit.reason if facts.last_visit else ""
        sentence = f"Dropped: {_sentence(reason)}" if reason else "Dropped; its work is kept."
    else:
        stitch = facts.stitch
        commit = f" as {stitch.merge_commit[:10]}" if stitch and stitch.merge_commit else ""
        ref = stitch.published_ref.removeprefix("refs/heads/") if stitch else ""
        where = f", published as {ref}" if ref else ""
        sentence = f"Done: merged{commit}{where}."
    return Move(Turn.NOBODY, Pace.DONE, item.stage, sentence, item.stage_entered_at, run=facts.run)
