"""What shipping one item took, as pure functions over its ledger entries. Their words for people: definitions.py."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from leadroom.outcomes.enums import Lane
from leadroom.projects.enums import Stage

VERSION = 1
"""Raised whenever a rule here changes, so that shipped items are measured anew."""

PLANNED = frozenset(
    {
        "requirements.ambiguity.resolved",
        "requirements.ambiguity.deferred",
        "requirements.ambiguity.probed",
        "requirements.decisions.handed",
        "requirements.questions.ended",
        "requirements.alignment.fired",
        "testplans.plan.frozen",
        "testplans.plan.returned",
        "worktrees.stitch.signed",
    }
)
"""Acts of people at the gates that the risk of the item asks for."""

UNPLANNED = frozenset(
    {
        "agents.run.steered",
        "agents.run.retried",
        "agents.run.stopped",
        "agents.run.asked_read_only",
        "agents.elicitation.answered",
        "projects.item.moved_to_plan",
        "projects.item.moved_to_build",
        "projects.item.moved_to_verify",
        "requirements.document.changed",
        "verification.run.requeued",
        "verification.case.quarantined",
        "verification.case.held_before",
        "verification.tests.thawed",
    }
)
"""Acts of people that no gate asked for: an agent was stuck, wrong, or lost, and somebody had to step in."""

_PARKED, _ANSWERED = "guardrails.request.parked", ("guardrails.request.granted", "guardrails.request.refused")
_GATE = "irreversible"
_REWORK = frozenset({"projects.item.moved_to_plan", "projects.item.moved_to_build"})
_JUDGED = (Stage.VERIFY, Stage.STITCH)
_RUN_ENDS = frozenset({"completed", "failed", "lost", "halted", "stopped", "waiting"})
_RUN_WAITS = frozenset({"waiting", "failed", "lost", "halted"})
_MOVED = "projects.item.moved_to_"
_HOLDS = ("requirements.alignment.held", "requirements.alignment.let_go", "requirements.alignment.fired")
_PLAN_SETTLES = frozenset(
    f"testplans.plan.{word}" for word in ("handed_to_lead", "frozen", "returned", "superseded", "submitted")
)


@dataclass(frozen=True)
class Fact:
    """One ledger entry of the item: `subject` is `room.thing:id`, `why` the parked request's reason code."""

    at: dt.datetime
    is_human: bool
    verb: str
    subject: str = ""
    why: str = ""


@dataclass(frozen=True)
class Segment:
    """A stretch of an item's life in one lane."""

    start: dt.datetime
    end: dt.datetime
    lane: Lane
    stage: Stage

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True)
class Measured:
    """Figures of one item; fields as in models.ItemMeasure."""

    planned: int
    unplanned: int
    worked_seconds: float
    human_seconds: float
    machine_seconds: float
    align_seconds: float
    review_seconds: float
    first_review_seconds: float | None
    sent_back: int
    failed_checks: int


@dataclass
class _Open:
    """Who is at work and what stands with a person, while the entries are walked through."""

    working: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    stage: Stage = Stage.ALIGN

    @property
    def lane(self) -> Lane:
        if self.working:
            return Lane.WORKED
        return Lane.HUMAN if self.waiting else Lane.MACHINE


def measure(facts: Sequence[Fact], *, created_at: dt.datetime, ended_at: dt.datetime) -> Measured:
    """Everything about one item. `facts` in the order of the ledger."""
    segments = timeline(facts, created_at=created_at, ended_at=ended_at)
    planned, unplanned = interventions(facts)
    sent_back, failed_checks = rework(facts)
    reviewed_at = first_review(facts)
    human = [segment for segment in segments if segment.lane is Lane.HUMAN]
    return Measured(
        planned=planned,
        unplanned=unplanned,
        worked_seconds=sum(s.seconds for s in segments if s.lane is Lane.WORKED),
        human_seconds=sum(s.seconds for s in human),
        machine_seconds=sum(s.seconds for s in segments if s.lane is Lane.MACHINE),
        align_seconds=sum(s.seconds for s in human if s.stage is Stage.ALIGN),
        review_seconds=sum(s.seconds for s in human if s.stage in (Stage.PLAN, *_JUDGED)),
        first_review_seconds=None if reviewed_at is None else (reviewed_at - created_at).total_seconds(),
        sent_back=sent_back,
        failed_checks=failed_checks,
    )


