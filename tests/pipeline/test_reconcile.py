"""The one loop: facts in, at most one move at a time, and the second look changes nothing."""

from typing import Any

import pytest
from pytest_django import Settings

from leadroom.agents import actions as runs
from leadroom.agents import holding
from leadroom.agents.enums import Role, RunState
from leadroom.agents.models import Run
from leadroom.ledger.models import Entry
from leadroom.ledger.queries import check_chain
from leadroom.lib.clock import now
from leadroom.lib.errors import BadInput, Conflict
from leadroom.lib.leases import HolderLock
from leadroom.pipeline import reconcile as loop
from leadroom.pipeline.reconcile import reconcile
from leadroom.pipeline.steps import STEPS
from leadroom.projects.enums import STAGES, Stage
from leadroom.projects.models import Project, StageVisit, WorkItem
from leadroom.requirements.models import Ambiguity
from leadroom.testplans.models import TestPlan
from leadroom.verification import actions as verifications
from leadroom.worktrees.keeping import control_of
from leadroom.worktrees.models import Stitch, Worktree
from tests import factories as f
from tests.pipeline.walker import Walk
from tests.support.snapshot import changed_tables, snapshot
from tests.worktrees.repositories import UserRepository

pytestmark = pytest.mark.django_db
FINDING = {"case": "U-001", "kind": "hole", "severity": "major", "text": "No zero shares."}


def stages(item: WorkItem) -> list[str]:
    return list(StageVisit.objects.filter(item=item).values_list("stage", flat=True))


def another_try(n: int) -> list[dict[str, Any]]:
    """The cases of a plan in which the one that was found wanting reads differently."""
    first, *rest = f.plan_shape()["cases"]
    return [{**first, "expected": f"3.34, 3.33 and 3.33, try {n}."}, *rest]


class TestWholeWay:
    def test_a_standard_item_goes_from_request_to_merge(self, walk: Walk) -> None:
        walk.go()
        assert walk.run(Role.REQUIREMENTS).state == "QUEUED"
        walk.propose("A-001", "A-002")
        assert walk.go() == "ALIGN"
        walk.pick("A-001")
        walk.go()
        assert walk.run(Role.REQUIREMENTS).state == "WAITING"
        walk.pick("A-002", own_answer="Whoever asks.")
        walk.go()
        assert walk.run(Role.REQUIREMENTS).state == "QUEUED"
        walk.document(because="A-001")
        assert walk.go() == "PLAN"
        walk.plan()
        walk.go()
        walk.review()
        assert walk.go() == "PLAN"
        assert walk.current_plan.state == "LEAD_REVIEW"
        walk.send_review()
        assert walk.go() == "BUILD"
        walk.develop(feature_py="x = 1\n")
        assert walk.go() == "VERIFY"
        walk.verify()
        assert walk.go() == "STITCH"
        main = control_of(walk.project).head("main")
        walk.sign()
        assert walk.go() == "DONE"
        stitch = walk.stitch
        assert (stitch.state, stitch.onto) == ("MERGED", main)
        assert walk.source.head(stitch.published_ref) == stitch.merge_commit == control_of(walk.project).head("main")
        assert Worktree.objects.get().state == "STITCHED"
        assert stages(walk.item) == ["ALIGN", "PLAN", "BUILD", "VERIFY", "STITCH", "DONE"]
        assert not Run.objects.exclude(state="COMPLETED").exists()
        assert check_chain().breaks == ()

    def test_a_light_item_asks_its_lead_only_for_the_signature(self, project: Project, source: UserRepository) -> None:
        walk = Walk(project, source, risk="light")
        walk.to_build()
        assert Ambiguity.objects.get().decided_by is None
        assert walk.current_plan.frozen_by == "Leadroom (pipeline)"
        walk.develop(feature_py="x = 1\n")
        walk.go()
        walk.verify()
        assert walk.go() == "STITCH"
        by_people = Entry.objects.filter(item_id=walk.item.pk, actor_kind="human").values_list("verb", flat=True)
        assert sorted(by_people) == ["projects.item.created", "projects.item.risk_set"]
        walk.sign()
        assert walk.go() == "DONE"

    def test_a_critical_item_takes_no_step_without_its_lead(self, project: Project, source: UserRepository) -> None:
        walk = Walk(project, source, risk="critical")
        walk.to_plan()
        walk.plan()
        walk.go()
        walk.review()
        walk.go()
        assert walk.current_plan.state == "LEAD_REVIEW"
        with pytest.raises(BadInput, match="This item is critical: tick"):
            walk.send_review(blind_spots=[])
        walk.send_review()
        assert walk.go() == "BUILD"


