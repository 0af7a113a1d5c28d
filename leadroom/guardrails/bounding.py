"""Writes to an agent's bounds: policy, trust, claims, parked actions. An agent makes none of them."""

import datetime as dt
import math
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from leadroom.guardrails.enums import REQUESTS, ClaimOutcome, PatternKind, RequestState, TrustKind
from leadroom.guardrails.models import Claim, IrreversiblePattern, PermissionRequest, Policy, TrustEntry
from leadroom.guardrails.queries import check_unlocked
from leadroom.guardrails.servers import read_servers
from leadroom.guardrails.trust import Instant
from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor, ActorKind
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.lib.shapes import clip, storable
from leadroom.live.news import publish, publish_item
from leadroom.projects.models import Project

PATTERNS_ALLOWED = 100
ANSWER_LIMIT = 4_000
TASK_OF_TOOL = {"propose_ambiguities": "pick", "report": "report"}
"""The kind of task within which an agent's claims are compared."""


@dataclass(frozen=True)
class Doer:
    """The run on whose account something is written down: ids of project, agent, run and item, and the agent's name."""

    project: Project
    agent_id: int
    agent_name: str
    run_id: int
    item_id: int


@dataclass(frozen=True)
class Asserted:
    """One confidence of an answer: `what` it is about, as claimed, and as it counted."""

    what: str
    claimed: float
    counted: float


def _check_human(by: Actor) -> None:
    if not by.is_human:
        raise NotPermitted("Only a signed-in person changes what bounds an agent; nothing was changed.")


@transaction.atomic
def set_policy(
    *,
    project: Project,
    trust_per_hour: int,
    confidence_floor: float,
    misses_allowed: int,
    approval_minutes: int,
    dashboards: str,
    fetch_hosts: str,
    by: Actor,
    now: dt.datetime,
) -> Policy:
    """The bounds of the project's agents from now on. Raises NotPermitted, BadInput."""
    _check_human(by)
    if not (math.isfinite(confidence_floor) and 0 <= confidence_floor <= 1):
        raise BadInput("The floor is a number from 0 to 1, such as 0.65; nothing was changed.")
    for value, low, high, name in (
        (trust_per_hour, 0, 1_000, "The trust per hour"),
        (misses_allowed, 1, 100, "The misses in a row"),
        (approval_minutes, 1, 1_440, "The minutes of an approval"),
    ):
        if not low <= value <= high:
            raise BadInput(f"{name} must be from {low} to {high:,}; nothing was changed.")
    fields: dict[str, Any] = {
        "trust_per_hour": trust_per_hour,
        "confidence_floor": confidence_floor,
        "misses_allowed": misses_allowed,
        "approval_minutes": approval_minutes,
        "dashboards": storable(dashboards.strip()[:4_000]),
        "fetch_hosts": read_servers(fetch_hosts),
    }
    policy, _ = Policy.objects.update_or_create(project=project, defaults=fields)
    subject = f"projects.project:{project.pk}"
    record(by=by, now=now, verb="guardrails.policy.set", subject=subject, payload=fields)
    publish("guardrails", "policy", project.pk)
    return policy


@transaction.atomic
def set_patterns(*, project: Project, text: str, by: Actor, now: dt.datetime) -> int:
    """Replace the project's own irreversible actions by lines of `command | pattern | what it does`; returns how many.

    Raises NotPermitted, BadInput naming the line.
    """
    _check_human(by)
    rows: dict[tuple[str, str], str] = {}
    for number, line in enumerate(storable(text).splitlines(), start=1):
        parts = [part.strip() for part in line.split("|", 2)]
        if not any(parts):
            continue
        if len(parts) != 3 or not all(parts) or parts[0] not in PatternKind.values:
            raise BadInput(
                f"Line {number} is not `tool, command or path | pattern | what it does`; nothing was changed."
            )
        if max(len(parts[1]), len(parts[2])) > 200:
            raise BadInput(f"Line {number} has a part of more than 200 characters; nothing was changed.")
        rows[parts[0], parts[1]] = parts[2]
    if len(rows) > PATTERNS_ALLOWED:
        raise BadInput(f"{len(rows)} patterns are more than the {PATTERNS_ALLOWED} allowed; nothing was changed.")
    IrreversiblePattern.objects.filter(project=project).delete()
    IrreversiblePattern.objects.bulk_create(
        IrreversiblePattern(project=project, kind=kind, pattern=pattern, words=words)
        for (kind, pattern), words in rows.items()
    )
    record(
        by=by,
        now=now,
        verb="guardrails.policy.patterns_set",
        subject=f"projects.project:{project.pk}",
        payload={"patterns": [[*key, words] for key, words in rows.items()]},
    )
    publish("guardrails", "policy", project.pk)
    return len(rows)


