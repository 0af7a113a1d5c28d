"""The kinds of files that findings are read from."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

from django.db.models import TextChoices

from leadroom.lib.errors import BadInput
from leadroom.lib.shapes import storable
from leadroom.triage.imports import contract, github, junit, sarif, table
from leadroom.triage.imports.rows import MOST_ROWS, NOTHING, SIZE_LIMIT, Reading


class Kind(TextChoices):
    SARIF = "sarif", "SARIF 2.1.0"
    JUNIT = "junit", "JUnit XML"
    GITHUB = "github", "GitHub issues (JSON)"
    CSV = "csv", "CSV"
    ZERO_REVIEW = "zero-review", "zero-review issues (Markdown or JSON)"


_READERS: dict[Kind, Callable[[bytes], Reading]] = {
    Kind.SARIF: sarif.read,
    Kind.JUNIT: junit.read,
    Kind.GITHUB: github.read,
    Kind.CSV: table.read,
    Kind.ZERO_REVIEW: contract.read,
}


def kind_of(word: str) -> Kind:
    """Raises BadInput with the kinds there are."""
    try:
        return Kind(word)
    except ValueError as error:
        raise BadInput(f"There is no kind of file {word[:40]!r}; there are {', '.join(Kind.values)}.") from error


def read(kind: Kind, data: bytes, *, most: int = MOST_ROWS) -> Reading:
    """The rows of a file, storable, each with a key. Reads only.

    A row without a key of its own gets one of the file's digest and its place: the same file again is known.
    Raises BadInput for a file that cannot be read whole, or that holds more than `most` findings.
    """
    if len(data) > SIZE_LIMIT:
        raise BadInput(f"The file has {len(data):,} bytes; {SIZE_LIMIT:,} is the limit. {NOTHING.capitalize()}.")
    reading = _READERS[kind](data)
    if len(reading.rows) > most:
        raise BadInput(
            f"The file holds {len(reading.rows):,} findings; {most:,} is the most at once here. "
            f"{NOTHING.capitalize()}; split it, or bring the parts in with `manage.py import_findings`."
        )
    digest = hashlib.sha256(data).hexdigest()[:24]
    reading.rows = [
        replace(
            row,
            title=storable(row.title),
            body=storable(row.body),
            key=storable(row.key) or f"{kind}:{digest}:{row.number}",
        )
        for row in reading.rows
    ]
    return reading
