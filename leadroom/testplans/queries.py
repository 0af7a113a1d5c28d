"""Reads of test plans."""

from collections.abc import Iterable
from dataclasses import dataclass

from leadroom.projects.models import WorkItem
from leadroom.requirements.models import Revision
from leadroom.testplans.enums import Layer, PlanState
from leadroom.testplans.models import TestCase, TestPlan


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


def plan_states(item_ids: Iterable[int]) -> dict[int, str]:
    """Item id to the state of its current plan, in one query."""
    rows = TestPlan.objects.filter(item_id__in=list(item_ids)).exclude(state=PlanState.SUPERSEDED)
    return dict(rows.values_list("item_id", "state"))


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


def review_rounds(item: WorkItem) -> int:
    """How many plans of the item an agent sent back."""
    return TestPlan.objects.filter(item=item, reviews__verdict="change", reviews__kind="agent").distinct().count()
