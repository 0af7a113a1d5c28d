"""What a claimed confidence is worth once there are outcomes."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadroom.guardrails.calibration import (
    ENOUGH,
    Settled,
    calibrate,
    is_usable,
    levels,
    misses_in_a_row,
    wilson,
)


def outcomes(claimed: float, held: int, missed: int) -> list[Settled]:
    return [Settled(claimed, True)] * held + [Settled(claimed, False)] * missed


def test_a_claim_counts_as_it_is_until_there_are_enough_outcomes() -> None:
    few = calibrate(0.9, outcomes(0.9, 0, ENOUGH - 1))
    assert (few.value, few.is_calibrated) == (0.9, False)
    enough = calibrate(0.9, outcomes(0.9, 0, ENOUGH))
    assert enough.is_calibrated
    assert enough.value == 0


def test_an_over_confident_agent_falls_below_the_floor_and_a_modest_one_rises() -> None:
    assert calibrate(0.95, outcomes(0.95, 10, 20)).value == pytest.approx(1 / 3)
    assert calibrate(0.6, outcomes(0.6, 27, 3)).value == pytest.approx(0.9)


def test_a_level_with_few_claims_of_its_own_leans_on_the_overall_rate() -> None:
    lucky = [*outcomes(0.5, 6, 24), Settled(0.9, True)]
    assert 0.3 < calibrate(0.9, lucky).value < 0.45


@given(st.floats(0, 1), st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=80))
def test_whatever_was_claimed_it_stays_a_confidence(claimed: float, past: list[tuple[float, bool]]) -> None:
    assert is_usable(calibrate(claimed, [Settled(*one) for one in past]).value)


@pytest.mark.parametrize("given", [math.nan, math.inf, -0.01, 65, 1.01, True, "0.9", None])
def test_what_is_no_confidence(given: object) -> None:
    assert not is_usable(given)


def test_the_plots_levels_carry_their_n_and_an_honest_interval() -> None:
    found = levels([*outcomes(0.7, 7, 3), *outcomes(1.0, 2, 0)])
    assert [(level.low, level.high, level.n, level.observed) for level in found] == [
        (0.65, 0.8, 10, 0.7),
        (0.9, 1.0, 2, 1.0),
    ]
    low, high = found[1].interval
    assert low < 0.5  # two of two proves little
    assert high == 1
    assert wilson(0, 10)[0] == 0


def test_misses_count_back_to_the_last_that_held() -> None:
    assert misses_in_a_row([]) == 0
    assert misses_in_a_row([False, True, False, False]) == 2
