"""Writes of the inbox: where a finding goes, put off, taken back, read or unread; and what the pipeline saw of it."""

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Any

from django.db import transaction

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.errors import Conflict
from leadroom.lib.shapes import clip, storable
from leadroom.live.news import publish, publish_item
from leadroom.projects.models import WorkItem
from leadroom.triage import queries, rules
from leadroom.triage.actions import groups
from leadroom.triage.enums import (
    FINDINGS,
    OPEN_FINDINGS,
    QUIET_FINDINGS,
    STATE_OF_ROUTE,
    FindingState,
    Route,
)
from leadroom.triage.models import Decision, Finding

_KEPT = ("state", "route", "decided_priority", "decided_worst")
"""Fields that an undo gives back, with `snoozed_until`."""


@transaction.atomic
def route(
    *,
    finding: Finding,
    to: Route,
    by: Actor,
    now: dt.datetime,
    note: str = "",
    why: str = "",
    seen: Collection[str] = (),
) -> Decision:
    """Decides about the group that the finding belongs to. What it starts, the pipeline starts (pipeline.triaging).

    `note` is what the lead adds for whoever works on it. `why` is the reason of a rule; a person needs none. `seen` are
    states of which it must still be in one (none: in any). Raises NotPermitted (an agent; a rule at P0 or P1),
    Conflict, BadInput.
    """
    head = groups.lock_head(finding)
    groups.check_seen(head, seen)
    rules.check_route(head, to, note, by)
    return _decide(head, to, by, now, note=note, why=why or f"{by.name} decided", until=None)


@transaction.atomic
def snooze(
    *, finding: Finding, until: dt.datetime | None, by: Actor, now: dt.datetime, seen: Collection[str] = ()
) -> Decision:
    """Puts the group off until a moment, or (None) until it gets worse; if it gets worse it comes back in any case.

    Raises NotPermitted, Conflict, BadInput for a moment that is past.
    """
    head = groups.lock_head(finding)
    groups.check_seen(head, seen)
    rules.check_snooze(head, until, by, now)
    why = f"{by.name} put it off until it gets worse" if until is None else f"{by.name} put it off"
    return _decide(head, Route.SNOOZE, by, now, note="", why=why, until=until)


def _decide(
    head: Finding, to: Route, by: Actor, now: dt.datetime, *, note: str, why: str, until: dt.datetime | None
) -> Decision:
    before: dict[str, Any] = {name: getattr(head, name) for name in _KEPT}
    before["snoozed_until"] = head.snoozed_until.isoformat() if head.snoozed_until else None
    state = STATE_OF_ROUTE[to]
    if state != head.state:
        FINDINGS.check_move(head.state, state)
    decision = Decision.objects.create(
        finding=head,
        route=to,
        actor_kind=by.kind,
        actor_id=by.id,
        actor_name=by.name[:200],
        is_automatic=not by.is_human,
        why=storable(clip(why, 450)),
        note=storable(note.strip()),
        priority=head.priority,
        worst=head.worst,
        size=head.size,
        before=before,
        snoozed_until=until,
        decided_at=now,
    )
    head.state, head.route, head.snoozed_until = state, to, until
    head.decided_priority, head.decided_worst = head.priority, head.worst
    head.is_unread, head.is_looked_at = False, True
    head.save(update_fields=[*_KEPT, "snoozed_until", "is_unread", "is_looked_at"])
    payload = {"decision": decision.pk, "priority": head.priority, "size": head.size, "why": decision.why}
    _record(head, f"routed_{to.lower()}", by, now, payload)
    return decision


@transaction.atomic
def undo(*, decision: Decision, by: Actor, now: dt.datetime) -> Finding:
    """Takes the newest decision about a finding back; what was there before it counts again.

    What the pipeline has made of it already (an item, a run) it withdraws as far as that has not begun; the decision's
    `outcome` says so. Raises NotPermitted, Conflict when it is undone already or another followed.
    """
    head = groups.lock_head(decision.finding)
    decision = Decision.objects.get(pk=decision.pk)
    rules.check_undo(decision, head, by, standing=queries.standing_decision(head.pk))
    for name in _KEPT:
        setattr(head, name, decision.before[name])
    until = decision.before["snoozed_until"]
    head.snoozed_until = dt.datetime.fromisoformat(until) if until else None
    head.save(update_fields=[*_KEPT, "snoozed_until"])
    decision.undone_at, decision.undone_by_name, decision.undone_by_id = now, by.name[:200], by.id
    decision.save(update_fields=["undone_at", "undone_by_name", "undone_by_id"])
    _record(head, "route_undone", by, now, {"decision": decision.pk, "route": decision.route})
    return head


