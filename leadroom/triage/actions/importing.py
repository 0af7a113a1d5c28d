"""Writes of findings that come in as a file."""

import dataclasses
import datetime as dt
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
from leadroom.triage.imports.rows import MOST_ROWS, NOTHING, Refused
from leadroom.triage.models import Finding
from leadroom.triage.rules import check_import

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


@transaction.atomic
def import_findings(
    *, project: Project, kind: Kind, data: bytes, by: Actor, now: dt.datetime, most: int = MOST_ROWS
) -> Imported:
    """Takes in what a file holds, all of it or nothing; what was brought in before by its own key is passed over.

    Rows that are no findings are refused one by one and named. Raises NotPermitted for an agent, BadInput for a file
    that cannot be read whole, holds more than `most` findings, or has none that could be taken in.
    """
    check_import(by)
    reading = read(kind, data, most=most)
    if not reading.rows and reading.refused:
        first = reading.refused[0]
        raise BadInput(
            f"No row of the file can be a finding; {NOTHING}. Of {count_of(len(reading.refused), 'row')} the first is "
            f"number {first.number}: {first.why}"
        )
    groups.lock_shelf(project.pk)  # two imports of one file: the second finds what the first brought in
    known = linked = suggested = future = 0
    taken: list[int] = []
    keys = set(Finding.objects.filter(project=project).exclude(origin="").values_list("origin", flat=True))
    for row in reading.rows:
        if row.key in keys:
            known += 1
            continue
        keys.add(row.key)
        is_future = row.at is not None and row.at > now
        future += is_future
        at = now if row.at is None or is_future else row.at
        given = {"title": row.title, "body": row.body, "severity": row.severity, "reporter": f"{kind.label} import"}
        intake = bring_in(project_id=project.pk, by=by, now=now, seen_at=at, origin=row.key, **given)
        taken.append(intake.finding.pk)
        linked += intake.judgement.link is not None
        suggested += bool(intake.judgement.suggestions)
    notes = [*reading.notes]
    if future:
        notes.append(f"{count_of(future, 'row')} dated in the future: taken in as of now.")
    result = Imported(len(taken), known, linked, suggested, reading.refused, dict(reading.left_out), notes)
    record(
        by=by,
        now=now,
        verb="triage.finding.imported",
        subject=f"projects.project:{project.pk}",
        payload=_told(kind, result),
    )
    return result


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
