"""What the triage pages show: the grid of unread reports, rows, and one report with every field."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from leadroom.agents.enums import Role
from leadroom.triage.enums import ReportState, Severity, SuggestedAction
from leadroom.triage.models import Report
from leadroom.web.triage.forms import Filters


@dataclass(frozen=True)
class GridCell:
    """How many unread reports; `url` filters the list to them."""

    count: int
    url: str
    is_current: bool


@dataclass(frozen=True)
class GridRow:
    severity: str
    cells: list[GridCell]


@dataclass(frozen=True)
class ReportView:
    """One report: what a row shows, and all of its body."""

    pk: int
    url: str
    run_url: str
    item_url: str
    summary: str
    status: str
    severity: str
    action: str
    confidence: float
    is_unread: bool
    agent: str
    role: str
    item: str
    project: str
    hue: int
    filed_at: dt.datetime
    done: list[str]
    green: int
    red: int
    not_run: int
    unsure: list[str]
    needs: list[str]
    follow_ups: list[str]
    sources: list[dict[str, str]]
    changed: list[str]
    contradictions: list[dict[str, str]]
    next_state: str

    @property
    def dom_id(self) -> str:
        return f"report-{self.pk}"


def present_report(report: Report) -> ReportView:
    """The report must come with its item, project, run and agent."""
    body: dict[str, Any] = report.body
    tests = body.get("tests", {})
    is_unread = report.state == ReportState.UNREAD
    return ReportView(
        pk=report.pk,
        url=reverse("triage:report", args=[report.pk]),
        run_url=reverse("runs:detail", args=[report.run_id]),
        item_url=reverse("items:detail", args=[report.item_id]),
        summary=report.summary,
        status=report.status,
        severity=report.severity,
        action=SuggestedAction(report.suggested_action).label,
        confidence=report.confidence,
        is_unread=is_unread,
        agent=report.run.agent.name,
        role=Role(report.run.role).label,
        item=report.item.title,
        project=f"{report.item.project.name} #{report.item.number}",
        hue=report.item.project.colour,
        filed_at=report.filed_at,
        done=body.get("done", []),
        green=tests.get("green", 0),
        red=tests.get("red", 0),
        not_run=tests.get("not_run", 0),
        unsure=body.get("unsure", []),
        needs=body.get("needs", []),
        follow_ups=body.get("follow_ups", []),
        sources=body.get("sources", []),
        changed=body.get("changed", []),
        contradictions=report.contradictions,
        next_state=ReportState.READ if is_unread else ReportState.UNREAD,
    )


def present_grid(counts: dict[tuple[str, str], int], filters: Filters) -> list[GridRow]:
    """Severity by suggested action; a press on the current cell lifts its filter."""
    home = reverse("triage:reports")

    def cell(severity: str, action: str) -> GridCell:
        is_current = (filters.severity, filters.action) == (severity, action)
        query = filters.query(severity="", action="") if is_current else filters.query(severity=severity, action=action)
        return GridCell(counts.get((severity, action), 0), f"{home}?{query}", is_current)

    actions = SuggestedAction.values
    return [GridRow(severity, [cell(severity, action) for action in actions]) for severity in Severity.values]
