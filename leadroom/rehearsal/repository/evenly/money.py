"""Amounts are whole cents everywhere; text only at the edges."""

import re

from evenly.errors import EvenlyError

AMOUNT = re.compile(r"(\d{1,9})(?:\.(\d{2}))?")


def parse_amount(text: str) -> int:
    """'42.50' or '42' as cents. Raises EvenlyError for anything else, and for nothing at all."""
    match = AMOUNT.fullmatch(text)
    cents = int(match[1]) * 100 + int(match[2] or 0) if match else 0
    if cents == 0:
        raise EvenlyError(f"'{text}' is not an amount; write it like 42.50.")
    return cents


def format_amount(cents: int) -> str:
    """Cents as text: 4250 is '42.50', -5 is '-0.05'."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"
