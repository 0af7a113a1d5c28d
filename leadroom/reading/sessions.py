"""Reads of sessions: a person's hours, the sitting as it stands, what it learned."""

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from leadroom.projects.enums import MemberRole
from leadroom.projects.queries import led_projects
from leadroom.reading import pace, windows
from leadroom.reading.enums import SessionState, Verdict
from leadroom.reading.gathering import Subject
from leadroom.reading.models import RawRead, ReadingHours, ReadingSession, SessionItem
from leadroom.reading.queries import Waiting
from leadroom.triage.enums import OPEN_FINDINGS, ReportState
from leadroom.triage.models import Finding, Report

LIVE = (SessionState.SCHEDULED, SessionState.OPEN, SessionState.PAUSED)
_LEARN_ROWS = 300


@dataclass(frozen=True)
class Sitting:
    """A session as it stands now: what is settled, what is shown, what comes, and how long it takes.

    `settled_elsewhere` are items still marked as waiting whose subject no longer is; nothing is written of them yet.
    """

    session: ReadingSession
    total: int
    settled: int
    current: SessionItem | None
    next_up: tuple[SessionItem, ...]
    seconds_left: float
    settled_elsewhere: tuple[SessionItem, ...]
    last_settled: SessionItem | None

    @property
    def is_over(self) -> bool:
        return self.current is None

    @property
    def number(self) -> int:
        """Which item is shown, from 1."""
        return min(self.settled + 1, self.total)

    @property
    def progress(self) -> str:
        """`7 of 12, about 4 min`."""
        return f"{self.number} of {self.total}, {pace.words_for(self.seconds_left)}"


@dataclass(frozen=True)
class Outcome:
    """How a session came out, for its end screen and its digest."""

    decided: tuple[SessionItem, ...]
    read: tuple[SessionItem, ...]
    left: tuple[SessionItem, ...]
    gone: tuple[SessionItem, ...] = field(default=())


def default_hours(user_id: int, now: dt.datetime) -> ReadingHours:
    """The hours of somebody who set none; not stored. Only windows that still are to begin count."""
    hours = ReadingHours(user_id=user_id, zone=settings.TIME_ZONE, changed_at=now, last_on=now.date())
    hours.last_on, hours.last_slot = windows.before_now(hours.reading_windows, hours.tz, now)
    return hours


def hours_of(user_id: int, now: dt.datetime) -> ReadingHours:
    """The person's hours, or the default."""
    return ReadingHours.objects.filter(user_id=user_id).first() or default_hours(user_id, now)


def readers() -> QuerySet[User]:
    """People who have sessions: who leads a project, or administers this installation."""
    leads = Q(memberships__role=MemberRole.LEAD) | Q(is_superuser=True)
    return get_user_model().objects.filter(leads, is_active=True).distinct().order_by("pk")


def led_project_ids(user: User) -> list[int]:
    """Projects whose cards, findings and reports wait for this person."""
    return list(led_projects(user).values_list("pk", flat=True))


def live_session(user_id: int) -> ReadingSession | None:
    """The one session of this person that is not closed."""
    return ReadingSession.objects.filter(user_id=user_id, state__in=LIVE).first()


def paces_of(user_id: int) -> dict[str, float]:
    """Seconds per kind of item, learned from this person's last ones."""
    rows = SessionItem.objects.filter(
        session__user_id=user_id, seconds__isnull=False, verdict__in=[Verdict.DECIDED, Verdict.READ, Verdict.LATER]
    )
    return pace.learned(rows.order_by("-settled_at", "-pk").values_list("kind", "seconds")[:_LEARN_ROWS])


def still_open(items: Iterable[SessionItem], cards: Iterable[Waiting]) -> set[Subject]:
    """Those of the subjects that wait still."""
    wanted: dict[str, list[int]] = {}
    for item in items:
        wanted.setdefault(item.kind, []).append(item.subject_id)
    found: set[Subject] = {(card.kind, card.subject_id) for card in cards}
    if ids := wanted.get("report"):
        unread = Report.objects.filter(pk__in=ids, state=ReportState.UNREAD).values_list("pk", flat=True)
        found |= {("report", pk) for pk in unread}
    if ids := wanted.get("finding"):
        heads = Finding.objects.filter(pk__in=ids, root=None, state__in=OPEN_FINDINGS)
        found |= {("finding", pk) for pk in heads.values_list("pk", flat=True)}
    return found


def sitting_of(session: ReadingSession, cards: Collection[Waiting], *, shown_next: int = 5) -> Sitting:
    """The session as it stands, in a fixed number of queries whatever its length; writes nothing."""
    needed = ("session_id", "position", "kind", "subject_id", "verdict", "seconds", "settled_at", "effect")
    rows = list(session.items.only(*needed))
    waiting = [row for row in rows if row.verdict == Verdict.WAITING]
    live = still_open(waiting, cards)
    here = [row for row in waiting if (row.kind, row.subject_id) in live]
    elsewhere = tuple(row for row in waiting if (row.kind, row.subject_id) not in live)
    done = [row for row in rows if row.verdict not in (Verdict.WAITING, Verdict.LEFT)]
    ids = [row.pk for row in here[: shown_next + 1]]
    shown = list(session.items.filter(pk__in=ids).select_related("item__project"))
    return Sitting(
        session=session,
        total=len(rows),
        settled=len(rows) - len(here),
        current=shown[0] if shown else None,
        next_up=tuple(shown[1:]),
        seconds_left=pace.seconds_for((row.kind for row in here), paces_of(session.user_id)),
        settled_elsewhere=elsewhere,
        last_settled=max(done, key=lambda row: (row.settled_at, row.pk), default=None),
    )


def outcome_of(session: ReadingSession) -> Outcome:
    """Its items by what became of them, in the order in which they were read."""
    by: dict[str, list[SessionItem]] = {}
    for row in session.items.select_related("item__project"):
        by.setdefault(row.verdict, []).append(row)
    open_ = (Verdict.LATER, Verdict.SKIPPED, Verdict.LEFT, Verdict.WAITING)
    left = sorted((row for verdict in open_ for row in by.get(verdict, [])), key=lambda row: row.position)
    return Outcome(
        tuple(by.get(Verdict.DECIDED, [])),
        tuple(by.get(Verdict.READ, [])),
        tuple(left),
        tuple(by.get(Verdict.GONE, [])),
    )


def past_sessions(user_id: int, count: int = 10) -> QuerySet[ReadingSession]:
    """Closed sessions, newest first."""
    return ReadingSession.objects.filter(user_id=user_id, state=SessionState.CLOSED).order_by("-pk")[:count]


def raw_read_of(user_id: int, week: dt.date | None = None) -> RawRead | None:
    """The raw read of a week, or the newest."""
    rows = RawRead.objects.filter(user_id=user_id)
    return (rows.filter(week=week) if week else rows).first()
