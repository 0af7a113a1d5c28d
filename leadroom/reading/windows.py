"""Mathematics of windows: spans of local time on days of the week. Pure; the clock and the zone are passed in.

A local time that a change to summer time skips is read with the offset before the change, so it lies as much later
as the clock jumps (PEP 495, fold 0); one that occurs twice is its first occurrence. Start and end are read alike, so
no window is lost or turned around.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from leadroom.lib.errors import BadInput

DAY = dt.timedelta(days=1)
LOOK_AHEAD_DAYS = 8
"""A week and a day: a pattern of weekdays that has no occurrence within it has none at all."""
WEEK = range(7)
Place = tuple[dt.date, int]
"""A local date and the ordinal of a window on it, from 1. Sessions go through places in this order, each once."""


@dataclass(frozen=True)
class Window:
    """A span of local time on some weekdays (0 is Monday). An end at or before the start lies on the next day."""

    start: dt.time
    end: dt.time
    days: frozenset[int]

    def plain(self) -> dict[str, Any]:
        return {"start": f"{self.start:%H:%M}", "end": f"{self.end:%H:%M}", "days": sorted(self.days)}


@dataclass(frozen=True)
class Occurrence:
    """One window on one local date, in UTC."""

    on: dt.date
    slot: int
    starts_at: dt.datetime
    ends_at: dt.datetime

    @property
    def place(self) -> Place:
        return (self.on, self.slot)


@dataclass(frozen=True)
class Due:
    """The window whose time has come, and how many before it passed unseen (a machine that slept)."""

    occurrence: Occurrence
    missed: int


def window_of(plain: Mapping[str, Any]) -> Window:
    """`{"start": "17:00", "end": "18:00", "days": [0, 1]}` read. Raises BadInput for anything else."""
    try:
        start, end = (dt.time.fromisoformat(str(plain[name])) for name in ("start", "end"))
        days = frozenset(int(day) for day in plain["days"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput("A window has a start and an end such as 17:00, and weekdays; nothing was stored.") from error
    if start.tzinfo or end.tzinfo or start == end or not days or not days <= set(WEEK):
        raise BadInput("A window starts and ends at two different times and has at least one weekday; nothing stored.")
    return Window(start.replace(microsecond=0), end.replace(microsecond=0), days)


def instant(on: dt.date, time: dt.time, zone: ZoneInfo) -> dt.datetime:
    """The local time on that date in UTC."""
    return dt.datetime.combine(on, time, tzinfo=zone).astimezone(dt.UTC)


def occurrences_on(windows: Iterable[Window], zone: ZoneInfo, on: dt.date) -> list[Occurrence]:
    """The windows of one local date in the order of their starts; those that overlap or touch are one."""
    spans: list[tuple[dt.datetime, dt.datetime]] = []
    for start, end in sorted(_spans_on(windows, zone, on)):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return [Occurrence(on, slot, start, end) for slot, (start, end) in enumerate(spans, start=1)]


def _spans_on(windows: Iterable[Window], zone: ZoneInfo, on: dt.date) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    for window in windows:
        if on.weekday() in window.days:
            last = on if window.end > window.start else on + DAY
            yield instant(on, window.start, zone), instant(last, window.end, zone)


def following(windows: Sequence[Window], zone: ZoneInfo, after: Place) -> Occurrence | None:
    """The next occurrence after a place, None when there is no window on any day."""
    for days in range(LOOK_AHEAD_DAYS + 1):
        for occurrence in occurrences_on(windows, zone, after[0] + days * DAY):
            if occurrence.place > after:
                return occurrence
    return None


def due(windows: Sequence[Window], zone: ZoneInfo, after: Place, now: dt.datetime) -> Due | None:
    """The last occurrence after a place that has begun. Earlier ones it stands for are counted, never caught up singly.

    Places only grow, so a date has each window once whatever the zone does; each place is taken or counted, so none is
    lost.
    """
    found: Due | None = None
    occurrence = following(windows, zone, after)
    while occurrence is not None and occurrence.starts_at <= now:
        found = Due(occurrence, found.missed + 1 if found else 0)
        occurrence = following(windows, zone, occurrence.place)
    return found


def upcoming(windows: Sequence[Window], zone: ZoneInfo, after: Place, now: dt.datetime) -> Occurrence | None:
    """The next occurrence after a place that has not begun yet."""
    occurrence = following(windows, zone, after)
    while occurrence is not None and occurrence.starts_at <= now:
        occurrence = following(windows, zone, occurrence.place)
    return occurrence


def before_now(windows: Sequence[Window], zone: ZoneInfo, now: dt.datetime) -> Place:
    """The place from which only windows still to begin follow: where somebody starts who has no session yet."""
    today = now.astimezone(zone).date()
    begun = [o.slot for o in occurrences_on(windows, zone, today) if o.starts_at <= now]
    return (today, max(begun, default=0))


def covering(windows: Iterable[Window], zone: ZoneInfo, at: dt.datetime) -> tuple[dt.datetime, dt.datetime] | None:
    """The span, windows that overlap or touch taken together, that covers a moment; the end is not part of it."""
    today = at.astimezone(zone).date()
    spans = sorted(span for days in (-1, 0, 1) for span in _spans_on(windows, zone, today + days * DAY))
    start: dt.datetime | None = None
    end = dt.datetime.min.replace(tzinfo=dt.UTC)
    for begins, ends in spans:
        if start is not None and begins <= end:
            end = max(end, ends)
            continue
        if start is not None and start <= at < end:
            return start, end
        start, end = begins, ends
    return (start, end) if start is not None and start <= at < end else None
