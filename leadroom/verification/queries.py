"""Reads of verifications."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from leadroom.guardrails.queries import locks_now
from leadroom.projects.models import WorkItem
from leadroom.testplans.enums import PlanState
from leadroom.testplans.models import TestPlan
from leadroom.verification.enums import Answer, ExemptionKind, Outcome, VerificationState
from leadroom.verification.models import (
    CaseResult,
    CriterionVerdict,
    Exemption,
    FaultCheck,
    HandIn,
    SeededFault,
    VerificationRun,
)


@dataclass(frozen=True)
class Tally:
    """Cases of a verification by what became of them."""

    passed: int
    failed: int


def latest_verification(item: WorkItem) -> VerificationRun | None:
    return VerificationRun.objects.filter(item=item).select_related("plan").order_by("-pk").first()


def verification_of(item: WorkItem, commit: str) -> VerificationRun | None:
    """The newest of this commit against a plan that is still in force."""
    rows = VerificationRun.objects.filter(item=item, commit=commit).exclude(plan__state=PlanState.SUPERSEDED)
    return rows.order_by("-pk").first()


def is_verified(item: WorkItem, commit: str) -> bool:
    """Whether the frozen plan, as it is now, passed on exactly this commit."""
    rows = VerificationRun.objects.filter(item=item, commit=commit, state=VerificationState.PASSED)
    in_force = rows.exclude(plan__state=PlanState.SUPERSEDED).select_related("plan")
    return any(run.plan_digest == run.plan.digest for run in in_force)


def case_board(verification: VerificationRun) -> list[CaseResult]:
    """Results with their cases, in plan order."""
    return list(verification.results.select_related("case").order_by("case__position"))


def failed_results(verification: VerificationRun) -> list[CaseResult]:
    return [result for result in case_board(verification) if result.outcome != Outcome.PASSED]


def tally(verification: VerificationRun) -> Tally:
    counts = verification.results.aggregate(
        passed=Count("pk", filter=Q(outcome=Outcome.PASSED)),
        failed=Count("pk", filter=~Q(outcome=Outcome.PASSED)),
    )
    return Tally(counts["passed"], counts["failed"])


def queued_ids(limit: int) -> list[int]:
    """Queued verifications that the switch lets begin, oldest first."""
    locks = locks_now()
    if locks.is_everything:
        return []
    rows = VerificationRun.objects.filter(state=VerificationState.QUEUED).order_by("queued_at", "pk")
    rows = rows.exclude(item__project_id__in=locks.projects)
    return list(rows.values_list("pk", flat=True)[:limit])


def running_count() -> int:
    return VerificationRun.objects.filter(state=VerificationState.RUNNING).count()


def expired(now: dt.datetime) -> QuerySet[VerificationRun]:
    return VerificationRun.objects.filter(state=VerificationState.RUNNING, lease_expires_at__lt=now)


def frozen_hand_in(plan: TestPlan) -> HandIn | None:
    """The frozen tests of the plan as it is now, if they were handed in and accepted."""
    rows = HandIn.objects.filter(plan=plan, is_accepted=True, thawed_at=None, plan_digest=plan.digest)
    return rows.select_related("plan").first()


def latest_hand_in(item: WorkItem) -> HandIn | None:
    return HandIn.objects.filter(item=item).select_related("plan").order_by("-pk").first()


def frozen_paths(item_id: int) -> list[str]:
    """Paths that are frozen for an item's developer now."""
    row = HandIn.objects.filter(item_id=item_id, is_accepted=True, thawed_at=None).order_by("-pk").first()
    return sorted(row.frozen) if row else []


def quarantined_case_ids(plan_id: int) -> set[int]:
    """Cases of the plan that the lead put in quarantine."""
    rows = Exemption.objects.filter(case__plan_id=plan_id, kind=ExemptionKind.QUARANTINE)
    return set(rows.values_list("case_id", flat=True))


def held_before_keys(plan: TestPlan) -> set[str]:
    """Cases that may pass on the base commit: by the plan's own word, or by the lead's."""
    said = {case["id"] for case in plan.body.get("cases", []) if case.get("holds_before")}
    rows = Exemption.objects.filter(case__plan=plan, kind=ExemptionKind.HOLDS_BEFORE)
    return said | set(rows.values_list("case__key", flat=True))


def is_only_flaky(verification: VerificationRun) -> bool:
    """Whether it failed by nothing but flaky cases, about which only the lead decides."""
    outcomes = {r.outcome for r in failed_results(verification)}
    return not verification.refusals and outcomes == {Outcome.FLAKY}


def verdicts_of(item: WorkItem, work: str) -> list[CriterionVerdict]:
    """The newest verifier's words on the work at this commit, in criterion order."""
    rows = list(CriterionVerdict.objects.filter(item=item, work=work).order_by("criterion"))
    newest = max((row.run_id for row in rows), default=0)
    return [row for row in rows if row.run_id == newest]


def open_verdicts(item: WorkItem, work: str) -> list[CriterionVerdict]:
    """Criteria the verifier does not find met."""
    return [row for row in verdicts_of(item, work) if row.answer != Answer.YES]


def must_criteria(plan: TestPlan) -> set[str]:
    """Criteria that a case of priority must proves."""
    return {criterion for case in plan.cases.all() if case.priority == "must" for criterion in case.criteria}


def latest_verdicts(item: WorkItem) -> list[CriterionVerdict]:
    """The newest verifier's words on the item, in criterion order."""
    newest = CriterionVerdict.objects.filter(item=item).order_by("-run_id").values_list("run_id", flat=True)[:1]
    return list(CriterionVerdict.objects.filter(item=item, run_id__in=newest).order_by("criterion"))


def latest_fault_check(item: WorkItem) -> FaultCheck | None:
    """The newest seeded faults of the item, with the verification they belong to."""
    rows = FaultCheck.objects.filter(verification__item=item).select_related("verification")
    return rows.prefetch_related("faults").order_by("-verification_id").first()


def unnoticed_faults(verification: VerificationRun) -> list[SeededFault]:
    """Faults the frozen cases would not notice, in file order."""
    rows = SeededFault.objects.filter(of__verification=verification, is_noticed=False)
    return list(rows.order_by("path", "line", "pk"))
