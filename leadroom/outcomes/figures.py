"""The figures of the page by week: pure functions over what queries gave. Their words: definitions.py."""

import datetime as dt
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from zoneinfo import ZoneInfo

from leadroom.lib.shapes import count_of
from leadroom.outcomes.definitions import AFTER_DAYS, DEFINITIONS, ENOUGH, Definition
from leadroom.outcomes.queries import Merged, Sample, Shipped
from leadroom.outcomes.rules import share, worded

HOUR = 3600.0
MOST_FLOWS, MOST_TAGS = 6, 20
T = TypeVar("T")


@dataclass(frozen=True)
class Series:
    """One thing counted by week; None where the week has none. `n` is the denominator of each week."""

    name: str
    unit: str
    values: tuple[float | None, ...]
    n: tuple[int, ...]


@dataclass(frozen=True)
class Figure:
    """One figure: its headline with the denominator, what to know beside it, and its table.

    `plot` is `stack` (series are parts), `range` (low, middle, high), `lines`, or empty where a table says it all.
    """

    key: str
    headline: str
    aside: str = ""
    plot: str = ""
    series: tuple[Series, ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = field(default=())

    @property
    def definition(self) -> Definition:
        return DEFINITIONS[self.key]


@dataclass(frozen=True)
class Weeks:
    """Spans of `step` weeks, each from a Monday in a zone, oldest first."""

    starts: tuple[dt.date, ...]
    zone: ZoneInfo
    step: int = 1

    @property
    def since(self) -> dt.datetime:
        return dt.datetime.combine(self.starts[0], dt.time(), self.zone)

    @property
    def word(self) -> str:
        """What stands before a label."""
        return "Week of" if self.step == 1 else f"{self.step} weeks from"

    @property
    def labels(self) -> list[str]:
        return [f"{day.day} {day:%b}" for day in self.starts]

    def split(self, rows: Iterable[T], at: Callable[[T], dt.datetime]) -> list[list[T]]:
        """Rows by span; one outside all of them is left out."""
        found: list[list[T]] = [[] for _ in self.starts]
        for row in rows:
            place = (at(row).astimezone(self.zone).date() - self.starts[0]).days // (7 * self.step)
            if 0 <= place < len(found):
                found[place].append(row)
        return found


def weeks_until(now: dt.datetime, count: int, zone: ZoneInfo, *, step: int = 1) -> Weeks:
    """The week of `now` and those before it, `count` in all, `step` of them in one span."""
    today = now.astimezone(zone).date()
    end = today - dt.timedelta(days=today.weekday()) + dt.timedelta(weeks=1)
    spans = -(-count // step)
    return Weeks(tuple(end - dt.timedelta(weeks=step * back) for back in range(spans, 0, -1)), zone, step)


def span(seconds: float) -> str:
    """`22 s`, `45 min`, `5.2 h`, `3.1 d`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / HOUR:.1f} h" if seconds < 48 * HOUR else f"{seconds / 24 / HOUR:.1f} d"


def _sums(name: str, unit: str, split: list[list[Shipped]], of: Callable[[Shipped], float]) -> Series:
    return Series(name, unit, tuple(sum(map(of, rows)) for rows in split), tuple(len(rows) for rows in split))


def _table(weeks: Weeks, split: list[list[T]], *cells: Callable[[list[T]], str]) -> tuple[tuple[str, ...], ...]:
    """A row per week that has anything, newest first."""
    rows = zip(weeks.labels, split, strict=True)
    return tuple((label, *(cell(found) for cell in cells)) for label, found in reversed(list(rows)) if found)


def interventions(shipped: Sequence[Shipped], weeks: Weeks) -> Figure:
    split = weeks.split(shipped, lambda row: row.shipped_at)
    unplanned, planned = sum(row.unplanned for row in shipped), sum(row.planned for row in shipped)
    return Figure(
        "interventions",
        worded(unplanned, len(shipped), of="shipped item"),
        f"At planned gates: {worded(planned, len(shipped), of='shipped item')}.",
        "stack",
        (
            _sums("Unplanned", "acts", split, lambda row: row.unplanned),
            _sums("At planned gates", "acts", split, lambda row: row.planned),
        ),
        (weeks.word, "Unplanned", "At planned gates"),
        _table(
            weeks,
            split,
            lambda rows: worded(sum(row.unplanned for row in rows), len(rows)),
            lambda rows: worded(sum(row.planned for row in rows), len(rows)),
        ),
    )


def waiting(shipped: Sequence[Shipped], weeks: Weeks) -> Figure:
    split = weeks.split(shipped, lambda row: row.shipped_at)

    def hours(name: str) -> Callable[[list[Shipped]], str]:
        return lambda rows: worded(sum(getattr(row, name) for row in rows) / HOUR, len(rows), unit="h")

    human = sum(row.human_seconds for row in shipped)
    whole = human + sum(row.worked_seconds + row.machine_seconds for row in shipped)
    return Figure(
        "waiting",
        worded(human / HOUR, len(shipped), of="shipped item", unit="h"),
        f"{100 * human / whole:.0f} % of their whole life of {span(whole)}." if whole else "",
        "stack",
        (
            _sums("Agent worked", "hours", split, lambda row: row.worked_seconds / HOUR),
            _sums("Waited for a human", "hours", split, lambda row: row.human_seconds / HOUR),
            _sums("Waited for the machine", "hours", split, lambda row: row.machine_seconds / HOUR),
        ),
        (weeks.word, "Agent worked", "Waited for a human", "Waited for the machine"),
        _table(weeks, split, hours("worked_seconds"), hours("human_seconds"), hours("machine_seconds")),
    )


def cycle(shipped: Sequence[Shipped], weeks: Weeks) -> Figure:
    reviewed = [row for row in shipped if row.first_review_seconds is not None]
    split = weeks.split(reviewed, lambda row: row.shipped_at)
    seconds = [[row.first_review_seconds or 0.0 for row in rows] for rows in split]
    n = tuple(map(len, split))

    def worked_out(name: str, of: Callable[[list[float]], float]) -> Series:
        return Series(name, "hours", tuple(of(found) / HOUR if found else None for found in seconds), n)

    return Figure(
        "cycle",
        _spread([row.first_review_seconds or 0.0 for row in reviewed]),
        "",
        "range",
        (worked_out("Shortest", min), worked_out("Median", statistics.median), worked_out("Longest", max)),
        (weeks.word, "From request to review"),
        _table(weeks, split, lambda rows: _spread([row.first_review_seconds or 0.0 for row in rows])),
    )


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "no reviewed items"
    ends = f"{span(min(seconds))} to {span(max(seconds))}"
    if len(seconds) < ENOUGH:
        return f"{count_of(len(seconds), 'item')}: {ends}" if len(seconds) > 1 else f"1 item: {span(seconds[0])}"
    return f"median {span(statistics.median(seconds))} ({ends}), n = {len(seconds):,}"


def rework(shipped: Sequence[Shipped], weeks: Weeks) -> Figure:
    split = weeks.split(shipped, lambda row: row.shipped_at)

    def is_back(row: Shipped) -> bool:
        return bool(row.sent_back or row.failed_checks)

    people, checks = sum(row.sent_back for row in shipped), sum(row.failed_checks for row in shipped)
    return Figure(
        "rework",
        share(sum(map(is_back, shipped)), len(shipped), of="shipped item"),
        f"Sent back {count_of(people, 'time')} by a person, {count_of(checks, 'time')} by checks.",
        "stack",
        (
            _sums("Went back", "items", split, lambda row: float(is_back(row))),
            _sums("Went straight through", "items", split, lambda row: float(not is_back(row))),
        ),
        (weeks.word, "Went back", "By a person", "By checks"),
        _table(
            weeks,
            split,
            lambda rows: share(sum(map(is_back, rows)), len(rows)),
            lambda rows: str(sum(row.sent_back for row in rows)),
            lambda rows: str(sum(row.failed_checks for row in rows)),
        ),
    )


def incidents(merges: Sequence[Merged], weeks: Weeks, *, now: dt.datetime) -> Figure:
    split = weeks.split(merges, lambda row: row.merged_at)
    suggested = sum(row.suggested for row in merges)
    open_still = sum(now - row.merged_at < dt.timedelta(days=AFTER_DAYS) for row in merges)
    n = tuple(map(len, split))
    return Figure(
        "incidents",
        worded(sum(row.confirmed for row in merges), len(merges), of="merge"),
        f"{count_of(suggested, 'suggestion')} nobody confirmed yet; {count_of(open_still, 'merge')} still inside "
        f"{AFTER_DAYS} days.",
        "stack",
        (
            Series("Confirmed", "incidents", tuple(float(sum(r.confirmed for r in rows)) for rows in split), n),
            Series("Suggested", "incidents", tuple(float(sum(r.suggested for r in rows)) for rows in split), n),
        ),
        (f"Merged, {weeks.word.lower()}", "Confirmed", "Suggested, not counted"),
        _table(
            weeks,
            split,
            lambda rows: worded(sum(row.confirmed for row in rows), len(rows), of="merge"),
            lambda rows: str(sum(row.suggested for row in rows)),
        ),
    )


def p95(samples: Sequence[Sample], weeks: Weeks) -> Figure:
    often = [flow for flow, _ in Counter(sample.flow for sample in samples).most_common(MOST_FLOWS)]
    series, rows = [], []
    for flow in often:
        mine = [sample for sample in samples if sample.flow == flow]
        split = weeks.split(mine, lambda row: row.at)
        values = [[sample.p95_ms for sample in found] for found in split]
        middle = tuple(statistics.median(found) if found else None for found in values)
        series.append(Series(flow, "ms", middle, tuple(map(len, split))))
        last = next((found for found in reversed(values) if found), [])
        every = [sample.p95_ms for sample in mine]
        rows.append(
            (flow, f"{statistics.median(last):,.0f} ms" if last else "none", f"{max(every):,.0f} ms", f"{len(mine):,}")
        )
    left = len({sample.flow for sample in samples}) - len(often)
    return Figure(
        "p95",
        f"{count_of(len(often) + left, 'flow')}, {count_of(len(samples), 'sample')}" if samples else "no samples",
        f"{left} flows with fewer samples are not drawn." if left else "",
        "lines",
        tuple(series),
        ("Flow", "Latest week", "Worst", "Samples"),
        tuple(rows),
    )


def tickets(tags: Sequence[Sequence[str]]) -> Figure:
    counted = Counter(tag for found in tags for tag in set(found))
    untagged = sum(not found for found in tags)
    return Figure(
        "tickets",
        count_of(len(tags), "ticket") if tags else "no tickets",
        f"{untagged} without a tag." if untagged else "",
        columns=("Tag", "Tickets"),
        rows=tuple(
            (tag, share(n, len(tags), of="ticket")) for tag, n in sorted(counted.items(), key=_most)[:MOST_TAGS]
        ),
    )


def _most(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


def attention(shipped: Sequence[Shipped], weeks: Weeks) -> Figure:
    split = weeks.split(shipped, lambda row: row.shipped_at)

    def ratio(rows: Sequence[Shipped]) -> str:
        align, review = sum(row.align_seconds for row in rows), sum(row.review_seconds for row in rows)
        hours = f"{align / HOUR:,.1f} h : {review / HOUR:,.1f} h"
        if len(rows) < ENOUGH or not align:
            return f"{hours} in {count_of(len(rows), 'item')}" if rows else "no shipped items"
        return f"1 : {review / align:.1f} ({hours}), n = {len(rows):,}"

    return Figure(
        "attention",
        ratio(shipped),
        "",
        "stack",
        (
            _sums("Alignment", "hours", split, lambda row: row.align_seconds / HOUR),
            _sums("Review", "hours", split, lambda row: row.review_seconds / HOUR),
        ),
        (weeks.word, "Alignment : review"),
        _table(weeks, split, ratio),
    )


def cost(shipped: Sequence[Shipped], weeks: Weeks) -> Figure:
    split = weeks.split(shipped, lambda row: row.shipped_at)

    def tokens(rows: Sequence[Shipped]) -> str:
        return worded(sum(row.input_tokens + row.output_tokens for row in rows), len(rows), unit="tokens")

    def dollars(rows: Sequence[Shipped]) -> str:
        priced = [row.cost_micros for row in rows if row.cost_micros is not None]
        if not priced:
            return "no prices set"
        total, n = sum(priced) / 1e6, len(priced)
        if n < ENOUGH:
            return f"${total:,.2f} in {n} of {count_of(len(rows), 'item')}"
        return f"${total / n:,.2f} per item, n = {n:,} of {len(rows):,}"

    return Figure(
        "cost",
        tokens(shipped),
        dollars(shipped).capitalize() + "." if shipped else "",
        "stack",
        (
            _sums("Input tokens", "tokens", split, lambda row: row.input_tokens),
            _sums("Output tokens", "tokens", split, lambda row: row.output_tokens),
        ),
        (weeks.word, "Tokens", "Cost"),
        _table(weeks, split, tokens, dollars),
    )
