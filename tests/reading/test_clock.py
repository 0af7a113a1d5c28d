"""The clock: what becomes ready, what is closed for nobody came, what a slept machine catches up."""

import datetime as dt

import pytest

from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.reading import actions
from leadroom.reading.clock import look
from leadroom.reading.enums import Ending, Interrupts, SessionState
from leadroom.reading.models import RawRead, ReadingHours, ReadingSession
from tests import factories as f
from tests.support.sittings import TUESDAY, WINDOW, file_reports, hours_for, make_sitting, reader

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


def states() -> list[tuple[int, str, str]]:
    return [(s.on.day, s.state, s.ending) for s in ReadingSession.objects.order_by("pk")]


def test_a_session_is_ready_when_its_window_begins_and_not_twice() -> None:
    hours_for(reader())
    look(TUESDAY - dt.timedelta(seconds=1))
    assert states() == []
    look(TUESDAY)
    look(TUESDAY + dt.timedelta(seconds=20))
    assert states() == [(24, "SCHEDULED", "")]


def test_hours_that_break_keep_nobody_else_waiting() -> None:
    broken, other = reader(), reader()
    hours_for(broken, windows=[{"start": "late"}])
    hours_for(other)
    look(TUESDAY)
    assert [s.user for s in ReadingSession.objects.all()] == [other]


def test_who_never_set_hours_gets_the_default_and_nothing_of_the_past() -> None:
    user = reader()
    look(TUESDAY + dt.timedelta(minutes=5))
    assert states() == []
    assert ReadingHours.objects.get(user=user).last_place == (dt.date(2026, 11, 24), 1)
    look(TUESDAY + DAY)
    assert states() == [(25, "SCHEDULED", "")]


def test_a_viewer_and_somebody_who_left_have_no_sessions() -> None:
    user = reader()
    f.make_viewer(user.memberships.get().project)
    user.is_active = False
    user.save()
    look(TUESDAY)
    assert not ReadingHours.objects.exists()


def test_nobody_came_so_the_next_window_closes_it() -> None:
    user = reader()
    hours_for(user)
    file_reports(user, 1)
    for day in range(3):
        look(TUESDAY + day * DAY)
    assert states() == [(24, "CLOSED", Ending.MISSED), (25, "CLOSED", Ending.MISSED), (26, "SCHEDULED", "")]


def test_asleep_for_three_days_there_is_one_session_that_says_so() -> None:
    user = reader()
    hours_for(user)
    file_reports(user, 2)
    look(TUESDAY + 3 * DAY - dt.timedelta(hours=4))  # Friday noon: Tuesday, Wednesday and Thursday passed
    session = ReadingSession.objects.get()
    assert (session.on.day, session.missed) == (26, 2)
    look(TUESDAY + 3 * DAY)
    assert [day for day, *_ in states()] == [26, 27]


def test_with_nothing_waiting_it_is_over_with_its_window() -> None:
    hours_for(reader())
    look(TUESDAY)
    look(TUESDAY + dt.timedelta(hours=1))
    assert states() == [(24, "CLOSED", Ending.EMPTY)]


def test_a_session_in_use_is_not_closed_under_the_hand_and_one_left_lying_is() -> None:
    session = make_sitting(2)
    next_window = TUESDAY + DAY
    ReadingSession.objects.filter(pk=session.pk).update(since=next_window - dt.timedelta(minutes=5))
    look(next_window)
    assert states() == [(24, "OPEN", "")]
    look(next_window + dt.timedelta(hours=2))
    assert states() == [(24, "CLOSED", Ending.STALE), (25, "SCHEDULED", "")]


def test_a_move_to_another_zone_in_mid_session_leaves_it_open_and_makes_no_second() -> None:
    session = make_sitting(2)
    actions.set_hours(**settings_for(session, zone="America/New_York"))
    look(TUESDAY + dt.timedelta(hours=5))  # 17:00 in New York on the same date
    session.refresh_from_db()
    assert (session.state, session.zone) == (SessionState.OPEN, "UTC")
    actions.close(session=session, by=f.human(session.user), now=TUESDAY + dt.timedelta(hours=5))
    look(TUESDAY + dt.timedelta(hours=6))
    assert len(states()) == 1
    look(TUESDAY + dt.timedelta(hours=29))
    assert [day for day, *_ in states()] == [24, 25]


