"""Text shaping that several rooms need and no library gives in one call."""


def clip(text: str, limit: int) -> str:
    """`text`, or its first `limit` characters with a mark saying how many were left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit:,} more characters)"


def count_of(number: int, singular: str, plural: str = "") -> str:
    """`1 case`, `3 cases`."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"
