"""What the plan page shows: cases with what reviewers found, coverage, the review form, earlier rounds."""

import datetime as dt
from dataclasses import dataclass

from django.urls import reverse

from leadroom.lib.shapes import count_of
from leadroom.projects.enums import Risk
from leadroom.testplans.changes import CaseChange, case_changes
from leadroom.testplans.checks import plan_problems
from leadroom.testplans.enums import CaseMark, CasePath, Layer, PlanState, Priority, ReviewKind, ReviewVerdict
from leadroom.testplans.models import CaseVerdict, Review, TestCase, TestPlan
from leadroom.testplans.queries import coverage
from leadroom.testplans.rules import BLIND_SPOTS
from leadroom.web.plans.forms import Typed, hidden_in

_DEPTH = {
    Risk.LIGHT: "Light: machine checks and an agent's review suffice.",
    Risk.STANDARD: "Standard: a person goes through the cases once an agent has.",
    Risk.CRITICAL: "Critical: a person goes through it case by case and answers the blind spots.",
}
_VERDICTS = {
    ReviewVerdict.APPROVE: ("Approve", "The plan is frozen with its digest; the developer starts.", "a"),
    ReviewVerdict.CHANGE: ("Send back", "The planner gets every mark and comment as one message.", "r"),
}
_KIND_WORDS = {
    "hole": "hole",
    "self_fulfilling": "self-fulfilling",
    "missing_criterion": "missing criterion",
    "unclear": "unclear",
}


@dataclass(frozen=True)
class Finding:
    """What a reviewer holds against a case or the plan."""

    kind: str
    severity: str
    text: str
    reviewer: str


@dataclass(frozen=True)
class CriterionChip:
    id: str
    text: str


@dataclass(frozen=True)
class MarkOption:
    """One of the choices of a case's verdict."""

    value: str
    label: str
    key: str
    is_chosen: bool


@dataclass(frozen=True)
class VerdictOption:
    """What the whole review may come to."""

    value: str
    label: str
    text: str
    key: str
    is_chosen: bool


@dataclass(frozen=True)
class CaseRow:
    """A case as a row of the review."""

    pk: int
    key: str
    title: str
    criteria: list[CriterionChip]
    path: str
    priority: str
    precondition: str
    steps: list[str]
    expected: str
    node_id: str
    command: str
    findings: list[Finding]
    options: list[MarkOption]
    comment: str
    was_changed: bool
    mark: str
    mark_comment: str

    @property
    def dom_id(self) -> str:
        return f"case-{self.key}"


@dataclass(frozen=True)
class LayerGroup:
    name: str
    word: str
    cases: list[CaseRow]


@dataclass(frozen=True)
class Cell:
    """A field of the matrix: covered by these cases, or not at all."""

    state: str
    keys: list[str]


@dataclass(frozen=True)
class CoverageLine:
    id: str
    text: str
    cells: list[Cell]
    is_gap: bool


@dataclass(frozen=True)
class ReviewNote:
    """A review that was sent."""

    reviewer: str
    is_lead: bool
    verdict: str
    summary: str
    sent_at: dt.datetime
    findings: list[Finding]


@dataclass(frozen=True)
class Round:
    """An earlier plan of the item, its reviews, and what the next plan changed."""

    number: int
    url: str
    state: str
    reviews: list[ReviewNote]
    changes: list[CaseChange]


@dataclass(frozen=True)
class BlindSpot:
    name: str
    question: str
    is_ticked: bool


@dataclass(frozen=True)
class PlanPage:
    """Everything of one plan. `form_reason` says why this person cannot review it, empty when they can."""

    plan: TestPlan
    depth: str
    turn: str
    move: str
    reviews: list[ReviewNote]
    checks: list[str]
    problems: list[str]
    layers: list[LayerGroup]
    layer_words: list[str]
    coverage: list[CoverageLine]
    gaps: int
    findings: list[Finding]
    is_open: bool
    form_reason: str
    typed: Typed
    verdicts: list[VerdictOption]
    blind_spots: list[BlindSpot]
    rounds: list[Round]
    hidden: int
    error: str

    @property
    def dom_id(self) -> str:
        return f"plan-{self.plan.pk}"

    @property
    def case_count(self) -> int:
        return sum(len(group.cases) for group in self.layers)


def present_page(
    plan: TestPlan,
    earlier: list[TestPlan],
    *,
    lead_reason: str,
    typed: Typed | None = None,
    changed: frozenset[str] = frozenset(),
    error: str = "",
) -> PlanPage:
    """`earlier` are the plans before this one, newest first; all with cases, reviews and marks at hand."""
    typed = typed or Typed()
    reviews = list(plan.reviews.all())
    is_open = plan.state == PlanState.LEAD_REVIEW
    lines = _coverage(plan)
    turn, move = _move(plan, reviews)
    return PlanPage(
        plan=plan,
        depth=_DEPTH[Risk(plan.item.risk)],
        turn=turn,
        move=move,
        reviews=[_review(review) for review in reviews],
        checks=_checks(plan),
        problems=[problem.sentence for problem in plan_problems(plan.body, plan.revision)],
        layers=_layers(plan, reviews, typed, changed),
        layer_words=[str(layer.label) for layer in Layer],
        coverage=lines,
        gaps=sum(line.is_gap for line in lines),
        findings=[_finding(mark, review) for review in reviews for mark in review.marks.all() if _is_on_plan(mark)],
        is_open=is_open,
        form_reason=lead_reason if is_open else "",
        typed=typed,
        verdicts=[VerdictOption(value, *words, value == typed.verdict) for value, words in _VERDICTS.items()],
        blind_spots=_blind_spots(plan, typed) if is_open else [],
        rounds=_rounds(plan, earlier),
        hidden=hidden_in(plan.body) if is_open else 0,
        error=error,
    )


