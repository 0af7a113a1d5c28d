"""What may interrupt a person, and what may be done to a session. The sentence raised is the button's tooltip."""

import datetime as dt
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo, available_timezones

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.lib.verdicts import Verdict as Answer
from leadroom.reading.enums import Cause, Ending, Interrupts, SessionState
from leadroom.reading.models import ReadingHours, ReadingSession
from leadroom.reading.windows import Window, covering, occurrences_on
from leadroom.triage.enums import Hazard, Severity
from leadroom.triage.models import Finding

MOST_WINDOWS = 3
MOST_DECISIONS = 100
MOST_WEIGHT = 10.0
MOST_QUIET = dt.timedelta(hours=16)
IDLE_FOR = dt.timedelta(hours=1)
FINISHED_FOR = dt.timedelta(minutes=10)
Person = AbstractBaseUser | AnonymousUser | ReadingHours

URGENT: dict[Cause, frozenset[str]] = {
    Cause.DATA_LOSS: frozenset({Severity.CRITICAL}),
    Cause.SECURITY: frozenset({Severity.CRITICAL}),
    Cause.SPEND_CAP: frozenset(Severity.values),
    Cause.READ_ONLY_FAILURE: frozenset(Severity.values),
    Cause.OTHER: frozenset(),
}
"""Cause to the severities at which it breaks through. A cap that is reached and a lock that does not hold always do."""


def is_urgent(cause: Cause, severity: str = Severity.CRITICAL) -> bool:
    """Whether this interrupts a person at any time. Total over `Cause` and every text as severity."""
    return severity in URGENT[cause]


_OF_HAZARD = {Hazard.DATA_LOSS: Cause.DATA_LOSS, Hazard.SECURITY: Cause.SECURITY}


def cause_of(finding: Finding) -> Cause:
    """What a finding that leads its group could break through for: the hazard that triage's rule saw in it."""
    return _OF_HAZARD.get(Hazard(finding.hazard), Cause.OTHER)


def quiet_span(person: Person, at: dt.datetime) -> tuple[dt.datetime, dt.datetime] | None:
    """The quiet time of the person that covers a moment (UTC, the end not part of it), None outside.

    `person` is a user, or their hours when they are at hand. Who has set no hours has no quiet time.
    """
    hours = person if isinstance(person, ReadingHours) else ReadingHours.objects.filter(user_id=person.pk or 0).first()
    return covering(hours.quiet_windows, hours.tz, at) if hours is not None else None


def is_quiet(person: Person, at: dt.datetime) -> bool:
    """Whether nothing may ask, badge or notify this person now; one query unless the hours are at hand."""
    return quiet_span(person, at) is not None


def may_interrupt(
    person: Person,
    at: dt.datetime,
    *,
    cause: Cause = Cause.OTHER,
    severity: str = Severity.CRITICAL,
    needs_input: bool = False,
) -> Answer:
    """Whether something may notify this person now; the reason says why, either way.

    | | quiet time | else |
    | urgent (`is_urgent`) | yes | yes |
    | an agent needs their input | no | yes, unless they want only what is urgent |
    | output: reports, findings, what is finished | no | no, it waits for the reading session |
    """
    if is_urgent(cause, severity):
        return Answer(True, f"{cause.label}: this never waits.")
    hours = person if isinstance(person, ReadingHours) else ReadingHours.objects.filter(user_id=person.pk or 0).first()
    if hours is not None and is_quiet(hours, at):
        return Answer(False, "It is quiet time; this is counted and shown afterwards.")
    if not needs_input:
        return Answer(False, "Output waits for the reading session.")
    if hours is not None and hours.interrupts == Interrupts.URGENT:
        return Answer(False, "This person wants to be interrupted only by what is urgent.")
    return Answer(True, "An agent needs input and waits.")


def check_own(user_id: int, by: Actor) -> None:
    """Raises NotPermitted for anybody but the person whose session and hours these are."""
    if not by.is_human or by.id != str(user_id):
        raise NotPermitted("A session and its hours belong to one person; nothing was changed.")


def check_open(session: ReadingSession) -> None:
    """Raises Conflict with the sentence for a page that is older than the session."""
    if session.state == SessionState.PAUSED:
        raise Conflict("This session is paused, maybe in another tab; nothing was changed. Resume it to go on.")
    if session.state == SessionState.CLOSED:
        raise Conflict("This session is over; nothing was changed. Load the page to see how it ended.")
    if session.state != SessionState.OPEN:
        raise Conflict("This session has not begun; nothing was changed. Start it first.")


def check_hours(
    *, zone: str, reading: Sequence[Window], quiet: Sequence[Window], budget: int, weights: Mapping[str, float]
) -> None:
    """Raises BadInput with what is wrong with a person's hours."""
    if zone not in available_timezones():
        raise BadInput(f"{zone[:60]!r} is no time zone; take one such as Europe/Berlin. Nothing was stored.")
    if not 1 <= len(reading) <= MOST_WINDOWS:
        raise BadInput(f"A day has one to {MOST_WINDOWS} reading windows; nothing was stored.")
    if len(quiet) > MOST_WINDOWS:
        raise BadInput(f"There are at most {MOST_WINDOWS} quiet times; nothing was stored.")
    if not 1 <= budget <= MOST_DECISIONS:
        raise BadInput(f"The budget is a number of decisions from 1 to {MOST_DECISIONS}; nothing was stored.")
    if any(not 0 <= weight <= MOST_WEIGHT for weight in weights.values()):
        raise BadInput(f"A weight is a number from 0 to {MOST_WEIGHT}; nothing was stored.")
    fixed = dt.date(2024, 1, 1)
    for day in range(7):
        on = fixed + dt.timedelta(days=day)
        spans = occurrences_on(quiet, ZoneInfo("UTC"), on)
        if sum((span.ends_at - span.starts_at for span in spans), dt.timedelta()) > MOST_QUIET:
            raise BadInput("Quiet time covers at most 16 hours of a day, or nobody is ever asked. Nothing was stored.")


def ending_of(
    session: ReadingSession, *, next_starts_at: dt.datetime | None, now: dt.datetime, is_empty: bool, is_over: bool
) -> Ending | None:
    """How the clock closes a session nobody closed, None while it goes on.

    `next_starts_at` is when the window after it begins, `is_empty` whether nothing waits, `is_over` whether every item
    is settled.
    """
    has_next = next_starts_at is not None and next_starts_at <= now
    if session.state == SessionState.SCHEDULED:
        if has_next:
            return Ending.MISSED
        return Ending.EMPTY if is_empty and now >= session.ends_at else None
    idle = now - (session.since or session.opened_at or session.due_at)
    if is_over and idle >= FINISHED_FOR:
        return Ending.DONE
    if not has_next or (session.state == SessionState.OPEN and idle < IDLE_FOR):
        return None
    return Ending.STALE
