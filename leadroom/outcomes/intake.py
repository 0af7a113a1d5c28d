"""What comes in from outside, read and checked before anything is stored: whole or not at all."""

import csv
import datetime as dt
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadroom.lib.errors import BadInput
from leadroom.lib.shapes import count_of, storable
from leadroom.outcomes.models import ID_LENGTH, LABEL_LENGTH
from leadroom.triage.enums import Severity

MOST_ROWS = 5_000
MOST_BYTES = 2 * 1024 * 1024
MOST_PATHS, MOST_TAGS = 100, 20
SHOWN = 50
AHEAD = dt.timedelta(minutes=5)
FIRST_YEAR = 2000


@dataclass(frozen=True)
class Problem:
    """What is wrong with one row; `row` counts as a spreadsheet does, the header is row 1. 0 is the file itself."""

    row: int
    reason: str

    def __str__(self) -> str:
        return f"Row {self.row}: {self.reason}" if self.row else self.reason


class BadRows(BadInput):
    """Rows that cannot be used; none of them was stored."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        more = len(problems) - 1
        super().__init__(f"{problems[0]}" + (f" And {more} more." if more else "") + " Nothing was stored.")


Reader = Callable[[Any, dt.datetime], Any]


@dataclass(frozen=True)
class Column:
    """One field: `read` takes the raw value and the time now and raises BadInput with what is wrong."""

    name: str
    read: Reader
    hint: str
    is_needed: bool = True


@dataclass(frozen=True)
class Shape:
    """One kind of record: `name` is the webhook's `type`, `columns` are CSV columns and JSON fields alike."""

    name: str
    title: str
    columns: tuple[Column, ...]

    @property
    def needed(self) -> list[str]:
        return [column.name for column in self.columns if column.is_needed]

    @property
    def known(self) -> list[str]:
        return [column.name for column in self.columns]

    def read(self, rows: Sequence[Any], *, now: dt.datetime, first_row: int = 1) -> list[dict[str, Any]]:
        """Fields of every row. Raises BadRows naming each row that is wrong, two with one id included."""
        if len(rows) > MOST_ROWS:
            raise BadRows([Problem(0, f"{len(rows):,} records at once; {MOST_ROWS:,} is the limit.")])
        read, problems = [], []
        seen: dict[str, int] = {}
        for number, row in enumerate(rows, start=first_row):
            try:
                fields = self._read_one(row, now)
            except BadInput as error:
                problems.append(Problem(number, str(error)))
                continue
            if (first := seen.setdefault(fields["external_id"], number)) != number:
                problems.append(Problem(number, f"has the id of row {first}, {fields['external_id'][:60]!r}."))
            read.append(fields)
        if problems:
            raise BadRows(problems)
        return read

    def _read_one(self, row: Any, now: dt.datetime) -> dict[str, Any]:
        if not isinstance(row, Mapping):
            raise BadInput("is no object with fields.")
        if unknown := [str(name)[:40] for name in row if name not in self.known]:
            raise BadInput(f"has fields nobody knows ({', '.join(unknown[:5])}); known are {', '.join(self.known)}.")
        fields = {}
        for column in self.columns:
            value = row.get(column.name)
            if value is None or value == "":
                if column.is_needed:
                    raise BadInput(f"has no {column.name}.")
                continue
            fields[column.name] = column.read(storable(value), now)
        fields["external_id"] = fields.pop("id")
        return fields


