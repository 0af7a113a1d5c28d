"""What a claimed confidence is worth, by what became of the agent's earlier claims."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

ENOUGH = 20
"""Outcomes of one agent at one kind of task before they count. With 20 the standard error of a rate near the floor is
sqrt(0.65 * 0.35 / 20) = 0.11, about one step of the plot; PRODUCT (Outcomes) shows figures below 20 as counts only."""
NEIGHBOURHOOD = 0.1
"""Claims this close to each other are one level: people and models round to tenths."""
PRIOR = 5.0
"""Weight, in outcomes, of the agent's overall rate while a level has few claims of its own (Beta prior, Gelman et al.,
Bayesian Data Analysis, ch. 2): one lucky claim at a new level proves little."""
LEVELS = (0.0, 0.5, 0.65, 0.8, 0.9, 1.0)
Z95 = 1.96


@dataclass(frozen=True)
class Settled:
    """A claim whose outcome is known."""

    claimed: float
    has_held: bool


@dataclass(frozen=True)
class Calibrated:
    """`value` is what the floor is applied to: the claim itself while `n` outcomes are fewer than ENOUGH."""

    claimed: float
    value: float
    n: int

    @property
    def is_calibrated(self) -> bool:
        return self.n >= ENOUGH


@dataclass(frozen=True)
class Level:
    """One bar of the plot: mean claim against the observed rate, with its 95 % Wilson interval and its n."""

    low: float
    high: float
    n: int
    claimed: float
    observed: float
    interval: tuple[float, float]


def is_usable(value: object) -> bool:
    """Whether it is a finite number from 0 to 1. True and False are no numbers here."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= 1


def calibrate(claimed: float, settled: Sequence[Settled]) -> Calibrated:
    """The claim weighed by the outcomes of the same agent and kind of task, in any order."""
    n = len(settled)
    if n < ENOUGH:
        return Calibrated(claimed, claimed, n)
    overall = sum(one.has_held for one in settled) / n
    near = [one for one in settled if abs(one.claimed - claimed) <= NEIGHBOURHOOD + 1e-9]
    held = sum(one.has_held for one in near)
    return Calibrated(claimed, (held + PRIOR * overall) / (len(near) + PRIOR), n)


def levels(settled: Sequence[Settled]) -> tuple[Level, ...]:
    """The levels that have claims, lowest first; the last one includes 1."""
    found = []
    for low, high in pairwise(LEVELS):
        rows = [one for one in settled if low <= one.claimed < high or one.claimed == high == 1.0]
        if rows:
            n, held = len(rows), sum(one.has_held for one in rows)
            mean = sum(one.claimed for one in rows) / n
            found.append(Level(low, high, n, mean, held / n, wilson(held, n)))
    return tuple(found)


def wilson(held: int, n: int) -> tuple[float, float]:
    """The 95 % score interval of a rate (Wilson 1927); honest for few outcomes, unlike the usual plus-or-minus."""
    rate, z2 = held / n, Z95 * Z95
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def misses_in_a_row(outcomes: Sequence[bool]) -> int:
    """How many of the newest outcomes (oldest first; True held) missed without one that held after them."""
    count = 0
    for has_held in reversed(outcomes):
        if has_held:
            break
        count += 1
    return count
