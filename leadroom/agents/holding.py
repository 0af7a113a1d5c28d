"""Writes of the process that holds a run: all fenced by the generation it was started with.

Transcript lines are not entered one by one in the ledger: they are append-only themselves, and the entry that ends a
holding carries their count (docs/adr/0004).
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import F

from leadroom.agents.actions import add_event, move_run
from leadroom.agents.enums import HELD, EventKind, FailureCause, Phase, RunState, WaitReason
from leadroom.agents.models import Elicitation, Run, RunEvent, RunMessage, RunNote
from leadroom.guardrails.enums import Lock
from leadroom.guardrails.queries import share_the_switch, standing_lock
from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor, ActorKind, system
from leadroom.lib.errors import Conflict, Fenced
from leadroom.lib.shapes import storable
from leadroom.live.news import publish, publish_item

LEASE_SECONDS = 4
START_SECONDS = 20
PLACEMENT_LOCK = 0x6C656164
REMOTE_GRACE_SECONDS = 15


@dataclass(frozen=True)
class Line:
    """A transcript line to be: kind, payload, time."""

    kind: EventKind
    payload: Mapping[str, Any]
    at: dt.datetime


def actor_of(run: Run) -> Actor:
    """The agent of this run, as an actor."""
    return Actor(ActorKind.AGENT, f"run:{run.pk}", f"{run.agent.name} (run {run.pk})")


@transaction.atomic
def claim(*, run_id: int, ceiling: int, host: str, boot_id: str, now: dt.datetime) -> int | None:
    """QUEUED → RUNNING under a new generation, unless `ceiling` runs are held already.

    Returns that generation, or None when somebody else was first, no place is free, or the switch is on: then the run
    stays queued.
    """
    share_the_switch()
    if connection.vendor == "postgresql":  # SQLite writers are one at a time anyway
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PLACEMENT_LOCK])
    if Run.objects.filter(state__in=HELD).count() >= ceiling or not _is_unlocked(run_id):
        return None
    claimed = Run.objects.filter(pk=run_id, state=RunState.QUEUED).update(
        state=RunState.RUNNING,
        generation=F("generation") + 1,
        host=host,
        boot_id=boot_id,
        lease_expires_at=now + dt.timedelta(seconds=START_SECONDS),
        started_at=now,
    )
    if not claimed:
        return None
    run = Run.objects.select_related("agent").get(pk=run_id)
    add_event(run, EventKind.STATE, {"text": f"Started on {host}"}, now=now)
    record(
        by=system("placement"),
        now=now,
        verb="agents.run.started",
        subject=f"agents.run:{run_id}",
        item_id=run.item_id,
        payload={"generation": run.generation, "host": host},
    )
    publish_item(run.item_id, "run")
    return run.generation


def _is_unlocked(run_id: int) -> bool:
    """Whether the switch lets the run begin; while it is read-only, only a session that can write nothing does."""
    row = Run.objects.filter(pk=run_id).values_list("item__project_id", "agent_id", "is_read_only").first()
    if row is None:
        return False
    lock = standing_lock(row[0], row[1])
    return lock is Lock.OPEN or (lock is Lock.READ_ONLY and row[2])


def _fenced_update(run: Run, **fields: Any) -> None:
    if not Run.objects.filter(pk=run.pk, generation=run.generation, state__in=HELD).update(**fields):
        raise Fenced(f"run {run.pk} is no longer held under generation {run.generation}")


@transaction.atomic
def renew(*, run: Run, now: dt.datetime) -> None:
    """Prolong the lease. Raises Fenced when this holder was replaced or the run was stopped."""
    _fenced_update(run, lease_expires_at=now + dt.timedelta(seconds=LEASE_SECONDS))


@transaction.atomic
def append_events(
    *,
    run: Run,
    lines: Sequence[Line],
    now: dt.datetime,
    messages: Sequence[Mapping[str, Any]] = (),
    delivered: Sequence[RunNote] = (),
    unless_after: int | None = None,
    **fields: Any,
) -> int:
    """Append lines with the next `seq`s, messages of the session, and changes of the run's own row, all or nothing.

    Texts are stored as `lib.shapes.storable` makes them. Returns the last seq. Raises Fenced.
    `unless_after` is for a repetition whose first outcome is unknown: the last seq before it; found stored, it is not
    stored again.
    """
    if unless_after is not None:
        run.refresh_from_db(fields=["last_seq"])
        if lines and run.last_seq == unless_after + len(lines):
            return run.last_seq
    lines = [Line(line.kind, storable(line.payload), line.at) for line in lines]
    if lines:
        fields |= {"last_seq": F("last_seq") + len(lines), "last_event_at": now}
        if spoken := _last_line(lines):
            fields["last_line"] = spoken
    _fenced_update(run, lease_expires_at=now + dt.timedelta(seconds=LEASE_SECONDS), **fields)
    run.refresh_from_db(fields=["last_seq", "phase"])
    first = run.last_seq - len(lines) + 1
    RunEvent.objects.bulk_create(
        RunEvent(run=run, seq=seq, at=line.at, kind=line.kind, payload=line.payload)
        for seq, line in enumerate(lines, start=first)
    )
    if messages:
        start = RunMessage.objects.filter(run=run).count()
        RunMessage.objects.bulk_create(
            RunMessage(run=run, position=start + n, role=m["role"], content=storable(m["content"]))
            for n, m in enumerate(messages)
        )
    if delivered:
        RunNote.objects.filter(pk__in=[n.pk for n in delivered]).update(delivered_at=now)
    if lines:
        publish(f"run.{run.pk}", "event", run.last_seq)
        publish("room", "line", run.item_id)
    return run.last_seq


def _last_line(lines: Sequence[Line]) -> str:
    for line in reversed(lines):
        text = str(line.payload.get("title") or line.payload.get("text") or "").strip()
        if text and line.kind in (EventKind.MESSAGE, EventKind.TOOL_CALL, EventKind.PHASE, EventKind.NOTICE):
            return text.splitlines()[-1][:300]
    return ""


@transaction.atomic
def set_phase(*, run: Run, phase: Phase, note: str, now: dt.datetime) -> None:
    """The agent says what it is doing. Raises Fenced."""
    append_events(
        run=run,
        lines=[Line(EventKind.PHASE, {"phase": phase, "text": f"{phase.label}: {note}"}, now)],
        now=now,
        phase=phase,
    )
    record(
        by=actor_of(run),
        now=now,
        verb="agents.run.phase_set",
        subject=f"agents.run:{run.pk}",
        item_id=run.item_id,
        payload={"phase": phase, "note": note},
    )
    publish_item(run.item_id, "phase")


@transaction.atomic
def wait(*, run: Run, reason: WaitReason, now: dt.datetime) -> None:
    """RUNNING → WAITING; the holder leaves afterwards. Raises Fenced."""
    _leave(run, RunState.WAITING, now=now, text=reason.label, wait_reason=reason)


@transaction.atomic
def ask(
    *, run: Run, question: str, why: str, recommendation: str, options: Sequence[str], now: dt.datetime
) -> Elicitation:
    """The agent's question to the lead, once: an open one of this run is returned as it is. Raises Fenced."""
    renew(run=run, now=now)
    elicitation, is_new = Elicitation.objects.get_or_create(
        run=run,
        answered_at=None,
        defaults={
            "question": question,
            "why": why,
            "recommendation": recommendation,
            "options": list(options),
            "asked_at": now,
        },
    )
    if is_new:
        record(
            by=actor_of(run),
            now=now,
            verb="agents.elicitation.asked",
            subject=f"agents.elicitation:{elicitation.pk}",
            item_id=run.item_id,
            payload={"question": question},
        )
    return elicitation