@transaction.atomic
def note_answer(
    *,
    doer: Doer,
    tool: str,
    call_id: str,
    asserted: Sequence[Asserted],
    unsourced: Sequence[str],
    observed: Sequence[Mapping[str, Any]],
    by: Actor,
    now: dt.datetime,
) -> None:
    """An answer that was taken: its claims, one charge when something is unsourced, and what the session had seen.

    Noted again for the same call it changes nothing but the ledger.
    """
    for one in asserted:
        Claim.objects.get_or_create(
            run_id=doer.run_id,
            what=one.what[:120],
            defaults={
                "project": doer.project,
                "agent_id": doer.agent_id,
                "item_id": doer.item_id,
                "kind": TASK_OF_TOOL.get(tool, tool)[:12],
                "claimed": one.claimed,
                "counted": one.counted,
                "made_at": now,
            },
        )
    if unsourced:
        reason = f"{tool} without a source that resolves: {', '.join(unsourced)}"
        _keep_entry(doer.project, doer.agent_id, doer.run_id, TrustKind.CHARGE, 1, reason, call_id, by=by, now=now)
    record(
        by=by,
        now=now,
        verb="guardrails.answer.weighed",
        subject=f"agents.run:{doer.run_id}",
        item_id=doer.item_id,
        payload={
            "tool": tool,
            "claims": [[one.what, one.claimed, round(one.counted, 3)] for one in asserted],
            "unsourced": list(unsourced),
        },
        sources=observed,
    )
    publish("guardrails", "trust", doer.agent_id)


def _keep_entry(
    project: Project,
    agent_id: int,
    run_id: int | None,
    kind: TrustKind,
    amount: int,
    reason: str,
    cause: str,
    *,
    by: Actor,
    now: dt.datetime,
) -> bool:
    """False when this cause was entered before."""
    instant = Instant.at(now)
    _, is_new = TrustEntry.objects.get_or_create(
        agent_id=agent_id,
        kind=kind,
        cause=cause[:120],
        defaults={
            "project": project,
            "run_id": run_id,
            "amount": amount,
            "reason": storable(clip(reason, 450)),
            "by_name": by.name[:200],
            "at": now,
            "boot_id": instant.boot_id,
            "boot_seconds": instant.boot_seconds,
        },
    )
    return is_new


@transaction.atomic
def refund(
    *, project: Project, agent_id: int, item_id: int, reason: str, cause: str, by: Actor, now: dt.datetime
) -> bool:
    """Give one charge back for a confirmed outcome (`cause`: its record). Once per cause; False the second time.

    Raises NotPermitted for an agent.
    """
    if by.kind is ActorKind.AGENT:
        raise NotPermitted("An agent does not refund itself; nothing was changed.")
    if not _keep_entry(project, agent_id, None, TrustKind.REFUND, 1, reason, cause, by=by, now=now):
        return False
    record(
        by=by,
        now=now,
        verb="guardrails.trust.refunded",
        subject=f"agents.agent:{agent_id}",
        item_id=item_id,
        payload={"reason": reason},
        cause=cause,
    )
    publish("guardrails", "trust", agent_id)
    return True


@transaction.atomic
def restore_trust(*, project: Project, agent_id: int, by: Actor, now: dt.datetime) -> None:
    """A person gives an agent its whole budget back. Raises NotPermitted."""
    _check_human(by)
    cause = f"restored {now.isoformat()} {secrets.token_hex(4)}"
    reason = f"{by.name} gave the whole budget back"
    _keep_entry(project, agent_id, None, TrustKind.RESTORE, 0, reason, cause, by=by, now=now)
    record(by=by, now=now, verb="guardrails.policy.trust_restored", subject=f"agents.agent:{agent_id}")
    publish("guardrails", "trust", agent_id)


@transaction.atomic
def settle_claim(*, claim: Claim, has_held: bool, why: str, by: Actor, now: dt.datetime) -> bool:
    """What became of a claim, once. False when somebody settled it meanwhile. Raises NotPermitted for an agent."""
    if by.kind is ActorKind.AGENT:
        raise NotPermitted("An agent does not judge its own claims; nothing was changed.")
    outcome = ClaimOutcome.HELD if has_held else ClaimOutcome.MISSED
    first = Claim.objects.filter(pk=claim.pk, outcome=ClaimOutcome.OPEN).update(
        outcome=outcome, outcome_why=storable(clip(why, 250)), settled_at=now
    )
    if not first:
        return False
    record(
        by=by,
        now=now,
        verb=f"guardrails.claim.{outcome}",
        subject=f"guardrails.claim:{claim.pk}",
        item_id=claim.item_id,
        payload={"what": claim.what, "claimed": claim.claimed, "why": why},
    )
    publish("guardrails", "claim", claim.agent_id)
    return True