def test_a_window_added_in_the_evening_is_not_caught_up() -> None:
    session = make_sitting(1)
    actions.close(session=session, by=f.human(session.user), now=TUESDAY)
    windows = [{"start": "09:00", "end": "10:00", "days": [1, 2]}, WINDOW]
    actions.set_hours(**{**settings_for(session), "reading": windows, "now": TUESDAY + dt.timedelta(hours=3)})
    look(TUESDAY + dt.timedelta(hours=4))
    assert [day for day, *_ in states()] == [24]
    look(TUESDAY + dt.timedelta(hours=16))
    assert [day for day, *_ in states()] == [24, 25]


def test_hours_set_for_the_first_time_in_the_evening_begin_tomorrow() -> None:
    user = reader()
    evening = TUESDAY + dt.timedelta(hours=3)
    given = {"user_id": user.pk, "zone": "UTC", "reading": [WINDOW], "quiet": [], "is_mailed": True, "budget": 15}
    given |= {"interrupts": Interrupts.URGENT, "weights": {}, "by": f.human(user), "now": evening}
    actions.set_hours(**given)
    look(evening)
    assert states() == []
    look(TUESDAY + DAY)
    assert [day for day, *_ in states()] == [25]


def test_two_workers_make_one_session() -> None:
    user = reader()
    hours, again = hours_for(user), ReadingHours.objects.get(user=user)
    assert actions.make_ready(hours=hours, by=f.PIPELINE, now=TUESDAY) is not None
    ReadingSession.objects.update(state="CLOSED", closed_at=TUESDAY)
    assert actions.make_ready(hours=again, by=f.PIPELINE, now=TUESDAY) is None


def test_a_mail_server_that_is_away_costs_no_session(settings: object, caplog: pytest.LogCaptureFixture) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # type: ignore[attr-defined]
    user = reader()
    hours_for(user, is_mailed=True)
    look(TUESDAY)
    assert "was not mailed" in caplog.text
    assert states() == [(24, "SCHEDULED", "")]


def test_overlapping_windows_make_one_session() -> None:
    hours_for(reader(), windows=[WINDOW, {"start": "17:30", "end": "19:00", "days": [1]}])
    look(TUESDAY)
    session = ReadingSession.objects.get()
    assert (session.ends_at - session.due_at) == dt.timedelta(hours=2)
    actions.close_for(session=session, ending=Ending.MISSED, by=f.PIPELINE, now=TUESDAY)
    look(TUESDAY + dt.timedelta(minutes=45))
    assert len(states()) == 1


def test_the_first_session_of_a_week_draws_the_raw_read() -> None:
    user = reader()
    hours_for(user)
    file_reports(user, 3)
    look(TUESDAY)
    assert RawRead.objects.get().items.count() == 3


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"zone": "Middle/Earth"}, "time zone"),
        ({"reading": []}, "one to 3"),
        ({"reading": [WINDOW] * 4}, "one to 3"),
        ({"reading": [{"start": "x", "end": "18:00", "days": [1]}]}, "window"),
        ({"quiet": [{"start": "00:00", "end": "23:59", "days": [1]}]}, "16 hours"),
        ({"budget": 0}, "1 to 100"),
        ({"weights": {"plan": -1.0}}, "weight"),
    ],
)
def test_hours_that_make_no_sense_are_refused(changes: dict, says: str) -> None:
    session = make_sitting(1)
    before = ReadingHours.objects.values().get()
    with pytest.raises(BadInput, match=says):
        actions.set_hours(**{**settings_for(session), **changes})
    assert ReadingHours.objects.values().get() == before


def test_nobody_sets_the_hours_of_another() -> None:
    session = make_sitting(1)
    with pytest.raises(NotPermitted):
        actions.set_hours(**{**settings_for(session), "by": f.human(f.make_user())})


def settings_for(session: ReadingSession, *, zone: str = "UTC") -> dict:
    return {
        "user_id": session.user_id,
        "zone": zone,
        "reading": [WINDOW],
        "quiet": [],
        "interrupts": Interrupts.NEEDS_INPUT,
        "is_mailed": False,
        "budget": 15,
        "weights": {},
        "by": f.human(session.user),
        "now": TUESDAY,
    }
