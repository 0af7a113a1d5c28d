"""Writes of verifications, hand-ins and verdicts; those of the process that runs one are fenced by its generation."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import F

from leadroom.guardrails.enums import Lock
from leadroom.guardrails.queries import check_unlocked, share_the_switch, standing_lock
from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor, system
from leadroom.lib.errors import Conflict, Fenced
from leadroom.live.news import publish_item
from leadroom.projects.models import WorkItem
from leadroom.testplans.models import TestCase, TestPlan
from leadroom.verification import rules
from leadroom.verification.enums import VERIFICATIONS, ExemptionKind, Outcome, VerificationState
from leadroom.verification.models import (
    CaseResult,
    CriterionVerdict,
    Exemption,
    FaultCheck,
    HandIn,
    SeededFault,
    VerificationRun,
)
from leadroom.verification.naming import Refusal
from leadroom.verification.queries import quarantined_case_ids

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
def request(
    *,
    item: WorkItem,
    plan: TestPlan,
    commit: str,
    by: Actor,
    now: dt.datetime,
    hand_in: HandIn | None = None,
    work: str = "",
    onto: str = "",
) -> VerificationRun:
    """A verification of `commit` (the merge of `work` onto `onto`) against the frozen plan and the frozen tests.

    The one that exists is returned. Raises NotPermitted.
    """
    rules.check_request(plan, hand_in)
    given = {"hand_in": hand_in, "work": work, "onto": onto, "plan_digest": plan.digest, "queued_at": now}
    verification, is_new = VerificationRun.objects.get_or_create(item=item, plan=plan, commit=commit, defaults=given)
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
    *,
    verification: VerificationRun,
    results: Mapping[int, Result],
    output: str,
    now: dt.datetime,
    refusals: Sequence[Refusal] = (),
    evidence: Mapping[str, str] | None = None,
    repeats: int = 0,
) -> VerificationState:
    """RUNNING → PASSED or FAILED with a result for every case (by case pk). Raises Fenced.

    A case in quarantine does not fail it; a refusal always does.
    """
    excused = quarantined_case_ids(verification.plan_id)
    state = rules.state_of(result.outcome for pk, result in results.items() if pk not in excused)
    if refusals:
        state = VerificationState.FAILED
    VERIFICATIONS.check_move(VerificationState.RUNNING, state)
    _fenced_update(
        verification,
        state=state,
        output=output,
        ended_at=now,
        lease_expires_at=None,
        refusals=[refusal.as_data() for refusal in refusals],
        evidence=dict(evidence or {}),
        repeats=repeats,
    )
    CaseResult.objects.bulk_create(
        CaseResult(verification=verification, case_id=pk, outcome=r.outcome, seconds=r.seconds, message=r.message)
        for pk, r in results.items()
    )
    passed = sum(result.outcome == Outcome.PASSED for result in results.values())
    said = {"passed": passed, "failed": len(results) - passed, "refused": [str(r.cheat) for r in refusals]}
    _record(verification, state.lower(), by=VERIFIER, now=now, **said, evidence=dict(evidence or {}))
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


def _record_hand_in(hand_in: HandIn, verb: str, *, by: Actor, now: dt.datetime, **payload: Any) -> None:
    record(
        by=by,
        now=now,
        verb=f"verification.tests.{verb}",
        subject=f"verification.tests:{hand_in.pk}",
        item_id=hand_in.item_id,
        payload={"commit": hand_in.commit, "plan_digest": hand_in.plan_digest, "digest": hand_in.digest, **payload},
    )
    publish_item(hand_in.item_id, "verification")


@transaction.atomic
def keep_hand_in(
    *,
    plan: TestPlan,
    run_id: int,
    base: str,
    commit: str,
    cases: Sequence[Mapping[str, Any]],
    frozen: Mapping[str, str],
    sections: Mapping[str, str],
    digest: str,
    is_accepted: bool,
    now: dt.datetime,
) -> HandIn:
    """What the red check said of tests that were handed in; accepted, they are frozen. Raises NotPermitted."""
    rules.check_hand_in(plan, has_frozen=HandIn.objects.filter(plan=plan, is_accepted=True, thawed_at=None).exists())
    hand_in = HandIn.objects.create(
        item_id=plan.item_id,
        plan=plan,
        plan_digest=plan.digest,
        run_id=run_id,
        base=base,
        commit=commit,
        cases=[dict(case) for case in cases],
        frozen=dict(frozen) if is_accepted else {},
        sections=dict(sections) if is_accepted else {},
        digest=digest if is_accepted else "",
        is_accepted=is_accepted,
        created_at=now,
    )
    refused = [case["key"] for case in cases if not case["is_right"]]
    verb = "frozen" if is_accepted else "refused"
    _record_hand_in(hand_in, verb, by=VERIFIER, now=now, files=len(hand_in.frozen), refused=refused)
    return hand_in


@transaction.atomic
def thaw(*, hand_in: HandIn, reason: str, by: Actor, now: dt.datetime) -> None:
    """The lead lets tests be written anew; they are handed in and checked again. Raises NotPermitted, BadInput."""
    rules.check_thaw(hand_in, by=by)
    reason = rules.checked_reason(reason)
    if not HandIn.objects.filter(pk=hand_in.pk, thawed_at=None).update(thawed_at=now, thawed_because=reason):
        raise Conflict("The tests were thawed meanwhile; nothing was changed.")
    hand_in.thawed_at = now
    _record_hand_in(hand_in, "thawed", by=by, now=now, reason=reason)


@transaction.atomic
def exempt(*, case: TestCase, kind: ExemptionKind, reason: str, by: Actor, now: dt.datetime) -> Exemption:
    """The lead lets one case pass, with a reason. Repeated calls return the first. Raises NotPermitted, BadInput."""
    rules.check_exempt(case, kind, by=by, newest=_newest_result(case))
    reason = rules.checked_reason(reason)
    given = {"reason": reason, "by": by.name, "created_at": now}
    exemption, is_new = Exemption.objects.get_or_create(case=case, kind=kind, defaults=given)
    if is_new:
        record(
            by=by,
            now=now,
            verb=f"verification.case.{'quarantined' if kind == ExemptionKind.QUARANTINE else 'held_before'}",
            subject=f"verification.case:{case.pk}",
            item_id=case.plan.item_id,
            payload={"key": case.key, "reason": reason, "plan_digest": case.plan.digest},
        )
        publish_item(case.plan.item_id, "verification")
    return exemption


def _newest_result(case: TestCase) -> CaseResult | None:
    return CaseResult.objects.filter(case=case).order_by("-verification_id").first()


@transaction.atomic
def pass_quarantined(*, verification: VerificationRun, by: Actor, now: dt.datetime) -> bool:
    """FAILED → PASSED when every case that did not pass is in quarantine and nothing was refused. Whether it moved."""
    excused = quarantined_case_ids(verification.plan_id)
    results = dict(verification.results.values_list("case_id", "outcome"))
    state = rules.state_of(outcome for pk, outcome in results.items() if pk not in excused)
    if verification.refusals or state != VerificationState.PASSED:
        return False
    rows = VerificationRun.objects.filter(pk=verification.pk, state=VerificationState.FAILED)
    if not rows.update(state=VerificationState.PASSED):
        return False
    verification.state = VerificationState.PASSED
    _record(verification, "passed", by=by, now=now, quarantined=len(excused))
    return True


@transaction.atomic
def submit_verdicts(
    *,
    item: WorkItem,
    run_id: int,
    work: str,
    body: Mapping[str, Any],
    criteria: Iterable[str],
    by: Actor,
    now: dt.datetime,
) -> list[CriterionVerdict]:
    """A verifier's word on every criterion, once per run; the same run again gets what is stored. Raises BadInput."""
    if stored := list(CriterionVerdict.objects.filter(run_id=run_id)):
        return stored
    rules.check_verdicts(body["verdicts"], list(criteria))
    rows = [
        CriterionVerdict(
            item=item,
            run_id=run_id,
            work=work,
            criterion=row["criterion"],
            answer=row["answer"],
            file=row["file"],
            behaviour=row["behaviour"],
            given_at=now,
        )
        for row in body["verdicts"]
    ]
    CriterionVerdict.objects.bulk_create(rows)
    answers = {row.criterion: row.answer for row in rows}
    record(
        by=by,
        now=now,
        verb="verification.verdicts.submitted",
        subject=f"agents.run:{run_id}",
        item_id=item.pk,
        payload={"work": work, "answers": answers, "summary": body["summary"]},
    )
    publish_item(item.pk, "verification")
    return rows


@transaction.atomic
def keep_faults(
    *,
    verification: VerificationRun,
    faults: Sequence[SeededFault],
    possible: int,
    seconds: float,
    note: str,
    now: dt.datetime,
) -> FaultCheck:
    """What seeded faults showed of a verification that passed; a newer result takes the older's place."""
    FaultCheck.objects.filter(verification=verification).delete()
    given = {"possible": possible, "seconds": seconds, "note": note, "ended_at": now}
    check = FaultCheck.objects.create(verification=verification, **given)
    for fault in faults:
        fault.of = check
    SeededFault.objects.bulk_create(faults)
    noticed = sum(fault.is_noticed for fault in faults)
    _record(verification, "faults_seeded", by=VERIFIER, now=now, seeded=len(faults), noticed=noticed)
    return check


@transaction.atomic
def ask_for_faults(*, verification: VerificationRun, by: Actor, now: dt.datetime) -> None:
    """The lead wants the seeded faults tried again. Raises NotPermitted, Locked."""
    rules.check_faults(verification, by=by)
    check_unlocked(verification.item.project_id, kept="nothing was tried")
    _record(verification, "faults_asked", by=by, now=now)
