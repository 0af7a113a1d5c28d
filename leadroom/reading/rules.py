"""What may interrupt a person, and what may be done to a session. The sentence raised is the button's tooltip."""

import datetime as dt

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from leadroom.lib.verdicts import Verdict as Answer
from leadroom.reading.enums import Cause, Interrupts
from leadroom.reading.models import ReadingHours
from leadroom.reading.windows import covering
from leadroom.triage.enums import Severity

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
