"""Writes of verifications; those of the process that runs one are fenced by its generation."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F

from leadroom.guardrails.enums import Lock
from leadroom.guardrails.queries import share_the_switch, standing_lock
from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor, system
from leadroom.lib.errors import Conflict, Fenced
from leadroom.live.news import publish_item
from leadroom.projects.models import WorkItem
from leadroom.testplans.models import TestPlan
from leadroom.verification import rules
from leadroom.verification.enums import VERIFICATIONS, Outcome, VerificationState
from leadroom.verification.models import CaseResult, VerificationRun

LEASE_SECONDS = 4
START_SECONDS = 20
VERIFIER = system("verification")


@dataclass(frozen=True)
class Result:
    """What became of a case: outcome, seconds, and what the run said about it."""

    outcome: Outcome
    seconds: float
    message: str


def _record(verification: VerificationRun, verb: str, *, by: Actor, now: dt.datetime, **payload: Any) -> None:
    record(
        by=by,
        now=now,
        verb=f"verification.run.{verb}",
        subject=f"verification.run:{verification.pk}",
        item_id=verification.item_id,
        payload={"commit": verification.commit, "plan_digest": verification.plan_digest, **payload},
    )
    publish_item(verification.item_id, "verification")


@transaction.atomic
def request(*, item: WorkItem, plan: TestPlan, commit: str, by: Actor, now: dt.datetime) -> VerificationRun:
    """A verification of `commit` against the frozen plan; the one that exists is returned. Raises NotPermitted."""
    rules.check_request(plan)
    verification, is_new = VerificationRun.objects.get_or_create(
        item=item, plan=plan, commit=commit, defaults={"plan_digest": plan.digest, "queued_at": now}
    )
    if is_new:
        _record(verification, "queued", by=by, now=now)
    return verification


@transaction.atomic
def claim(*, verification_id: int, host: str, now: dt.datetime) -> int | None:
    """QUEUED → RUNNING under a new generation, which is returned; None when another was first or the switch is on."""
    share_the_switch()
    project_id = WorkItem.objects.filter(verifications__pk=verification_id).values_list("project_id", flat=True).first()
    if standing_lock(project_id) is not Lock.OPEN:
        return None
    claimed = VerificationRun.objects.filter(pk=verification_id, state=VerificationState.QUEUED).update(
        state=VerificationState.RUNNING,
        generation=F("generation") + 1,
        host=host,
        started_at=now,
        lease_expires_at=now + dt.timedelta(seconds=START_SECONDS),
    )
    if not claimed:
        return None
    verification = VerificationRun.objects.get(pk=verification_id)
    _record(verification, "started", by=VERIFIER, now=now, generation=verification.generation)
    return verification.generation


def _fenced_update(verification: VerificationRun, **fields: Any) -> None:
    rows = VerificationRun.objects.filter(
        pk=verification.pk, generation=verification.generation, state=VerificationState.RUNNING
    )
    if not rows.update(**fields):
        raise Fenced(f"verification {verification.pk} is no longer held under generation {verification.generation}")


@transaction.atomic
def renew(*, verification: VerificationRun, now: dt.datetime) -> None:
    """Prolong the lease. Raises Fenced."""
    _fenced_update(verification, lease_expires_at=now + dt.timedelta(seconds=LEASE_SECONDS))


@transaction.atomic
def finish(
    *, verification: VerificationRun, results: Mapping[int, Result], output: str, now: dt.datetime
) -> VerificationState:
    """RUNNING → PASSED or FAILED with a result for every case (by case pk). Raises Fenced."""
    state = rules.state_of(result.outcome for result in results.values())
    VERIFICATIONS.check_move(VerificationState.RUNNING, state)
    _fenced_update(verification, state=state, output=output, ended_at=now, lease_expires_at=None)
    CaseResult.objects.bulk_create(
        CaseResult(verification=verification, case_id=pk, outcome=r.outcome, seconds=r.seconds, message=r.message)
        for pk, r in results.items()
    )
    passed = sum(result.outcome == Outcome.PASSED for result in results.values())
    _record(verification, state.lower(), by=VERIFIER, now=now, passed=passed, failed=len(results) - passed)
    return state


@transaction.atomic
def break_off(*, verification: VerificationRun, problem: str, now: dt.datetime) -> None:
    """RUNNING → ERRORED: it could not be run, which is no verdict on the work. Raises Fenced."""
    _fenced_update(verification, state=VerificationState.ERRORED, problem=problem, ended_at=now, lease_expires_at=None)
    _record(verification, "errored", by=VERIFIER, now=now, problem=problem)


@transaction.atomic
def take_back(*, verification: VerificationRun, now: dt.datetime) -> None:
    """RUNNING → QUEUED when its process died: it changes nothing outside its own tree, so it simply runs again."""
    _fenced_update(verification, state=VerificationState.QUEUED, generation=F("generation") + 1, lease_expires_at=None)
    _record(verification, "taken_back", by=VERIFIER, now=now)


@transaction.atomic
def requeue(*, verification: VerificationRun, by: Actor, now: dt.datetime) -> None:
    """ERRORED → QUEUED by a person. Raises NotPermitted, Conflict (somebody else was first)."""
    rules.check_requeue(verification, by=by)
    queued = VerificationRun.objects.filter(pk=verification.pk, state=VerificationState.ERRORED).update(
        state=VerificationState.QUEUED, problem="", queued_at=now
    )
    if not queued:
        raise Conflict("The verification was queued again meanwhile; nothing was changed.")
    _record(verification, "requeued", by=by, now=now)
