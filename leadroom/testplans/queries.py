"""Reads of test plans."""

from dataclasses import dataclass
from typing import Any

from leadroom.projects.models import WorkItem
from leadroom.requirements.models import Revision
from leadroom.testplans.enums import CasePath, Layer, PlanState
from leadroom.testplans.models import PlanEdit, Reading, TestCase, TestPlan


@dataclass(frozen=True)
class CoverageRow:
    """A criterion and, per layer in order, the keys of the cases that prove it."""

    criterion: str
    text: str
    cells: tuple[tuple[str, ...], ...]

    @property
    def is_gap(self) -> bool:
        return not any(self.cells)


def current_plan(item: WorkItem) -> TestPlan | None:
    """The plan that is not superseded, with document, cases and reviews at hand."""
    return (
        TestPlan.objects.filter(item=item)
        .exclude(state=PlanState.SUPERSEDED)
        .select_related("revision", "item")
        .prefetch_related("cases", "reviews__marks__case")
        .first()
    )


def replaced_plan(item: WorkItem, revision: Revision) -> TestPlan | None:
    """The newest plan that was written for an earlier revision of the document, with revision and cases at hand."""
    rows = TestPlan.objects.filter(item=item).exclude(revision=revision).order_by("-number")
    return rows.select_related("revision").prefetch_related("cases").first()


def coverage(plan: TestPlan) -> list[CoverageRow]:
    """Criterion × layer, in document order."""
    cases: list[TestCase] = list(plan.cases.all())
    return [
        CoverageRow(
            criterion,
            text,
            tuple(tuple(c.key for c in cases if c.layer == layer and criterion in c.criteria) for layer in Layer),
        )
        for criterion, text in plan.revision.criteria.items()
    ]


@dataclass(frozen=True)
class FlowCell:
    """A capability in a flow: the cases that walk it, by path in the order happy, error, boundary."""

    paths: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def is_empty(self) -> bool:
        return not self.paths


@dataclass(frozen=True)
class FlowRow:
    """A capability (a goal of the document), what each flow does with it, and the paths nobody walks.

    `argued` is the reason the plan gives for a path that is missing, empty when it gives none.
    """

    goal: str
    text: str
    cells: tuple[FlowCell, ...]
    missing: tuple[str, ...]
    argued: str


@dataclass(frozen=True)
class FlowMatrix:
    """Capability × end-to-end flow; `flows` are the names of the columns."""

    flows: tuple[str, ...]
    rows: tuple[FlowRow, ...]


def flow_matrix(plan: TestPlan) -> FlowMatrix:
    """Goals of the document against the journeys of end-to-end cases, in document and plan order."""
    walked = [case for case in plan.cases.all() if case.layer == Layer.END_TO_END]
    flows = tuple(dict.fromkeys(case.flow or case.title for case in walked))
    rows = []
    for goal in plan.revision.body["goals"]:
        own = {criterion["id"] for criterion in goal["criteria"]}
        proving = [case for case in walked if own & set(case.criteria)]
        cells = tuple(_flow_cell([case for case in proving if (case.flow or case.title) == flow]) for flow in flows)
        present = {case.path for case in proving}
        missing = tuple(str(p.label) for p in (CasePath.HAPPY, CasePath.ERROR) if p not in present)
        rows.append(FlowRow(goal["id"], goal["text"], cells, missing, _argument(plan, goal["id"]) if missing else ""))
    return FlowMatrix(flows, tuple(rows))


def _flow_cell(cases: list[TestCase]) -> FlowCell:
    by_path = ((path.value, tuple(case.key for case in cases if case.path == path)) for path in CasePath)
    return FlowCell(tuple((path, keys) for path, keys in by_path if keys))


def _argument(plan: TestPlan, goal: str) -> str:
    return next((row["why"] for row in plan.body["not_covered"] if goal in f"{row['what']} {row['why']}"), "")


def reading_of(item_id: int, user_id: int | None) -> Reading | None:
    """What this person last saw of the item's plans."""
    return Reading.objects.filter(item_id=item_id, user_id=user_id).first() if user_id else None


def body_at(plan: TestPlan, digest: str) -> dict[str, Any] | None:
    """The body the plan had under a digest of before an edit, None when it never had it."""
    if plan.digest == digest:
        return plan.body
    edit = PlanEdit.objects.filter(plan=plan, digest_before=digest).order_by("-pk").first()
    return edit.before if edit else None


def review_rounds(item: WorkItem) -> int:
    """How many plans of the item an agent sent back."""
    return TestPlan.objects.filter(item=item, reviews__verdict="change", reviews__kind="agent").distinct().count()