@transaction.atomic
def limit(*, run: Run, until: dt.datetime, now: dt.datetime) -> None:
    """RUNNING → LIMITED until the model's server takes requests again. Raises Fenced."""
    _fenced_update(run, state=RunState.LIMITED, limited_until=until)
    run.state = RunState.LIMITED
    publish_item(run.item_id, "run")


@transaction.atomic
def unlimit(*, run: Run, now: dt.datetime) -> None:
    """LIMITED → RUNNING. Raises Fenced."""
    _fenced_update(run, state=RunState.RUNNING, limited_until=None)
    run.state = RunState.RUNNING
    publish_item(run.item_id, "run")


@transaction.atomic
def complete(*, run: Run, now: dt.datetime) -> None:
    """RUNNING → COMPLETED. Raises Fenced."""
    _leave(run, RunState.COMPLETED, now=now, text="Completed", ended_at=now)


@transaction.atomic
def fail(*, run: Run, reason: str, now: dt.datetime, cause: FailureCause = FailureCause.OTHER) -> None:
    """RUNNING or LIMITED → FAILED with a sentence for the card. Raises Fenced."""
    failure = {"failure": storable(reason), "failure_cause": cause}
    _leave(run, RunState.FAILED, now=now, text=reason, ended_at=now, **failure)


@transaction.atomic
def lose(*, run: Run, reason: str, now: dt.datetime) -> None:
    """A held run → LOST under a new generation: a holder that comes back is fenced. Raises Fenced when it moved."""
    _leave(run, RunState.LOST, now=now, text=reason, failure=reason, ended_at=now, generation=F("generation") + 1)


@transaction.atomic
def halt(*, run: Run, reason: str, now: dt.datetime) -> None:
    """A held run → HALTED under a new generation: the switch was pressed, or a read-only session has answered.

    Its tokens die with the generation; only a person lets it go on. Raises Fenced when it moved.
    """
    _leave(
        run,
        RunState.HALTED,
        now=now,
        text=reason,
        failure=storable(reason),
        ended_at=now,
        is_read_only=False,
        generation=F("generation") + 1,
    )


def _leave(run: Run, to: RunState, *, now: dt.datetime, text: str, **fields: Any) -> None:
    text = storable(text)
    try:
        move_run(run, to, lease_expires_at=None, limited_until=None, **fields)
    except Conflict as error:
        raise Fenced(str(error)) from error
    add_event(run, EventKind.STATE, {"text": text, "state": to}, now=now)
    record(
        by=system("holder"),
        now=now,
        verb=f"agents.run.{to.lower()}",
        subject=f"agents.run:{run.pk}",
        item_id=run.item_id,
        payload={"events": run.last_seq, "text": text},
    )
    publish_item(run.item_id, "run")
