"""Writes of what comes in: reports of runs, and findings that come without one."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import F

from leadroom.agents.models import Run
from leadroom.ledger.actions import record
from leadroom.ledger.provenance import without_findings
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.lib.shapes import clip, storable
from leadroom.live.news import publish_item
from leadroom.triage import index, intake, queries
from leadroom.triage.actions import groups
from leadroom.triage.engine import extraction, model
from leadroom.triage.enums import REPORTS, SEVERITY_RANK, FindingState, LinkState, ReportState, Severity
from leadroom.triage.fields import default_action, fields_of
from leadroom.triage.judging import Judgement, bias_of, judge
from leadroom.triage.models import Finding, Habit, Link, Report, Shelf
from leadroom.triage.priority import points_of
from leadroom.triage.retrieval import gather, weigh


@transaction.atomic
def file_report(*, run: Run, body: Mapping[str, Any], by: Actor, now: dt.datetime) -> Report:
    """Store a run's report and take it in as a finding; the same body of the same run again returns the stored one."""
    earlier = Report.objects.filter(run=run).order_by("-pk").first()
    if earlier is not None and without_findings(earlier.body) == without_findings(body):
        return earlier
    report = Report.objects.create(
        run=run,
        item_id=run.item_id,
        body=dict(body),
        filed_at=now,
        **{name: body[name] for name in ("status", "summary", "severity", "suggested_action", "confidence")},
    )
    title, text = intake.text_of(report)
    taken = _take_in(
        project_id=report.item.project_id,
        title=title,
        body=text,
        severity=report.severity,
        action=report.suggested_action,
        report=report,
        source=intake.source_of_run(run),
        seen_at=now,
    )
    record(
        by=by,
        now=now,
        verb="triage.report.filed",
        subject=f"triage.report:{report.pk}",
        item_id=run.item_id,
        payload={
            "status": report.status,
            "severity": report.severity,
            "action": report.suggested_action,
            **taken.for_ledger(),
        },
        sources=body["sources"],
    )
    publish_item(run.item_id, "report")
    return report


@transaction.atomic
def mark(*, report: Report, state: ReportState, by: Actor, now: dt.datetime) -> None:
    """READ or UNREAD again; marking it what it is already changes nothing. Raises NotPermitted for a non-human."""
    if not by.is_human:
        raise NotPermitted("Only a person marks reports as read.")
    if report.state == state:
        return
    REPORTS.check_move(report.state, state)
    report.state = state
    report.save(update_fields=["state"])
    record(
        by=by,
        now=now,
        verb=f"triage.report.marked_{state.lower()}",
        subject=f"triage.report:{report.pk}",
        item_id=report.item_id,
    )
    publish_item(report.item_id, "report")


@transaction.atomic
def bring_in(
    *,
    project_id: int,
    title: str,
    body: str,
    severity: str,
    by: Actor,
    now: dt.datetime,
    reporter: str = "",
    suggested_action: str = "",
    seen_at: dt.datetime | None = None,
    origin: str = "",
) -> intake.Intake:
    """Takes in a finding that came without a run (an import, a person). Raises BadInput for one without a title.

    `reporter` is who said it, when that is not whoever brings it in; `seen_at` when, if not now; `origin` names it
    where it comes from.
    """
    if not title.strip():
        raise BadInput("A finding needs a title; nothing was taken in. Say in one line what is wrong.")
    source = intake.source_of(by, reporter, origin)
    taken = _take_in(
        project_id=project_id,
        title=title,
        body=body,
        severity=severity,
        action=suggested_action,
        report=None,
        source=source,
        seen_at=seen_at or now,
    )
    record(
        by=by,
        now=now,
        verb="triage.finding.brought_in",
        subject=f"triage.finding:{taken.finding.pk}",
        payload=taken.for_ledger(),
    )
    return taken


