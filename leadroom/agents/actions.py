"""Writes to agents and runs by people and by the pipeline; what a holder writes is in `holding.py`."""

import datetime as dt
from collections.abc import Iterable
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Max

from leadroom.agents import rules
from leadroom.agents.enums import OPEN, RUNS, EventKind, Role, RunState, WaitReason
from leadroom.agents.models import Agent, Elicitation, Endpoint, Run, RunEvent, RunNote
from leadroom.agents.queries import REHEARSAL
from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.digest import digest_of
from leadroom.lib.errors import BadInput, Conflict
from leadroom.lib.sealing import seal
from leadroom.live.news import publish, publish_item
from leadroom.projects.models import Project, WorkItem
from leadroom.skills.models import SkillVersion


@transaction.atomic
def seat_agents(*, project: Project, by: Actor, now: dt.datetime) -> None:
    """One agent per role; repeated calls add what is missing."""
    for role in Role:
        Agent.objects.get_or_create(project=project, role=role, defaults={"name": role.label})
    record(by=by, now=now, verb="agents.agents.seated", subject=f"projects.project:{project.pk}")


@transaction.atomic
def set_endpoint(
    *, project: Project, role: str, base_url: str, model: str, key: str | None, by: Actor, now: dt.datetime
) -> Endpoint:
    """Connect the project (or one role of it) to a Messages API. `key` None keeps the stored one.

    Raises BadInput for an address that is not http(s) or holds a password, and when a stored key would go to a
    server it was not entered for.
    """
    base_url, model = base_url.strip().rstrip("/"), model.strip()
    server = _server_of(base_url)
    if not model:
        raise BadInput("Name the model the server should use; nothing was changed.")
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise BadInput("The key holds a space or a character no key has; copy it again. Nothing was changed.")
    endpoint = Endpoint.objects.filter(project=project, role=role).first() or Endpoint(project=project, role=role)
    if key is None and endpoint.sealed_key and server != _server_of(endpoint.base_url):
        raise BadInput(
            "This is another server, and the stored key was entered for the one before. Nothing was changed; "
            "enter the key for this server, or forget the stored one."
        )
    endpoint.base_url, endpoint.model = base_url, model
    if key is not None:
        endpoint.sealed_key = seal(key, secret=settings.SECRET_KEY)
    endpoint.save()
    record(
        by=by,
        now=now,
        verb="agents.endpoint.set",
        subject=f"agents.endpoint:{endpoint.pk}",
        payload={
            "project": project.slug,
            "role": role,
            "base_url": base_url,
            "model": model,
            "key_changed": key is not None,
        },
    )
    return endpoint