def rows_of_csv(data: bytes, shape: Shape) -> list[dict[str, str]]:
    """Rows of a CSV file with this shape's columns in any order. Raises BadRows."""
    if len(data) > MOST_BYTES:
        raise BadRows([Problem(0, f"The file has {len(data):,} bytes; {MOST_BYTES:,} is the limit.")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadRows([Problem(0, "The file is not UTF-8 text; export it as CSV in UTF-8.")]) from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[dict[str, str]] = []
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check_header(header, shape)
        problems = []
        for number, cells in enumerate(reader, start=2):
            if len(cells) != len(header) and any(cells):
                problems.append(Problem(number, f"has {count_of(len(cells), 'cell')}, the header {len(header)}."))
            rows.append(dict(zip(header, (cell.strip() for cell in cells), strict=False)))
            if len(rows) > MOST_ROWS:
                raise BadRows([Problem(0, f"The file has more than {MOST_ROWS:,} rows; split it.")])
    except csv.Error as error:
        raise BadRows([Problem(reader.line_num, f"cannot be read as CSV ({error}).")]) from error
    if problems:
        raise BadRows(problems)
    while rows and not any(rows[-1].values()):
        rows.pop()  # the empty lines at the end
    if not rows:
        raise BadRows([Problem(0, "The file has a header and no rows.")])
    return rows


def _check_header(header: list[str], shape: Shape) -> None:
    missing = [name for name in shape.needed if name not in header]
    unknown = [name[:40] or "(empty)" for name in header if name not in shape.known]
    twice = sorted({name for name in header if header.count(name) > 1})
    said = []
    if missing:
        said.append(f"lacks {', '.join(missing)}")
    if unknown:
        said.append(f"has {', '.join(unknown[:5])}, which nobody knows")
    if twice:
        said.append(f"has {', '.join(twice[:5])} twice")
    if said:
        raise BadRows([Problem(1, f"The header {'; '.join(said)}. Columns: {', '.join(shape.known)}.")])


def _text(limit: int) -> Reader:
    def read(value: Any, now: dt.datetime) -> str:
        text = " ".join(str(value).split()) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        if not text:
            raise BadInput("has a field that should be text and is not.")
        if len(text) > limit:
            raise BadInput(f"has a text of {len(text):,} characters; {limit} is the limit.")
        return text

    return read


def _moment(value: Any, now: dt.datetime) -> dt.datetime:
    try:
        at = dt.datetime.fromisoformat(str(value).strip())
    except ValueError as error:
        raise BadInput(f"has the time {str(value)[:40]!r}; write it as 2026-11-22T09:00:00+01:00.") from error
    if at.tzinfo is None:
        raise BadInput(f"has a time without a zone, {str(value)[:40]!r}; add Z or an offset such as +01:00.")
    if at.year < FIRST_YEAR or at.year > 9000:
        raise BadInput(f"has a time in the year {at.year}.")
    if at > now + AHEAD:
        raise BadInput(f"lies in the future ({at.isoformat()}); set the clock of what wrote it.")
    return at.astimezone(dt.UTC)


def _number(value: Any, now: dt.datetime) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError) as error:
        raise BadInput(f"has the p95 {str(value)[:40]!r}; write milliseconds as a number.") from error
    if not math.isfinite(number) or not 0 <= number <= 1e9:
        raise BadInput(f"has the p95 {str(value)[:40]!r}; milliseconds from 0 to 1,000,000,000 are taken.")
    return number


def _severity(value: Any, now: dt.datetime) -> str:
    if str(value).lower() not in Severity.values:
        raise BadInput(f"has the severity {str(value)[:40]!r}; known are {', '.join(Severity.values)}.")
    return str(value).lower()


def _list_of(limit: int, most: int) -> Reader:
    """A JSON list of texts, or in CSV one text with semicolons between."""

    def read(value: Any, now: dt.datetime) -> list[str]:
        parts = value if isinstance(value, list) else str(value).split(";")
        texts = list(dict.fromkeys(part.strip() for part in parts if isinstance(part, str) and part.strip()))
        if isinstance(value, list) and not all(isinstance(part, str) for part in value):
            raise BadInput("has a list with something in it that is no text.")
        if len(texts) > most or any(len(text) > limit for text in texts):
            raise BadInput(f"has a list that is too long; {most} texts of {limit} characters are taken.")
        return texts

    return read


_ID = Column("id", _text(ID_LENGTH), "your own id; the same id again updates the record")
_TITLE = Column("title", _text(300), "one line")
INCIDENT = Shape(
    "incident",
    "Incidents",
    (
        _ID,
        _TITLE,
        Column("opened_at", _moment, "when it began, ISO 8601 with a zone"),
        Column("severity", _severity, f"{', '.join(Severity.values)}; major when left out", is_needed=False),
        Column("paths", _list_of(500, MOST_PATHS), "files it names, with ; between in CSV", is_needed=False),
    ),
)
FLOW_SAMPLE = Shape(
    "flow_sample",
    "Flow samples",
    (
        _ID,
        Column("flow", _text(LABEL_LENGTH), "name of the flow, such as checkout"),
        Column("p95_ms", _number, "95th percentile of one window, in milliseconds"),
        Column("at", _moment, "end of the window, ISO 8601 with a zone"),
    ),
)
TICKET = Shape(
    "ticket",
    "Support tickets",
    (
        _ID,
        _TITLE,
        Column("opened_at", _moment, "when it came in, ISO 8601 with a zone"),
        Column("tags", _list_of(60, MOST_TAGS), "with ; between in CSV", is_needed=False),
    ),
)