def _is_on_plan(mark: CaseVerdict) -> bool:
    return mark.case_id is None


def _move(plan: TestPlan, reviews: list[Review]) -> tuple[str, str]:
    """Whose turn, and where the plan stands in one sentence."""
    short = plan.digest[7:19]
    if plan.state == PlanState.LEAD_REVIEW:
        found = sum(len(review.marks.all()) for review in reviews)
        what = (
            f"read {count_of(found, 'finding')} of the reviewer, then decide"
            if found
            else "the reviewer found nothing; decide"
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
        return "agent", "A reviewer that did not write it reads the plan against the document. You are next."
    return "machine", "The plan passed the machine checks and goes to an agent's review."


def _checks(plan: TestPlan) -> list[str]:
    """What the machine looked at, in words; all of it passed, or the plan would not have been stored."""
    cases, criteria = len(plan.cases.all()), len(plan.revision.criteria)
    return [
        f"{count_of(criteria, 'criterion', 'criteria')}, each proven by a case",
        f"{count_of(cases, 'case')}, each proving a criterion of the document",
        "all three layers present, or the absence argued",
        "each case run by one pytest node id or one command, none used twice",
        "each case says what is expected",
    ]


def _layers(plan: TestPlan, reviews: list[Review], typed: Typed, changed: frozenset[str]) -> list[LayerGroup]:
    criteria = plan.revision.criteria
    found: dict[int, list[Finding]] = {}
    decided: dict[int, CaseVerdict] = {}
    for review in reviews:
        for mark in review.marks.all():
            if mark.case_id and review.kind == ReviewKind.AGENT:
                found.setdefault(mark.case_id, []).append(_finding(mark, review))
            elif mark.case_id:
                decided[mark.case_id] = mark
    groups = []
    for layer in Layer:
        rows = [
            _case(case, criteria, found.get(case.pk, []), decided.get(case.pk), typed, case.key in changed)
            for case in plan.cases.all()
            if case.layer == layer
        ]
        if rows:
            groups.append(LayerGroup(layer.value, str(layer.label), rows))
    return groups


def _case(
    case: TestCase,
    criteria: dict[str, str],
    findings: list[Finding],
    decided: CaseVerdict | None,
    typed: Typed,
    was_changed: bool,
) -> CaseRow:
    chosen = typed.marks.get(case.key, "")
    options = [
        ("", "No mark", ""),
        (CaseMark.APPROVE, "Approve", "a"),
        (CaseMark.CHANGE, "Change", "r"),
        (CaseMark.DROP, "Drop", "d"),
    ]
    return CaseRow(
        pk=case.pk,
        key=case.key,
        title=case.title,
        criteria=[CriterionChip(key, criteria.get(key, "not in the document")) for key in case.criteria],
        path=CasePath(case.path).label,
        priority=Priority(case.priority).label,
        precondition=case.precondition,
        steps=case.steps,
        expected=case.expected,
        node_id=case.node_id,
        command=case.command,
        findings=findings,
        options=[MarkOption(value, label, key, value == chosen) for value, label, key in options],
        comment=typed.comments.get(case.key, ""),
        was_changed=was_changed,
        mark=decided.mark if decided and decided.mark != CaseMark.NOTE else "",
        mark_comment=decided.comment if decided else "",
    )


def _finding(mark: CaseVerdict, review: Review) -> Finding:
    return Finding(_KIND_WORDS.get(mark.kind, mark.kind), mark.severity, mark.comment, review.reviewer)


def _review(review: Review) -> ReviewNote:
    return ReviewNote(
        reviewer=review.reviewer,
        is_lead=review.kind == ReviewKind.LEAD,
        verdict=review.verdict,
        summary=review.summary,
        sent_at=review.sent_at,
        findings=[_finding(mark, review) for mark in review.marks.all()],
    )


def _coverage(plan: TestPlan) -> list[CoverageLine]:
    return [
        CoverageLine(
            row.criterion,
            row.text,
            [Cell("covered" if cell else "gap" if row.is_gap else "", list(cell)) for cell in row.cells],
            row.is_gap,
        )
        for row in coverage(plan)
    ]


def _blind_spots(plan: TestPlan, typed: Typed) -> list[BlindSpot]:
    if plan.item.risk != Risk.CRITICAL:
        return []
    return [BlindSpot(name, question, name in typed.ticked) for name, question in BLIND_SPOTS.items()]


def _rounds(plan: TestPlan, earlier: list[TestPlan]) -> list[Round]:
    rounds, newer = [], plan
    for old in earlier:
        rounds.append(
            Round(
                number=old.number,
                url=reverse("plans:detail", args=[old.pk]),
                state=old.state,
                reviews=[_review(review) for review in old.reviews.all()],
                changes=case_changes(old.body, newer.body),
            )
        )
        newer = old
    return rounds
