"""Rows of working trees and stitches: who may sign what, and which moves there are."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from leadroom.agents import holding
from leadroom.agents.enums import Role
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.projects.models import WorkItem
from leadroom.worktrees import actions
from leadroom.worktrees.enums import STITCHES, WORKTREES, StitchState, WorktreeState
from leadroom.worktrees.models import Stitch, Worktree
from leadroom.worktrees.rules import SENTENCE_MAX, SENTENCE_MIN, check_owner
from tests import factories as f
from tests.support.refusals import refused_without_effect
from tests.support.snapshot import changed_tables, snapshot
from tests.support.together import run_together

pytestmark = pytest.mark.django_db
SENTENCE = "Simple code now, an index when it hurts."


@pytest.fixture
def item() -> WorkItem:
    return f.make_item()


def opened(item: WorkItem, commit: str = "c" * 40) -> Stitch:
    return actions.open_stitch(item=item, commit=commit, by=f.PIPELINE, now=f.NOW)


def tried(item: WorkItem, *conflicts: str) -> Stitch:
    stitch = opened(item)
    trial = "" if conflicts else "d" * 40
    actions.keep_trial(
        stitch=stitch, onto="a" * 40, tree="b" * 40, trial=trial, conflicts=list(conflicts), by=f.PIPELINE, now=f.NOW
    )
    return Stitch.objects.select_related("item__stitch_owner", "item__project").get()


def sign(stitch: Stitch, **changes: Any) -> None:
    owner = stitch.item.stitch_owner
    given = {
        "sentence": SENTENCE,
        "seen_digest": stitch.digest,
        "is_verified": True,
        "user_id": owner.pk,
        "by": f.human(owner),
        "now": f.NOW,
    }
    actions.sign(stitch=stitch, **{**given, **changes})


class TestTrees:
    def tree(self, item: WorkItem) -> Worktree:
        run = f.make_running_run(item, Role.DEVELOPER)
        return actions.register_tree(run=run, base="a" * 40, head="a" * 40, by=f.PIPELINE, now=f.NOW)

    def test_a_run_has_one_tree(self, item: WorkItem) -> None:
        tree = self.tree(item)
        before = snapshot()
        again = actions.register_tree(run=tree.run, base="b" * 40, head="b" * 40, by=f.PIPELINE, now=f.NOW)
        assert (again.pk, again.base) == (tree.pk, "a" * 40)
        assert changed_tables(before) == {}
        assert (tree.name, tree.ref) == (f"run-{tree.run_id}", f"refs/leadroom/runs/{tree.run_id}")
        assert tree.path == item.project.folder / "trees" / tree.name

    def test_work_is_what_lies_beyond_the_base(self, item: WorkItem) -> None:
        tree = self.tree(item)
        assert not tree.has_work
        before = snapshot()
        actions.move_head(worktree=tree, head="a" * 40, by=f.PIPELINE, now=f.NOW)
        assert changed_tables(before) == {}
        actions.move_head(worktree=tree, head="e" * 40, by=f.PIPELINE, now=f.NOW)
        assert Worktree.objects.get().has_work

    @pytest.mark.parametrize(("source", "to"), [(a, b) for a in WorktreeState for b in WorktreeState])
    def test_trees_move_as_the_table_says(self, item: WorkItem, source: WorktreeState, to: WorktreeState) -> None:
        tree = self.tree(item)
        Worktree.objects.update(state=source)
        tree.refresh_from_db()
        if WORKTREES.can_move(source, to):
            actions.move_tree(worktree=tree, to=to, by=f.PIPELINE, now=f.NOW)
            assert Worktree.objects.get().state == to
        else:
            with refused_without_effect(NotPermitted, "This working tree is"):
                actions.move_tree(worktree=tree, to=to, by=f.PIPELINE, now=f.NOW)

    def test_a_tree_that_was_moved_meanwhile_stays_where_it_is(self, item: WorkItem) -> None:
        tree = self.tree(item)
        actions.move_tree(worktree=Worktree.objects.get(), to=WorktreeState.ARCHIVED, by=f.PIPELINE, now=f.NOW)
        with refused_without_effect(Conflict, "The working tree was moved on meanwhile"):
            actions.move_tree(worktree=tree, to=WorktreeState.STITCHED, by=f.PIPELINE, now=f.NOW)


class TestStitching:
    def test_one_stitch_per_item_and_a_newer_commit_takes_its_place(self, item: WorkItem) -> None:
        first = opened(item)
        assert opened(item).pk == first.pk
        second = opened(item, "e" * 40)
        first.refresh_from_db()
        assert (first.state, second.state) == ("ABORTED", "PENDING")
        with pytest.raises(IntegrityError), transaction.atomic():
            Stitch.objects.create(item=item, commit="f" * 40, created_at=f.NOW)

    def test_a_trial_is_kept_whole(self, item: WorkItem) -> None:
        stitch = tried(item)
        assert (stitch.state, stitch.onto, stitch.tree, stitch.trial) == ("CLEAN", "a" * 40, "b" * 40, "d" * 40)
        assert stitch.digest == f"{'a' * 40}..{'c' * 40}={'b' * 40}"

    def test_a_conflict_names_its_files(self, item: WorkItem) -> None:
        stitch = tried(item, "a.py", "b.py")
        assert (stitch.state, stitch.conflicts) == ("CONFLICTED", ["a.py", "b.py"])

    def test_a_reopened_trial_loses_its_signature(self, item: WorkItem) -> None:
        stitch = tried(item)
        sign(stitch)
        actions.reopen_trial(stitch=stitch, reason="The branch moved.", by=f.PIPELINE, now=f.NOW)
        stored = Stitch.objects.get()
        assert (stored.state, stored.sentence, stored.signed_by, stored.signed_at) == ("PENDING", "", None, None)
        assert stored.problem == "The branch moved."

    ACTIONS: dict[str, tuple[Callable[[Stitch], None], StitchState]] = {
        "keep_trial": (
            lambda s: actions.keep_trial(
                stitch=s, onto="a" * 40, tree="b" * 40, trial="", conflicts=["x"], by=f.PIPELINE, now=f.NOW
            ),
            StitchState.CONFLICTED,
        ),
        "reopen_trial": (
            lambda s: actions.reopen_trial(stitch=s, reason="r", by=f.PIPELINE, now=f.NOW),
            StitchState.PENDING,
        ),
        "abort": (lambda s: actions.abort(stitch=s, reason="r", by=f.PIPELINE, now=f.NOW), StitchState.ABORTED),
        "keep_merge": (
            lambda s: actions.keep_merge(stitch=s, merge_commit="e" * 40, by=f.PIPELINE, now=f.NOW),
            StitchState.MERGED,
        ),
    }

    @pytest.mark.parametrize("state", StitchState)
    @pytest.mark.parametrize("name", ACTIONS)
    def test_stitches_move_as_the_table_says(self, item: WorkItem, name: str, state: StitchState) -> None:
        action, to = self.ACTIONS[name]
        owner = item.stitch_owner
        opened(item)
        Stitch.objects.update(state=state, sentence=SENTENCE, signed_by=owner)
        stitch = Stitch.objects.get()
        if STITCHES.can_move(state, to):
            action(stitch)
            assert Stitch.objects.get().state == to
        else:
            with refused_without_effect(NotPermitted, "This stitch is"):
                action(stitch)

    def test_what_moved_meanwhile_is_left_alone(self, item: WorkItem) -> None:
        stitch = tried(item)
        actions.abort(stitch=Stitch.objects.get(), reason="dropped", by=f.PIPELINE, now=f.NOW)
        with refused_without_effect(Conflict, "The stitch moved on meanwhile"):
            actions.reopen_trial(stitch=stitch, reason="r", by=f.PIPELINE, now=f.NOW)


class TestSigning:
    def test_the_owner_signs_with_a_sentence(self, item: WorkItem) -> None:
        stitch = tried(item)
        sign(stitch, sentence="  Simple code now,\n an index when   it hurts. ")
        stored = Stitch.objects.get()
        assert (stored.state, stored.sentence, stored.signed_by) == ("SIGNED", SENTENCE, item.stitch_owner)
        assert stored.signed_at == f.NOW

    @pytest.mark.parametrize("length", [SENTENCE_MIN, SENTENCE_MAX])
    def test_the_shortest_and_the_longest_sentence_are_taken(self, item: WorkItem, length: int) -> None:
        sign(tried(item), sentence="x" * length)
        assert Stitch.objects.get().state == "SIGNED"

    @pytest.mark.parametrize(
        ("changes", "kind", "words"),
        [
            ({"user_id": 0}, NotPermitted, "owns this stitch and signs it"),
            ({"by": f.PIPELINE}, NotPermitted, "Only a person signs a merge"),
            ({"is_verified": False}, NotPermitted, "The frozen plan has not passed on this very merge yet"),
            ({"seen_digest": "other"}, Conflict, "The branch moved since you opened the page"),
            ({"seen_digest": ""}, Conflict, "The branch moved since you opened the page"),
            ({"sentence": "ok"}, BadInput, "Sign with a sentence on what this merge trades off"),
            ({"sentence": "  \n" + " " * 40}, BadInput, "Sign with a sentence"),
            ({"sentence": "x" * (SENTENCE_MAX + 1)}, BadInput, "The sentence has 1001 characters; 1000 is the limit"),
        ],
    )
    def test_refusals_sign_nothing(self, item: WorkItem, changes: dict, kind: type, words: str) -> None:
        stitch = tried(item)
        with refused_without_effect(kind, words):
            sign(stitch, **changes)

    @pytest.mark.parametrize(
        ("state", "words"),
        [
            (StitchState.CONFLICTED, "The work conflicts with the branch; send it back"),
            (StitchState.PENDING, "The stitch is being tried; there is nothing to sign now"),
            (StitchState.SIGNED, "The stitch is signed; there is nothing to sign now"),
            (StitchState.MERGED, "The stitch is merged"),
            (StitchState.ABORTED, "The stitch is aborted"),
        ],
    )
    def test_only_a_clean_trial_is_signed(self, item: WorkItem, state: StitchState, words: str) -> None:
        tried(item)
        Stitch.objects.update(state=state, sentence=SENTENCE, signed_by=item.stitch_owner)
        stitch = Stitch.objects.select_related("item__stitch_owner").get()
        with refused_without_effect(NotPermitted, words):
            sign(stitch)

    def test_an_agent_is_no_owner_even_with_the_owners_number(self, item: WorkItem) -> None:
        stitch = tried(item)
        run = f.make_running_run(item, Role.DEVELOPER)
        with refused_without_effect(NotPermitted, "Only a person signs a merge"):
            check_owner(stitch, user_id=item.stitch_owner_id, by=holding.actor_of(run))

    def test_a_superuser_who_is_not_the_owner_does_not_sign(self, item: WorkItem) -> None:
        boss = f.make_user(is_superuser=True)
        with refused_without_effect(NotPermitted, f"{item.stitch_owner.username} owns this stitch"):
            sign(tried(item), user_id=boss.pk, by=f.human(boss))

    def test_the_database_keeps_unsigned_merges_out(self, item: WorkItem) -> None:
        tried(item)
        for state in ("SIGNED", "MERGED"):
            with pytest.raises(IntegrityError, match="merged_means_signed"), transaction.atomic():
                Stitch.objects.update(state=state)

    @pytest.mark.django_db(transaction=True)
    def test_a_double_click_signs_once(self) -> None:
        tried(f.make_item())
        load = Stitch.objects.select_related("item__stitch_owner").get
        answers = run_together(*(lambda: sign(load()) for _ in range(2)))
        assert answers.count(None) == 1
        assert all(isinstance(answer, Conflict | NotPermitted) for answer in answers if answer)
