"""The join in real git: trial, signed merge, publication; each step survives being called again."""

from pathlib import Path
from typing import Any

import pytest

from leadroom.guardrails.actions import press
from leadroom.guardrails.enums import Lock
from leadroom.guardrails.scopes import of_project
from leadroom.lib.errors import Locked
from leadroom.projects.enums import Publish
from leadroom.projects.models import Project
from leadroom.worktrees import actions, joining
from leadroom.worktrees.control import ControlRepository
from leadroom.worktrees.git import run_git
from leadroom.worktrees.keeping import control_of
from leadroom.worktrees.models import Stitch
from leadroom.worktrees.signing import allowed_keys, merge_key
from tests import factories as f
from tests.worktrees.repositories import UserRepository

pytestmark = pytest.mark.django_db
SENTENCE = "Totals are exact, rounding comes later."


@pytest.fixture
def project(home: Path, source: UserRepository) -> Project:
    return f.make_project(name="Shop", source=str(source.path))


@pytest.fixture
def control(project: Project) -> ControlRepository:
    return control_of(project)


def developed(project: Project, source: UserRepository, name: str = "feature", **files: str) -> Stitch:
    """A stitch for work on top of the branch as it is, fetched into our copy as a run's tree is."""
    control = control_of(project)
    source.git("fetch", "-q", str(control.path), "main")
    source.git("switch", "-q", "--detach", "FETCH_HEAD")
    commit = source.commit(name, **(files or {f"{name}_py": "x = 1\n"}))
    source.git("switch", "-q", "main")
    run_git(["fetch", "-q", str(source.path), f"{commit}:refs/leadroom/runs/{name}"], git_dir=control.path)
    item = f.make_item(project, title=f"Show {name}")
    return actions.open_stitch(item=item, commit=commit, by=f.PIPELINE, now=f.NOW)


def load(stitch: Stitch) -> Stitch:
    return Stitch.objects.select_related("item__project", "item__stitch_owner", "signed_by").get(pk=stitch.pk)


def try_and_sign(stitch: Stitch) -> Stitch:
    joining.try_merge(stitch=load(stitch), now=f.NOW)
    found = load(stitch)
    owner = found.item.stitch_owner
    actions.sign(
        stitch=found,
        sentence=SENTENCE,
        seen_digest=found.digest,
        is_verified=True,
        user_id=owner.pk,
        by=f.human(owner),
        now=f.NOW,
    )
    return load(stitch)


def merged(stitch: Stitch) -> Stitch:
    joining.merge_signed(stitch=try_and_sign(stitch), now=f.NOW)
    return load(stitch)


def published(stitch: Stitch) -> Stitch:
    joining.publish_merge(stitch=load(stitch), now=f.NOW)
    return load(stitch)


class TestTrial:
    def test_a_clean_trial_moves_nothing_and_can_be_verified(
        self, project: Project, source: UserRepository, control: ControlRepository
    ) -> None:
        stitch = developed(project, source)
        before, main = source.digest(), control.head("main")
        joining.try_merge(stitch=stitch, now=f.NOW)
        stitch = load(stitch)
        assert (stitch.state, stitch.onto, stitch.conflicts) == ("CLEAN", main, [])
        assert control.head("main") == main
        assert source.digest() == before
        assert control.resolve(f"refs/leadroom/trials/{stitch.item_id}") == stitch.trial
        assert control.file_at(stitch.trial, "feature.py") == b"x = 1\n"
        assert run_git(["rev-parse", f"{stitch.trial}^{{tree}}"], git_dir=control.path).text == stitch.tree

    def test_the_same_trial_again_is_the_same_commit(self, project: Project, source: UserRepository) -> None:
        stitch = developed(project, source)
        joining.try_merge(stitch=load(stitch), now=f.NOW)
        first = load(stitch)
        actions.reopen_trial(stitch=load(stitch), reason="again", by=f.PIPELINE, now=f.NOW)
        joining.try_merge(stitch=load(stitch), now=f.NOW)
        assert load(stitch).trial == first.trial
        assert load(stitch).problem == ""

    def test_a_conflict_names_the_files_and_moves_nothing(
        self, project: Project, source: UserRepository, control: ControlRepository
    ) -> None:
        stitch = developed(project, source, README="ours\n")
        source.commit("theirs", README="theirs\n")
        joining.try_merge(stitch=stitch, now=f.NOW)
        stitch = load(stitch)
        assert (stitch.state, stitch.conflicts, stitch.trial) == ("CONFLICTED", ["README"], "")

    def test_what_the_user_committed_meanwhile_is_below_the_trial(
        self, project: Project, source: UserRepository, control: ControlRepository
    ) -> None:
        stitch = developed(project, source)
        newer = source.commit("theirs", other_py="y = 2\n")
        joining.try_merge(stitch=stitch, now=f.NOW)
        assert load(stitch).onto == newer == control.head("main")


