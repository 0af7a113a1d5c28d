"""What a session would hold now: cards, findings and unread reports, most pressing first."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce

from leadroom.lib.shapes import clip
from leadroom.projects.models import WorkItem
from leadroom.reading import order
from leadroom.reading.models import Later
from leadroom.reading.queries import Waiting, waiting_for_lead
from leadroom.reading.rules import cause_of, is_urgent
from leadroom.triage.enums import OPEN_FINDINGS, ReportState, SuggestedAction
from leadroom.triage.models import Decision, Report
from leadroom.triage.queries import open_findings

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
    lines = [
        *(_of_card(card, now) for card in shown if not stands_in_the_inbox(card)),
        *_findings(project_ids),
        *_reports(project_ids),
    ]
    put_off = levels_put_off(user_id)
    kept = [line for line in lines if line.level < put_off.get(line.subject, line.level + 1)]
    return sorted(kept, key=lambda line: (line.level, line.since, line.kind, line.subject_id))


def levels_put_off(user_id: int) -> Mapping[Subject, int]:
    """What this person put off, with the level it had then."""
    rows = Later.objects.filter(user_id=user_id).values_list("kind", "subject_id", "level")
    return {(kind, pk): level for kind, pk, level in rows}


def is_put_off(card: Waiting, levels: Mapping[Subject, int], now: dt.datetime) -> bool:
    """Whether the person put this card off and it has not got worse since. `levels` as of `levels_put_off`."""
    level = levels.get((card.kind, card.subject_id))
    return level is not None and _of_card(card, now).level >= level


def stands_in_the_inbox(card: Waiting) -> bool:
    """Whether the card is about a finding that waits in the inbox too, so that it is read only once."""
    return card.kind == "finding" and card.extra["state"] in OPEN_FINDINGS


def _of_card(card: Waiting, now: dt.datetime) -> Line:
    is_finding = card.kind == "finding"
    own = card.severity or order.severity_of_risk(card.item.risk)
    severity = order.graver("", card.extra["priority"]) if is_finding else own
    return Line(
        kind=card.kind,
        subject_id=card.subject_id,
        item=card.item if card.item.pk else None,
        project_id=card.item.project_id,
        title=clip(card.asked, 300),
        why=card.why,
        recommended=card.recommended,
        who=card.who,
        since=card.since,
        severity=severity,
        level=order.level(
            is_urgent=card.is_urgent,
            blocked=order.blocked_by_card(card.kind),
            severity=severity,
            waited=now - card.since,
        ),
    )


_UNREAD_FIELDS = (
    "weighed",
    "report__body",
    "report__run__brief",
    "report__run__system_prompt",
    "report__item__request",
    "report__item__problem",
)
"""Long texts of findings, their reports, runs and items that a list does not show."""


def _findings(project_ids: list[int]) -> list[Line]:
    """Findings that lead their group and wait. Nobody stands still for one unless its run said so."""
    lines = []
    for finding in open_findings(project_ids).select_related("report__item__project").defer(*_UNREAD_FIELDS):
        report = finding.report
        item = report.item if report else None
        suggested = SuggestedAction(finding.suggested_action).label.lower()
        lines.append(
            Line(
                kind="finding",
                subject_id=finding.pk,
                item=item,
                project_id=finding.project_id,
                title=clip(finding.title, 300),
                why=finding.rationale,
                recommended=f"Suggested: {suggested}.",
                who=finding.reporter,
                since=finding.seen_at,
                severity=finding.worst_severity,
                level=order.level(
                    is_urgent=is_urgent(cause_of(finding), finding.worst_severity),
                    blocked=order.blocked_by_report(report.status) if report else order.Blocked.NOBODY,
                    severity=order.graver(finding.worst_severity, finding.priority),
                    waited=dt.timedelta(0),
                ),
            )
        )
    return lines


def unread_reports(project_ids: Iterable[int] | QuerySet) -> QuerySet[Report]:
    """Reports nobody read, without those that a waiting finding stands for and those whose finding a person decided."""
    by_person = Decision.objects.filter(
        finding_id=Coalesce(OuterRef("finding__root_id"), OuterRef("finding__pk")), is_automatic=False, undone_at=None
    )
    waiting = Q(finding__root=None, finding__state__in=OPEN_FINDINGS) | Q(finding__root__state__in=OPEN_FINDINGS)
    rows = Report.objects.filter(item__project_id__in=project_ids, state=ReportState.UNREAD)
    return rows.exclude(Q(finding__isnull=False) & waiting).exclude(Exists(by_person))


def _reports(project_ids: list[int]) -> list[Line]:
    """Unread reports. Nobody waits for an answer to one, so its age does not count."""
    rows = (
        unread_reports(project_ids)
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