def interventions(facts: Iterable[Fact]) -> tuple[int, int]:
    """Acts of people on the item: at planned gates, and unplanned.

    What one press wrote carries one time and counts once: five picks taken together are one act.
    """
    planned: set[dt.datetime] = set()
    unplanned: set[dt.datetime] = set()
    why: dict[str, str] = {}
    for fact in facts:
        if fact.verb == _PARKED:
            why[fact.subject] = fact.why
        if not fact.is_human:
            continue
        if fact.verb in PLANNED or (fact.verb in _ANSWERED and why.get(fact.subject) == _GATE):
            planned.add(fact.at)
        elif fact.verb in UNPLANNED or fact.verb in _ANSWERED:
            unplanned.add(fact.at)
    return len(planned), len(unplanned)


def rework(facts: Iterable[Fact]) -> tuple[int, int]:
    """How often a person sent the work back, and how often Leadroom's own checks did.

    A plan that a person returned counts as sent back; each move from VERIFY or STITCH back to PLAN or BUILD counts.
    """
    sent_back = failed = 0
    stage = Stage.ALIGN
    for fact in facts:
        if fact.verb == "testplans.plan.returned" and fact.is_human:
            sent_back += 1
        if fact.verb in _REWORK and stage in (Stage.BUILD, *_JUDGED):
            if fact.is_human:
                sent_back += 1
            else:
                failed += 1
        stage = _stage_after(fact, stage)
    return sent_back, failed


def first_review(facts: Iterable[Fact]) -> dt.datetime | None:
    """When a person first judged finished work: signed its merge, or sent it back from verification or stitch."""
    stage = Stage.ALIGN
    for fact in facts:
        if fact.is_human and fact.verb == "worktrees.stitch.signed":
            return fact.at
        if fact.is_human and fact.verb in _REWORK and stage in _JUDGED:
            return fact.at
        stage = _stage_after(fact, stage)
    return None


def timeline(facts: Iterable[Fact], *, created_at: dt.datetime, ended_at: dt.datetime) -> tuple[Segment, ...]:
    """The item's life from `created_at` to `ended_at` without gaps: worked before human before machine.

    An hour in which one agent worked and another waited is worked. Entries outside the life are pulled to its ends.
    """
    segments: list[Segment] = []
    state, last = _Open(), created_at
    for fact in facts:
        at = min(max(fact.at, last), ended_at)
        if at > last:
            _extend(segments, Segment(last, at, state.lane, state.stage))
            last = at
        _take(state, fact)
    if ended_at > last:
        _extend(segments, Segment(last, ended_at, state.lane, state.stage))
    return tuple(segments)


def _extend(segments: list[Segment], new: Segment) -> None:
    if segments and (segments[-1].lane, segments[-1].stage) == (new.lane, new.stage):
        segments[-1] = Segment(segments[-1].start, new.end, new.lane, new.stage)
    else:
        segments.append(new)


def _stage_after(fact: Fact, stage: Stage) -> Stage:
    return Stage(fact.verb.removeprefix(_MOVED).upper()) if fact.verb.startswith(_MOVED) else stage


def _take(state: _Open, fact: Fact) -> None:
    """What one entry changes in who works and what waits for a person."""
    if fact.verb.startswith("agents.run."):
        _take_run(state, fact.subject, fact.verb.removeprefix("agents.run."))
    elif fact.verb.startswith(_MOVED):
        state.stage = _stage_after(fact, state.stage)
        state.waiting -= {"stitch", "stuck", "verification", "held"}
        if state.stage is Stage.STITCH:
            state.waiting.add("stitch")
    elif fact.verb.startswith("testplans.plan."):
        if fact.verb in _PLAN_SETTLES:
            _switch(state, "plan", fact.verb == "testplans.plan.handed_to_lead")
    elif fact.verb.startswith("worktrees.stitch."):
        if fact.verb.rsplit(".", 1)[1] in ("signed", "reopened", "aborted"):
            state.waiting.discard("stitch")
    elif fact.verb.startswith("verification.run."):
        _switch(state, "verification", fact.verb.rsplit(".", 1)[1] in ("failed", "errored"))
    elif fact.verb in ("projects.item.stuck", "projects.item.unstuck"):
        _switch(state, "stuck", fact.verb == "projects.item.stuck")
    elif fact.verb in _HOLDS:
        _switch(state, "held", fact.verb == "requirements.alignment.held")


def _switch(state: _Open, name: str, is_waiting: bool) -> None:
    if is_waiting:
        state.waiting.add(name)
    else:
        state.waiting.discard(name)


def _take_run(state: _Open, run: str, word: str) -> None:
    if word == "started":
        state.working.add(run)
        state.waiting.discard(run)
    elif word in _RUN_ENDS:
        state.working.discard(run)
        if word in _RUN_WAITS:
            state.waiting.add(run)
        else:
            state.waiting.discard(run)
    elif word in ("resumed", "retried", "asked_read_only"):
        state.waiting.discard(run)
    elif word == "queued":
        state.waiting.discard("verification")
