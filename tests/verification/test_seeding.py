"""Seeded faults of work that really passed: the missing boundary is named, a stop keeps what was tried, and again."""

import asyncio
import os
import signal

import pytest

from leadroom.testplans.models import TestCase
from leadroom.verification import actions, seeding
from leadroom.verification.faults import Fault
from leadroom.verification.models import FaultCheck, VerificationRun
from leadroom.verification.running import hold_faults
from tests import factories as f
from tests.support.stage import Stage, hold_here
from tests.verification.bench import case, outcomes, verify
from tests.verification.sample import NODES, PRODUCT, TESTS
from tests.verification.test_hand_in import developed, handed_in, planned


def passed(stage: Stage) -> VerificationRun:
    """The sample's work, verified: its two cases run every line and leave the boundary out."""
    plan = planned(stage, [case("U-001", NODES[0]), case("U-002", NODES[1])])
    worktree = developed(stage, plan, tests__test_discount_py=TESTS, shop__discount_py=PRODUCT)
    hand_in = handed_in(plan, worktree)
    given = {"hand_in": hand_in, "work": worktree.head, "onto": worktree.base, "by": f.PIPELINE, "now": f.NOW}
    return actions.request(item=plan.item, plan=plan, commit=worktree.head, **given)


def again(verification: VerificationRun) -> FaultCheck:
    hold_here(lambda pk, _: hold_faults(pk), verification.pk, 0)
    return FaultCheck.objects.get(verification=verification)


def test_full_line_coverage_and_the_missing_boundary_case_is_named(stage: Stage) -> None:
    verification = passed(stage)
    assert outcomes(verify(stage, verification)) == {"U-001": "passed", "U-002": "passed"}
    check = FaultCheck.objects.get(verification=verification)
    left = {
        (fault.path, fault.line, fault.before, fault.after, fault.hint)
        for fault in check.faults.all()
        if not fault.is_noticed
    }
    boundary = "a case exactly on the boundary is missing"
    assert ("shop/discount.py", 6, "if total >= 100:", "if (total > 100):", boundary) in left
    assert {line for _, line, *_ in left} == {6}
    assert check.faults.filter(is_noticed=True).exists()
    assert check.note == "Every possible fault was tried."


def test_a_stop_keeps_what_was_tried_and_a_person_has_them_tried_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[Fault] = []

    async def stopped(
        self: seeding.Check, commit: str, path: str, fault: Fault, cases: list[TestCase], n: int
    ) -> list[str]:
        tried.append(fault)
        if len(tried) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.sleep(30)
        return ["U-001"]

    verification = passed(stage)
    with monkeypatch.context() as patched:
        patched.setattr(seeding.Check, "_try", stopped)
        verify(stage, verification)
    check = FaultCheck.objects.get(verification=verification)
    assert check.note.startswith("Leadroom was stopped meanwhile. 1 of ")
    assert check.faults.count() == 1
    check = again(verification)
    assert check.note == "Every possible fault was tried."
    assert check.faults.count() > 2
