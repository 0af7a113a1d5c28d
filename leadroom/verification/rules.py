"""What a verification's results add up to."""

from collections.abc import Iterable

from leadroom.lib.actors import Actor
from leadroom.lib.errors import NotPermitted
from leadroom.testplans.enums import PlanState
from leadroom.testplans.models import TestPlan
from leadroom.verification.enums import Outcome, VerificationState
from leadroom.verification.models import VerificationRun


def check_request(plan: TestPlan) -> None:
    if plan.state != PlanState.FROZEN:
        raise NotPermitted("Only a frozen plan is verified.")


def check_requeue(verification: VerificationRun, *, by: Actor) -> None:
    if not by.is_human:
        raise NotPermitted("Only a person runs a broken verification again.")
    if verification.state != VerificationState.ERRORED:
        raise NotPermitted("Only a verification that could not run is run again; a result stands.")


def state_of(outcomes: Iterable[str]) -> VerificationState:
    """PASSED only when every case ran and passed: skipped or missing is not passed. No cases at all is FAILED."""
    every = list(outcomes)
    passed = bool(every) and all(outcome == Outcome.PASSED for outcome in every)
    return VerificationState.PASSED if passed else VerificationState.FAILED
