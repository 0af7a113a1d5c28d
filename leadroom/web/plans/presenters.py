"""What the plan page shows: standing, reviews, pictures, cases, the review form, what changed, earlier rounds."""

import datetime as dt
from dataclasses import dataclass, field

from leadroom.lib.shapes import count_of
from leadroom.projects.enums import Risk
from leadroom.testplans.changes import CaseChange
from leadroom.testplans.checks import plan_problems
from leadroom.testplans.enums import Layer, PlanState, ReviewKind, ReviewVerdict
from leadroom.testplans.models import CaseVerdict, Review, TestPlan
from leadroom.testplans.rules import BLIND_SPOTS, reviewers_wanted
from leadroom.web.plans.cases import Finding, LayerGroup, present_finding, present_layers
from leadroom.web.plans.forms import Typed, hidden_in
from leadroom.web.plans.matrices import Matrices, present_matrices
from leadroom.web.plans.rounds import EditNote, ReviewNote, Round, present_edits, present_review, present_rounds

_DEPTH = {
    Risk.LIGHT: "Light: machine checks and an agent's review suffice.",
    Risk.STANDARD: "Standard: an agent goes through the cases; a person approves on its summary.",
    Risk.CRITICAL: "Critical: a person goes through it case by case and answers the blind spots.",
}
_VERDICTS = {
    ReviewVerdict.APPROVE: ("Approve", "The plan is frozen with its digest; the developer starts.", "a"),
    ReviewVerdict.CHANGE: ("Send back", "The planner gets every mark and comment as one message.", "r"),
}


@dataclass(frozen=True)
class VerdictOption:
    """What the whole review may come to."""

    value: str
    label: str
    text: str
    key: str
    is_chosen: bool


@dataclass(frozen=True)
class BlindSpot:
    """A question of the checklist of critical plans."""

    name: str
    question: str
    is_ticked: bool


@dataclass(frozen=True)
class SinceLook:
    """What changed since this person last looked, and when that was."""

    at: dt.datetime
    changes: list[CaseChange]


@dataclass(frozen=True)
class Reader:
    """Who looks at the page: what they typed, what they saw before, and why they cannot review, empty when they can."""

    reason: str = ""
    typed: Typed = field(default_factory=Typed)
    since: SinceLook | None = None
    error: str = ""
    lock: str = ""

    @property
    def changed(self) -> frozenset[str]:
        return frozenset(change.key for change in self.since.changes) if self.since else frozenset()


@dataclass(frozen=True)
class PlanPage:
    """Everything of one plan. `blind` says how many reviews are in while they are still kept from everybody."""

    plan: TestPlan
    reader: Reader
    depth: str
    turn: str
    move: str
    blind: str
    reviews: list[ReviewNote]
    checks: list[str]
    problems: list[str]
    layers: list[LayerGroup]
    layer_words: list[str]
    matrices: Matrices
    findings: list[Finding]
    is_open: bool
    verdicts: list[VerdictOption]
    blind_spots: list[BlindSpot]
    edits: list[EditNote]
    rounds: list[Round]
    hidden: int
    progress: str

    @property
    def dom_id(self) -> str:
        return f"plan-{self.plan.pk}"

    @property
    def lock_reason(self) -> str:
        """Why nothing is approved now, under the read-only switch; else empty."""
        return self.reader.lock if self.is_open else ""

    @property
    def can_decide(self) -> bool:
        return self.is_open and not self.reader.reason