@transaction.atomic
def set_state(*, finding: Finding, state: FindingState, by: Actor, now: dt.datetime, reason: str = "") -> Finding:
    """RESOLVED (a fix was merged, or a person says so), or back into the inbox, for a whole group. An agent may not.

    What matches a resolved finding later is a possible regression.
    """
    head = groups.lock_head(finding)
    rules.check_state(by)
    if head.state == state:
        return head
    FINDINGS.check_move(head.state, state)
    head.state, head.resolved_at = state, now if state == FindingState.RESOLVED else None
    head.snoozed_until, head.route = None, "" if state in OPEN_FINDINGS else head.route
    head.save(update_fields=["state", "resolved_at", "snoozed_until", "route"])
    _record(head, state.lower(), by, now, {"reason": reason} if reason else {})
    return head


@transaction.atomic
def wake(*, finding: Finding, by: Actor, now: dt.datetime) -> Finding:
    """A snoozed finding whose time has come, back into the inbox; one that is awake is left as it is."""
    head = groups.lock_head(finding)
    rules.check_state(by)
    if head.state not in QUIET_FINDINGS:
        return head
    groups.wake(head)
    head.save(update_fields=(*groups.HEAD_FIELDS, "is_unread"))
    _record(head, "woken", by, now, {})
    return head


@transaction.atomic
def mark_finding(*, finding: Finding, is_unread: bool, by: Actor, now: dt.datetime) -> None:
    """Read, or unread again; marking it what it is already changes nothing. Raises NotPermitted for a non-human."""
    rules.check_reader(by)
    if not Finding.objects.filter(pk=finding.pk).exclude(is_unread=is_unread).update(is_unread=is_unread):
        return
    finding.is_unread = is_unread
    _record(finding, f"marked_{'unread' if is_unread else 'read'}", by, now, {})


@transaction.atomic
def reweigh(*, finding: Finding, by: Actor, now: dt.datetime) -> Finding:
    """Priority anew, because time went by; nothing is recorded when it stays what it is."""
    head = groups.lock_head(finding)
    before = head.priority
    head = groups.measure(head.pk, now)
    if head.priority != before:
        _record(head, "reweighed", by, now, {"from": before, "to": head.priority, "rationale": head.rationale})
    return head


@transaction.atomic
def note_effect(
    *,
    decision: Decision,
    item: WorkItem | None,
    is_new_item: bool,
    run_id: int | None,
    outcome: str,
    by: Actor,
    now: dt.datetime,
) -> None:
    """What the pipeline made of a decision, once.

    Raises NotPermitted for an agent, Conflict the second time and for what was taken back meanwhile.
    """
    rules.check_state(by)
    if not Decision.objects.filter(pk=decision.pk, carried_out_at=None, undone_at=None).update(
        item=item, is_new_item=is_new_item, run_id=run_id, outcome=storable(clip(outcome, 250)), carried_out_at=now
    ):
        raise Conflict("This decision was carried out already, or taken back meanwhile; nothing was done.")
    decision.refresh_from_db()
    payload = {"decision": decision.pk, "item": item.pk if item else None, "run": run_id, "outcome": outcome}
    _record(decision.finding, "carried_out", by, now, payload)


@transaction.atomic
def note_settled(*, decision: Decision, outcome: str, by: Actor, now: dt.datetime) -> None:
    """What became of the work that a decision started, once. Raises NotPermitted for an agent."""
    rules.check_state(by)
    text = storable(clip(outcome, 250))
    if Decision.objects.filter(pk=decision.pk, settled_at=None).update(settled_at=now, outcome=text):
        _record(decision.finding, "settled", by, now, {"decision": decision.pk, "outcome": outcome})


def pass_over(*, finding_ids: Iterable[int]) -> None:
    """The rules for automatic routes were asked about these and left them to a person; nothing was decided."""
    Finding.objects.filter(pk__in=list(finding_ids)).update(is_looked_at=True)


def _record(head: Finding, what: str, by: Actor, now: dt.datetime, payload: dict[str, Any]) -> None:
    item_id = head.report.item_id if head.report else None
    subject = f"triage.finding:{head.pk}"
    record(by=by, now=now, verb=f"triage.finding.{what}", subject=subject, item_id=item_id, payload=payload)
    if item_id is None:
        publish("room", "finding", head.pk)
    else:
        publish_item(item_id, "finding")
