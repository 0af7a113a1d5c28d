"""Windows over six zones and three years: one session per local date and window, never two, never none."""

import datetime as dt
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadroom.lib.errors import BadInput
from leadroom.reading import windows as w

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # its clocks change by half an hour
    "Africa/Casablanca",  # winter time in mid-year, in Ramadan
    "America/Havana",  # its clocks change at midnight
    "Asia/Kathmandu",  # never, and a quarter of an hour off
)
FIRST, LAST = dt.date(2025, 1, 1), dt.date(2027, 12, 31)
EVERY_DAY = frozenset(range(7))
DAY = dt.timedelta(days=1)
EVERY = dt.timedelta(hours=4)

times = st.times(max_value=dt.time(23, 59)).map(lambda time: time.replace(second=0, microsecond=0))
days = st.frozensets(st.integers(0, 6), min_size=1)


@st.composite
def some_windows(draw: st.DrawFn) -> list[w.Window]:
    made = []
    for _ in range(draw(st.integers(1, 3))):
        start, end = draw(st.tuples(times, times).filter(lambda pair: pair[0] != pair[1]))
        made.append(w.Window(min(start, end), max(start, end), draw(days)))
    return made


def walk(windows: list[w.Window], zone: ZoneInfo, looks: list[dt.datetime], place: w.Place) -> list[w.Due]:
    """Every session that a clock looked at in these moments makes."""
    found = []
    for now in looks:
        if due := w.due(windows, zone, place, now):
            found.append(due)
            place = due.occurrence.place
    return found


def midnight(on: dt.date, zone: ZoneInfo) -> dt.datetime:
    return w.instant(on, dt.time(0), zone)


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("start", [dt.time(0, 0), dt.time(0, 30), dt.time(2, 30), dt.time(17, 0), dt.time(23, 30)])
def test_each_local_date_of_three_years_has_one_session(name: str, start: dt.time) -> None:
    """A clock that looks every four hours; gaps and overlaps of the zone are inside these years."""
    zone, end = ZoneInfo(name), (dt.datetime.combine(FIRST, start) + dt.timedelta(minutes=25)).time()
    windows = [w.Window(start, end, EVERY_DAY)]
    begin, stop = midnight(FIRST, zone), midnight(LAST + DAY, zone) + EVERY
    looks = [begin + n * EVERY for n in range(int((stop - begin) / EVERY) + 1)]
    made = walk(windows, zone, looks, (FIRST - DAY, 1))
    dates = [due.occurrence.on for due in made if due.occurrence.on <= LAST]
    assert dates == [FIRST + n * DAY for n in range((LAST - FIRST).days + 1)]
    assert {due.missed for due in made} == {0}
    assert all(due.occurrence.starts_at < due.occurrence.ends_at for due in made)


