"""The priority of a finding: a frozen formula with a version, and the sentence that says where it comes from.

People agree on the priority of the same bug only at a weighted kappa of .14 to .30 (TRIAGE.md), so nobody is asked for
one. Distinct affected times workaround times severity, as this reporter uses the word, times recency; a regression is
one up, data loss and security are P0 or P1 by rule. Whole numbers only: the same inputs give the same answer anywhere.
Whoever changes a number raises `RUBRIC`.
"""

import dataclasses
from typing import Any

from leadroom.lib.shapes import count_of
from leadroom.triage.enums import SEVERITY_OF, Hazard, Priority, Workaround

RUBRIC = "rubric-1"
STEPS = 4
"""Points per step of severity: a reporter's habits move a severity by quarters of a step."""
MOST_POINTS = 16
_WEIGHTS = (500, 595, 707, 841, 1000, 1189, 1414, 1682, 2000, 2378, 2828, 3364, 4000, 4757, 5657, 6727, 8000)
"""Thousandths by points: each step of severity doubles."""
_AFFECTED = ((10, 25), (5, 20), (3, 16), (2, 13), (0, 10))
_WORKAROUND = {Workaround.NONE: 10, Workaround.UNKNOWN: 8, Workaround.EXISTS: 5}
_RECENCY = ((7, 10), (30, 8))
_LONG_AGO = 6
_LEAST = {Priority.P0: 12_000, Priority.P1: 6_000, Priority.P2: 2_000, Priority.P3: 0}
_LEVELS = list(Priority)
_STAYS = 80
"""Per cent of a level's least score down to which a finding stays there, so that it does not flicker."""
MOST_CLAIMED = 10
RAISED_A_DAY = 10
"""Findings of a project that the formula raises to P0 or P1 in a day; rules and new findings are not held."""
HABIT_PRIOR = 20
_USUAL = 2
_MOST_SHIFT = 4


@dataclasses.dataclass(frozen=True)
class Inputs:
    """`affected`: distinct reporters of the group, or more when a report says so. `severity`: the highest declared
    (rank), `points`: the highest as it counts. `days` since it was last seen. `base` is the level the formula gave
    before (empty the first time), `raised_today` how many of the project it raised in the last day.
    """

    affected: int
    severity: int
    points: int
    workaround: int
    days: int
    hazard: int = Hazard.NONE
    is_regression: bool = False
    base: str = ""
    raised_today: int = 0

    def plain(self) -> dict[str, Any]:
        """For a JSON column."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Weighed:
    """`base` is what the formula alone says; `is_raised` when it raised an older finding to P0 or P1."""

    level: Priority
    base: Priority
    score: int
    rationale: str
    is_raised: bool


def points_of(rank: int, *, reports: int, ranks: int) -> int:
    """What a declared severity counts for: points 0 to 16.

    `reports` and `ranks` (their sum) are of this reporter's earlier reports: who calls nearly everything critical
    is believed one step less at most, who is sparing with words one step more.
    """
    shift = _rounded(STEPS * (ranks - _USUAL * reports), reports + HABIT_PRIOR)
    shift = max(-_MOST_SHIFT, min(_MOST_SHIFT, shift))
    return max(0, min(MOST_POINTS, STEPS * rank - shift))


def _rounded(number: int, by: int) -> int:
    """Half away from zero."""
    sign = -1 if number < 0 else 1
    return sign * ((2 * abs(number) + by) // (2 * by))


def score_of(inputs: Inputs) -> int:
    """Thousandths; 1,000 is one cosmetic finding without a workaround, seen now."""
    affected = next(factor for least, factor in _AFFECTED if inputs.affected >= least)
    recency = next((factor for most, factor in _RECENCY if inputs.days <= most), _LONG_AGO)
    return _WEIGHTS[inputs.points] * affected * _WORKAROUND[Workaround(inputs.workaround)] * recency // 1000


def weigh(inputs: Inputs) -> Weighed:
    """Level and rationale; total over all inputs."""
    score = score_of(inputs)
    base = next(level for level in _LEVELS if score >= _LEAST[level])
    before = Priority(inputs.base) if inputs.base else base
    is_rise = _LEVELS.index(base) < _LEVELS.index(before)
    if not is_rise and base != before and score * 100 >= _LEAST[before] * _STAYS:
        base = before
    is_urgent = base in (Priority.P0, Priority.P1) and before in (Priority.P2, Priority.P3)
    is_held = is_rise and is_urgent and inputs.raised_today >= RAISED_A_DAY
    if is_held:
        base = Priority.P2
    level, reasons = base, []
    if inputs.is_regression:
        level = _LEVELS[max(0, _LEVELS.index(level) - 1)]
        reasons.append("one up because it came back after a fix")
    if inputs.hazard:
        least = Priority.P0 if SEVERITY_OF[inputs.severity] == "critical" or inputs.affected >= 3 else Priority.P1
        level = min(level, least, key=_LEVELS.index)
        reasons.append(f"at least {least} because it speaks of {Hazard(inputs.hazard).label}")
    if is_held:
        reasons.append(f"held at P2 because {RAISED_A_DAY} findings were raised in a day already")
    sentence = f"{level}: {', '.join(_words(inputs))}{'; ' if reasons else ''}{'; '.join(reasons)}."
    return Weighed(level, base, score, sentence, is_rise and is_urgent and not is_held)


def _words(inputs: Inputs) -> list[str]:
    severity = SEVERITY_OF[inputs.severity].value
    if inputs.points < STEPS * inputs.severity:
        severity += " (counted lower: this reporter's severities run high)"
    elif inputs.points > STEPS * inputs.severity:
        severity += " (counted higher: this reporter's severities run low)"
    seen = "seen within a week" if inputs.days <= 7 else f"last seen {count_of(inputs.days, 'day')} ago"
    affected = count_of(max(1, inputs.affected), "affected", "affected")
    return [severity, str(Workaround(inputs.workaround).label), affected, seen]


def is_worse(level: str, rank: int, *, than_level: str, than_rank: int) -> bool:
    """Whether a quiet finding asks again: a higher severity than was decided on, or P0 or P1 that it was not then.

    From P3 to P2 by numbers alone is no reason: known issues grow.
    """
    if not than_level:
        return False
    return rank > than_rank or (level < than_level and level in (Priority.P0, Priority.P1))
