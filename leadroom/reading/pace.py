"""How long a session takes: an estimate that learns from this person. Pure."""

from collections.abc import Iterable, Mapping
from statistics import median

LEARNS_FROM = 15
"""The last so many of each kind count, so that the estimate follows the person."""
ENOUGH = 3
AWAY_SECONDS = 600.0
"""Longer than this at one item is taken as having been away."""

FIRST_GUESS: Mapping[str, float] = {
    "picks": 90,
    "question": 45,
    "approval": 60,
    "plan": 180,
    "document": 120,
    "verification": 60,
    "stitch": 120,
    "run": 30,
    "item": 30,
    "finding": 25,
    "report": 20,
}
"""Seconds per kind before anything is known of a person."""
OTHER_GUESS = 30.0


def learned(rows: Iterable[tuple[str, float | None]]) -> dict[str, float]:
    """Kind to seconds for one item, from `(kind, seconds)` of this person, newest first."""
    seen: dict[str, list[float]] = {}
    for kind, seconds in rows:
        kept = seen.setdefault(kind, [])
        if seconds is not None and len(kept) < LEARNS_FROM:
            kept.append(seconds)
    own = {kind: median(found) for kind, found in seen.items() if len(found) >= ENOUGH}
    return {**FIRST_GUESS, **own}


def seconds_for(kinds: Iterable[str], paces: Mapping[str, float]) -> float:
    """Seconds that items of these kinds take together."""
    return sum(paces.get(kind, OTHER_GUESS) for kind in kinds)


def words_for(seconds: float) -> str:
    """`about 4 min`; half a minute and less is `under a minute`."""
    minutes = round(seconds / 60)
    return f"about {minutes} min" if minutes else "under a minute"