class TestInAlign:
    def test_nothing_open_means_no_waiting(self, walk: Walk) -> None:
        walk.go()
        walk.document()
        assert walk.go() == "PLAN"

    def test_what_was_picked_reaches_the_agent_word_for_word(self, walk: Walk) -> None:
        walk.go()
        walk.propose("A-001", "A-002")
        walk.pick("A-001", picked=2)
        walk.pick("A-002", own_answer="Whoever asks.")
        walk.go()
        told = walk.run(Role.REQUIREMENTS).notes.get().text
        assert "A-001: The payer of A-001. Nobody is off by a cent." in told
        assert "A-002: Whoever asks." in told
        assert "(asked: Who pays the odd cent of A-002?)" in told

    def test_a_low_document_waits_for_what_is_missing(self, walk: Walk) -> None:
        walk.go()
        walk.document(confidence="LOW", missing=["Who rounds?"])
        assert walk.go() == "ALIGN"


class TestInPlan:
    def returned(self, walk: Walk) -> None:
        walk.plan()
        walk.go()
        walk.review("change", FINDING)
        walk.go()

    def test_a_plan_sent_back_by_the_reviewer_is_written_again_with_the_findings(self, walk: Walk) -> None:
        walk.to_plan()
        self.returned(walk)
        run = walk.run(Role.PLANNER)
        assert (run.attempt, run.state) == (2, "QUEUED")
        assert "- F-1 U-001: finding major hole: No zero shares." in run.brief
        walk.plan(answers=[{"finding": "F-1", "text": "A share of zero is refused before."}])
        assert TestPlan.objects.get(number=1).reviews.get().marks.get().answer == "A share of zero is refused before."
        walk.go()
        assert walk.run(Role.REVIEWER).attempt == 2
        assert [plan.state for plan in TestPlan.objects.order_by("number")] == ["SUPERSEDED", "AGENT_REVIEW"]

    def test_after_two_rounds_the_lead_reads_it_with_the_findings(self, walk: Walk) -> None:
        walk.to_plan()
        for n in range(2):
            walk.plan(cases=another_try(n))
            walk.go()
            walk.review("change", FINDING)
            walk.go()
        assert walk.current_plan.state == "RETURNED"
        walk.plan(cases=another_try(2))
        walk.go()
        walk.review("change", FINDING)
        walk.go()
        assert walk.current_plan.state == "LEAD_REVIEW"

    def test_the_leads_marks_reach_the_planner_in_one_brief(self, walk: Walk) -> None:
        walk.to_plan()
        walk.plan()
        walk.go()
        walk.review()
        walk.go()
        walk.send_review("change", marks=[("U-001", "change", "Round down."), ("E-001", "drop", "")], summary="Nearly.")
        walk.go()
        brief = walk.run(Role.PLANNER).brief
        assert f"{walk.lead.username}: change. Nearly." in brief
        assert "- F-1 U-001: change  : Round down." in brief
        assert "- F-2 E-001: drop" in brief

    def test_a_light_plan_with_findings_goes_back_too(self, project: Project, source: UserRepository) -> None:
        walk = Walk(project, source, risk="light")
        walk.to_plan()
        self.returned(walk)
        assert walk.run(Role.PLANNER).attempt == 2

    def test_a_risk_that_was_raised_in_review_keeps_the_plan_for_the_lead(self, walk: Walk) -> None:
        walk.to_plan()
        walk.plan()
        walk.go()
        WorkItem.objects.filter(pk=walk.item.pk).update(risk="critical")
        walk.review()
        walk.go()
        assert walk.current_plan.state == "AGENT_REVIEW"
        walk.review()
        walk.go()
        assert walk.current_plan.state == "LEAD_REVIEW"


