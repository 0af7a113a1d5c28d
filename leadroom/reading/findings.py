"""Findings that a person is asked about outside the inbox: routed to the lead, and P0."""

from collections.abc import Iterator
from typing import Any

from leadroom.projects.models import WorkItem
from leadroom.reading.rules import cause_of
from leadroom.triage.enums import FindingState
from leadroom.triage.models import Finding
from leadroom.triage.queries import asked_findings

TITLE_SHOWN = 160


def finding_cards(project_ids: list[int]) -> Iterator[dict[str, Any]]:
    """The fields of a card each, oldest first; one query. All other findings wait in the inbox."""
    for finding in asked_findings(project_ids):
        is_routed = finding.state == FindingState.ROUTED
        title = finding.title
        said = title if len(title) <= TITLE_SHOWN else f"{title[: TITLE_SHOWN - 1]}…"
        yield {
            "kind": "finding",
            "item": _item_of(finding),
            "subject_id": finding.pk,
            "asked": f"{'Decide' if is_routed else finding.priority}: {said}",
            "why": finding.rationale,
            "recommended": f"Suggested with the report: {finding.get_suggested_action_display().lower()}.",
            "if_ignored": "Nobody works on it; it is counted when it is reported again.",
            "who": finding.reporter or "Leadroom",
            "since": finding.seen_at,
            "cause": cause_of(finding),
            "severity": finding.worst_severity,
            "extra": {"state": finding.state, "priority": finding.priority},
        }


def _item_of(finding: Finding) -> WorkItem:
    """The item it was found at; what was brought in without one stands under its project, as number 0."""
    if finding.report is not None:
        return finding.report.item
    return WorkItem(project=finding.project, number=0, title="")
