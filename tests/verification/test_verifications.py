"""Verifications: whose verdict they are, and what happens to them when their process dies."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from leadroom.lib.errors import Conflict, Fenced, NotPermitted
from leadroom.testplans.enums import PlanState
from leadroom.testplans.models import TestPlan
from leadroom.verification import actions
from leadroom.verification.actions import Result
from leadroom.verification.enums import Outcome, VerificationState
from leadroom.verification.models import VerificationRun
from leadroom.verification.queries import (
    case_board,
    expired,
    failed_results,
    is_verified,
    latest_verification,
    queued_ids,
    running_count,
    tally,
    verification_of,
)
from leadroom.verification.rules import state_of
from tests import factories as f
from tests.support.refusals import refused_without_effect
from tests.support.together import run_together

pytestmark = pytest.mark.django_db
COMMIT = "e" * 40


@pytest.fixture
def plan() -> TestPlan:
    return f.make_frozen_plan()


def queue(plan: TestPlan, commit: str = COMMIT) -> VerificationRun:
    return actions.request(item=plan.item, plan=plan, commit=commit, by=f.PIPELINE, now=f.NOW)


def held(plan: TestPlan, commit: str = COMMIT) -> VerificationRun:
    verification = queue(plan, commit)
    assert actions.claim(verification_id=verification.pk, host="here", now=f.NOW) == 1
    verification.refresh_from_db()
    return verification


def results(plan: TestPlan, **outcomes: Outcome) -> dict[int, Result]:
    return {
        case.pk: Result(outcomes.get(case.key.replace("-", "_"), Outcome.PASSED), 0.1, "") for case in plan.cases.all()
    }


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        ([], "FAILED"),
        (["passed"], "PASSED"),
        (["passed", "passed"], "PASSED"),
        *((["passed", other, "passed"], "FAILED") for other in ("failed", "error", "skipped", "missing")),
    ],
)
def test_only_cases_that_ran_and_passed_make_a_pass(outcomes: list[str], state: str) -> None:
    assert state_of(outcomes) == state


def test_a_commit_is_verified_once_per_plan(plan: TestPlan) -> None:
    first = queue(plan)
    assert queue(plan).pk == first.pk
    assert queue(plan, "f" * 40).pk != first.pk
    assert queued_ids(1) == [first.pk]
    assert (first.plan_digest, first.state) == (plan.digest, "QUEUED")


@pytest.mark.parametrize("state", [s for s in PlanState if s != PlanState.FROZEN])
def test_only_a_frozen_plan_is_verified(plan: TestPlan, state: PlanState) -> None:
    TestPlan.objects.filter(pk=plan.pk).update(state=state)
    with refused_without_effect(NotPermitted, "Only a frozen plan is verified"):
        queue(TestPlan.objects.select_related("item").get(pk=plan.pk))


def test_results_are_kept_per_case_in_plan_order(plan: TestPlan) -> None:
    verification = held(plan)
    given = results(plan, U_001=Outcome.SKIPPED, E_001=Outcome.FAILED)
    assert actions.finish(verification=verification, results=given, output="1 passed", now=f.NOW) == "FAILED"
    stored = VerificationRun.objects.get()
    assert (stored.state, stored.output, stored.lease_expires_at) == ("FAILED", "1 passed", None)
    assert [(r.case.key, r.outcome) for r in case_board(stored)] == [
        ("U-001", "skipped"),
        ("I-001", "passed"),
        ("E-001", "failed"),
    ]
    assert [r.case.key for r in failed_results(stored)] == ["U-001", "E-001"]
    assert (tally(stored).passed, tally(stored).failed) == (1, 2)
    assert not is_verified(plan.item, COMMIT)
    assert verification_of(plan.item, COMMIT) == stored == latest_verification(plan.item)


def test_verified_means_this_commit_under_the_plan_as_it_is(plan: TestPlan) -> None:
    actions.finish(verification=held(plan), results=results(plan), output="", now=f.NOW)
    assert is_verified(plan.item, COMMIT)
    assert not is_verified(plan.item, "f" * 40)
    TestPlan.objects.filter(pk=plan.pk).update(digest="sha256:other")
    assert not is_verified(plan.item, COMMIT)


HOLDER_WRITES: dict[str, Callable[[VerificationRun], object]] = {
    "renew": lambda v: actions.renew(verification=v, now=f.NOW),
    "finish": lambda v: actions.finish(verification=v, results=results(v.plan), output="", now=f.NOW),
    "break_off": lambda v: actions.break_off(verification=v, problem="late", now=f.NOW),
    "take_back": lambda v: actions.take_back(verification=v, now=f.NOW),
}


@pytest.mark.parametrize("name", HOLDER_WRITES)
def test_a_process_that_was_replaced_writes_nothing(plan: TestPlan, name: str) -> None:
    stale = held(plan)
    actions.take_back(verification=VerificationRun.objects.get(), now=f.NOW)
    with refused_without_effect(Fenced, "is no longer held under generation 1"):
        HOLDER_WRITES[name](stale)
    assert actions.claim(verification_id=stale.pk, host="there", now=f.NOW) == 3
    with refused_without_effect(Fenced, "is no longer held under generation 1"):
        HOLDER_WRITES[name](stale)


@pytest.mark.parametrize("name", ["finish", "break_off", "take_back"])
def test_a_verdict_is_given_once(plan: TestPlan, name: str) -> None:
    verification = held(plan)
    actions.finish(verification=verification, results=results(plan), output="", now=f.NOW)
    with refused_without_effect(Fenced, "is no longer held"):
        HOLDER_WRITES[name](verification)


def test_one_whose_process_died_simply_runs_again(plan: TestPlan) -> None:
    verification = held(plan)
    end = f.NOW + dt.timedelta(seconds=actions.START_SECONDS)
    assert not expired(end).exists()
    assert list(expired(end + dt.timedelta(seconds=1))) == [verification]
    assert running_count() == 1
    actions.take_back(verification=verification, now=end)
    assert (running_count(), queued_ids(9)) == (0, [verification.pk])
    assert actions.claim(verification_id=verification.pk, host="here", now=end) == 3
    verification.refresh_from_db()
    actions.renew(verification=verification, now=end)
    assert not expired(end + dt.timedelta(seconds=actions.LEASE_SECONDS)).exists()
    assert actions.finish(verification=verification, results=results(plan), output="", now=end) == "PASSED"


class TestBroken:
    def broken(self, plan: TestPlan) -> VerificationRun:
        actions.break_off(verification=held(plan), problem="The set-up command failed.", now=f.NOW)
        return VerificationRun.objects.get()

    def test_what_could_not_run_is_no_verdict_and_a_person_runs_it_again(self, plan: TestPlan) -> None:
        verification = self.broken(plan)
        assert (verification.state, verification.problem) == ("ERRORED", "The set-up command failed.")
        actions.requeue(verification=verification, by=f.human(f.lead_of(plan.item.project)), now=f.NOW)
        verification.refresh_from_db()
        assert (verification.state, verification.problem) == ("QUEUED", "")

    def test_nobody_else_runs_it_again(self, plan: TestPlan) -> None:
        with refused_without_effect(NotPermitted, "Only a person runs a broken verification again"):
            actions.requeue(verification=self.broken(plan), by=f.PIPELINE, now=f.NOW)

    def test_a_second_tab_queues_nothing_twice(self, plan: TestPlan) -> None:
        verification, by = self.broken(plan), f.human(f.lead_of(plan.item.project))
        actions.requeue(verification=VerificationRun.objects.get(), by=by, now=f.NOW)
        with refused_without_effect(Conflict, "The verification was queued again meanwhile"):
            actions.requeue(verification=verification, by=by, now=f.NOW)

    @pytest.mark.parametrize("state", [s for s in VerificationState if s != VerificationState.ERRORED])
    def test_a_result_stands(self, plan: TestPlan, state: VerificationState) -> None:
        verification = self.broken(plan)
        VerificationRun.objects.update(state=state)
        verification.refresh_from_db()
        with refused_without_effect(NotPermitted, "Only a verification that could not run is run again"):
            actions.requeue(verification=verification, by=f.human(f.lead_of(plan.item.project)), now=f.NOW)


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_holds_it() -> None:
    pk = queue(f.make_frozen_plan()).pk
    calls: list[Callable[[], Any]] = [lambda: actions.claim(verification_id=pk, host="here", now=f.NOW)] * 3
    assert sorted(run_together(*calls), key=str) == [1, None, None]