class TestInVerify:
    def test_failing_cases_go_back_to_the_developer_with_their_words(self, walk: Walk) -> None:
        walk.to_verify(feature_py="x = 1\n")
        walk.verify("U-001")
        assert walk.go() == "BUILD"
        run = walk.run(Role.DEVELOPER)
        assert (run.attempt, run.state) == (2, "QUEUED")
        assert "The frozen plan did not pass on the merged tree: U-001." in run.brief
        assert "U-001 tests/test_shares.py::test_u_001: failed\nassert U-001 == 3" in run.brief
        assert "assert I-001" not in run.brief
        first = Worktree.objects.get()
        walk.develop(feature_py="x = 2\n")
        assert Worktree.objects.exclude(pk=first.pk).get().base == first.base
        assert walk.go() == "VERIFY"
        walk.verify()
        assert walk.go() == "STITCH"
        walk.sign()
        assert walk.go() == "DONE"
        assert sorted(Worktree.objects.values_list("state", flat=True)) == ["ARCHIVED", "STITCHED"]

    def test_after_three_attempts_it_waits_for_the_lead(self, walk: Walk) -> None:
        walk.to_verify(feature_py="x = 0\n")
        for n in range(1, 3):
            walk.verify("U-001", "E-001")
            assert walk.go() == "BUILD"
            walk.develop(feature_py=f"x = {n}\n")
            assert walk.go() == "VERIFY"
        walk.verify("U-001")
        assert walk.go() == "VERIFY"
        assert walk.run(Role.DEVELOPER).attempt == 3

    def test_what_could_not_run_waits_and_goes_on_when_it_did(self, walk: Walk) -> None:
        walk.to_verify(feature_py="x = 1\n")
        verifications.claim(verification_id=walk.verification.pk, host="here", now=now())
        verifications.break_off(verification=walk.verification, problem="No disk.", now=now())
        assert walk.go() == "VERIFY"
        verifications.requeue(verification=walk.verification, by=walk.by, now=now())
        walk.verify()
        assert walk.go() == "STITCH"

    def test_conflicting_work_stands_at_the_stitch_without_a_verification(self, walk: Walk) -> None:
        walk.to_build()
        walk.develop(README="ours\n")
        walk.source.commit("theirs", README="theirs\n")
        assert walk.go() == "STITCH"
        assert (walk.stitch.state, walk.stitch.conflicts) == ("CONFLICTED", ["README"])
        assert not walk.item.verifications.exists()

    def test_a_repository_that_is_away_moves_nothing_and_is_tried_again(self, walk: Walk) -> None:
        walk.to_build()
        walk.develop(feature_py="x = 1\n")
        away = walk.source.path.with_name("away")
        walk.source.path.rename(away)
        assert walk.go() == "VERIFY"
        assert walk.stitch.state == "PENDING"
        away.rename(walk.source.path)
        walk.go()
        assert walk.stitch.state == "CLEAN"


