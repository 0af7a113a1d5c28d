"""Writes of the drift check."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.triage import rules
from leadroom.triage.models import DriftCheck
from leadroom.triage.versions import installed


@transaction.atomic
def record_check(*, figures: Mapping[str, Any], by: Actor, now: dt.datetime) -> DriftCheck:
    """Stores how the golden set came out with the engine installed. `figures` has the keys of `triage_eval`."""
    version = installed()
    check = DriftCheck.objects.create(
        engine=version, is_good=rules.is_golden(figures), figures=dict(figures), ran_at=now
    )
    record(
        by=by,
        now=now,
        verb="triage.engine.checked",
        subject=f"triage.check:{check.pk}",
        payload={"engine": version, "is_good": check.is_good},
    )
    return check
