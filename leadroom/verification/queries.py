"""Reads of verifications."""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet

from leadroom.guardrails.queries import locks_now
from leadroom.projects.models import WorkItem
from leadroom.testplans.enums import PlanState
from leadroom.verification.enums import Outcome, VerificationState
from leadroom.verification.models import CaseResult, VerificationRun


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


def states_of(item_ids: Iterable[int]) -> dict[int, str]:
    """Item id to the state of its newest verification, in one query."""
    rows = VerificationRun.objects.filter(item_id__in=list(item_ids)).order_by("pk").values_list("item_id", "state")
    return dict(rows)
