"""Which originals the weekly raw read shows: a sample that anybody can draw again from its seed."""

import datetime as dt
import hashlib
from collections.abc import Iterable

from leadroom.lib.digest import digest_of

SAMPLE = 10
WEEK_DAYS = 7


def seed_of(user_id: int, week: dt.date) -> str:
    """The seed of one person's week. Nothing an agent says is part of it, so no report can choose itself."""
    return digest_of(["raw read", user_id, week.isoformat()])


def drawn(ids: Iterable[int], seed: str, size: int = SAMPLE) -> list[int]:
    """`size` of the ids in the order of their hashes with the seed; independent of the order they come in."""
    return sorted(set(ids), key=lambda pk: hashlib.sha256(f"{seed}:{pk}".encode()).digest())[:size]


def monday_of(on: dt.date) -> dt.date:
    return on - dt.timedelta(days=on.weekday())
