"""Moves of the lead that concern several rooms: send back, supply, start again, drop."""

import pytest

from leadroom.agents import actions as runs
from leadroom.agents.enums import Role
from leadroom.agents.models import Run
from leadroom.lib.clock import now
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.pipeline import moves
from leadroom.pipeline.moves import check_send_back, drop, send_back, start_again, supply_missing
from leadroom.projects.enums import Stage
from leadroom.projects.models import Project, WorkItem
from leadroom.worktrees.keeping import control_of
from leadroom.worktrees.models import Stitch, Worktree
from tests import factories as f
from tests.pipeline.walker import Walk
from tests.support.refusals import refused_without_effect
from tests.worktrees.repositories import UserRepository

pytestmark = pytest.mark.django_db


class TestSendingBack:
    def back(self, walk: Walk, text: str = "Round down, please.") -> None:
        send_back(item=walk.item, text=text, by=walk.by, now=now())

    def test_the_leads_words_open_the_next_attempt_on_the_same_work(self, walk: Walk) -> None:
        walk.to_stitch(feature_py="x = 1\n")
        self.back(walk)
        assert walk.go() == "BUILD"
        run = walk.run(Role.DEVELOPER)
        assert (run.attempt, run.state) == (2, "QUEUED")
        assert f"This is attempt 2. {walk.lead.username} sent it back: Round down, please." in run.brief
        assert "failed_cases" not in run.brief
        assert walk.stitch.state == "ABORTED"
        first = Worktree.objects.get()
        second = walk.develop(more_py="y = 2\n")
        assert (first.state, second.base) == ("ACTIVE", first.base)
        assert control_of(walk.project).is_ancestor(first.head, Worktree.objects.get(pk=second.pk).head)
        assert walk.go() == "VERIFY"

    def test_conflicting_work_is_set_aside_for_a_tree_on_the_new_base(self, walk: Walk) -> None:
        walk.to_build()
        walk.develop(README="ours\n")
        theirs = walk.source.commit("theirs", README="theirs\n")
        assert walk.go() == "STITCH"
        self.back(walk, "Keep both lines.")
        first = Worktree.objects.get()
        assert first.state == "ARCHIVED"
        walk.go()
        brief = walk.run(Role.DEVELOPER).brief
        assert (
            "Keep both lines. (Your tree starts from the branch as it is now; the earlier work conflicted in:" in brief
        )
        assert "README.)" in brief
        second = walk.develop(README="both\n")
        assert second.base == theirs
        assert walk.go() == "VERIFY"
        walk.verify()
        assert walk.go() == "STITCH"
        assert walk.stitch.state == "CLEAN"

    def test_after_the_last_attempt_a_hint_of_the_lead_opens_another(self, walk: Walk) -> None:
        walk.to_verify(feature_py="x = 0\n")
        for n in range(1, 3):
            walk.verify("U-001")
            walk.go()
            walk.develop(feature_py=f"x = {n}\n")
            walk.go()
        walk.verify("U-001")
        assert walk.go() == "VERIFY"
        self.back(walk, "Mind the sign.")
        assert walk.go() == "BUILD"
        run = walk.run(Role.DEVELOPER)
        assert run.attempt == 4
        assert "Mind the sign." in run.brief
        assert "assert U-001 == 3" in run.brief

    def test_unchanged_work_is_tried_and_verified_anew(self, walk: Walk) -> None:
        walk.to_stitch(feature_py="x = 1\n")
        before = walk.verification.pk
        self.back(walk)
        walk.go()
        walk.develop()
        assert walk.go() == "VERIFY"
        assert walk.verification.pk != before
        assert walk.verification.state == "QUEUED"

    @pytest.mark.parametrize("stage", [s for s in Stage if s not in (Stage.VERIFY, Stage.STITCH)])
    def test_there_must_be_finished_work(self, stage: Stage) -> None:
        item = f.make_item()
        WorkItem.objects.update(stage=stage)
        item.refresh_from_db()
        with refused_without_effect(NotPermitted, "There is no finished work to send back at this stage"):
            send_back(item=item, text="Again.", by=f.human(f.lead_of(item.project)), now=now())

    @pytest.mark.parametrize(
        ("text", "words"), [(" ", "The note is empty"), ("x" * 20_001, "The note has 20,001 characters")]
    )
    def test_it_needs_words(self, text: str, words: str) -> None:
        item = f.make_stitch().item
        with refused_without_effect(BadInput, words):
            send_back(item=item, text=text, by=f.human(f.lead_of(item.project)), now=now())

    def test_neither_an_agent_nor_a_signed_merge(self) -> None:
        stitch = f.make_stitch()
        with refused_without_effect(NotPermitted, "Only a person sends work back"):
            send_back(item=stitch.item, text="Again.", by=f.PIPELINE, now=now())
        owner = stitch.item.stitch_owner
        Stitch.objects.update(state="SIGNED", sentence="It is what we want.", signed_by=owner)
        with refused_without_effect(NotPermitted, "The merge is signed already; open a new item"):
            check_send_back(stitch.item, by=f.human(owner))


