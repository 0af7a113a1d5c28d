"""What a session would hold now: cards, findings and unread reports, most pressing first."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from leadroom.lib.shapes import clip
from leadroom.projects.models import WorkItem
from leadroom.reading import order
from leadroom.reading.models import Later
from leadroom.reading.queries import Waiting, waiting_for_lead
from leadroom.triage.enums import ReportState, SuggestedAction
from leadroom.triage.models import Report

Subject = tuple[str, int]
"""Kind and id of what waits; the same thing has the same pair in every session."""


@dataclass(frozen=True)
class Line:
    """One thing to read, with what its place in the order follows from."""

    kind: str
    subject_id: int
    item: WorkItem | None
    project_id: int
    title: str
    why: str
    recommended: str
    who: str
    since: dt.datetime
    severity: str
    level: int

    @property
    def subject(self) -> Subject:
        return (self.kind, self.subject_id)

    @property
    def is_urgent(self) -> bool:
        return self.level == order.URGENT_LEVEL


def gather(
    project_ids: list[int], *, user_id: int, now: dt.datetime, cards: Iterable[Waiting] | None = None
) -> list[Line]:
    """Everything of these projects that waits for this person, in reading order, in a fixed number of queries.

    What they put off is left out until it got worse. `cards`: the open cards of these projects, when at hand.
    """
    shown = waiting_for_lead(project_ids) if cards is None else cards
    lines = [*(_of_card(card, now) for card in shown), *_reports(project_ids)]
    put_off = levels_put_off(user_id)
    kept = [line for line in lines if line.level < put_off.get(line.subject, line.level + 1)]
    return sorted(kept, key=lambda line: (line.level, line.since, line.kind, line.subject_id))


def levels_put_off(user_id: int) -> Mapping[Subject, int]:
    """What this person put off, with the level it had then."""
    rows = Later.objects.filter(user_id=user_id).values_list("kind", "subject_id", "level")
    return {(kind, pk): level for kind, pk, level in rows}


def _of_card(card: Waiting, now: dt.datetime) -> Line:
    severity = order.severity_of_risk(card.item.risk)
    return Line(
        kind=card.kind,
        subject_id=card.subject_id,
        item=card.item,
        project_id=card.item.project_id,
        title=clip(card.asked, 300),
        why=card.why,
        recommended=card.recommended,
        who=card.who,
        since=card.since,
        severity=severity,
        level=order.level(
            is_urgent=False,
            blocked=order.blocked_by_card(card.kind),
            severity=severity,
            waited=now - card.since,
        ),
    )


def _reports(project_ids: list[int]) -> list[Line]:
    """Unread reports. Nobody waits for an answer to one, so its age does not count."""
    rows = (
        Report.objects.filter(item__project_id__in=project_ids, state=ReportState.UNREAD)
        .select_related("item__project", "run__agent")
        .only(
            "summary",
            "severity",
            "status",
            "suggested_action",
            "filed_at",
            "item__title",
            "item__number",
            "item__project__name",
            "run__agent__name",
        )
    )
    return [
        Line(
            kind="report",
            subject_id=report.pk,
            item=report.item,
            project_id=report.item.project_id,
            title=clip(report.summary, 300),
            why="",
            recommended=f"The agent suggests: {SuggestedAction(report.suggested_action).label.lower()}.",
            who=report.run.agent.name,
            since=report.filed_at,
            severity=report.severity,
            level=order.level(
                is_urgent=False,
                blocked=order.blocked_by_report(report.status),
                severity=report.severity,
                waited=dt.timedelta(0),
            ),
        )
        for report in rows
    ]
