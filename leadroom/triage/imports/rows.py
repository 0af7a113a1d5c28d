"""What a file of findings is read as, whatever its form: rows to take in, rows refused, rows left out on purpose."""

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from leadroom.lib.errors import BadInput
from leadroom.triage.enums import Severity

SIZE_LIMIT = 20_000_000
"""Bytes of one file."""
MOST_ROWS = 2_000
"""Findings of one file."""
MOST_AT_ONCE = 200
"""Findings of a file that comes over HTTP while agents work: at 18 ms each it holds SQLite less than the 5 s that other
writers wait.
"""
TITLE_KEPT = 260
NOTHING = "nothing was taken in"

_SEVERITIES: dict[str, Severity] = {
    **dict.fromkeys(("critical", "blocker", "fatal", "emergency", "sev0", "sev1", "p0", "s1"), Severity.CRITICAL),
    **dict.fromkeys(("major", "high", "error", "severe", "sev2", "p1", "s2"), Severity.MAJOR),
    **dict.fromkeys(("minor", "medium", "moderate", "normal", "warning", "sev3", "p2", "s3"), Severity.MINOR),
    **dict.fromkeys(("cosmetic", "low", "trivial", "style", "sev4", "p3", "p4", "s4"), Severity.COSMETIC),
    **dict.fromkeys(("info", "note", "none", "informational", "question"), Severity.INFO),
}


@dataclass(frozen=True)
class Row:
    """One finding of a file. `number` is its place there, from 1; `key` names it where it comes from, or is empty."""

    number: int
    title: str
    body: str
    severity: str
    key: str = ""
    at: dt.datetime | None = None


@dataclass(frozen=True)
class Refused:
    """A row that cannot be a finding, and why, in a sentence."""

    number: int
    why: str


@dataclass
class Reading:
    """A whole file. `left_out` counts what is no open finding (a test that passed, a closed issue), by reason."""

    rows: list[Row] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def refuse(self, number: int, why: str) -> None:
        self.refused.append(Refused(number, why))


def severity_of(word: Any, otherwise: Severity = Severity.MINOR) -> str:
    """Our word for another tool's (`High`, `severity/blocker`, `P1`); `otherwise` for what nobody knows."""
    for part in re.findall(r"[a-z]+\d?", str(word or "").lower()):
        if part in _SEVERITIES:
            return _SEVERITIES[part]
    return otherwise


def time_of(said: Any) -> dt.datetime | None:
    """A time in ISO 8601 or in unix seconds; None for anything else. Without a zone it is taken as UTC."""
    try:
        if isinstance(said, int | float) and not isinstance(said, bool):
            return dt.datetime.fromtimestamp(said, dt.UTC)
        at = dt.datetime.fromisoformat(str(said).strip())
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)


def text_of(data: bytes) -> str:
    """The text of a file in UTF-8, or in UTF-16 with its mark. Raises BadInput."""
    if not data.strip():
        raise BadInput(f"The file is empty; {NOTHING}.")
    is_wide = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        return data.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"The file is no text in UTF-8 (byte {error.start:,}); {NOTHING}. Save it as UTF-8.") from error


def json_of(data: bytes) -> Any:
    """The JSON of a file. Raises BadInput that says where it breaks off."""
    try:
        return json.loads(text_of(data), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        where = f" at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        said = "nested too deeply" if isinstance(error, RecursionError) else str(error).split(":")[0]
        raise BadInput(
            f"The file is no whole JSON{where} ({said}); {NOTHING}. It may have been cut off: export it again."
        ) from error


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number in JSON")


def in_template(fields: Mapping[str, str], rest: str = "") -> str:
    """A body in Leadroom's template: each filled field on a line of its own, the free text below."""
    lines = [f"**{label}:** {_one_line(value)}" for label, value in fields.items() if value and value.strip()]
    return "\n".join([*lines, *([""] if lines and rest.strip() else []), rest.strip()]).strip()


def _one_line(value: str) -> str:
    """A field of the template ends with its line; what follows in a longer one is kept after ` / `."""
    return " / ".join(line.strip() for line in value.strip().splitlines() if line.strip())


def first_line(text: str, limit: int = TITLE_KEPT) -> str:
    """The first line that says something, cut at a limit."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= limit else f"{line[: limit - 1]}…"


def words_of(value: Any) -> str:
    """A value of a file as text: a list as lines, nothing as nothing."""
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        return "\n".join(filter(None, map(words_of, value)))
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