@transaction.atomic
def park(
    *,
    doer: Doer,
    tool: str,
    given: Mapping[str, Any],
    digest: str,
    why: str,
    sentence: str,
    blast_radius: Sequence[str],
    sources: Sequence[Mapping[str, Any]],
    evidence: Sequence[str],
    by: Actor,
    now: dt.datetime,
) -> PermissionRequest:
    """The action waits for a person; asked again for the same action, the open request is returned."""
    asked = {"run_id": doer.run_id, "digest": digest, "state__in": [RequestState.PENDING, RequestState.GRANTED]}
    if earlier := PermissionRequest.objects.filter(**asked).first():
        return earlier
    try:
        with transaction.atomic():
            request = PermissionRequest.objects.create(
                project=doer.project,
                agent_id=doer.agent_id,
                agent_name=doer.agent_name[:200],
                run_id=doer.run_id,
                item_id=doer.item_id,
                tool=tool[:60],
                input=storable(given),
                digest=digest,
                nonce=secrets.token_urlsafe(32),
                why=why,
                sentence=storable(sentence),
                blast_radius=storable([clip(words, 300) for words in blast_radius][:30]),
                sources=storable(list(sources)),
                evidence=storable(list(evidence)),
                asked_at=now,
            )
    except IntegrityError:
        return PermissionRequest.objects.get(**asked)
    _record(request, "parked", by=by, now=now, why=why, blast_radius=request.blast_radius)
    return request


@transaction.atomic
def answer_request(
    *,
    request: PermissionRequest,
    is_granted: bool,
    text: str,
    seen_digest: str,
    nonce: str,
    minutes: int,
    by: Actor,
    now: dt.datetime,
) -> None:
    """PENDING → GRANTED for `minutes`, or REFUSED with what the agent is told instead.

    Raises NotPermitted (no signed-in person), Conflict (answered already, or not the action that was seen), BadInput,
    Locked (a grant while the read-only switch covers the agent).
    """
    _check_human(by)
    if seen_digest != request.digest or not secrets.compare_digest(nonce.encode(), request.nonce.encode()):
        raise Conflict("This is not the action you looked at; nothing was decided. Look at it again.")
    if len(text) > ANSWER_LIMIT:
        raise BadInput(f"The answer has {len(text):,} characters; {ANSWER_LIMIT:,} is the limit. Nothing was decided.")
    if is_granted:
        check_unlocked(request.project_id, request.agent_id, kept="nothing was approved")
    to = RequestState.GRANTED if is_granted else RequestState.REFUSED
    fields: dict[str, Any] = {"answer": storable(text.strip()), "answered_by_name": by.name[:200], "answered_at": now}
    if is_granted:
        fields["expires_at"] = now + dt.timedelta(minutes=minutes)
    _move(request, to, **fields)
    _record(request, to.lower(), by=by, now=now, digest=request.digest, answer=fields["answer"])


@transaction.atomic
def spend_request(*, request: PermissionRequest, by: Actor, now: dt.datetime) -> None:
    """GRANTED → USED, before the action is carried out: a grant is good once. Raises Conflict."""
    _move(request, RequestState.USED)
    _record(request, "used", by=by, now=now)


@transaction.atomic
def void_request(*, request: PermissionRequest, to: RequestState, by: Actor, now: dt.datetime) -> None:
    """GRANTED → CHANGED or EXPIRED: it is good for nothing any more. Raises Conflict."""
    _move(request, to)
    _record(request, to.lower(), by=by, now=now)


def _move(request: PermissionRequest, to: RequestState, **fields: Any) -> None:
    REQUESTS.check_move(request.state, to)
    if not PermissionRequest.objects.filter(pk=request.pk, state=request.state).update(state=to, **fields):
        raise Conflict("This was answered meanwhile, in another tab or by somebody else; theirs counts.")
    request.state = to
    for name, value in fields.items():
        setattr(request, name, value)


def _record(request: PermissionRequest, verb: str, *, by: Actor, now: dt.datetime, **payload: Any) -> None:
    record(
        by=by,
        now=now,
        verb=f"guardrails.request.{verb}",
        subject=f"guardrails.request:{request.pk}",
        item_id=request.item_id,
        payload={"tool": request.tool, "run": request.run_id, **payload},
    )
    publish_item(request.item_id, "request")
