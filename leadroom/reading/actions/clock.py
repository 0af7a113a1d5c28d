"""Writes of the clock: a session is made ready when its window begins, and closed when nobody came."""

import datetime as dt

from django.db import IntegrityError, transaction

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.errors import Conflict
from leadroom.live.news import publish
from leadroom.reading import windows
from leadroom.reading.enums import SESSIONS, Ending, SessionState, Verdict
from leadroom.reading.models import ReadingHours, ReadingSession, SessionItem
from leadroom.reading.windows import Occurrence


@transaction.atomic
def make_ready(*, hours: ReadingHours, by: Actor, now: dt.datetime) -> ReadingSession | None:
    """The session of the window that has begun; None when there is none, one is live already, or another was first.

    Windows that passed unseen (a machine that slept) are counted in this one, never caught up singly.
    """
    found = windows.due(hours.reading_windows, hours.tz, hours.last_place, now)
    if found is None or ReadingSession.objects.filter(user_id=hours.user_id).exclude(state="CLOSED").exists():
        return None
    try:
        with transaction.atomic():  # the place is taken and the session made, or neither
            session = _take(hours, found.occurrence, missed=found.missed)
    except (Conflict, IntegrityError):
        return None
    hours.last_on, hours.last_slot = found.occurrence.place
    payload = {"on": str(session.on), "slot": session.slot, "missed": session.missed}
    subject = f"reading.session:{session.pk}"
    record(by=by, now=now, verb="reading.session.made_ready", subject=subject, payload=payload)
    publish("room", "session", session.pk)
    return session


def _take(hours: ReadingHours, occurrence: Occurrence, *, missed: int) -> ReadingSession:
    """Moves the person's place on and makes its session. Raises Conflict or IntegrityError when another was first."""
    mine = ReadingHours.objects.filter(pk=hours.pk, last_on=hours.last_on, last_slot=hours.last_slot)
    if not mine.update(last_on=occurrence.on, last_slot=occurrence.slot):
        raise Conflict("This window was taken meanwhile.")
    return ReadingSession.objects.create(
        user_id=hours.user_id,
        on=occurrence.on,
        slot=occurrence.slot,
        zone=hours.zone,
        missed=missed,
        due_at=occurrence.starts_at,
        ends_at=occurrence.ends_at,
    )


@transaction.atomic
def close_for(*, session: ReadingSession, ending: Ending, by: Actor, now: dt.datetime) -> bool:
    """Close a session for a reason; what it had not come to is left for the next. False when it was closed already."""
    SESSIONS.check_move(session.state, SessionState.CLOSED)
    mine = ReadingSession.objects.filter(pk=session.pk, state=session.state)
    if not mine.update(state=SessionState.CLOSED, closed_at=now, ending=ending, since=None, step=session.step + 1):
        return False
    left = SessionItem.objects.filter(session=session, verdict=Verdict.WAITING)
    count = left.update(verdict=Verdict.LEFT, settled_at=now)
    session.refresh_from_db()
    payload = {"ending": ending, "left": count}
    subject = f"reading.session:{session.pk}"
    record(by=by, now=now, verb="reading.session.closed", subject=subject, payload=payload)
    publish("room", "session", session.pk)
    return True
