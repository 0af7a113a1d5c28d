"""Writes of what our own record says against a report's claims."""

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.shapes import storable
from leadroom.live.news import publish_item
from leadroom.triage.models import Report
from leadroom.triage.rules import check_state


@transaction.atomic
def note_comparison(
    *, report: Report, found: Sequence[dict[str, str]], verification: int, by: Actor, now: dt.datetime
) -> None:
    """Keeps what contradicts a report, in the place of what was found before; the report itself stays as it was filed.

    The same comparison again changes nothing. Raises NotPermitted for an agent.
    """
    check_state(by)
    kept = storable([{"about": one["about"], "sentence": one["sentence"][:600]} for one in found])
    if (report.contradictions, report.compared_with) == (kept, verification):
        return
    report.contradictions, report.compared_with = kept, verification
    report.save(update_fields=["contradictions", "compared_with"])
    record(
        by=by,
        now=now,
        verb="triage.report.compared",
        subject=f"triage.report:{report.pk}",
        item_id=report.item_id,
        payload={"verification": verification, "contradictions": [one["sentence"] for one in kept]},
    )
    publish_item(report.item_id, "report")