def present_page(plan: TestPlan, earlier: list[TestPlan], models: dict[int, str], reader: Reader) -> PlanPage:
    """`earlier` are the plans before this one, newest first; all with cases, reviews and marks at hand.

    `models` are ids of runs with the models they used.
    """
    reviews, blind = _shown_reviews(plan)
    is_open, typed = plan.state == PlanState.LEAD_REVIEW, reader.typed
    turn, move = _move(plan, reviews)
    author = models.get(plan.run_id or 0, "")
    return PlanPage(
        plan=plan,
        reader=reader,
        depth=_DEPTH[Risk(plan.item.risk)],
        turn=turn,
        move=move,
        blind=blind,
        reviews=[present_review(review, models, author) for review in reviews],
        checks=_checks(plan),
        problems=[problem.sentence for problem in plan_problems(plan.body, plan.revision)],
        layers=present_layers(plan, reviews, typed, reader.changed),
        layer_words=[str(layer.label) for layer in Layer],
        matrices=present_matrices(plan),
        findings=[
            present_finding(mark, review) for review in reviews for mark in review.marks.all() if _is_on_plan(mark)
        ],
        is_open=is_open,
        verdicts=[VerdictOption(value, *words, value == typed.verdict) for value, words in _VERDICTS.items()],
        blind_spots=_blind_spots(plan, typed) if is_open else [],
        edits=present_edits(list(plan.edits.all())),
        rounds=present_rounds(plan, earlier, models),
        hidden=hidden_in(plan.body) if is_open else 0,
        progress=progress_of(typed, len(plan.cases.all())),
    )


def progress_of(typed: Typed, count: int) -> str:
    """How far the review has come, in words."""
    return f"{len(typed.marks)} of {count_of(count, 'case')} marked"


def _shown_reviews(plan: TestPlan) -> tuple[list[Review], str]:
    """The reviews, or none and a sentence: nobody reads one before all are in, so that none colours another."""
    reviews = list(plan.reviews.all())
    agents = sum(review.kind == ReviewKind.AGENT for review in reviews)
    if plan.state != PlanState.AGENT_REVIEW:
        return reviews, ""
    wanted = max(reviewers_wanted(plan.item), 1)
    return (
        [],
        f"{agents} of {count_of(wanted, 'review')} in; shown once all are, so that none colours another.",
    )


def _is_on_plan(mark: CaseVerdict) -> bool:
    return mark.case_id is None


def _move(plan: TestPlan, reviews: list[Review]) -> tuple[str, str]:
    """Whose turn, and where the plan stands in one sentence."""
    short = plan.digest[7:19]
    if plan.state == PlanState.LEAD_REVIEW:
        found = sum(len(review.marks.all()) for review in reviews)
        what = (
            f"read what was found ({count_of(found, 'finding')}), then decide"
            if found
            else "the review found nothing; decide"
        )
        return "human", f"Your move: {what}. Nothing is built before this plan is frozen."
    if plan.state == PlanState.FROZEN:
        return (
            "nobody",
            f"Frozen by {plan.frozen_by} as {short}. The developer writes these tests first.",
        )
    if plan.state == PlanState.RETURNED:
        marks = sum(len(review.marks.all()) for review in reviews[-1:])
        return (
            "agent",
            f"Sent back with {count_of(marks, 'remark')}. The planner works them in and hands in a new plan.",
        )
    if plan.state == PlanState.SUPERSEDED:
        return "nobody", "A newer plan took its place; this one is kept as it was read."
    if plan.state == PlanState.AGENT_REVIEW:
        return "agent", "Reviewers that did not write it read the plan against the document. You are next."
    return "machine", "The plan passed the machine checks and goes to an agent's review."


def _checks(plan: TestPlan) -> list[str]:
    """What the machine looked at, in words; all of it passed, or the plan would not have been stored."""
    cases, criteria = len(plan.cases.all()), len(plan.revision.criteria)
    return [
        f"{count_of(criteria, 'criterion', 'criteria')}, each proven by a case",
        f"{count_of(cases, 'case')}, each proving a criterion of the document",
        "all three layers present, or the absence argued",
        "each case run by one pytest node id or one command, none used twice",
        "each case says what is expected, and none restates the implementation",
        "every goal walked end to end, to its end and to a refusal, or the absence argued",
        "boundary values named where a criterion has a number, or the absence argued",
    ]


def _blind_spots(plan: TestPlan, typed: Typed) -> list[BlindSpot]:
    if plan.item.risk != Risk.CRITICAL:
        return []
    return [BlindSpot(name, question, name in typed.ticked) for name, question in BLIND_SPOTS.items()]
