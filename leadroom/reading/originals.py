"""Reports as the agents filed them, and what triage had made of each."""

import datetime as dt
from collections.abc import Collection
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.models import User

from leadroom.reading.sessions import led_project_ids
from leadroom.reading.windows import instant
from leadroom.triage.models import Report


def originals_of(user: User, zone: ZoneInfo, week: dt.date) -> list[int]:
    """Ids of the reports filed in the week that begins on a Monday, of projects this person sees."""
    since, until = (instant(week + dt.timedelta(days=days), dt.time(0), zone) for days in (0, 7))
    rows = Report.objects.filter(item__project_id__in=led_project_ids(user), filed_at__gte=since, filed_at__lt=until)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def what_triage_said(report_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Report id to what triage made of it: state, severity, suggestion, and the group it was put into."""
    rows = Report.objects.filter(pk__in=report_ids).select_related("finding__root")
    found: dict[int, dict[str, Any]] = {}
    for report in rows:
        finding = getattr(report, "finding", None)
        head = (finding.root or finding) if finding else None
        found[report.pk] = {
            "state": report.state,
            "severity": report.severity,
            "suggested": report.suggested_action,
            "finding": finding.pk if finding else None,
            "finding_state": head.state if head else "",
            "group": head.title if head and finding and head.pk != finding.pk else "",
        }
    return found