class TestSupplying:
    def low(self) -> WorkItem:
        item = f.make_item()
        f.make_document(item, confidence="LOW", missing=["Who rounds?"])
        return item

    def test_what_the_lead_adds_reaches_a_new_attempt(self, walk: Walk) -> None:
        walk.go()
        walk.propose("A-001")
        walk.pick("A-001")
        walk.go()
        walk.document(confidence="LOW", missing=["Who rounds?"])
        walk.go()
        supply_missing(item=walk.item, text="The bank rounds.", by=walk.by, now=now())
        run = walk.run(Role.REQUIREMENTS)
        assert (run.attempt, run.state) == (2, "QUEUED")
        for words in ("The bank rounds.", '"Who rounds?"', "A-001: The first named", walk.item.request):
            assert words in run.brief
        walk.document(title="Split by shares, rounded")
        assert walk.go() == "PLAN"

    def test_a_double_click_queues_one_attempt(self) -> None:
        item = self.low()
        supply_missing(item=item, text="The bank.", by=f.human(f.lead_of(item.project)), now=now())
        with refused_without_effect(Conflict, "A requirements agent is at work on this item already"):
            supply_missing(item=item, text="The bank.", by=f.human(f.lead_of(item.project)), now=now())

    def test_refusals(self) -> None:
        item = self.low()
        by = f.human(f.lead_of(item.project))
        with refused_without_effect(NotPermitted, "Only a person supplies what the request lacks"):
            supply_missing(item=item, text="The bank.", by=f.PIPELINE, now=now())
        with refused_without_effect(BadInput, "The note is empty"):
            supply_missing(item=item, text="", by=by, now=now())
        f.make_document(item)
        with refused_without_effect(NotPermitted, "The document does not wait for anything from you"):
            supply_missing(item=item, text="The bank.", by=by, now=now())
        with refused_without_effect(NotPermitted, "The document does not wait for anything from you"):
            supply_missing(item=f.make_item(), text="The bank.", by=by, now=now())


class TestStartingAgain:
    @pytest.mark.parametrize("role", Role)
    def test_a_stopped_role_starts_with_the_same_brief(self, walk: Walk, role: Role) -> None:
        walk.go()
        if role != Role.REQUIREMENTS:
            walk.document()
            walk.go()
        if role in (Role.REVIEWER, Role.DEVELOPER, Role.VERIFIER):
            walk.plan()
            walk.go()
        if role in (Role.DEVELOPER, Role.VERIFIER):
            walk.review()
            walk.go()
            walk.send_review()
            walk.go()
        if role == Role.VERIFIER:
            walk.develop(feature_py="x = 1\n")
            walk.go()
            walk.pass_every_case()
            walk.go()
        stopped = walk.run(role)
        runs.stop(run=stopped, by=walk.by, now=now())
        walk.go()
        assert walk.run(role).state == "CANCELLED"
        start_again(item=walk.item, by=walk.by, now=now())
        again = walk.run(role)
        assert (again.attempt, again.state, again.brief) == (2, "QUEUED", stopped.brief)
        walk.go()
        goes_on = {
            Role.REQUIREMENTS: walk.document,
            Role.PLANNER: walk.plan,
            Role.REVIEWER: walk.review,
            Role.VERIFIER: walk.judge,
        }
        goes_on.get(role, walk.develop)()
        walk.go()
        assert (walk.run(role).pk, walk.run(role).state) == (again.pk, "COMPLETED")

    def test_refusals(self) -> None:
        item = f.make_item()
        by = f.human(f.lead_of(item.project))
        with refused_without_effect(NotPermitted, "No run of this item was stopped"):
            start_again(item=item, by=by, now=now())
        run = f.make_running_run(item)
        with refused_without_effect(NotPermitted, "No run of this item was stopped"):
            start_again(item=item, by=by, now=now())
        runs.stop(run=run, by=by, now=now())
        with refused_without_effect(NotPermitted, "Only a person starts a stopped run again"):
            start_again(item=item, by=f.PIPELINE, now=now())
        drop(item=item, by=by, now=now())
        with refused_without_effect(NotPermitted, "The item is dropped; its runs stay stopped"):
            start_again(item=item, by=by, now=now())


