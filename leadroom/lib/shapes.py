"""Text shaping that several rooms need and no library gives in one call."""

import re
from collections.abc import Mapping
from typing import Any

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clip(text: str, limit: int) -> str:
    """`text`, or its first `limit` characters with a mark saying how many were left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def count_of(number: int, singular: str, plural: str = "") -> str:
    """`1 case`, `3 cases`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def storable(value: Any) -> Any:
    """JSON as any database can keep it: NUL and half characters in texts and keys become U+FFFD.

    What an agent, a tool or a model's server says may hold both; Postgres refuses them.
    """
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, Mapping):
        return {storable(key): storable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [storable(inner) for inner in value]
    return value
