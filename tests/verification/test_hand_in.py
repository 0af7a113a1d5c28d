"""Tests handed in by a developer: the red check on real commits, what is frozen, and what the lead may let pass."""

import asyncio
from typing import Any

import pytest

from leadroom.agents.enums import Role
from leadroom.ledger.models import Entry
from leadroom.lib.clock import now
from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.testplans.models import TestPlan
from leadroom.verification import actions
from leadroom.verification.enums import ExemptionKind, VerificationState
from leadroom.verification.models import HandIn
from leadroom.verification.queries import frozen_hand_in
from leadroom.verification.redcheck import hand_in_tests, told
from leadroom.worktrees.git import run_git
from leadroom.worktrees.keeping import control_of, open_tree
from leadroom.worktrees.models import Worktree
from tests import factories as f
from tests.support.stage import Stage, hold_here
from tests.verification.bench import case, outcomes, verify

HEAD = "from shop.discount import discount\n\n\n"
GOOD = f"{HEAD}def test_large():\n    assert discount(150) == 10\n"


def planned(stage: Stage, cases: list[dict[str, Any]]) -> TestPlan:
    return f.make_frozen_plan(
        f.make_aligned_item(stage.project),
        cases=cases,
        not_covered=[{"what": "Integration and end to end", "why": "One function."}],
    )


def developed(stage: Stage, plan: TestPlan, **files: str) -> Worktree:
    """A developer's tree whose head holds these files."""
    run = f.make_running_run(plan.item, Role.DEVELOPER)
    worktree = open_tree(run=run, now=now())
    stage.source.git("switch", "-q", "--detach", "main")
    commit = stage.source.commit("work", **{name.replace("__", "/"): text for name, text in files.items()})
    stage.source.git("switch", "-q", "main")
    control = control_of(stage.project)
    run_git(["fetch", "-q", str(stage.source.path), f"+{commit}:{worktree.ref}"], git_dir=control.path)
    Worktree.objects.filter(pk=worktree.pk).update(head=commit)
    worktree.refresh_from_db()
    return worktree


def handed_in(plan: TestPlan, worktree: Worktree) -> HandIn:
    found: list[HandIn] = []

    def check(*_: int) -> None:
        found.append(asyncio.run(hand_in_tests(plan=plan, worktree=worktree)))

    hold_here(check, 0, 0)  # closes what its threads opened
    return found[0]


def reasons(hand_in: HandIn) -> dict[str, str]:
    return {row["key"]: row["reason"] for row in hand_in.cases if not row["is_right"]}


def test_tests_that_are_red_for_the_right_reason_are_frozen(stage: Stage) -> None:
    plan = planned(stage, [case("U-001", "tests/test_discount.py::test_large"), case("U-002", "$ python -m shop.till")])
    worktree = developed(stage, plan, tests__test_discount_py=GOOD, shop__discount_py="def discount(t): return 10\n")
    hand_in = handed_in(plan, worktree)
    assert hand_in.is_accepted, hand_in.cases
    assert "tests/test_discount.py" in hand_in.frozen
    assert "shop/discount.py" not in hand_in.frozen
    assert told(hand_in).startswith("Accepted: 2 of 2 cases red for the right reason.")
    assert frozen_hand_in(plan) == hand_in
    assert not list((stage.project.folder / "trees").glob("red-*"))
    assert Entry.objects.get(verb="verification.tests.frozen").actor_name == "Leadroom (verification)"


def test_what_is_not_red_is_refused_by_name_and_nothing_is_frozen(stage: Stage) -> None:
    names = ("passes", "fixture", "skipped", "slip", "right")
    cases = [case(f"U-00{n}", name) for n, name in enumerate([f"test_{name}" for name in names], 1)]
    cases += [
        case("U-006", "tests/test_nowhere.py::test_x"),
        case("U-007", "tests/test_broken.py::test_x"),
        case("U-008", "tests/test_helped.py::test_x"),
        case("U-009", "$ true"),
        case("U-010", "$ no-such-command"),
    ]
    plan = planned(stage, cases)
    text = f"""import pytest

def test_passes(): assert True
def test_fixture(nobody): assert False
@pytest.mark.skip
def test_skipped(): assert False
def test_slip(): assert undefined
def test_right():
    {HEAD.strip()}
    assert discount(150) == 10
"""
    worktree = developed(
        stage,
        plan,
        tests__test_it_py=text,
        tests__test_broken_py="def test_x(:\n",
        tests__test_helped_py="from tests.helpers import x\n\ndef test_x(): assert x\n",
    )
    hand_in = handed_in(plan, worktree)
    found = reasons(hand_in)
    assert not hand_in.is_accepted
    assert hand_in.frozen == {}
    assert set(found) == {f"U-{n:03}" for n in (1, 2, 3, 4, 6, 7, 8, 9, 10)}
    assert "passes on the base commit" in found["U-001"]
    assert "a fixture 'nobody'" in found["U-002"]
    assert "is skipped" in found["U-003"]
    assert "NameError" in found["U-004"]
    assert "under exactly the plan's node id" in found["U-006"]
    assert "cannot be read" in found["U-007"]
    assert "cannot import a helper of the tests" in found["U-008"]
    assert "passes on the base commit" in found["U-009"]
    assert "cannot be run at all" in found["U-010"]
    assert told(hand_in).startswith("Refused; nothing was frozen. 1 of 10 cases red")
    assert frozen_hand_in(plan) is None


