"""The list of test plans."""

import datetime as dt
from dataclasses import dataclass

from django.urls import reverse

from leadroom.lib.shapes import count_of
from leadroom.projects.enums import Risk
from leadroom.testplans.enums import PlanState
from leadroom.testplans.models import TestPlan


@dataclass(frozen=True)
class QueueRow:
    """A plan in the list."""

    pk: int
    url: str
    item: str
    project: str
    hue: int
    state: str
    risk: str
    note: str
    since: dt.datetime


def present_queue(plans: list[TestPlan]) -> list[QueueRow]:
    """Rows of plans annotated with `n` cases and `found` remarks; those that wait first."""
    order = [
        PlanState.LEAD_REVIEW,
        PlanState.RETURNED,
        PlanState.AGENT_REVIEW,
        PlanState.DRAFT,
        PlanState.FROZEN,
    ]
    rank = {state: n for n, state in enumerate(order)}
    ordered = sorted(plans, key=lambda p: (rank[PlanState(p.state)], p.item.risk != Risk.CRITICAL, p.created_at))
    return [
        QueueRow(
            pk=plan.pk,
            url=reverse("plans:detail", args=[plan.pk]),
            item=plan.item.title,
            project=f"{plan.item.project.name} #{plan.item.number}",
            hue=plan.item.project.colour,
            state=plan.state,
            risk=plan.item.risk,
            note=_note(plan),
            since=plan.frozen_at or plan.created_at,
        )
        for plan in ordered
    ]


def _note(plan: TestPlan) -> str:
    cases, remarks = getattr(plan, "n", 0), getattr(plan, "found", 0)
    return f"plan {plan.number}, {count_of(cases, 'case')}, {count_of(remarks, 'remark')}"
