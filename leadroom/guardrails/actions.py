"""Writes of the guardrails. People and Leadroom's own rules press the switch; only people release it."""

import datetime as dt
import logging
from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction

from leadroom.guardrails import flag, rules
from leadroom.guardrails.enums import SWITCHES, Lock, SwitchState
from leadroom.guardrails.models import Switch
from leadroom.guardrails.queries import SWITCH_LOCK, locks_in_database
from leadroom.guardrails.scopes import Scope
from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.errors import Conflict
from leadroom.live.news import publish

log = logging.getLogger(__name__)


def press(*, scope: Scope, level: Lock, reason: str, by: Actor, now: dt.datetime) -> Switch:
    """Lock a scope (PAUSED or READ_ONLY): the flag file first, then flag, epoch and ledger entry in one transaction.

    From its return no claim, ingress write, merge or push of the scope goes through; holders freeze by themselves.
    Pressed again at the same level it changes nothing. Raises NotPermitted (an agent), Conflict (it would weaken a
    lock). When the database fails, its error is raised and the file keeps the lock.
    """
    rules.check_press(level, by=by)
    _engage(scope.key, level)
    with transaction.atomic():
        _alone()
        switch = _switch_of(scope)
        if switch.level == level:
            return switch
        if flag.STRENGTH[Lock(switch.level)] > flag.STRENGTH[level]:
            raise Conflict(f"{scope.name} is read-only, which is more than paused; unlock it first.")
        SWITCHES.check_move(switch.state, SwitchState.REQUESTED)
        switch.level, switch.state, switch.epoch = level, SwitchState.REQUESTED, switch.epoch + 1
        switch.reason, switch.set_by, switch.set_at = reason[:500], by.name[:200], now
        switch.verified_at, switch.verified_seconds, switch.checks = None, None, []
        switch.save()
        _record(switch, "paused" if level == Lock.PAUSED else "locked", by=by, now=now, reason=reason)
    _engage(scope.key, level)  # somebody who opened another scope meanwhile may have written the file without it
    return switch


def release(*, scope: Scope, seen_epoch: int, by: Actor, now: dt.datetime) -> Switch:
    """Open a scope under a new epoch. Nobody is resumed by it. Raises NotPermitted (no human session), Conflict (the
    switch is not the one the person saw).
    """
    rules.check_release(by=by)
    with transaction.atomic():
        _alone()
        switch = _switch_of(scope)
        if switch.epoch != seen_epoch or switch.level == Lock.OPEN:
            raise Conflict("The switch was changed meanwhile; nothing was changed. Look at it as it stands now.")
        SWITCHES.check_move(switch.state, SwitchState.OFF)
        switch.level, switch.state, switch.epoch = Lock.OPEN, SwitchState.OFF, switch.epoch + 1
        switch.set_by, switch.set_at, switch.reason = by.name[:200], now, ""
        switch.verified_at, switch.verified_seconds, switch.checks = None, None, []
        switch.save()
        _record(switch, "released", by=by, now=now)
    flag.replace_all(locks_in_database)
    return switch


@transaction.atomic
def note_verification(
    *,
    switch: Switch,
    is_enforced: bool,
    checks: Sequence[dict[str, Any]],
    seconds: float,
    by: Actor,
    now: dt.datetime,
) -> bool:
    """REQUESTED → VERIFIED, or UNENFORCED on a machine without isolation. False when the switch moved on meanwhile."""
    state = SwitchState.VERIFIED if is_enforced else SwitchState.UNENFORCED
    SWITCHES.check_move(switch.state, state)
    fields = {"state": state, "checks": list(checks), "verified_seconds": round(seconds, 3)}
    fields["verified_at"] = now if is_enforced else None
    same = Switch.objects.filter(pk=switch.pk, epoch=switch.epoch, state=switch.state)
    if not same.update(**fields):
        return False
    for name, value in fields.items():
        setattr(switch, name, value)
    _record(switch, "verified" if is_enforced else "unenforced", by=by, now=now, checks=list(checks))
    return True


@transaction.atomic
def note_checks(*, switch: Switch, checks: Sequence[dict[str, Any]], by: Actor, now: dt.datetime) -> None:
    """What still keeps the switch from being verified, for the page. The same again is not noted again."""
    if switch.checks == list(checks):
        return
    if Switch.objects.filter(pk=switch.pk, epoch=switch.epoch, state=switch.state).update(checks=list(checks)):
        switch.checks = list(checks)
        _record(switch, "unproven", by=by, now=now, checks=list(checks))


def _engage(key: str, level: Lock) -> None:
    try:
        flag.engage(key, level)
    except OSError as error:  # the database locks as well, only not as fast
        log.error("the read-only flag file could not be written: %s", error)


def _alone() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SWITCH_LOCK])


def _switch_of(scope: Scope) -> Switch:
    switch, _ = Switch.objects.get_or_create(
        kind=scope.kind, target=scope.target, defaults={"project_id": scope.project_id}
    )
    return switch


def _record(switch: Switch, verb: str, *, by: Actor, now: dt.datetime, **payload: Any) -> None:
    record(
        by=by,
        now=now,
        verb=f"guardrails.switch.{verb}",
        subject=f"guardrails.switch:{switch.pk}",
        payload={"scope": switch.key, "level": switch.level, "epoch": switch.epoch, **payload},
    )
    publish("room", "switch", switch.pk)
