"""What may interrupt a person: nearly nothing in quiet time, output never, data loss and the like always."""

import datetime as dt
import itertools

import pytest

from leadroom.reading.enums import Cause, Interrupts
from leadroom.reading.models import ReadingHours
from leadroom.reading.rules import is_quiet, is_urgent, may_interrupt
from leadroom.triage.enums import Severity
from tests import factories as f
from tests.support.sittings import TUESDAY, hours_for, reader

QUIET = [{"start": "09:00", "end": "12:00", "days": [0, 1, 2, 3, 4]}]
MORNING = TUESDAY.replace(hour=10)
BREAKS_THROUGH = {
    *((Cause.SPEND_CAP, severity) for severity in Severity.values),
    *((Cause.READ_ONLY_FAILURE, severity) for severity in Severity.values),
    (Cause.DATA_LOSS, "critical"),
    (Cause.SECURITY, "critical"),
}


def hours(**changes: object) -> ReadingHours:
    given = {"zone": "UTC", "quiet": QUIET, "changed_at": f.NOW, "last_on": f.NOW.date(), **changes}
    return ReadingHours(**given)  # type: ignore[arg-type]


def test_the_whole_table_of_what_is_urgent() -> None:
    product = itertools.product(Cause, [*Severity.values, "", "made up"])
    assert {pair for pair in product if is_urgent(*pair)} == BREAKS_THROUGH


@pytest.mark.parametrize("at", [MORNING, TUESDAY])
def test_what_is_urgent_comes_at_any_time(at: dt.datetime) -> None:
    for cause, severity in BREAKS_THROUGH:
        assert may_interrupt(hours(), at, cause=cause, severity=severity)


def test_quiet_time_holds_back_what_needs_input_and_afterwards_it_may_come() -> None:
    assert not may_interrupt(hours(), MORNING, needs_input=True)
    assert "counted" in may_interrupt(hours(), MORNING, needs_input=True).reason
    assert may_interrupt(hours(), TUESDAY.replace(hour=12), needs_input=True)


def test_output_never_interrupts() -> None:
    assert not may_interrupt(hours(quiet=[]), TUESDAY, cause=Cause.OTHER, severity="critical")


def test_somebody_may_want_only_what_is_urgent() -> None:
    assert not may_interrupt(hours(interrupts=Interrupts.URGENT), TUESDAY, needs_input=True)


@pytest.mark.django_db
def test_a_user_is_as_good_as_their_hours_and_without_hours_nothing_is_quiet() -> None:
    user = reader()
    assert not is_quiet(user, MORNING)
    assert may_interrupt(user, MORNING, needs_input=True)
    hours_for(user, quiet=QUIET)
    assert is_quiet(user, MORNING)
    assert not may_interrupt(user, MORNING, needs_input=True)
    assert not is_quiet(user, TUESDAY)
