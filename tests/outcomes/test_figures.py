"""The figures of the page from rows worked out by hand."""

import datetime as dt
from zoneinfo import ZoneInfo

from leadroom.outcomes import figures
from leadroom.outcomes.figures import weeks_until
from leadroom.outcomes.queries import Merged, Sample, Shipped

UTC = ZoneInfo("UTC")
NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)  # a Sunday
WEEKS = weeks_until(NOW, 3, UTC)
HOUR = 3600.0


def item(day: int, *, hour: int = 12, **changes: object) -> Shipped:
    fields = {
        "shipped_at": dt.datetime(2026, 11, day, hour, tzinfo=dt.UTC),
        "planned": 4,
        "unplanned": 1,
        "worked_seconds": 2 * HOUR,
        "human_seconds": HOUR,
        "machine_seconds": 0.5 * HOUR,
        "align_seconds": 0.25 * HOUR,
        "review_seconds": 0.5 * HOUR,
        "first_review_seconds": 3 * HOUR,
        "sent_back": 0,
        "failed_checks": 0,
        "input_tokens": 1_000,
        "output_tokens": 100,
        "cost_micros": None,
        **changes,
    }
    return Shipped(**fields)  # type: ignore[arg-type]


THREE = [item(4), item(17, unplanned=3, sent_back=1), item(22, first_review_seconds=50 * HOUR, cost_micros=250_000)]


def test_weeks_begin_on_monday_in_the_leads_zone() -> None:
    assert WEEKS.starts == (dt.date(2026, 11, 2), dt.date(2026, 11, 9), dt.date(2026, 11, 16))
    late = dt.datetime(2026, 11, 22, 23, 30, tzinfo=dt.UTC)
    assert weeks_until(late, 1, ZoneInfo("Asia/Tokyo")).starts == (dt.date(2026, 11, 23),)


def test_a_long_time_takes_several_weeks_into_one() -> None:
    year = weeks_until(NOW, 52, UTC, step=4)
    assert len(year.starts) == 13
    assert year.starts[-1] == dt.date(2026, 10, 26)
    assert year.word == "4 weeks from"
    rows = [dt.datetime(2026, 10, 26, tzinfo=dt.UTC), NOW, dt.datetime(2026, 10, 25, 23, tzinfo=dt.UTC)]
    assert [len(found) for found in year.split(rows, lambda at: at)][-2:] == [1, 2]


def test_interventions_are_split_and_counted_by_week() -> None:
    found = figures.interventions(THREE, WEEKS)
    assert found.headline == "5 in 3 shipped items"
    assert found.aside == "At planned gates: 12 in 3 shipped items."
    unplanned, planned = found.series
    assert (unplanned.values, unplanned.n) == ((1, 0, 4), (1, 0, 2))
    assert planned.values == (4, 0, 8)
    assert found.rows == (("16 Nov", "4 in 2 items", "8 in 2 items"), ("2 Nov", "1 in 1 item", "4 in 1 item"))


def test_from_twenty_on_rates_with_their_denominator() -> None:
    found = figures.interventions([item(18)] * 20, WEEKS)
    assert found.headline == "1 per shipped item, n = 20"


def test_hours_waited_beside_the_whole_life() -> None:
    found = figures.waiting(THREE, WEEKS)
    assert found.headline == "3 h in 3 shipped items"
    assert found.aside == "29 % of their whole life of 10.5 h."  # 3 of 10.5
    assert [one.values for one in found.series] == [(2, 0, 4), (1, 0, 2), (0.5, 0, 1)]


def test_cycle_time_is_a_spread_below_twenty_and_a_median_from_there() -> None:
    found = figures.cycle(THREE, WEEKS)
    assert found.headline == "3 items: 3.0 h to 2.1 d"
    assert [one.values for one in found.series] == [(3, None, 3), (3, None, 26.5), (3, None, 50)]
    assert figures.cycle([item(18)] * 20, WEEKS).headline == "median 3.0 h (3.0 h to 3.0 h), n = 20"
    assert figures.cycle([item(18, first_review_seconds=None)], WEEKS).headline == "no reviewed items"


def test_rework_counts_items_and_says_who_sent_them_back() -> None:
    found = figures.rework([*THREE, item(18, failed_checks=2)], WEEKS)
    assert found.headline == "2 of 4 shipped items"
    assert found.aside == "Sent back 1 time by a person, 2 times by checks."
    assert [one.values for one in found.series] == [(0, 0, 2), (1, 0, 1)]


def test_incidents_belong_to_the_week_of_the_merge_and_only_confirmed_ones_count() -> None:
    def at(day: int) -> dt.datetime:
        return dt.datetime(2026, 11, day, tzinfo=dt.UTC)

    found = figures.incidents([Merged(at(3), 1, 2), Merged(at(14), 0, 0), Merged(at(17), 2, 1)], WEEKS, now=NOW)
    assert found.headline == "3 in 3 merges"
    assert found.aside == "3 suggestions nobody confirmed yet; 1 merge still inside 7 days."
    assert found.series[0].values == (1, 0, 2)


def test_a_flow_shows_the_middle_window_of_the_week_and_the_worst() -> None:
    def sample(flow: str, day: int, ms: float) -> Sample:
        return Sample(flow, dt.datetime(2026, 11, day, tzinfo=dt.UTC), ms)

    rows = [
        sample("checkout", 3, 100),
        sample("checkout", 17, 300),
        sample("checkout", 18, 900),
        sample("checkout", 19, 310),
    ]
    found = figures.p95([*rows, sample("search", 17, 40)], WEEKS)
    assert found.headline == "2 flows, 5 samples"
    assert [(one.name, one.values) for one in found.series] == [
        ("checkout", (100, None, 310)),
        ("search", (None, None, 40)),
    ]
    assert found.rows[0] == ("checkout", "310 ms", "900 ms", "4")


def test_tickets_by_tag_over_all_tickets() -> None:
    found = figures.tickets([["money", "ui"], ["money", "money"], []])
    assert found.headline == "3 tickets"
    assert found.aside == "1 without a tag."
    assert found.rows == (("money", "2 of 3 tickets"), ("ui", "1 of 3 tickets"))


def test_alignment_to_review_in_hours_and_from_twenty_as_a_ratio() -> None:
    assert figures.attention(THREE, WEEKS).headline == "0.8 h : 1.5 h in 3 items"
    assert figures.attention([item(18)] * 20, WEEKS).headline == "1 : 2.0 (5.0 h : 10.0 h), n = 20"


def test_tokens_of_all_and_dollars_of_those_with_a_price() -> None:
    found = figures.cost(THREE, WEEKS)
    assert found.headline == "3,300 tokens in 3 items"
    assert found.aside == "$0.25 in 1 of 3 items."
    assert figures.cost([item(18)], WEEKS).aside == "No prices set."


def test_nothing_shipped_is_said_and_not_divided_by() -> None:
    made = [figure([], WEEKS) for figure in (figures.interventions, figures.waiting, figures.cycle, figures.rework)]
    assert [one.headline for one in made] == [
        "no shipped items",
        "no shipped items",
        "no reviewed items",
        "no shipped items",
    ]
    assert figures.p95([], WEEKS).headline == "no samples"