def test_a_case_that_holds_already_is_let_pass_by_the_plan_or_by_the_lead(stage: Stage) -> None:
    said = case("U-001", "test_stays", holds_before=True)
    plan = planned(stage, [said, case("U-002", "test_kept"), case("U-003", "tests/test_discount.py::test_large")])
    both = "def test_stays(): assert True\n\n\ndef test_kept(): assert True\n"
    worktree = developed(stage, plan, tests__test_it_py=both, tests__test_discount_py=GOOD)
    assert set(reasons(handed_in(plan, worktree))) == {"U-002"}
    kept = plan.cases.get(key="U-002")
    actions.exempt(case=kept, kind=ExemptionKind.HOLDS_BEFORE, reason="It is a regression.", by=stage.by, now=now())
    assert handed_in(plan, worktree).is_accepted


def test_a_plan_that_was_true_before_proves_nothing(stage: Stage) -> None:
    plan = planned(stage, [case("U-001", "test_stays", holds_before=True)])
    worktree = developed(stage, plan, tests__test_it_py="def test_stays(): assert True\n")
    assert reasons(handed_in(plan, worktree)) == {"plan": "has no case that is red before the change"}


def test_frozen_tests_are_handed_in_once_and_only_the_lead_thaws_them(stage: Stage) -> None:
    plan = planned(stage, [case("U-001", "tests/test_discount.py::test_large")])
    worktree = developed(stage, plan, tests__test_discount_py=GOOD)
    hand_in = handed_in(plan, worktree)
    with pytest.raises(NotPermitted, match="frozen already"):
        handed_in(plan, worktree)
    with pytest.raises(NotPermitted, match="Only a person"):
        actions.thaw(hand_in=hand_in, reason="It is wrong.", by=f.PIPELINE, now=now())
    with pytest.raises(BadInput, match="Say in a few words why"):
        actions.thaw(hand_in=hand_in, reason=" no ", by=stage.by, now=now())
    actions.thaw(hand_in=hand_in, reason="The value was mistyped.", by=stage.by, now=now())
    assert frozen_hand_in(plan) is None
    assert handed_in(plan, worktree).is_accepted


def test_a_test_that_leaves_its_process_on_the_base_is_named(stage: Stage) -> None:
    plan = planned(stage, [case("U-001", "test_leaves"), case("U-002", "tests/test_discount.py::test_large")])
    text = "def test_leaves():\n    import os\n    os._exit(1)\n"
    worktree = developed(stage, plan, tests__test_it_py=text, tests__test_discount_py=GOOD)
    assert list(reasons(handed_in(plan, worktree))) == ["U-001"]


FLAKY = """
import pathlib

def test_first():
    assert not pathlib.Path("been").exists()

def test_second():
    pathlib.Path("been").touch()
"""


def test_a_case_that_depends_on_the_order_is_flaky_and_only_the_lead_sets_it_aside(stage: Stage) -> None:
    plan = planned(stage, [case("U-001", "test_first"), case("U-002", "test_second")])
    commit = stage.source.commit("work", **{"tests/test_it_py": FLAKY})
    control_of(stage.project).refresh(source=stage.project.source, branch="main")
    verification = actions.request(item=plan.item, plan=plan, commit=commit, by=f.PIPELINE, now=now())
    results = verify(stage, verification)
    assert outcomes(results) == {"U-001": "flaky", "U-002": "passed"}
    assert "in another order" in results["U-001"].message
    assert verification.repeats == 1
    assert verification.state == VerificationState.FAILED
    first, second = plan.cases.all()
    given = {"kind": ExemptionKind.QUARANTINE, "reason": "It needs a clean folder.", "now": now()}
    with pytest.raises(NotPermitted, match="Only a person"):
        actions.exempt(case=first, by=f.PIPELINE, **given)
    with pytest.raises(NotPermitted, match="is not flaky"):
        actions.exempt(case=second, by=stage.by, **given)
    actions.exempt(case=first, by=stage.by, **given)
    assert actions.pass_quarantined(verification=verification, by=stage.by, now=now())
    assert verification.state == VerificationState.PASSED