class TestInStitch:
    def test_one_that_was_overtaken_is_tried_and_verified_again(self, project: Project, source: UserRepository) -> None:
        first, second = Walk(project, source), Walk(project, source)
        first.to_stitch(one_py="x = 1\n")
        second.to_stitch(two_py="x = 2\n")
        first.sign()
        assert first.go() == "DONE"
        before = second.stitch.trial
        assert second.go() == "VERIFY"
        assert second.stitch.trial != before
        assert second.stitch.onto == first.stitch.merge_commit
        assert second.verification.state == "QUEUED"
        second.verify()
        assert second.go() == "STITCH"
        second.sign()
        assert second.go() == "DONE"
        control = control_of(project)
        assert control.head("main") == second.stitch.merge_commit
        assert control.is_ancestor(first.stitch.merge_commit, second.stitch.merge_commit)

    def test_a_signature_that_was_overtaken_is_asked_for_again(self, project: Project, source: UserRepository) -> None:
        first, second = Walk(project, source), Walk(project, source)
        first.to_stitch(one_py="x = 1\n")
        second.to_stitch(two_py="x = 2\n")
        first.sign()
        second.sign()
        assert first.go() == "DONE"
        assert second.go() == "VERIFY"
        assert (second.stitch.state, second.stitch.signed_by) == ("CLEAN", None)

    def test_a_plan_that_did_not_pass_on_this_merge_is_not_offered_for_signing(self, walk: Walk) -> None:
        walk.to_stitch(feature_py="x = 1\n")
        walk.item.verifications.update(plan_digest="sha256:other")
        assert walk.go() == "VERIFY"

    def test_a_publication_that_failed_ends_the_item_with_its_reason(self, walk: Walk) -> None:
        walk.to_stitch(feature_py="x = 1\n")
        walk.source.git("branch", "leadroom/1-split-an-expense-by-shares")
        walk.sign()
        assert walk.go() == "DONE"
        assert walk.stitch.published_ref == ""
        assert "Nothing was changed" in walk.stitch.problem


@pytest.mark.parametrize("state", [s for s in RunState if s not in (RunState.COMPLETED, RunState.WAITING)])
@pytest.mark.parametrize("role", Role)
def test_a_run_that_is_under_way_or_stopped_is_left_to_itself(walk: Walk, role: Role, state: RunState) -> None:
    if role == Role.DEVELOPER:
        walk.to_build()
    elif role == Role.REQUIREMENTS:
        walk.go()
    else:
        walk.to_plan()
        if role == Role.REVIEWER:
            walk.plan()
            walk.go()
    Run.objects.filter(item=walk.item, role=role).update(state=state)
    before, count = snapshot(), Run.objects.count()
    walk.go()
    assert changed_tables(before) == {}
    assert Run.objects.count() == count


def test_every_stage_that_can_move_has_a_step() -> None:
    assert set(STEPS) == {stage for stage in Stage if not STAGES.is_final(stage)}


class TestTheLoopItself:
    def test_what_is_not_there_or_is_over_moves_nothing(self, walk: Walk) -> None:
        assert reconcile(404) == 0
        WorkItem.objects.update(stage=Stage.DONE)
        assert reconcile(walk.item.pk) == 0
        assert not Run.objects.exists()

    def test_an_item_in_other_hands_is_left_alone(
        self, walk: Walk, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(loop, "PATIENCE_SECONDS", 0.05)
        lock = HolderLock(settings.HOME_DIR / "run" / "items" / f"item-{walk.item.pk}.lock")
        assert reconcile(walk.item.pk) == 0
        lock.release()
        assert reconcile(walk.item.pk) == 1

    @pytest.mark.parametrize("error", [Conflict("first"), BadInput("no")])
    def test_a_refusal_stops_the_item_and_not_the_loop(
        self, walk: Walk, monkeypatch: pytest.MonkeyPatch, error: Exception
    ) -> None:
        def step(item: WorkItem) -> bool:
            raise error

        monkeypatch.setitem(STEPS, Stage.ALIGN, step)
        assert reconcile(walk.item.pk) == 0

    def test_an_item_that_never_rests_is_left_for_the_next_tick(
        self, walk: Walk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen: list[int] = []
        monkeypatch.setitem(STEPS, Stage.ALIGN, lambda item: bool(seen.append(item.pk)) or True)
        assert reconcile(walk.item.pk) == loop.MOVES_AT_ONCE == len(seen)


def test_a_run_resumed_by_a_person_goes_its_way(walk: Walk) -> None:
    walk.go()
    run = walk.hold(Role.REQUIREMENTS)
    holding.lose(run=run, reason="The worker died.", now=now())
    walk.go()
    assert walk.run(Role.REQUIREMENTS).state == "LOST"
    runs.retry(run=walk.run(Role.REQUIREMENTS), by=walk.by, now=now())
    walk.document()
    assert walk.go() == "PLAN"
    assert Stitch.objects.count() == 0