def _take_in(
    *,
    project_id: int,
    title: str,
    body: str,
    severity: str,
    action: str,
    report: Report | None,
    source: intake.Source,
    seen_at: dt.datetime,
) -> intake.Intake:
    """The project's shelf is locked first: of two at once, one sees the other."""
    title, body = storable(clip(title.strip(), 260)), storable(clip(body, intake.BODY_KEPT))
    severity = severity if severity in Severity.values else Severity.INFO
    shelf = groups.lock_shelf(project_id)
    loaded = model.load()
    weighing = weigh(
        project_id=project_id,
        reports=shelf.reports,
        title=title,
        body=body,
        seen_at=seen_at,
        background=loaded.background,
    )
    judgement = judge(gather(project_id, weighing), title=title, body=body, model=loaded, bias=bias_of(shelf))
    if judgement.link and not judgement.is_certain and queries.has_drifted():
        judgement = judgement.asked()
    link, is_copy = judgement.link, judgement.is_certain
    finding = Finding(
        project_id=project_id,
        report=report,
        title=title,
        body=body,
        severity=severity,
        suggested_action=action or default_action(severity),
        state=FindingState.REOPENED if link and link.is_resolved else FindingState.NEW,
        is_regression=bool(link and link.is_resolved),
        seen_at=seen_at,
        root_id=link.root_id if link and not link.is_resolved else None,
        same_text=weighing.same_text,
        facts=weighing.side.facts.plain(),
        terms=weighing.side.weighed.packed(),
        is_indexed=not is_copy,
        extractor=extraction.VERSION,
        **_own_fields(project_id, title, body, severity, source),
        last_seen_at=seen_at,
    )
    woken = _place(finding, seen_at)
    if not is_copy:  # a copy says nothing new; ten thousand of them would drown the words of the first
        index.add(project_id, finding.pk, weighing.side.weighed)
        index.count(project_id, weighing.counted)
        Shelf.objects.filter(pk=shelf.pk).update(reports=shelf.reports + 1)
    _link(finding, judgement, loaded.version)
    return intake.Intake(finding, judgement, woken)


def _link(finding: Finding, judgement: Judgement, version: str) -> None:
    """Keeps what was judged. A copy is like what the first of its kind is like, and that was suggested then."""
    is_told = judgement.is_certain and finding.root_id is not None
    matches = [(match, LinkState.SUGGESTED) for match in ([] if is_told else judgement.suggestions)]
    if judgement.link:
        matches.append((judgement.link, LinkState.LINKED))
    Link.objects.bulk_create(
        intake.link_of(finding, match, state, version, finding.seen_at) for match, state in matches
    )


def _own_fields(project_id: int, title: str, body: str, severity: str, source: intake.Source) -> dict[str, Any]:
    """What this report alone says. Its severity counts as this reporter uses the word, and is part of the habit now."""
    rank = SEVERITY_RANK[Severity(severity)]
    habit = groups.habit_of(project_id, source.habit)
    points = points_of(rank, reports=habit.reports, ranks=habit.ranks)
    Habit.objects.filter(pk=habit.pk).update(reports=F("reports") + 1, ranks=F("ranks") + rank)
    fields = fields_of(title, body)
    return {
        "reporter": source.reporter,
        "is_from_agent": source.is_agent,
        "origin": source.origin,
        "rank": rank,
        "worst": rank,
        "points": points,
        "claimed": fields.claimed,
        "affected": fields.affected,
        "workaround": fields.workaround,
        "workaround_text": fields.workaround_text,
        "hazard": fields.hazard if rank else 0,  # of severity info: it says that nothing is wrong
    }


def _place(finding: Finding, now: dt.datetime) -> int | None:
    """Stores a new finding and moves the figures of its group; the head's id when that brought it back."""
    if finding.root_id is None:
        own = {name: getattr(finding, name) for name in groups.OF_GROUP}
        groups.give_priority(finding, own, now)
        finding.save()
        return None
    finding.save()
    head = Finding.objects.get(pk=finding.root_id)
    was = head.state
    head = groups.grow(head, finding, now)
    return head.pk if head.state != was else None
