"""Log lines without secrets: whatever is logged, these words are not in it."""

import logging
import re
from collections.abc import Iterable

HIDDEN = "[hidden]"
SHORTEST = 8
"""Shorter secrets would be found in harmless words."""
_SIGN_IN_LINK = re.compile(r"(/sign-in/)[^/\s?]+/[^/\s?]+")
_PASSWORD_IN_URL = re.compile(r"(\w+://[^\s/:@]*:)[^\s/@]+(?=@)")


class RedactingFormatter(logging.Formatter):
    """Formats as usual, then takes out the given secrets, the tokens of sign-in links, and passwords in addresses."""

    def __init__(self, fmt: str, *, secrets: Iterable[str] = ()) -> None:
        super().__init__(fmt)
        self._secrets = sorted({text for text in secrets if len(text) >= SHORTEST}, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """The line, with its traceback."""
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, HIDDEN)
        line = _SIGN_IN_LINK.sub(rf"\1{HIDDEN}", line)
        return _PASSWORD_IN_URL.sub(rf"\1{HIDDEN}", line)
