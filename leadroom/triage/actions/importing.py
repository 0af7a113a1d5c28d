"""Writes of findings that come in as a file."""

import dataclasses
import datetime as dt
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput
from leadroom.lib.shapes import clip, count_of
from leadroom.projects.models import Project
from leadroom.triage.actions import groups
from leadroom.triage.actions.filing import bring_in
from leadroom.triage.imports.reading import Kind, read
from leadroom.triage.imports.rows import MOST_ROWS, NOTHING, Refused, Row
from leadroom.triage.models import Finding
from leadroom.triage.rules import check_import

BATCH = 100
"""Findings of one transaction, some two seconds: on SQLite nobody else writes meanwhile, and others wait for five."""
REFUSED_KEPT = 50
"""Refused rows that the ledger names; the command names them all."""


@dataclasses.dataclass(frozen=True)
class Imported:
    """What became of a file. `known` were brought in before; `linked` and `suggested` count among `taken`."""

    taken: int
    known: int
    linked: int
    suggested: int
    refused: list[Refused]
    left_out: dict[str, int]
    notes: list[str]

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        parts = [f"{count_of(self.taken, 'finding')} taken in"]
        if self.linked:
            parts.append(f"{self.linked:,} of them linked to older ones")
        if self.suggested:
            parts.append(f"{self.suggested:,} with a suggestion")
        if self.known:
            parts.append(f"{self.known:,} brought in before and passed over")
        if self.refused:
            parts.append(f"{count_of(len(self.refused), 'row')} refused")
        parts += [f"{n:,} {what} left out" for what, n in sorted(self.left_out.items())]
        return f"{', '.join(parts)}."


@dataclasses.dataclass
class _Tally:
    """Figures of an import while it goes on; `keys` are those of the project's findings that were brought in."""

    keys: set[str]
    taken: int = 0
    known: int = 0
    linked: int = 0
    suggested: int = 0
    future: int = 0


def import_findings(
    *, project: Project, kind: Kind, data: bytes, by: Actor, now: dt.datetime, most: int = MOST_ROWS
) -> Imported:
    """Takes in what a file holds, once it was read whole; what was brought in before by its own key is passed over.

    Rows that are no findings are refused one by one and named. BATCH findings are one transaction, so that agents at
    work can write in between; a file that was interrupted is brought in again, and goes on where it was. Raises
    NotPermitted for an agent, BadInput for a file that cannot be read whole, holds more than `most` findings, or has
    none that could be taken in; then nothing was.
    """
    check_import(by)
    reading = read(kind, data, most=most)
    if not reading.rows and reading.refused:
        first = reading.refused[0]
        raise BadInput(
            f"No row of the file can be a finding; {NOTHING}. Of {count_of(len(reading.refused), 'row')} the first is "
            f"number {first.number}: {first.why}"
        )
    tally = _Tally(keys=set())
    for start in range(0, len(reading.rows), BATCH):
        _take(reading.rows[start : start + BATCH], tally, project=project, kind=kind, by=by, now=now)
    notes = [*reading.notes]
    if tally.future:
        notes.append(f"{count_of(tally.future, 'row')} dated in the future: taken in as of now.")
    figures = (tally.taken, tally.known, tally.linked, tally.suggested)
    result = Imported(*figures, reading.refused, dict(reading.left_out), notes)
    record(
        by=by,
        now=now,
        verb="triage.finding.imported",
        subject=f"projects.project:{project.pk}",
        payload=_told(kind, result),
    )
    return result


@transaction.atomic
def _take(rows: Sequence[Row], tally: _Tally, *, project: Project, kind: Kind, by: Actor, now: dt.datetime) -> None:
    groups.lock_shelf(project.pk)  # two imports of one file: the second finds what the first brought in
    brought = Finding.objects.filter(project=project, origin__in=[row.key for row in rows])
    tally.keys |= set(brought.values_list("origin", flat=True))
    for row in rows:
        if row.key in tally.keys:
            tally.known += 1
            continue
        tally.keys.add(row.key)
        is_future = row.at is not None and row.at > now
        tally.future += is_future
        at = now if row.at is None or is_future else row.at
        given = {"title": row.title, "body": row.body, "severity": row.severity, "reporter": f"{kind.label} import"}
        intake = bring_in(project_id=project.pk, by=by, now=now, seen_at=at, origin=row.key, **given)
        tally.taken += 1
        tally.linked += intake.judgement.link is not None
        tally.suggested += bool(intake.judgement.suggestions)


def _told(kind: Kind, result: Imported) -> dict[str, Any]:
    """As imports.history reads it again."""
    return {
        "kind": kind.label,
        "sentence": result.sentence,
        "notes": result.notes,
        "taken": result.taken,
        "known": result.known,
        "refused": len(result.refused),
        "refused_rows": [[row.number, clip(row.why, 300)] for row in result.refused[:REFUSED_KEPT]],
    }
