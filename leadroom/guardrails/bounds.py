"""Reads of an agent's bounds: policy, trust, calibration, parked actions."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from leadroom.guardrails.calibration import Calibrated, Settled, calibrate, misses_in_a_row
from leadroom.guardrails.enums import ClaimOutcome, Lock, PatternKind, Reason, RequestState, ScopeKind
from leadroom.guardrails.irreversible import OwnPattern
from leadroom.guardrails.models import Claim, IrreversiblePattern, PermissionRequest, Policy, Switch, TrustEntry
from leadroom.guardrails.trust import Instant, trust_left
from leadroom.projects.models import Project

ENTRIES_READ = 300
CLAIMS_READ = 500
"""The newest outcomes that count: an agent's model and skills change, so old ones say little."""
LOOK_BACK = dt.timedelta(days=1)
"""Trust entries older than this cannot matter to a sliding hour, whatever a clock did meanwhile."""


@dataclass(frozen=True)
class Gauge:
    """An agent's trust: what is left of `limit`, and the entries of the window, newest first."""

    agent_id: int
    left: int
    limit: int
    entries: tuple[TrustEntry, ...]


def policy_of(project_id: int) -> Policy:
    """The project's policy, or the defaults (not stored)."""
    return Policy.objects.filter(project_id=project_id).first() or Policy(project_id=project_id)


def own_patterns(project: Project) -> tuple[OwnPattern, ...]:
    rows = IrreversiblePattern.objects.filter(project=project)
    return tuple(OwnPattern(PatternKind(row.kind), row.pattern, row.words) for row in rows)


def gauges(agents: dict[int, int], *, now: dt.datetime, policies: dict[int, Policy] | None = None) -> dict[int, Gauge]:
    """Agent id to its gauge; `agents` maps agent ids to their projects' ids. Two queries however many."""
    if policies is None:
        policies = {row.project_id: row for row in Policy.objects.filter(project_id__in=set(agents.values()))}
    entries: dict[int, list[TrustEntry]] = {agent_id: [] for agent_id in agents}
    rows = TrustEntry.objects.filter(agent_id__in=list(agents), at__gt=now - LOOK_BACK).order_by("-pk")
    for row in rows[: ENTRIES_READ * max(1, len(agents))]:
        entries[row.agent_id].append(row)
    instant = Instant.at(now)
    found = {}
    for agent_id, project_id in agents.items():
        limit = (policies.get(project_id) or Policy()).trust_per_hour
        left = trust_left(reversed(entries[agent_id]), limit=limit, instant=instant)
        found[agent_id] = Gauge(agent_id, left, limit, tuple(entries[agent_id]))
    return found


def trust_left_of(agent_id: int, policy: Policy, *, now: dt.datetime) -> int:
    """Charges this agent may still spend this hour."""
    return gauges({agent_id: policy.project_id}, now=now, policies={policy.project_id: policy})[agent_id].left


def settled_claims(agent_ids: Iterable[int], kind: str = "") -> dict[int, list[Settled]]:
    """Agent id to its claims whose outcome is known, oldest first, of one kind of task or of all."""
    rows = Claim.objects.filter(agent_id__in=list(agent_ids)).exclude(outcome=ClaimOutcome.OPEN)
    if kind:
        rows = rows.filter(kind=kind)
    found: dict[int, list[Settled]] = {}
    for agent_id, claimed, outcome in rows.order_by("-settled_at", "-pk").values_list("agent_id", "claimed", "outcome"):
        listed = found.setdefault(agent_id, [])
        if len(listed) < CLAIMS_READ:
            listed.append(Settled(claimed, outcome == ClaimOutcome.HELD))
    return {agent_id: listed[::-1] for agent_id, listed in found.items()}


def counted(agent_id: int, kind: str, claimed: float) -> Calibrated:
    """What a claim of this agent at this kind of task counts for."""
    return calibrate(claimed, settled_claims([agent_id], kind).get(agent_id, []))


def misses(agent_id: int) -> int:
    """Misses in a row since a person last unlocked the agent: claims that did not hold, and actions below the floor."""
    switch = Switch.objects.filter(kind=ScopeKind.AGENT, target=agent_id).first()
    since = switch.set_at if switch is not None and switch.level == Lock.OPEN else None
    claims = Claim.objects.filter(agent_id=agent_id).exclude(outcome=ClaimOutcome.OPEN)
    parked = PermissionRequest.objects.filter(agent_id=agent_id, why=Reason.BELOW_FLOOR)
    if since is not None:
        claims, parked = claims.filter(settled_at__gt=since), parked.filter(asked_at__gt=since)
    settled = claims.values_list("settled_at", "outcome")
    told = [(at, outcome == ClaimOutcome.HELD) for at, outcome in settled if at is not None]
    told += [(at, False) for at in parked.values_list("asked_at", flat=True)]
    return misses_in_a_row([has_held for _, has_held in sorted(told, key=lambda pair: pair[0])])


def open_claims(item_id: int) -> list[Claim]:
    return list(Claim.objects.filter(item_id=item_id, outcome=ClaimOutcome.OPEN).order_by("pk"))


def pending_requests(item_ids: Sequence[int]) -> list[PermissionRequest]:
    """What waits for a person, oldest first."""
    rows = PermissionRequest.objects.filter(item_id__in=list(item_ids), state=RequestState.PENDING)
    return list(rows.select_related("project").order_by("pk"))


def newest_request(run_id: int) -> PermissionRequest | None:
    return PermissionRequest.objects.filter(run_id=run_id).order_by("-pk").first()


def request_for(run_id: int, digest: str) -> PermissionRequest | None:
    """The newest request of the run for exactly this action."""
    return PermissionRequest.objects.filter(run_id=run_id, digest=digest).order_by("-pk").first()


def granted_requests(run_id: int) -> list[PermissionRequest]:
    """Granted and not carried out yet, oldest first."""
    return list(PermissionRequest.objects.filter(run_id=run_id, state=RequestState.GRANTED).order_by("pk"))
