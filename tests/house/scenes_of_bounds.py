"""Scenes of what bounds an agent: policy, trust, claims, parked actions."""

from typing import Any

from leadroom.guardrails import bounding
from leadroom.guardrails.bounding import Asserted, Doer
from leadroom.guardrails.enums import RequestState
from leadroom.guardrails.models import Claim, PermissionRequest
from tests import factories as f
from tests.house.scenes import WHO, Ready, scene
from tests.support.parked import doer_of


def doer() -> Doer:
    return doer_of(f.make_running_run(f.make_item()))


def by_lead(who: Doer) -> dict[str, Any]:
    return {"by": f.human(f.lead_of(who.project)), "now": f.NOW}


@scene("bounding.set_policy", "guardrails.policy.set")
def _() -> Ready:
    who = doer()
    fields = {"trust_per_hour": 3, "confidence_floor": 0.7, "misses_allowed": 2, "approval_minutes": 9}
    places = {"dashboards": "", "fetch_hosts": "docs.example.org"}
    return lambda: bounding.set_policy(project=who.project, **fields, **places, **by_lead(who))


@scene("bounding.set_patterns", "guardrails.policy.patterns_set")
def _() -> Ready:
    who = doer()
    text = "command | make release* | publishes a release"
    return lambda: bounding.set_patterns(project=who.project, text=text, **by_lead(who))


def noted(who: Doer) -> None:
    asserted = [Asserted("A-001", 0.9, 0.9)]
    given = {"tool": "propose_ambiguities", "call_id": "c1", "observed": [], "unsourced": ["A-001"]}
    bounding.note_answer(doer=who, asserted=asserted, **given, **WHO)


@scene("bounding.note_answer", "guardrails.answer.weighed")
def _() -> Ready:
    who = doer()
    return lambda: noted(who)


@scene("bounding.refund", "guardrails.trust.refunded")
def _() -> Ready:
    who = doer()
    given = {"agent_id": who.agent_id, "item_id": who.item_id, "reason": "merged", "cause": "worktrees.stitch:1"}
    return lambda: bounding.refund(project=who.project, **given, **WHO)


@scene("bounding.restore_trust", "guardrails.policy.trust_restored")
def _() -> Ready:
    who = doer()
    return lambda: bounding.restore_trust(project=who.project, agent_id=who.agent_id, **by_lead(who))


@scene("bounding.settle_claim", "guardrails.claim.missed")
def _() -> Ready:
    noted(doer())
    return lambda: bounding.settle_claim(claim=Claim.objects.get(), has_held=False, why="sent back", **WHO)


def parked(who: Doer) -> PermissionRequest:
    given = {"tool": "run_command", "given": {"command": "rm -rf data"}, "digest": "sha256:a", "why": "irreversible"}
    shown = {"sentence": "It waits.", "blast_radius": ["deletes data"], "sources": [], "evidence": []}
    return bounding.park(doer=who, **given, **shown, **WHO)


@scene("bounding.park", "guardrails.request.parked")
def _() -> Ready:
    who = doer()
    return lambda: parked(who)


def granted(who: Doer) -> PermissionRequest:
    request = parked(who)
    seen = {"seen_digest": request.digest, "nonce": request.nonce, "minutes": 30, "text": ""}
    bounding.answer_request(request=request, is_granted=True, **seen, **by_lead(who))
    return request


@scene("bounding.answer_request", "guardrails.request.refused")
def _() -> Ready:
    who = doer()
    request = parked(who)
    seen = {"seen_digest": request.digest, "nonce": request.nonce, "minutes": 30, "text": "Archive it instead."}
    return lambda: bounding.answer_request(request=request, is_granted=False, **seen, **by_lead(who))


@scene("bounding.spend_request", "guardrails.request.used")
def _() -> Ready:
    request = granted(doer())
    return lambda: bounding.spend_request(request=request, **WHO)


@scene("bounding.void_request", "guardrails.request.changed")
def _() -> Ready:
    request = granted(doer())
    return lambda: bounding.void_request(request=request, to=RequestState.CHANGED, **WHO)
