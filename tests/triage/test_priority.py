"""The formula of priority: frozen, monotone, explained from its own inputs."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadroom.triage.enums import SEVERITY_OF, Hazard, Priority, Severity, Workaround
from leadroom.triage.fields import fields_of, hazard_of
from leadroom.triage.priority import MOST_POINTS, RAISED_A_DAY, RUBRIC, STEPS, Inputs, is_worse, points_of, weigh

CRITICAL, MAJOR, MINOR, COSMETIC, INFO = 4, 3, 2, 1, 0
INPUTS = st.builds(
    Inputs,
    affected=st.integers(1, 50),
    severity=st.integers(0, 4),
    points=st.integers(0, MOST_POINTS),
    workaround=st.sampled_from([int(one) for one in Workaround]),
    days=st.integers(0, 400),
    hazard=st.sampled_from([int(one) for one in Hazard]),
    is_regression=st.booleans(),
)


def given_of(rank: int, **changes: int) -> Inputs:
    return Inputs(**{"affected": 1, "severity": rank, "points": STEPS * rank, "workaround": 0, "days": 0, **changes})


@pytest.mark.parametrize(
    ("inputs", "level"),
    [
        (given_of(CRITICAL), "P1"),
        (given_of(CRITICAL, workaround=1, affected=3), "P0"),
        (given_of(CRITICAL, workaround=2), "P2"),
        (given_of(MAJOR), "P2"),
        (given_of(MAJOR, workaround=1, affected=3), "P1"),
        (given_of(MAJOR, workaround=1, affected=3, days=60), "P2"),
        (given_of(MINOR), "P3"),
        (given_of(MINOR, affected=5), "P2"),
        (given_of(COSMETIC, affected=50, workaround=1), "P2"),
        (given_of(INFO), "P3"),
        (given_of(MINOR, is_regression=True), "P2"),
        (given_of(MAJOR, is_regression=True), "P1"),
        (given_of(CRITICAL, is_regression=True), "P0"),
        (given_of(MINOR, hazard=1), "P1"),
        (given_of(CRITICAL, hazard=2, workaround=2), "P0"),
        (given_of(COSMETIC, hazard=2, affected=3), "P0"),
    ],
)
def test_the_table_of_the_rubric_is_frozen(inputs: Inputs, level: str) -> None:
    """A change here is a change of the rubric: raise its version."""
    assert (weigh(inputs).level, RUBRIC) == (level, "rubric-1")


@given(INPUTS)
def test_nothing_that_is_worse_makes_it_less_urgent(inputs: Inputs) -> None:
    level = weigh(inputs).level
    worse = [
        {"affected": inputs.affected + 1},
        {"points": min(MOST_POINTS, inputs.points + 1)},
        {"workaround": int(Workaround.NONE)},
        {"days": 0},
        {"is_regression": True},
        {"hazard": int(Hazard.SECURITY)},
    ]
    for change in worse:
        assert weigh(dataclasses.replace(inputs, **change)).level <= level, change


@given(INPUTS)
def test_the_sentence_names_what_it_was_made_from(inputs: Inputs) -> None:
    weighed = weigh(inputs)
    assert weighed == weigh(Inputs(**inputs.plain()))
    said = weighed.rationale
    assert said.startswith(f"{weighed.level}: {SEVERITY_OF[inputs.severity]}")
    assert Workaround(inputs.workaround).label in said
    assert f"{inputs.affected} affected" in said
    assert ("came back after a fix" in said) == inputs.is_regression
    assert (Hazard(inputs.hazard).label in said) == bool(inputs.hazard)
    assert len(said) < 400


@given(INPUTS)
def test_hazards_and_regressions_never_fall_below_what_the_rules_say(inputs: Inputs) -> None:
    if inputs.hazard:
        assert weigh(inputs).level in (Priority.P0, Priority.P1)
    plain = weigh(dataclasses.replace(inputs, is_regression=False, hazard=0))
    again = weigh(dataclasses.replace(inputs, is_regression=True, hazard=0))
    assert int(again.level[1]) == max(0, int(plain.level[1]) - 1)


def test_a_level_is_left_only_when_the_score_is_clearly_below_it() -> None:
    """Six per cent below the bar of P1 stays P1; a new finding of that score is P2."""
    inputs = given_of(MAJOR, affected=5, workaround=0, days=20)
    assert weigh(inputs).level == "P2"
    assert weigh(dataclasses.replace(inputs, base="P1")).level == "P1"
    assert weigh(dataclasses.replace(inputs, base="P1", affected=1)).level == "P2"


def test_a_flood_raises_ten_a_day_and_the_eleventh_says_why_it_is_held() -> None:
    inputs = given_of(MAJOR, affected=3, workaround=1, base="P2")
    assert weigh(inputs).is_raised
    held = weigh(dataclasses.replace(inputs, raised_today=RAISED_A_DAY))
    assert (held.level, held.is_raised) == ("P2", False)
    assert "held at P2" in held.rationale
    regression = dataclasses.replace(inputs, raised_today=RAISED_A_DAY, is_regression=True)
    assert weigh(regression).level == "P1", "rules are not held"
    assert weigh(dataclasses.replace(inputs, base="", raised_today=RAISED_A_DAY)).level == "P1", "nor is what is new"


def test_severities_count_as_their_reporter_uses_them() -> None:
    assert points_of(CRITICAL, reports=0, ranks=0) == MOST_POINTS
    assert points_of(CRITICAL, reports=500, ranks=2000) == MOST_POINTS - STEPS
    assert points_of(MINOR, reports=500, ranks=0) == STEPS * MINOR + STEPS
    assert points_of(CRITICAL, reports=2, ranks=8) == MOST_POINTS - 1
    assert points_of(INFO, reports=500, ranks=2000) == 0


@given(st.integers(0, 4), st.integers(0, 5_000), st.integers(0, 4))
def test_a_habit_moves_a_severity_by_one_step_at_most(rank: int, reports: int, usual: int) -> None:
    assert abs(points_of(rank, reports=reports, ranks=usual * reports) - STEPS * rank) <= STEPS


def test_worse_is_a_higher_severity_or_newly_p1() -> None:
    assert is_worse("P1", 2, than_level="P2", than_rank=2)
    assert is_worse("P3", 3, than_level="P3", than_rank=2)
    assert is_worse("P0", 4, than_level="P1", than_rank=4)
    assert not is_worse("P2", 2, than_level="P3", than_rank=2)
    assert not is_worse("P3", 2, than_level="P3", than_rank=2)
    assert not is_worse("P0", 4, than_level="", than_rank=0)


def test_fields_of_the_template_are_read() -> None:
    fields = fields_of("Rounding", "**Workaround:** none\n**Affected:** 1,200 customers\n")
    assert (fields.workaround, fields.claimed, fields.affected) == (Workaround.NONE, 10, "1,200 customers")
    fields = fields_of("Rounding", "Workaround: round by hand\nWho is affected: every user")
    assert (fields.workaround, fields.claimed) == (Workaround.EXISTS, 10)
    assert fields.workaround_text == "round by hand"
    fields = fields_of("Rounding", "Affected: 3 groups\nWorkaround: unknown")
    assert (fields.workaround, fields.claimed) == (Workaround.UNKNOWN, 3)
    assert fields_of("", "").claimed == 1


@pytest.mark.parametrize(
    ("text", "hazard"),
    [
        ("CVE-2022-42889 in the parser", Hazard.SECURITY),
        ("The export leaks the API token of other users", Hazard.SECURITY),
        ("SQL injection through the name of a group", Hazard.SECURITY),
        ("Saving twice loses all records of the month", Hazard.DATA_LOSS),
        ("The index file gets corrupted on restart", Hazard.DATA_LOSS),
        ("No data loss, but the page is slow", Hazard.NONE),
        ("It is not a security issue", Hazard.NONE),
        ("The button overlaps", Hazard.NONE),
        ("", Hazard.NONE),
    ],
)
def test_hazards_are_told_by_their_words(text: str, hazard: Hazard) -> None:
    assert hazard_of(text) == hazard


@given(st.text(max_size=300), st.text(max_size=2_000))
def test_any_text_has_fields(title: str, body: str) -> None:
    fields = fields_of(title, body)
    assert 1 <= fields.claimed <= 10
    assert len(fields.affected) <= 200
    assert len(fields.workaround_text) <= 300
    assert "\x00" not in fields.affected + fields.workaround_text


def test_every_severity_has_a_rank() -> None:
    assert sorted(SEVERITY_OF) == list(range(len(Severity)))