def _server_of(base_url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port. Raises BadInput for what is no address of a server."""
    if base_url == REHEARSAL:
        return REHEARSAL, "", None
    try:
        parts = urlsplit(base_url)
        server = parts.scheme, parts.hostname or "", parts.port
    except ValueError as error:
        raise BadInput("The address cannot be read as one; nothing was changed.") from error
    if server[0] not in ("https", "http") or not server[1] or not base_url.isprintable() or " " in base_url:
        raise BadInput("The address must start with https:// or http:// and name a server; nothing was changed.")
    if "@" in parts.netloc:
        raise BadInput("The address holds a name or password, which pages show; nothing was changed. Use the key.")
    return server


@transaction.atomic
def queue_run(
    *,
    item: WorkItem,
    role: Role,
    brief: str,
    system_prompt: str,
    skills: Iterable[SkillVersion],
    by: Actor,
    now: dt.datetime,
    lane: str = "main",
) -> Run:
    """The next attempt of a role on an item. Raises Conflict when one is open already."""
    agent = Agent.objects.get(project_id=item.project_id, role=role)
    last = Run.objects.filter(item=item, role=role, lane=lane).aggregate(top=Max("attempt"))["top"] or 0
    try:
        with transaction.atomic():
            run = Run.objects.create(
                item=item,
                agent=agent,
                role=role,
                lane=lane,
                attempt=last + 1,
                brief=brief,
                brief_digest=digest_of(brief),
                system_prompt=system_prompt,
                queued_at=now,
            )
    except IntegrityError as error:
        raise Conflict(f"A {role.label.lower()} is at work on this item already.") from error
    versions = list(skills)
    run.skills.set(versions)
    record(
        by=by,
        now=now,
        verb="agents.run.queued",
        subject=f"agents.run:{run.pk}",
        item_id=item.pk,
        payload={
            "role": role,
            "attempt": run.attempt,
            "brief_digest": run.brief_digest,
            "skills": [v.digest for v in versions],
        },
    )
    publish_item(item.pk, "run")
    return run


def move_run(run: Run, to: RunState, **fields: object) -> None:
    """Compare-and-set of a run's state inside the caller's transaction.

    Raises NotPermitted (no such move) or Conflict (it moved meanwhile).
    """
    RUNS.check_move(run.state, to)
    moved = Run.objects.filter(pk=run.pk, state=run.state, generation=run.generation).update(state=to, **fields)
    if not moved:
        raise Conflict("The run moved on meanwhile; reload the page to see where it stands.")
    run.state = to
    for name, value in fields.items():
        if not hasattr(value, "resolve_expression"):
            setattr(run, name, value)


def add_event(run: Run, kind: EventKind, payload: dict, *, now: dt.datetime) -> None:
    """Append one line to the transcript from outside the holder, in the caller's transaction."""
    Run.objects.filter(pk=run.pk).update(last_seq=F("last_seq") + 1, last_event_at=now)
    run.refresh_from_db(fields=["last_seq"])
    RunEvent.objects.create(run=run, seq=run.last_seq, at=now, kind=kind, payload=payload)
    publish(f"run.{run.pk}", "event", run.last_seq)


@transaction.atomic
def resume(*, run: Run, text: str, by: Actor, now: dt.datetime) -> None:
    """WAITING → QUEUED with what the agent waited for as a note. Raises Conflict when it does not wait any more."""
    RunNote.objects.create(run=run, text=text, author=by.name, written_at=now)
    move_run(run, RunState.QUEUED, wait_reason=WaitReason.NONE, queued_at=now)
    add_event(run, EventKind.STATE, {"text": "Goes on"}, now=now)
    record(by=by, now=now, verb="agents.run.resumed", subject=f"agents.run:{run.pk}", item_id=run.item_id)
    publish_item(run.item_id, "run")


@transaction.atomic
def retry(*, run: Run, by: Actor, now: dt.datetime) -> None:
    """Queue a lost, failed or halted run again; it goes on from its last stored message.

    Raises NotPermitted, Locked, Conflict.
    """
    rules.check_resume(run, by=by)
    move_run(run, RunState.QUEUED, failure="", queued_at=now, ended_at=None)
    add_event(run, EventKind.STATE, {"text": f"Resumed by {by.name}"}, now=now)
    record(by=by, now=now, verb="agents.run.retried", subject=f"agents.run:{run.pk}", item_id=run.item_id)
    publish_item(run.item_id, "run")


@transaction.atomic
def ask_read_only(*, run: Run, text: str, by: Actor, now: dt.datetime) -> None:
    """HALTED → QUEUED for one answer, under a profile that can write nothing; then it halts again.

    Raises NotPermitted, BadInput, Conflict.
    """
    rules.check_ask_read_only(run, text, by=by)
    RunNote.objects.create(run=run, text=text.strip(), author=by.name, written_at=now)
    move_run(run, RunState.QUEUED, failure="", queued_at=now, ended_at=None, is_read_only=True)
    add_event(run, EventKind.STATE, {"text": f"{by.name} asks, read-only"}, now=now)
    record(
        by=by,
        now=now,
        verb="agents.run.asked_read_only",
        subject=f"agents.run:{run.pk}",
        item_id=run.item_id,
        payload={"text": text.strip()},
    )
    publish_item(run.item_id, "run")


@transaction.atomic
def stop(*, run: Run, by: Actor, now: dt.datetime) -> None:
    """End the run for good; its holder sees the new generation and kills its sandbox. Raises NotPermitted, Conflict."""
    rules.check_stop(run, by=by)
    move_run(run, RunState.CANCELLED, ended_at=now, generation=F("generation") + 1, failure=f"Stopped by {by.name}")
    add_event(run, EventKind.STATE, {"text": f"Stopped by {by.name}"}, now=now)
    record(by=by, now=now, verb="agents.run.stopped", subject=f"agents.run:{run.pk}", item_id=run.item_id)
    publish_item(run.item_id, "run")


@transaction.atomic
def stop_open_runs(*, item: WorkItem, by: Actor, now: dt.datetime) -> None:
    """Stop whatever still runs for the item."""
    for run in Run.objects.filter(item=item, state__in=OPEN):
        stop(run=run, by=by, now=now)


@transaction.atomic
def steer(*, run: Run, text: str, by: Actor, now: dt.datetime) -> None:
    """Leave a note that the agent reads before its next turn. Raises NotPermitted, BadInput."""
    rules.check_steer(run, text, by=by)
    RunNote.objects.create(run=run, text=text.strip(), author=by.name, written_at=now)
    record(
        by=by,
        now=now,
        verb="agents.run.steered",
        subject=f"agents.run:{run.pk}",
        item_id=run.item_id,
        payload={"text": text.strip()},
    )
    publish(f"run.{run.pk}", "note", run.pk)


@transaction.atomic
def answer(*, elicitation: Elicitation, text: str, user_id: int, by: Actor, now: dt.datetime) -> None:
    """Answer an agent's question; the run goes on. Raises NotPermitted, BadInput, Conflict (answered meanwhile)."""
    rules.check_answer(elicitation, text, by=by)
    first = Elicitation.objects.filter(pk=elicitation.pk, answered_at=None).update(
        answer=text.strip(), answered_at=now, answered_by_id=user_id
    )
    if not first:
        raise Conflict("This question was answered meanwhile; the first answer was sent to the agent.")
    record(
        by=by,
        now=now,
        verb="agents.elicitation.answered",
        subject=f"agents.elicitation:{elicitation.pk}",
        item_id=elicitation.run.item_id,
        payload={"answer": text.strip()},
    )
    resume(run=elicitation.run, text=f"Answer of {by.name}: {text.strip()}", by=by, now=now)
