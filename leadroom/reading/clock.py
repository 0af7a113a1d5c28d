"""One look at the clock: makes ready what is due, closes what nobody came to, draws the week's sample, sends digests.

Idempotent: looked at twice, the second look does nothing. The moment is passed in.
"""

import datetime as dt
import logging

from django.contrib.auth.models import User

from leadroom.lib.actors import system
from leadroom.reading import actions, rules, windows
from leadroom.reading.digest import send_digest
from leadroom.reading.enums import Verdict
from leadroom.reading.gathering import gather
from leadroom.reading.models import ReadingHours, ReadingSession
from leadroom.reading.sessions import led_project_ids, live_session, readers

CLOCK = system("clock")
log = logging.getLogger(__name__)


def look(now: dt.datetime) -> None:
    """For every person who has sessions. What breaks for one is logged and does not keep the others waiting."""
    people = list(readers())
    stored = {hours.user_id: hours for hours in ReadingHours.objects.filter(user__in=people)}
    for user in people:
        try:
            hours = stored.get(user.pk) or actions.begin_hours(user_id=user.pk, by=CLOCK, now=now)
            look_for(user, hours, now)
        except Exception:
            log.exception("the clock broke for person %s", user.pk)


def look_for(user: User, hours: ReadingHours, now: dt.datetime) -> None:
    """For one person."""
    session = live_session(user.pk)
    if session is not None:
        _close(session, user, hours, now)
    session = actions.make_ready(hours=hours, by=CLOCK, now=now)
    if session is None:
        return
    actions.draw_raw_read(user=user, zone=hours.tz, by=CLOCK, now=now)
    if hours.is_mailed and user.email and actions.note_mailed(session=session, by=CLOCK, now=now):
        _mail(session, now)


def _mail(session: ReadingSession, now: dt.datetime) -> None:
    """A mail server that is away costs a mail, never a session."""
    try:
        send_digest(session, now=now)
    except OSError as error:
        log.warning("the digest of session %s was not mailed: %s", session.pk, error)


def _close(session: ReadingSession, user: User, hours: ReadingHours, now: dt.datetime) -> None:
    coming = windows.following(hours.reading_windows, hours.tz, hours.last_place)
    ends = session.ends_at <= now and session.state == "SCHEDULED"
    ending = rules.ending_of(
        session,
        next_starts_at=coming.starts_at if coming else None,
        now=now,
        is_empty=ends and not gather(led_project_ids(user), user_id=user.pk, now=now),
        is_over=not session.items.filter(verdict=Verdict.WAITING).exists(),
    )
    if ending is not None:
        actions.close_for(session=session, ending=ending, by=CLOCK, now=now)
