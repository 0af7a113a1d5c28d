"""Findings in CSV: a heading line with names of columns, then one finding a line."""

import csv
import io

from leadroom.lib.errors import BadInput
from leadroom.triage.imports.rows import NOTHING, Reading, Row, in_template, severity_of, text_of, time_of

COLUMNS = {
    "title": ("title", "summary", "name", "subject"),
    "body": ("body", "description", "details", "text"),
    "severity": ("severity", "priority", "level"),
    "id": ("id", "key", "number"),
    "created": ("created", "created_at", "date", "time"),
    "test": ("test", "failing test"),
    "error": ("error", "error text"),
    "where": ("where", "location", "file", "path"),
    "expected": ("expected",),
    "actual": ("actual",),
    "reproduce": ("reproduce", "reproduction", "steps", "command"),
    "commit": ("commit",),
}
"""Our columns and the headings that are read as them, whatever their case."""
_BY_HEADING = {heading: name for name, headings in COLUMNS.items() for heading in headings}
_IN_TEMPLATE = ("test", "error", "where", "expected", "actual", "reproduce", "commit")
FIELD_LIMIT = 2_000_000


def read(data: bytes) -> Reading:
    """Each line below the heading is a row; one whose cells do not fit is refused by number. Raises BadInput."""
    text = text_of(data)
    csv.field_size_limit(FIELD_LIMIT)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True))
    except csv.Error as error:
        at = 1 + sum(1 for _ in csv.reader(io.StringIO(text, newline="")))
        said = "it breaks off inside quotes" if "unexpected end" in str(error) else str(error)
        raise BadInput(
            f"The file is no whole CSV: {said}, at or before row {at:,}; {NOTHING}. Export it again."
        ) from error
    names = _names(lines[0] if lines else [])
    reading = Reading()
    known = [heading for heading, name in zip(lines[0], names, strict=True) if not name and heading.strip()]
    if known:
        reading.notes.append(f"Columns nobody knows were left out: {', '.join(known)[:300]}.")
    for number, cells in enumerate(lines[1:], 2):
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(names):
            reading.refuse(number, f"It has {len(cells)} cells; the heading has {len(names)}.")
            continue
        given = {name: cell.strip() for name, cell in zip(names, cells, strict=True) if name}
        if not given["title"]:
            reading.refuse(number, "It has no title.")
            continue
        reading.rows.append(_row(number, given))
    return reading


def _delimiter(text: str) -> str:
    heading = text.lstrip().split("\n", 1)[0]
    return max(",;\t", key=heading.count)


def _names(heading: list[str]) -> list[str]:
    """Our name of each column, empty for one nobody knows. Raises BadInput without a title, or with two of a name."""
    names = [_BY_HEADING.get(cell.strip().lower(), "") for cell in heading]
    there = ", ".join(cell.strip() or "(empty)" for cell in heading)[:300] or "none"
    if "title" not in names:
        raise BadInput(
            f"Row 1 must name the columns, with `title` among them; it names: {there}. Known are "
            f"{', '.join(COLUMNS)}; {NOTHING}."
        )
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise BadInput(f"Row 1 has more than one column for {', '.join(twice)} (it names: {there}); {NOTHING}.")
    return names


def _row(number: int, given: dict[str, str]) -> Row:
    fields = {name.capitalize(): given.get(name, "") for name in _IN_TEMPLATE}
    key = f"csv:{given['id']}"[:190] if given.get("id") else ""
    at = time_of(given.get("created"))
    body = in_template(fields, given.get("body", ""))
    return Row(number, given["title"], body, severity_of(given.get("severity")), key, at)
