"""Files that were brought in before, as the ledger tells of them."""

import datetime as dt
from dataclasses import dataclass

from leadroom.ledger.models import Entry
from leadroom.triage.imports.rows import Refused

VERB = "triage.finding.imported"


@dataclass(frozen=True)
class Earlier:
    """One file: what became of it in a sentence, and its first refused rows."""

    at: dt.datetime
    who: str
    kind: str
    sentence: str
    notes: list[str]
    refused: list[Refused]
    more: int


def earlier_imports(project_id: int, limit: int = 5) -> list[Earlier]:
    """Newest first."""
    rows = Entry.objects.filter(verb=VERB, subject=f"projects.project:{project_id}").order_by("-pk")[:limit]
    return [_earlier(entry) for entry in rows]


def _earlier(entry: Entry) -> Earlier:
    given = entry.payload
    refused = [Refused(number, why) for number, why in given["refused_rows"]]
    more = given["refused"] - len(refused)
    return Earlier(entry.at, entry.actor_name, given["kind"], given["sentence"], given["notes"], refused, more)