@settings(max_examples=25, deadline=None)
@given(windows=some_windows(), name=st.sampled_from(ZONES), first=st.dates(FIRST, LAST - 10 * DAY))
def test_every_window_of_every_date_is_taken_or_counted_once(
    windows: list[w.Window], name: str, first: dt.date
) -> None:
    zone = ZoneInfo(name)
    looks = [midnight(first, zone) + n * dt.timedelta(minutes=11) for n in range(9 * 24 * 60 // 11)]
    found = walk(windows, zone, looks, (first - DAY, 9))
    made = [due.occurrence.place for due in found]
    wanted = [o.place for n in range(10) for o in w.occurrences_on(windows, zone, first + n * DAY)]
    assert made == sorted(set(made))
    assert set(made) <= set(wanted)
    assert len(made) + sum(due.missed for due in found) == sum(place <= made[-1] for place in wanted)


@settings(max_examples=100, deadline=None)
@given(windows=some_windows(), name=st.sampled_from(ZONES), on=st.dates(FIRST, LAST))
def test_windows_of_a_date_are_apart_in_order_and_never_empty(windows: list[w.Window], name: str, on: dt.date) -> None:
    found = w.occurrences_on(windows, ZoneInfo(name), on)
    assert [o.slot for o in found] == list(range(1, len(found) + 1))
    assert all(o.starts_at < o.ends_at for o in found)
    assert all(a.ends_at < b.starts_at for a, b in pairwise(found))
    assert bool(found) == any(on.weekday() in window.days for window in windows)


def test_a_time_that_the_clock_skips_is_read_later_and_one_that_comes_twice_first() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    windows = [w.Window(dt.time(2, 15), dt.time(2, 45), EVERY_DAY)]
    (gap,) = w.occurrences_on(windows, berlin, dt.date(2026, 3, 29))
    assert (gap.starts_at, gap.ends_at) == (utc(2026, 3, 29, 1, 15), utc(2026, 3, 29, 1, 45))  # 03:15 to 03:45
    (overlap,) = w.occurrences_on(windows, berlin, dt.date(2026, 10, 25))
    assert (overlap.starts_at, overlap.ends_at) == (utc(2026, 10, 25, 0, 15), utc(2026, 10, 25, 0, 45))


def test_overlapping_and_touching_windows_are_one() -> None:
    utc_zone = ZoneInfo("UTC")
    windows = [
        w.Window(dt.time(9), dt.time(10), EVERY_DAY),
        w.Window(dt.time(9, 30), dt.time(11), EVERY_DAY),
        w.Window(dt.time(11), dt.time(11, 30), EVERY_DAY),
    ]
    (found,) = w.occurrences_on(windows, utc_zone, FIRST)
    assert (found.starts_at.hour, found.ends_at.hour, found.ends_at.minute) == (9, 11, 30)


def test_asleep_for_three_days_is_one_catch_up() -> None:
    zone = ZoneInfo("Europe/Berlin")
    windows = [w.Window(dt.time(17), dt.time(18), EVERY_DAY)]
    made = walk(
        windows, zone, [utc(2026, 11, 16, 12), utc(2026, 11, 19, 12), utc(2026, 11, 19, 16)], (dt.date(2026, 11, 15), 1)
    )
    assert [(due.occurrence.on.day, due.missed) for due in made] == [(18, 2), (19, 0)]


def test_moving_zones_in_mid_day_makes_no_second_session_and_loses_none() -> None:
    """Berlin, then New York after the session; Tokyo before it, where today's window is over already."""
    windows = [w.Window(dt.time(17), dt.time(18), EVERY_DAY)]
    berlin, york, tokyo = (ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Asia/Tokyo"))
    done = w.due(windows, berlin, (dt.date(2026, 11, 21), 1), utc(2026, 11, 22, 16, 30))
    assert done is not None
    assert w.due(windows, york, done.occurrence.place, utc(2026, 11, 22, 23)) is None
    late = w.due(windows, tokyo, (dt.date(2026, 11, 21), 1), utc(2026, 11, 22, 15, 30))  # half past midnight there
    assert late is not None
    assert late.occurrence.place == (dt.date(2026, 11, 22), 1)


def test_quiet_time_may_go_through_midnight() -> None:
    zone = ZoneInfo("America/New_York")
    nights = [w.Window(dt.time(22), dt.time(7), frozenset({4}))]  # Friday night
    assert w.covering(nights, zone, utc(2026, 11, 21, 11, 59))
    assert not w.covering(nights, zone, utc(2026, 11, 21, 12))
    assert not w.covering(nights, zone, utc(2026, 11, 20, 11))
    joined = [*nights, w.Window(dt.time(7), dt.time(9), frozenset({5}))]
    assert w.covering(joined, zone, utc(2026, 11, 21, 11)) == (utc(2026, 11, 21, 3), utc(2026, 11, 21, 14))


@pytest.mark.parametrize(
    "plain",
    [
        {},
        {"start": "17:00", "end": "18:00"},
        {"start": "25:00", "end": "18:00", "days": [1]},
        {"start": "17:00", "end": "17:00", "days": [1]},
        {"start": "17:00", "end": "18:00", "days": []},
        {"start": "17:00", "end": "18:00", "days": [7]},
        {"start": "17:00", "end": "18:00", "days": "x"},
        {"start": "17:00+02:00", "end": "18:00", "days": [1]},
    ],
)
def test_what_is_no_window_is_refused_with_a_sentence(plain: dict) -> None:
    with pytest.raises(BadInput, match="window"):
        w.window_of(plain)


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[arg-type]
