"""Writes of triage."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from leadroom.agents.models import Run
from leadroom.ledger.actions import record
from leadroom.ledger.provenance import without_findings
from leadroom.lib.actors import Actor
from leadroom.lib.errors import NotPermitted
from leadroom.live.news import publish_item
from leadroom.triage.enums import REPORTS, ReportState
from leadroom.triage.models import Report


@transaction.atomic
def file_report(*, run: Run, body: Mapping[str, Any], by: Actor, now: dt.datetime) -> Report:
    """Store a run's report; the same body of the same run again returns the stored one."""
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
    record(
        by=by,
        now=now,
        verb="triage.report.filed",
        subject=f"triage.report:{report.pk}",
        item_id=run.item_id,
        payload={"status": report.status, "severity": report.severity, "action": report.suggested_action},
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
