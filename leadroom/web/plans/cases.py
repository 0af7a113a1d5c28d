"""Cases of a plan as rows of its review, each with what reviewers found."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.urls import reverse

from leadroom.testplans.enums import CaseMark, CasePath, Layer, Priority, ReviewKind
from leadroom.testplans.models import CaseVerdict, Review, TestCase, TestPlan
from leadroom.web.plans.forms import Typed

_KIND_WORDS = {
    "hole": "hole",
    "self_fulfilling": "self-fulfilling",
    "missing_criterion": "missing criterion",
    "unclear": "unclear",
}
_OPTIONS = (
    ("", "No mark", ""),
    (CaseMark.APPROVE, "Approve", "a"),
    (CaseMark.CHANGE, "Change", "r"),
    (CaseMark.DROP, "Drop", "d"),
)


@dataclass(frozen=True)
class Finding:
    """What a reviewer holds against a case or the plan, and what the plan's author said to it."""

    kind: str
    severity: str
    text: str
    reviewer: str
    answer: str


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
class CaseRow:
    """A case as a row of the review."""

    pk: int
    key: str
    title: str
    criteria: list[CriterionChip]
    path: str
    priority: str
    flow: str
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
    edit_url: str
    holds_before: bool

    @property
    def dom_id(self) -> str:
        return f"case-{self.key}"


@dataclass(frozen=True)
class LayerGroup:
    name: str
    word: str
    cases: list[CaseRow]


def present_finding(mark: CaseVerdict, review: Review) -> Finding:
    word = _KIND_WORDS.get(mark.kind, mark.kind)
    return Finding(word, mark.severity, mark.comment, review.reviewer, mark.answer)


def present_layers(
    plan: TestPlan, reviews: Iterable[Review], typed: Typed, changed: frozenset[str]
) -> list[LayerGroup]:
    """Cases by layer, those of a layer in the plan's order; layers without cases are left out."""
    found: dict[int, list[Finding]] = {}
    decided: dict[int, CaseVerdict] = {}
    for review in reviews:
        for mark in review.marks.all():
            if mark.case_id and review.kind == ReviewKind.AGENT:
                found.setdefault(mark.case_id, []).append(present_finding(mark, review))
            elif mark.case_id:
                decided[mark.case_id] = mark
    criteria, groups = plan.revision.criteria, []
    holding = {case["id"] for case in plan.body["cases"] if case.get("holds_before")}
    for layer in Layer:
        rows = [
            _case(
                case,
                criteria,
                found.get(case.pk, []),
                decided.get(case.pk),
                typed,
                case.key in changed,
                case.key in holding,
            )
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
    holds_before: bool,
) -> CaseRow:
    chosen = typed.marks.get(case.key, "")
    return CaseRow(
        pk=case.pk,
        key=case.key,
        title=case.title,
        criteria=[CriterionChip(key, criteria.get(key, "not in the document")) for key in case.criteria],
        path=CasePath(case.path).label,
        priority=Priority(case.priority).label,
        flow=case.flow,
        precondition=case.precondition,
        steps=case.steps,
        expected=case.expected,
        node_id=case.node_id,
        command=case.command,
        findings=findings,
        options=[MarkOption(value, label, key, value == chosen) for value, label, key in _OPTIONS],
        comment=typed.comments.get(case.key, ""),
        was_changed=was_changed,
        mark=decided.mark if decided and decided.mark != CaseMark.NOTE else "",
        mark_comment=decided.comment if decided else "",
        edit_url=reverse("plans:edit_case", args=[case.plan_id, case.key]),
        holds_before=holds_before,
    )
