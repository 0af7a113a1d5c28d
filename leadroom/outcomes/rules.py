"""Pure rules: which merge an incident may belong to, how a figure is worded, and the hint on the ceiling."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from leadroom.lib.actors import Actor
from leadroom.lib.errors import NotPermitted
from leadroom.lib.shapes import count_of
from leadroom.outcomes.definitions import AFTER_DAYS, ENOUGH

STEPS = (2, 4, 8, 16)
"""Ceilings the hint moves between (PRODUCT.md: start with two; 4, then 8)."""
FEWEST_ITEMS = ENOUGH // 4
MANY_SKILLS = 3
MOST_SUGGESTED = 5
WITHOUT_FILES = "by time only: the incident names no file"


@dataclass(frozen=True)
class Merge:
    """A merge with the files it changed."""

    stitch_id: int
    merged_at: dt.datetime
    paths: Sequence[str]


def check_decide(*, by: Actor) -> None:
    """Raises NotPermitted unless a person decides what an incident came from."""
    if not by.is_human:
        raise NotPermitted("Only a person says which merge an incident came from; nothing was changed.")


def is_same_file(one: str, other: str) -> bool:
    """Whether the shorter path ends the longer, folder by folder: `app/evenly/money.py` names `evenly/money.py`."""
    shorter, longer = sorted((_parts(one), _parts(other)), key=len)
    return bool(shorter) and longer[-len(shorter) :] == shorter


def _parts(path: str) -> list[str]:
    return [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]


def suggestions(opened_at: dt.datetime, named: Sequence[str], merges: Iterable[Merge]) -> list[tuple[Merge, list[str]]]:
    """Merges of the days before the incident that it may come from, with the files both name; latest first.

    An incident that names no file gets the latest merges by time alone, with no files.
    """
    window = dt.timedelta(days=AFTER_DAYS)
    near = [merge for merge in merges if dt.timedelta(0) <= opened_at - merge.merged_at <= window]
    near.sort(key=lambda merge: merge.merged_at, reverse=True)
    if not named:
        return [(merge, []) for merge in near[:MOST_SUGGESTED]]
    found = []
    for merge in near:
        files = sorted(path for path in merge.paths if any(is_same_file(path, name) for name in named))
        if files:
            found.append((merge, files))
    return found


def worded(total: float, n: int, *, of: str = "item", unit: str = "") -> str:
    """`0.58 per item, n = 31`; below twenty `7 in 12 items`; never a figure without its denominator."""
    if not n:
        return f"no {of}s"
    mark = f" {unit}" if unit else ""
    if n < ENOUGH:
        return f"{_short(total)}{mark} in {count_of(n, of)}"
    return (
        f"{total / n:.2g}{mark} per {of}, n = {n:,}"
        if total / n < 10
        else f"{total / n:,.0f}{mark} per {of}, n = {n:,}"
    )


def share(part: int, n: int, *, of: str = "item") -> str:
    """`31 % of 42 items`; below twenty `3 of 12 items`."""
    if not n:
        return f"no {of}s"
    if n < ENOUGH:
        return f"{part} of {count_of(n, of)}"
    return f"{100 * part / n:.0f} % of {count_of(n, of)}"


def _short(number: float) -> str:
    return f"{number:,.0f}" if number == int(number) or number >= 100 else f"{number:,.1f}"


@dataclass(frozen=True)
class WeekFacts:
    """What the hint rests on: sums over items shipped in seven days, and skills seen for the first time."""

    shipped: int = 0
    unplanned: int = 0
    reworked: int = 0
    incidents: int = 0
    worked_seconds: float = 0.0
    human_seconds: float = 0.0
    new_skills: int = 0

    @property
    def unplanned_each(self) -> float:
        return self.unplanned / self.shipped if self.shipped else 0.0

    @property
    def reworked_share(self) -> float:
        return self.reworked / self.shipped if self.shipped else 0.0

    def plain(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Hint:
    """`word` is up, down, stay or wait; the sentence says why, in figures."""

    word: str
    suggested: int
    sentence: str


def ceiling_hint(ceiling: int, last: WeekFacts, before: WeekFacts) -> Hint:
    """What the last seven days say about the ceiling, against the seven before. Table: docs/outcomes.md."""
    counted = f"{last.unplanned} unplanned interventions in {count_of(last.shipped, 'shipped item')}"
    if last.shipped < FEWEST_ITEMS:
        return Hint(
            "wait",
            ceiling,
            f"Stay at {ceiling}: {count_of(last.shipped, 'item')} shipped in seven days, too few to say; "
            f"{FEWEST_ITEMS} are needed.",
        )
    has_risen = before.shipped >= FEWEST_ITEMS and last.unplanned_each > before.unplanned_each
    if last.unplanned_each > 2 and has_risen and last.unplanned_each >= 1.5 * before.unplanned_each:
        return _step(ceiling, -1, f"{counted}, up from {before.unplanned} in {before.shipped}")
    if last.reworked_share > 0.5:
        return _step(ceiling, -1, f"{last.reworked} of {count_of(last.shipped, 'shipped item')} went back")
    against = [
        word
        for word, is_so in (
            (f"{counted}, more than one each", last.unplanned_each > 1),
            (f"{counted}, more each than the week before", has_risen),
            (f"{last.reworked} of {last.shipped} went back", last.reworked_share > 1 / 3),
            (f"{count_of(last.incidents, 'confirmed incident')}", last.incidents > 0),
            ("agents waited for you longer than they worked", last.human_seconds > last.worked_seconds),
        )
        if is_so
    ]
    if against:
        return Hint("stay", ceiling, f"Stay at {ceiling}: {'; '.join(against)}.")
    return _step(
        ceiling, 1, f"{counted}, {last.reworked} went back, no incident, and agents worked longer than they waited"
    )


def _step(ceiling: int, way: int, because: str) -> Hint:
    others = [step for step in STEPS if (step > ceiling if way > 0 else step < ceiling)]
    if not others:
        return Hint("stay", ceiling, f"Stay at {ceiling}, the {'highest' if way > 0 else 'lowest'} step: {because}.")
    to = min(others) if way > 0 else max(others)
    return Hint("up" if way > 0 else "down", to, f"Try {to} instead of {ceiling}: {because}.")


def break_in(last: WeekFacts) -> str:
    """What new skills beside rework say about how well the agents know the work. Table: docs/outcomes.md."""
    skills = f"{count_of(last.new_skills, 'new skill version')} in seven days"
    rework = share(last.reworked, last.shipped)
    if last.shipped < FEWEST_ITEMS:
        return f"Too early to say: {skills}, {count_of(last.shipped, 'item')} shipped."
    is_taught, is_reworked = last.new_skills >= MANY_SKILLS, last.reworked_share > 1 / 3
    if is_taught and is_reworked:
        return f"Breaking in: {skills}, {rework} went back. Few agents at a time until it settles."
    if is_taught:
        return f"Learning well: {skills}, {rework} went back."
    if is_reworked:
        return f"Stuck: only {skills}, yet {rework} went back. Write what they lack into a skill."
    return f"Broken in: {skills}, {rework} went back."
