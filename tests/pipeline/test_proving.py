"""Between BUILD and STITCH: frozen tests compared, the verifier asked, flaky cases left to the lead."""

import pytest

from leadroom.agents.enums import Role
from leadroom.agents.models import Run
from leadroom.lib.clock import now
from leadroom.pipeline import moves
from leadroom.projects.models import Project, StageVisit
from leadroom.reading.queries import waiting_for_lead
from leadroom.verification import actions as verifications
from leadroom.verification.actions import Result
from leadroom.verification.enums import Cheat, Outcome
from leadroom.verification.gates import GATES, applies, gates_of
from leadroom.verification.naming import Refusal
from leadroom.verification.queries import frozen_hand_in
from tests.pipeline.walker import Walk
from tests.worktrees.repositories import UserRepository

pytestmark = pytest.mark.django_db
FEATURE = {"feature_py": "x = 1\n", "tests/test_shares_py": "def test_u_001(): assert False\n"}


def finish(walk: Walk, outcome: Outcome = Outcome.PASSED, *refusals: Refusal) -> None:
    """Leadroom's own run ends; only the first case has another outcome."""
    run = walk.verification
    assert verifications.claim(verification_id=run.pk, host="here", now=now())
    first, *rest = run.plan.cases.all()
    results = {case.pk: Result(Outcome.PASSED, 0.1, "") for case in rest}
    results[first.pk] = Result(outcome, 0.1, "said")
    given = {"results": {} if refusals else results, "refusals": refusals, "output": "", "now": now()}
    verifications.finish(verification=walk.verification, **given)


def why(walk: Walk) -> str:
    return StageVisit.objects.filter(item=walk.item).order_by("-pk")[0].reason


def test_refused_work_goes_back_with_the_name_of_what_was_bent(walk: Walk) -> None:
    walk.to_verify(**FEATURE)
    finish(walk, Outcome.PASSED, Refusal(Cheat.WEAKENED, "tests/test_shares.py", "It asserts something else now."))
    assert walk.go() == "BUILD"
    assert why(walk).endswith("the frozen tests were bent. It asserts something else now.")
    assert "It asserts something else now." in walk.run(Role.DEVELOPER).brief


def test_the_verifier_is_told_document_and_diff_and_nothing_of_the_developer(walk: Walk) -> None:
    walk.to_verify(**FEATURE)
    developer = walk.run(Role.DEVELOPER)
    Run.objects.filter(pk=developer.pk).update(last_line="SECRET of the session")
    finish(walk)
    assert walk.go() == "VERIFY"
    run = walk.run(Role.VERIFIER)
    assert "+x = 1" in run.brief
    assert "Parts follow the shares." in run.brief
    for secret in ("SECRET", "U-001", "Do it.", "test planner", developer.agent.name.lower() + " said"):
        assert secret not in run.brief
    walk.judge()
    assert walk.go() == "STITCH"


def test_no_on_a_must_criterion_sends_back_and_partial_goes_on_as_an_open_risk(walk: Walk) -> None:
    walk.to_verify(**FEATURE)
    finish(walk)
    walk.go()
    walk.judge(AC_002="NO")
    assert walk.go() == "BUILD"
    assert why(walk) == "The verifier does not find these criteria met: AC-002: As seen for AC-002."
    walk.develop(feature_py="x = 2\n")
    assert walk.go() == "VERIFY"
    finish(walk)
    walk.go()
    assert walk.run(Role.VERIFIER).attempt == 2
    walk.judge(AC_001="PARTIAL")
    assert walk.go() == "STITCH"


def test_a_light_item_has_no_verifier_and_says_why(project: Project, source: UserRepository) -> None:
    walk = Walk(project, source, risk="light")
    walk.to_verify(**FEATURE)
    finish(walk)
    assert walk.go() == "STITCH"
    assert not Run.objects.filter(item=walk.item, role=Role.VERIFIER).exists()
    skipped = {gate.name: gate.why_skipped for gate in gates_of("light") if not gate.applies}
    assert set(skipped) == {"lead_review", "blind_spots", "repeat", "verifier", "seeded_faults"}
    assert all(reason.startswith("Skipped because") and reason.endswith(".") for reason in skipped.values())


def test_more_risk_never_means_fewer_gates() -> None:
    for gate in GATES:
        passed = [applies(gate.name, risk) for risk in ("light", "standard", "critical")]
        assert passed == sorted(passed), gate.name
    assert all(gate.applies for gate in gates_of("critical"))


def test_a_flaky_case_waits_for_the_lead_who_sets_it_aside_with_a_reason(walk: Walk) -> None:
    walk.to_verify(**FEATURE)
    finish(walk, Outcome.FLAKY)
    assert walk.go() == "VERIFY"
    (card,) = waiting_for_lead([walk.project.pk])
    assert card.asked == "Flaky: U-001"
    case = walk.verification.plan.cases.all()[0]
    moves.quarantine(case=case, reason="It waits for a real clock.", by=walk.by, now=now())
    assert walk.verification.state == "PASSED"
    walk.go()
    walk.judge()
    assert walk.go() == "STITCH"


def test_a_case_in_quarantine_runs_on_and_no_longer_decides(walk: Walk) -> None:
    walk.to_verify(**FEATURE)
    finish(walk, Outcome.FLAKY)
    moves.quarantine(case=walk.verification.plan.cases.all()[0], reason="It waits.", by=walk.by, now=now())
    moves.send_back(item=walk.item, text="Faster, please.", by=walk.by, now=now())
    walk.go()
    walk.develop(feature_py="x = 3\n")
    walk.go()
    finish(walk, Outcome.FLAKY)
    assert walk.verification.state == "PASSED"


def test_thawed_tests_are_handed_in_anew_before_the_work_goes_on(walk: Walk) -> None:
    walk.to_verify(**FEATURE)
    hand_in = frozen_hand_in(walk.current_plan)
    assert hand_in is not None
    finish(walk, Outcome.FAILED)
    verifications.thaw(hand_in=hand_in, reason="The expected value is wrong.", by=walk.by, now=now())
    assert walk.go() == "BUILD"
    assert "not frozen yet: hand them in with submit_tests" in walk.run(Role.DEVELOPER).brief


def test_work_that_came_without_frozen_tests_is_asked_for_them(walk: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Walk, "freeze_tests", lambda self, worktree: None)
    walk.to_build()
    walk.develop(feature_py="x = 1\n")
    assert walk.go() == "BUILD"
    assert walk.run(Role.DEVELOPER).attempt == 2
    assert "the plan's tests are not frozen" in walk.run(Role.DEVELOPER).brief


def test_the_last_comparison_is_made_on_the_very_objects_that_are_merged(walk: Walk) -> None:
    walk.to_stitch(**FEATURE)
    hand_in = frozen_hand_in(walk.current_plan)
    assert hand_in is not None
    type(hand_in).objects.filter(pk=hand_in.pk).update(
        frozen={**hand_in.frozen, "tests/gone.py": hand_in.frozen["tests/test_shares.py"]}
    )
    walk.sign()
    assert walk.go() == "STITCH"
    assert walk.stitch.state == "SIGNED"
    assert walk.item.problem.startswith(
        "Nothing was merged: tests/gone.py was frozen and is called tests/test_shares.py"
    )
