"""Sessions of a lead whose agents reported, walked to their state through the real actions."""

import datetime as dt
import itertools
from typing import Any

from django.contrib.auth.models import User

from leadroom.projects.models import WorkItem
from leadroom.reading import actions
from leadroom.reading.models import ReadingHours, ReadingSession
from leadroom.triage import actions as triage
from leadroom.triage.enums import Route
from leadroom.triage.models import Report
from tests import factories as f

_told = itertools.count(1)
WORDS = ("ledger", "grid", "export", "login", "rounding", "search", "mail", "cache")

TUESDAY = dt.datetime(2026, 11, 24, 17, 0, tzinfo=dt.UTC)
"""Two days after factories.NOW (a Sunday): the window of 17:00 begins."""
WINDOW = {"start": "17:00", "end": "18:00", "days": [0, 1, 2, 3, 4]}


def reader() -> User:
    """Somebody who leads a project, with an address."""
    return f.lead_of(f.make_project())


def hours_for(user: User, **changes: Any) -> ReadingHours:
    """Windows at 17:00 UTC on working days; Monday's session was made already."""
    given: dict[str, Any] = {"zone": "UTC", "windows": [WINDOW], "changed_at": f.NOW, "last_slot": 1}
    return ReadingHours.objects.create(user=user, **{**given, "last_on": dt.date(2026, 11, 23), **changes})


def by(session: ReadingSession, after: float = 0.0) -> dict[str, Any]:
    """The session's own person, so many seconds after Tuesday's window began."""
    return {"by": f.human(session.user), "now": TUESDAY + dt.timedelta(seconds=after)}


def file_reports(
    user: User, count: int, *, is_routed: bool = True, item: WorkItem | None = None, **changes: Any
) -> list[Report]:
    """Reports of last week, each of an item of its own unless one is given.

    Routed: a rule acknowledged the finding, so that only reading is left.
    """
    filed = []
    for n in range(count):
        told = next(_told)
        words = {"summary": f"The {WORDS[told % len(WORDS)]} of {told * told + 17} is done.", **changes}
        report = f.make_report(item or f.make_item(user.memberships.get().project), **words)
        Report.objects.filter(pk=report.pk).update(filed_at=TUESDAY - dt.timedelta(days=6, minutes=count - n))
        if is_routed:
            triage.route(
                finding=report.finding, to=Route.ACKNOWLEDGE, by=f.PIPELINE, now=f.NOW, why="Routine, by a rule."
            )
        filed.append(report)
    return filed


def make_sitting(reports: int, *, begin: bool = True, user: User | None = None, **changes: Any) -> ReadingSession:
    """Tuesday's session with unread reports; begun, unless the test says otherwise."""
    user = user or reader()
    file_reports(user, reports, **changes)
    hours = ReadingHours.objects.filter(user=user).first() or hours_for(user)
    session = actions.make_ready(hours=hours, by=f.PIPELINE, now=TUESDAY)
    assert session is not None
    return actions.start(user=user, by=f.human(user), now=TUESDAY) if begin else session
