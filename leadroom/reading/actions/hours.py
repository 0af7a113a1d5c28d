"""Writes of a person's hours."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.live.news import publish
from leadroom.reading import rules, windows
from leadroom.reading.budget import KINDS
from leadroom.reading.models import ReadingHours
from leadroom.reading.sessions import default_hours
from leadroom.reading.windows import window_of


@transaction.atomic
def begin_hours(*, user_id: int, by: Actor, now: dt.datetime) -> ReadingHours:
    """The person's hours, stored with the default when there are none. Only windows that are still to begin count."""
    first = default_hours(user_id, now)
    given = {name: getattr(first, name) for name in ("zone", "changed_at", "last_on", "last_slot")}
    hours, is_new = ReadingHours.objects.get_or_create(user_id=user_id, defaults=given)
    if is_new:
        record(by=by, now=now, verb="reading.hours.begun", subject=f"reading.hours:{hours.pk}")
    return hours


@transaction.atomic
def set_hours(
    *,
    user_id: int,
    zone: str,
    reading: Sequence[Mapping[str, Any]],
    quiet: Sequence[Mapping[str, Any]],
    interrupts: str,
    is_mailed: bool,
    budget: int,
    weights: Mapping[str, float],
    by: Actor,
    now: dt.datetime,
) -> ReadingHours:
    """Store when this person reads and is left alone. A session that is under way goes on in the zone it began in.

    A window that was over before its number on the day came to be is not caught up. Raises NotPermitted, BadInput.
    """
    rules.check_own(user_id, by)
    spans, silences = [window_of(plain) for plain in reading], [window_of(plain) for plain in quiet]
    rules.check_hours(zone=zone, reading=spans, quiet=silences, budget=budget, weights=weights)
    hours, is_new = ReadingHours.objects.select_for_update().get_or_create(
        user_id=user_id, defaults={"zone": zone, "changed_at": now, "last_on": now.date()}
    )
    is_other_count = len(hours.windows) != len(spans)
    hours.zone, hours.windows, hours.quiet = zone, [w.plain() for w in spans], [w.plain() for w in silences]
    hours.interrupts, hours.is_mailed, hours.budget, hours.changed_at = interrupts, is_mailed, budget, now
    hours.weights = {name: weights[name] for name in KINDS if name in weights and weights[name] != KINDS[name].weight}
    if is_new or is_other_count:
        begun = windows.before_now(spans, hours.tz, now)
        hours.last_on, hours.last_slot = begun if is_new else max(hours.last_place, begun)
    hours.save()
    payload = {"zone": zone, "windows": hours.windows, "quiet": hours.quiet, "budget": budget}
    record(by=by, now=now, verb="reading.hours.set", subject=f"reading.hours:{hours.pk}", payload=payload)
    publish("room", "hours", user_id)
    return hours