class TestBringingAPlan:
    def test_it_is_reviewed_by_agents_and_a_planner_takes_it_over_when_it_comes_back(self, walk: Walk) -> None:
        walk.to_plan()
        moves.bring_plan(item=walk.item, body=f.plan_shape(), by=walk.by, now=now())
        walk.go()
        assert walk.run(Role.PLANNER).state == "CANCELLED"
        assert walk.current_plan.state == "AGENT_REVIEW"
        hole = {"case": "U-001", "kind": "hole", "severity": "major", "text": "No case has fewer cents than people."}
        walk.review("change", hole)
        walk.go()
        planner = walk.run(Role.PLANNER)
        assert (planner.attempt, planner.state) == (2, "QUEUED")
        assert "The plan that the lead brought was sent back:" in planner.brief
        walk.plan(summary="Another.", answers=[{"finding": "F-1", "text": "It is worked in."}])
        walk.go()
        assert (walk.current_plan.number, walk.current_plan.state) == (2, "AGENT_REVIEW")

    def test_refusals(self, walk: Walk) -> None:
        with refused_without_effect(NotPermitted, "it takes no test plan now"):
            moves.bring_plan(item=walk.item, body=f.plan_shape(), by=walk.by, now=now())
        walk.to_plan()
        with refused_without_effect(NotPermitted, "Only a person brings a plan"):
            moves.bring_plan(item=walk.item, body=f.plan_shape(), by=f.PIPELINE, now=now())
        walk.plan()
        with refused_without_effect(NotPermitted, "has plan 1 already"):
            moves.bring_plan(item=walk.item, body=f.plan_shape(), by=walk.by, now=now())


class TestSeedingFaultsAgain:
    def test_a_process_is_started_once_and_only_for_work_that_passed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        started: list[tuple[str, int]] = []
        monkeypatch.setattr(moves, "start_program", lambda command, name, pk, generation: started.append((command, pk)))
        plan = f.make_frozen_plan(f.make_aligned_item())
        by = f.human(f.lead_of(plan.item.project))
        given = {"hand_in": f.freeze_tests(plan), "work": "e" * 40, "onto": "f" * 40}
        failed = f.make_verification(plan, commit="a" * 40, failing=("U-001",), **given)
        with refused_without_effect(NotPermitted, "once every case has passed"):
            moves.seed_faults_again(verification=failed, by=by, now=now())
        passed = f.make_verification(plan, **given)
        with refused_without_effect(NotPermitted, "Only a person"):
            moves.seed_faults_again(verification=passed, by=f.PIPELINE, now=now())
        moves.seed_faults_again(verification=passed, by=by, now=now())
        assert started == [("hold_faults", passed.pk)]
        monkeypatch.setattr(moves, "are_faults_tried", lambda verification: True)
        with refused_without_effect(Conflict, "are being tried now"):
            moves.seed_faults_again(verification=passed, by=by, now=now())


class TestDropping:
    def test_what_runs_is_stopped_and_all_work_is_kept(self, walk: Walk) -> None:
        walk.to_stitch(feature_py="x = 1\n")
        worktree = Worktree.objects.get()
        drop(item=walk.item, by=walk.by, now=now())
        assert walk.go() == "DROPPED"
        assert walk.stitch.state == "ABORTED"
        assert worktree.path.exists()
        assert control_of(walk.project).resolve(worktree.ref) == Worktree.objects.get().head

    def test_a_dropped_item_has_no_open_run_and_starts_none(self) -> None:
        item = f.make_item()
        f.make_running_run(item)
        f.make_stopped_run(item)
        drop(item=item, by=f.human(f.lead_of(item.project)), now=now())
        assert set(Run.objects.values_list("state", flat=True)) == {"CANCELLED"}

    @pytest.mark.parametrize("state", ["SIGNED", "MERGED"])
    def test_a_signed_merge_is_not_dropped(self, state: str) -> None:
        stitch = f.make_stitch()
        Stitch.objects.update(state=state, sentence="It is what we want.", signed_by=stitch.item.stitch_owner)
        with refused_without_effect(NotPermitted, "The merge is signed already, so the item can no longer be dropped"):
            drop(item=stitch.item, by=f.human(f.lead_of(stitch.item.project)), now=now())


def test_two_items_of_a_project_do_not_wait_for_one_another(project: Project, source: UserRepository) -> None:
    first, second = Walk(project, source), Walk(project, source)
    first.go()
    second.go()
    runs.stop(run=first.run(Role.REQUIREMENTS), by=first.by, now=now())
    second.document()
    assert (first.go(), second.go()) == ("ALIGN", "PLAN")
