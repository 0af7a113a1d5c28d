"""The day of the person who looks: hours, quiet time, the next session, decisions. Two queries, once per request."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth import get_user_model
from django.db.models import Count, Exists, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.urls import reverse

from leadroom.lib import clock
from leadroom.projects.queries import led_projects
from leadroom.reading import budget, rules, windows
from leadroom.reading.enums import SessionState
from leadroom.reading.gathering import Subject, is_put_off, levels_put_off, stands_in_the_inbox, unread_reports
from leadroom.reading.models import Later, ReadingHours, ReadingSession
from leadroom.reading.sessions import LIVE, default_hours
from leadroom.triage.enums import OPEN_FINDINGS, SEVERITY_RANK, Hazard, Severity
from leadroom.triage.models import Finding
from leadroom.web import access


@dataclass(frozen=True)
class Day:
    """What the frame of every page says of a person's day.

    `session_id` and `session_state` are of the live session, 0 and empty without one; `next_at` is when the next window
    begins (UTC), None without any. `output` is how many reports and findings wait to be read, without reports that were
    put off; `put_off` has the level of everything else that was.
    """

    hours: ReadingHours
    session_id: int
    session_state: str
    next_at: dt.datetime | None
    quiet_since: dt.datetime | None
    quiet_until: dt.datetime | None
    output: int
    put_off: Mapping[Subject, int]
    urgent: int
    decisions: budget.Budget

    @property
    def zone(self) -> ZoneInfo:
        return self.hours.tz

    @property
    def is_quiet(self) -> bool:
        return self.quiet_until is not None

    def next_word(self, now: dt.datetime) -> str:
        """`17:00`, `Mon 17:00` on another date, `now` when one is ready or open."""
        if self.session_id:
            return "paused" if self.session_state == SessionState.PAUSED else "now"
        return self.local_word(self.next_at, now) if self.next_at else "none"

    def local_word(self, at: dt.datetime, now: dt.datetime) -> str:
        """The time of day in the person's zone, with the weekday when it is not today."""
        local, today = at.astimezone(self.zone), now.astimezone(self.zone).date()
        return f"{local:%H:%M}" if local.date() == today else f"{local:%a %H:%M}"


def day_of(request: HttpRequest) -> Day:
    """The day, read once per request; a write comes before the first call, never after."""
    cached = getattr(request, "_day", None)
    if cached is None:
        cached = _read(request, clock.now())
        request._day = cached  # type: ignore[attr-defined]
    return cached


def _count(rows: QuerySet) -> Coalesce:
    """How many rows, as part of another query."""
    counted = rows.order_by().annotate(_all=Coalesce(0, 0)).values("_all").annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def _read(request: HttpRequest, now: dt.datetime) -> Day:
    led = led_projects(request.user).values("pk")
    findings = Finding.objects.filter(project__in=led, root=None, state__in=OPEN_FINDINGS)
    dangers = findings.filter(hazard__in=[Hazard.DATA_LOSS, Hazard.SECURITY], worst=SEVERITY_RANK[Severity.CRITICAL])
    later = Later.objects.filter(user=OuterRef("pk"))
    later_reports = Later.objects.filter(user=access.person_id(request), kind="report", subject_id=OuterRef("pk"))
    unread = unread_reports(led).exclude(Exists(later_reports))
    live = ReadingSession.objects.filter(user=OuterRef("pk"), state__in=LIVE)
    person = (
        get_user_model()
        .objects.select_related("reading_hours")
        .annotate(
            session_id=Subquery(live.values("pk")[:1]),
            session_state=Subquery(live.values("state")[:1]),
            output=_count(unread) + _count(findings),
            dangers=_count(dangers),
            has_put_off=Exists(later),
        )
        .get(pk=access.person_id(request))
    )
    hours = getattr(person, "reading_hours", None) or default_hours(person.pk, now)
    coming = windows.upcoming(hours.reading_windows, hours.tz, hours.last_place, now)
    span = rules.quiet_span(hours, now)
    decided = budget.decisions_since(person.pk, budget.start_of_day(hours.tz, now), now)
    return Day(
        hours=hours,
        session_id=person.session_id or 0,
        session_state=person.session_state or "",
        next_at=coming.starts_at if coming else None,
        quiet_since=span[0] if span else None,
        quiet_until=span[1] if span else None,
        output=person.output,
        put_off=levels_put_off(person.pk) if person.has_put_off else {},
        urgent=person.dangers + sum(card.is_urgent for card in access.waiting(request) if card.kind != "finding"),
        decisions=budget.weigh(decided, hours.weights, hours.budget),
    )


def day_words(request: HttpRequest) -> dict[str, Any]:
    """What the top bar says of the day: decisions, the next session, quiet time with what came in meanwhile."""
    day, now, waiting = day_of(request), clock.now(), access.waiting(request)
    here = [card for card in waiting if not stands_in_the_inbox(card)]
    count = sum(not is_put_off(card, day.put_off, now) for card in here) + day.output
    quiet: dict[str, Any] | None = None
    if day.quiet_until is not None and day.quiet_since is not None:
        came = sum(card.since >= day.quiet_since for card in waiting)
        quiet = {"until": day.local_word(day.quiet_until, now), "came": came, "url": reverse("needs:all")}
    return {
        "decisions": {"done": day.decisions.words, "budget": day.decisions.limit, "is_passed": day.decisions.is_passed},
        "session": {
            "word": f"{day.next_word(now)}, {count} waiting, {day.urgent} urgent",
            "url": reverse("session:index"),
            "is_ready": bool(day.session_id),
            "urgent": day.urgent,
        },
        "quiet": quiet,
    }