class TestMerge:
    def test_the_branch_moves_to_a_merge_signed_for_its_owner(
        self, project: Project, source: UserRepository, control: ControlRepository
    ) -> None:
        stitch = merged(developed(project, source))
        assert (stitch.state, stitch.merge_commit) == ("MERGED", control.head("main"))
        raw = run_git(["cat-file", "commit", stitch.merge_commit], git_dir=control.path).text
        owner = stitch.item.stitch_owner
        assert f"author {owner.username} <{owner.email}>" in raw
        assert "committer Leadroom <" in raw
        assert SENTENCE in raw
        assert f"Leadroom-Item: shop#{stitch.item.number}" in raw
        assert f"Signed-off-by: {owner.username} <{owner.email}>" in raw
        assert raw.splitlines()[1:3] == [f"parent {stitch.onto}", f"parent {stitch.commit}"]
        assert control.verify_commit(stitch.merge_commit, allowed=allowed_keys(merge_key().allowed_signers))
        assert control.fsck() == ()

    def test_a_branch_that_moved_first_starts_the_trial_over(
        self, project: Project, source: UserRepository, control: ControlRepository
    ) -> None:
        one, other = developed(project, source, "one"), developed(project, source, "other")
        signed = try_and_sign(one)
        done = merged(other)
        joining.merge_signed(stitch=signed, now=f.NOW)
        one = load(one)
        assert (one.state, one.signed_by, one.merge_commit) == ("PENDING", None, "")
        assert "The branch moved before the merge" in one.problem
        assert control.head("main") == done.merge_commit
        one = merged(one)
        assert one.onto == done.merge_commit
        assert control.file_at(one.merge_commit, "one.py") == control.file_at(one.merge_commit, "other.py")

    def test_after_a_crash_behind_the_swap_it_is_merged_once(
        self, project: Project, source: UserRepository, control: ControlRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stitch = try_and_sign(developed(project, source))

        def crash(**given: object) -> None:
            raise SystemExit("killed here")

        with monkeypatch.context() as patch:
            patch.setattr(actions, "keep_merge", crash)
            with pytest.raises(SystemExit):
                joining.merge_signed(stitch=stitch, now=f.NOW)
        head = control.head("main")
        assert load(stitch).state == "SIGNED"
        joining.merge_signed(stitch=load(stitch), now=f.NOW)
        assert (load(stitch).state, load(stitch).merge_commit) == ("MERGED", head)
        assert control.head("main") == head

    def test_the_switch_pressed_while_the_merge_is_made_keeps_the_branch_where_it_is(
        self, project: Project, source: UserRepository, control: ControlRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stitch, make = try_and_sign(developed(project, source)), ControlRepository.create_merge
        by, head = f.human(f.lead_of(project)), control.head("main")

        def make_and_press(self: ControlRepository, **given: Any) -> str:
            merge = make(self, **given)
            press(scope=of_project(project), level=Lock.READ_ONLY, reason="A look.", by=by, now=f.NOW)
            return merge

        monkeypatch.setattr(ControlRepository, "create_merge", make_and_press)
        with pytest.raises(Locked, match="nothing was merged"):
            joining.merge_signed(stitch=stitch, now=f.NOW)
        assert (control.head("main"), load(stitch).state) == (head, "SIGNED")

    def test_after_such_a_crash_another_merge_may_lie_on_top(
        self, project: Project, source: UserRepository, control: ControlRepository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stitch = try_and_sign(developed(project, source, "one"))
        with monkeypatch.context() as patch:
            patch.setattr(actions, "keep_merge", lambda **given: None)
            joining.merge_signed(stitch=stitch, now=f.NOW)
        ours = control.head("main")
        other = merged(developed(project, source, "other"))
        joining.merge_signed(stitch=load(stitch), now=f.NOW)
        assert (load(stitch).state, load(stitch).merge_commit) == ("MERGED", ours)
        assert control.head("main") == other.merge_commit


class TestPublication:
    def test_as_a_branch_of_its_own(self, project: Project, source: UserRepository) -> None:
        stitch = merged(developed(project, source))
        before = source.digest()
        stitch = published(stitch)
        assert (stitch.published_ref, stitch.problem) == ("refs/heads/leadroom/1-show-feature", "")
        assert source.head("refs/heads/leadroom/1-show-feature") == stitch.merge_commit
        assert source.digest() == before
        again = published(stitch)
        assert (again.published_ref, again.problem) == (stitch.published_ref, "")

    def test_to_the_default_branch_when_nobody_has_it_checked_out(
        self, project: Project, source: UserRepository
    ) -> None:
        Project.objects.update(publish=Publish.DEFAULT_BRANCH)
        stitch = merged(developed(project, source))
        source.git("switch", "-q", "-c", "elsewhere")
        stitch = published(stitch)
        assert (stitch.published_ref, stitch.problem) == ("refs/heads/main", "")
        assert source.head("main") == stitch.merge_commit
        assert not source.has_ref("refs/heads/leadroom/")

    def test_a_checked_out_branch_is_left_alone_and_the_reason_is_said(
        self, project: Project, source: UserRepository
    ) -> None:
        Project.objects.update(publish=Publish.DEFAULT_BRANCH)
        stitch = merged(developed(project, source))
        before, main = source.digest(), source.head("main")
        stitch = published(stitch)
        assert stitch.published_ref == "refs/heads/leadroom/1-show-feature"
        assert "main is checked out in" in stitch.problem
        assert (source.digest(), source.head("main")) == (before, main)

    def test_after_a_fallback_the_next_one_reaches_the_default_branch(
        self, project: Project, source: UserRepository
    ) -> None:
        Project.objects.update(publish=Publish.DEFAULT_BRANCH)
        first = published(merged(developed(project, source, "one")))
        assert first.problem
        source.git("switch", "-q", "-c", "elsewhere")
        stitch = developed(project, source, "two")
        source.git("switch", "-q", "elsewhere")
        second = published(merged(stitch))
        assert (second.published_ref, second.problem) == ("refs/heads/main", "")
        assert source.head("main") == second.merge_commit
        assert source.git("merge-base", first.merge_commit, "main") == first.merge_commit

    def test_a_branch_of_that_name_that_is_the_users_is_not_overwritten(
        self, project: Project, source: UserRepository
    ) -> None:
        stitch = merged(developed(project, source))
        source.git("branch", "leadroom/1-show-feature", "main")
        theirs = source.head("leadroom/1-show-feature")
        stitch = published(stitch)
        assert stitch.published_ref == ""
        assert "Nothing was changed" in stitch.problem
        assert source.head("leadroom/1-show-feature") == theirs

    def test_a_repository_that_is_gone_is_said(self, project: Project, source: UserRepository) -> None:
        stitch = merged(developed(project, source))
        source.path.rename(source.path.with_name("moved"))
        stitch = published(stitch)
        assert stitch.published_ref == ""
        assert stitch.problem

    @pytest.mark.parametrize(
        ("title", "branch"),
        [
            ("Show totals", "leadroom/1-show-totals"),
            ("日本", "leadroom/1-item"),
            ("../../x.lock", "leadroom/1-xlock"),
            ("a" * 80, f"leadroom/1-{'a' * 40}"),
        ],
    )
    def test_any_title_makes_a_branch_name(self, title: str, branch: str) -> None:
        item = f.make_item(title=title)
        assert joining.branch_name(Stitch(item=item)) == branch
