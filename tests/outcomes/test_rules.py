"""Wording, matching, and the table of hints."""

import datetime as dt

import pytest

from leadroom.lib.actors import system
from leadroom.lib.errors import NotPermitted
from leadroom.outcomes.rules import (
    Merge,
    WeekFacts,
    break_in,
    ceiling_hint,
    check_decide,
    is_same_file,
    share,
    suggestions,
    worded,
)

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
GOOD = WeekFacts(shipped=6, unplanned=3, reworked=1, worked_seconds=9_000, human_seconds=4_000)


@pytest.mark.parametrize(
    ("total", "n", "said"),
    [
        (7, 19, "7 in 19 items"),
        (1, 1, "1 in 1 item"),
        (7, 20, "0.35 per item, n = 20"),
        (0, 0, "no items"),
        (2_500, 25, "100 per item, n = 25"),
    ],
)
def test_below_twenty_a_count_and_never_a_figure_without_its_denominator(total: int, n: int, said: str) -> None:
    assert worded(total, n) == said


@pytest.mark.parametrize(
    ("part", "n", "said"), [(3, 12, "3 of 12 items"), (5, 20, "25 % of 20 items"), (0, 0, "no items")]
)
def test_shares_too(part: int, n: int, said: str) -> None:
    assert share(part, n) == said


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("evenly/money.py", "evenly/money.py", True),
        ("/app/evenly/money.py", "evenly/money.py", True),
        ("evenly\\money.py", "C:\\app\\evenly\\money.py", True),
        ("evenly/money.py", "evenly/other_money.py", False),
        ("money.py", "evenly/money.py", True),
        ("", "evenly/money.py", False),
        ("./", "x", False),
    ],
)
def test_paths_meet_folder_by_folder_from_the_end(one: str, other: str, same: bool) -> None:
    assert is_same_file(one, other) is same
    assert is_same_file(other, one) is same


def merge(number: int, days: float, *paths: str) -> Merge:
    return Merge(number, NOW - dt.timedelta(days=days), paths)


def test_merges_of_the_seven_days_before_that_touched_its_files_are_suggested_latest_first() -> None:
    merges = [
        merge(1, 7, "evenly/money.py"),
        merge(2, 7.01, "evenly/money.py"),
        merge(3, 1, "evenly/money.py", "README.md"),
        merge(4, 2, "README.md"),
        merge(5, -0.1, "evenly/money.py"),
    ]
    found = suggestions(NOW, ["/srv/evenly/money.py"], merges)
    assert [(one.stitch_id, files) for one, files in found] == [(3, ["evenly/money.py"]), (1, ["evenly/money.py"])]


def test_an_incident_without_files_gets_the_latest_merges_by_time() -> None:
    found = suggestions(NOW, [], [merge(n, n * 0.5, "x") for n in range(1, 9)])
    assert [one.stitch_id for one, _ in found] == [1, 2, 3, 4, 5]


def test_only_a_person_decides_a_match() -> None:
    with pytest.raises(NotPermitted):
        check_decide(by=system("outcomes"))


@pytest.mark.parametrize(
    ("ceiling", "last", "before", "word", "suggested"),
    [
        (2, WeekFacts(shipped=4), WeekFacts(), "wait", 2),
        (2, GOOD, WeekFacts(shipped=6, unplanned=4), "up", 4),
        (4, GOOD, WeekFacts(), "up", 8),
        (3, GOOD, WeekFacts(), "up", 4),
        (16, GOOD, WeekFacts(), "stay", 16),
        (4, WeekFacts(shipped=6, unplanned=7, worked_seconds=2, human_seconds=1), WeekFacts(), "stay", 4),
        (4, WeekFacts(shipped=6, unplanned=6, worked_seconds=2), WeekFacts(shipped=6, unplanned=3), "stay", 4),
        (4, WeekFacts(shipped=6, reworked=3, worked_seconds=2), WeekFacts(), "stay", 4),
        (4, WeekFacts(shipped=6, incidents=1, worked_seconds=2), WeekFacts(), "stay", 4),
        (4, WeekFacts(shipped=6, worked_seconds=1, human_seconds=2), WeekFacts(), "stay", 4),
        (4, WeekFacts(shipped=6, unplanned=18), WeekFacts(shipped=6, unplanned=12), "down", 2),
        (4, WeekFacts(shipped=6, unplanned=17), WeekFacts(shipped=6, unplanned=12), "stay", 4),
        (8, WeekFacts(shipped=6, reworked=4), WeekFacts(), "down", 4),
        (2, WeekFacts(shipped=6, reworked=4), WeekFacts(), "stay", 2),
        (1, WeekFacts(shipped=6, reworked=4), WeekFacts(), "stay", 1),
    ],
)
def test_the_hint_on_the_ceiling(ceiling: int, last: WeekFacts, before: WeekFacts, word: str, suggested: int) -> None:
    hint = ceiling_hint(ceiling, last, before)
    assert (hint.word, hint.suggested) == (word, suggested)
    assert hint.sentence.endswith(".")


@pytest.mark.parametrize(
    ("facts", "begins"),
    [
        (WeekFacts(shipped=4, new_skills=9), "Too early"),
        (WeekFacts(shipped=6, reworked=3, new_skills=3), "Breaking in"),
        (WeekFacts(shipped=6, reworked=2, new_skills=3), "Learning well"),
        (WeekFacts(shipped=6, reworked=3, new_skills=2), "Stuck"),
        (WeekFacts(shipped=6, reworked=2, new_skills=2), "Broken in"),
    ],
)
def test_the_break_in_phase(facts: WeekFacts, begins: str) -> None:
    assert break_in(facts).startswith(begins)
