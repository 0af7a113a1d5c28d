"""The decision budget: what a person decided today, weighed, and whether it gets careless. It never blocks anything.

Counted from the ledger, so that what is shown is what was done. About fifteen substantive decisions a day are what one
person takes well (PRODUCT, Output and triage).
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo

from leadroom.ledger.models import Entry
from leadroom.lib.actors import ActorKind
from leadroom.lib.shapes import count_of
from leadroom.reading.models import BUDGET, PlanSeen
from leadroom.triage.enums import Route

SAME_SITTING = dt.timedelta(minutes=10)
"""Two decisions further apart than this were not taken one after the other."""
FAST_SECONDS = 8.0
ALWAYS_YES = 0.95
ENOUGH = 5
"""Fewer decisions than this say nothing about how careful somebody is."""


@dataclass(frozen=True)
class Kind:
    """One kind of decision: its word, what it weighs, its ledger verbs, and which of them say yes or no."""

    word: str
    weight: float
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    other: tuple[str, ...] = ()

    @property
    def verbs(self) -> tuple[str, ...]:
        return (*self.yes, *self.no, *self.other)


_ROUTED = tuple(f"triage.finding.routed_{route.lower()}" for route in Route if route != Route.SNOOZE)
KINDS: Mapping[str, Kind] = {
    "pick": Kind("Picks", 0.5, other=("requirements.ambiguity.resolved", "requirements.ambiguity.deferred")),
    "question": Kind("Answers to agents", 1.0, other=("agents.elicitation.answered",)),
    "plan": Kind("Test plans", 2.0, yes=("testplans.plan.frozen",), no=("testplans.plan.returned",)),
    "approval": Kind("Parked actions", 1.0, yes=("guardrails.request.granted",), no=("guardrails.request.refused",)),
    "merge": Kind("Merges", 2.0, yes=("worktrees.stitch.signed",), no=("projects.item.moved_to_build",)),
    "risk": Kind("Risk and drops", 0.5, other=("projects.item.risk_set", "projects.item.moved_to_dropped")),
    "finding": Kind("Findings", 0.5, other=(*_ROUTED, "triage.link.accepted", "triage.link.cut")),
}
"""What counts as a substantive decision. Reading, marking, putting off and undoing do not."""

KIND_OF_VERB = {verb: name for name, kind in KINDS.items() for verb in kind.verbs}
_YES = frozenset(verb for kind in KINDS.values() for verb in kind.yes)
_NO = frozenset(verb for kind in KINDS.values() for verb in kind.no)


@dataclass(frozen=True)
class Decided:
    """One decision of a person as the ledger has it."""

    at: dt.datetime
    verb: str
    subject: str


@dataclass(frozen=True)
class Care:
    """How careful a day's decisions look. `seconds` is the median within a sitting, None for too few."""

    decisions: int
    seconds: float | None
    yes: int
    gates: int
    unseen_plans: int
    plans: int

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences, each with its figures; empty when nothing looks careless."""
        found = []
        if self.seconds is not None and self.decisions >= ENOUGH and self.seconds < FAST_SECONDS:
            found.append(f"{self.seconds:.0f} s per decision (median of {self.decisions}); that is fast.")
        if self.gates >= ENOUGH and self.yes / self.gates >= ALWAYS_YES:
            found.append(f"{self.yes} of {self.gates} gates approved; a gate that always opens tells nothing.")
        if self.unseen_plans:
            were = "was" if self.unseen_plans == 1 else "were"
            plans = count_of(self.plans, "test plan")
            found.append(f"{self.unseen_plans} of {plans} {were} approved without being scrolled to the end.")
        return tuple(found)


@dataclass(frozen=True)
class Budget:
    """A day's decisions against the budget. `done` is weighed; `by_kind` has `(word, how many, weight)`."""

    limit: int
    done: float
    by_kind: tuple[tuple[str, int, float], ...]

    @property
    def is_passed(self) -> bool:
        return self.done > self.limit

    @property
    def words(self) -> str:
        """`7`, or `7.5`."""
        return f"{self.done:g}"


def start_of_day(zone: ZoneInfo, now: dt.datetime) -> dt.datetime:
    """Midnight of the person's local date."""
    return now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0).astimezone(dt.UTC)


def decisions_since(user_id: int, since: dt.datetime, until: dt.datetime) -> list[Decided]:
    """This person's decisions in a span, oldest first; one query."""
    rows = Entry.objects.filter(
        actor_kind=ActorKind.HUMAN,
        actor_id=str(user_id),
        at__gte=since,
        at__lte=until,
        verb__in=list(KIND_OF_VERB),
    )
    return [Decided(*row) for row in rows.order_by("at", "pk").values_list("at", "verb", "subject")]


def weigh(decided: Iterable[Decided], weights: Mapping[str, float], limit: int = BUDGET) -> Budget:
    """The budget of these decisions. `weights` has what a person changed of `KINDS`."""
    counts: dict[str, int] = {}
    for one in decided:
        name = KIND_OF_VERB[one.verb]
        counts[name] = counts.get(name, 0) + 1
    by_kind = tuple(
        (kind.word, counts[name], float(weights.get(name, kind.weight)))
        for name, kind in KINDS.items()
        if name in counts
    )
    return Budget(limit, round(sum(n * weight for _, n, weight in by_kind), 2), by_kind)


def care_of(decided: Sequence[Decided], seen_plans: frozenset[int]) -> Care:
    """Seconds between decisions, approvals among gates, and plans approved unseen. `seen_plans` are plan ids."""
    gaps = [
        (after.at - before.at).total_seconds()
        for before, after in pairwise(decided)
        if after.at - before.at <= SAME_SITTING
    ]
    yes, no = (sum(one.verb in verbs for one in decided) for verbs in (_YES, _NO))
    plans = [int(one.subject.rpartition(":")[2]) for one in decided if one.verb == "testplans.plan.frozen"]
    return Care(
        decisions=len(decided),
        seconds=median(gaps) if len(gaps) >= ENOUGH - 1 else None,
        yes=yes,
        gates=yes + no,
        unseen_plans=sum(pk not in seen_plans for pk in plans),
        plans=len(plans),
    )


def plans_seen(user_id: int) -> frozenset[int]:
    """Plans this person scrolled to their end, in whatever version."""
    return frozenset(PlanSeen.objects.filter(user_id=user_id).values_list("plan_id", flat=True))
