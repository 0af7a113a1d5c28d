import os
import subprocess
from pathlib import Path

import pytest

from leadroom.lib.errors import BadInput, Conflict
from leadroom.worktrees import git, signing
from leadroom.worktrees.control import ControlRepository, Person
from leadroom.worktrees.git import RepositoryProblem
from leadroom.worktrees.publish import BranchInUse, Published, publish
from tests.worktrees.repositories import UserRepository

BRANCH = "leadroom/item-1"
REF = "refs/heads/leadroom/item-1"


def merge_in(control: ControlRepository, message: str = "Merge") -> str:
    """A merge commit on our main branch that the user's repository does not have."""
    head = control.head("main")
    tree = control.trial_merge(onto=head, commit=head).tree
    assert tree
    person = Person("Ada", "ada@example.invalid")
    merge = control.create_merge(
        branch="main",
        onto=head,
        commit=head,
        tree=tree,
        message=message,
        author=person,
        key=signing.merge_key(),
    )
    control.move_branch("main", expected=head, new=merge)
    return merge


def test_a_branch_of_ours_appears_and_nothing_else_changes(source: UserRepository, control: ControlRepository) -> None:
    source.write("shop/prices.py", "uncommitted")
    before, refs = source.digest(), source.git("for-each-ref").splitlines()
    merge = merge_in(control)
    published = publish(control=control, source=source.path, commit=merge, branch=BRANCH, expected=None)
    assert published == Published(REF, is_default_branch=False)
    assert source.head(REF) == merge
    assert source.digest() == before
    assert [line for line in source.git("for-each-ref").splitlines() if not line.endswith(REF)] == refs
    assert not (source.path / ".git" / "FETCH_HEAD").exists()
    assert source.git("fsck", "--no-dangling") == ""
    assert "leadroom: published" in source.git("reflog", "show", BRANCH)


def test_publishing_again_is_the_same_and_later_merges_follow(
    source: UserRepository, control: ControlRepository
) -> None:
    first = merge_in(control)
    for _ in range(2):
        publish(control=control, source=source.path, commit=first, branch=BRANCH, expected=None)
    second = merge_in(control, "Second")
    publish(control=control, source=source.path, commit=second, branch=BRANCH, expected=first)
    assert source.head(REF) == second


def test_a_branch_somebody_else_moved_is_left(source: UserRepository, control: ControlRepository) -> None:
    merge = merge_in(control)
    source.git("branch", BRANCH)
    theirs = source.head()
    for expected in (None, merge):
        with pytest.raises(Conflict, match="Nothing was changed"):
            publish(control=control, source=source.path, commit=merge, branch=BRANCH, expected=expected)
    assert source.head(REF) == theirs


def test_a_race_in_the_last_moment_is_lost_not_won(
    source: UserRepository, control: ControlRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    merge, fetch = merge_in(control), git.fetch

    def slow_fetch(*words: object, **options: object) -> None:
        fetch(*words, **options)  # type: ignore[arg-type]
        source.git("update-ref", REF, source.head())

    monkeypatch.setattr(git, "fetch", slow_fetch)
    with pytest.raises(Conflict, match="moved while it was being published"):
        publish(control=control, source=source.path, commit=merge, branch=BRANCH, expected=None)
    assert source.head(REF) == source.head()


def test_the_default_branch_is_refused_while_checked_out(
    source: UserRepository, control: ControlRepository, tmp_path: Path
) -> None:
    old, merge = source.head(), merge_in(control)

    def attempt() -> Published:
        return publish(control=control, source=source.path, commit=merge, branch="main", expected=old)

    with pytest.raises(BranchInUse, match=f"main is checked out in {source.path}"):
        attempt()
    source.git("switch", "-q", "-c", "elsewhere")
    linked = tmp_path / "linked"
    source.git("worktree", "add", "-q", str(linked), "main")
    with pytest.raises(BranchInUse, match=f"main is checked out in {linked}"):
        attempt()
    source.git("worktree", "remove", str(linked))
    rebase = source.path / ".git" / "rebase-merge"
    rebase.mkdir()
    (rebase / "head-name").write_text("refs/heads/main\n")
    with pytest.raises(BranchInUse):
        attempt()
    assert source.head("main") == old
    (rebase / "head-name").unlink()
    assert attempt() == Published("refs/heads/main", is_default_branch=True)
    assert source.head("main") == merge


def test_a_branch_of_ours_the_user_has_checked_out_is_left(source: UserRepository, control: ControlRepository) -> None:
    first = merge_in(control)
    publish(control=control, source=source.path, commit=first, branch=BRANCH, expected=None)
    source.git("switch", "-q", BRANCH)
    with pytest.raises(BranchInUse):
        publish(control=control, source=source.path, commit=merge_in(control), branch=BRANCH, expected=first)
    assert source.git("status", "--porcelain") == ""


def test_a_bare_repository_gets_its_default_branch_moved(
    source: UserRepository, control: ControlRepository, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(source.path), str(bare)], check=True)
    old, merge = source.head(), merge_in(control)
    published = publish(control=control, source=bare, commit=merge, branch="main", expected=old)
    assert published == Published("refs/heads/main", is_default_branch=True)
    assert (bare / "refs" / "heads" / "main").read_text().strip() == merge
    assert (bare / "HEAD").read_text() == "ref: refs/heads/main\n"
    with pytest.raises(Conflict):
        publish(control=control, source=bare, commit=old, branch="main", expected=old)
    assert (bare / "refs" / "heads" / "main").read_text().strip() == merge


def test_the_default_branch_never_loses_commits(
    source: UserRepository, control: ControlRepository, tmp_path: Path
) -> None:
    merge = merge_in(control)
    theirs = source.commit("theirs")
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(source.path), str(bare)], check=True)
    with pytest.raises(Conflict, match="commits this merge does not contain"):
        publish(control=control, source=bare, commit=merge, branch="main", expected=theirs)


@pytest.mark.parametrize("branch", ["other", "leadroom", "refs/heads/main", "leadroom/../main", "leadroom/a..b", ""])
def test_no_other_branch_is_ever_written(source: UserRepository, control: ControlRepository, branch: str) -> None:
    before = source.git("for-each-ref")
    with pytest.raises(BadInput):
        publish(control=control, source=source.path, commit=merge_in(control), branch=branch, expected=None)
    assert source.git("for-each-ref") == before


def test_a_branch_in_the_way_is_named(source: UserRepository, control: ControlRepository) -> None:
    source.git("branch", "leadroom")
    with pytest.raises(RepositoryProblem, match="rename that branch"):
        publish(control=control, source=source.path, commit=merge_in(control), branch=BRANCH, expected=None)


def test_a_commit_we_do_not_have_is_refused(source: UserRepository, control: ControlRepository) -> None:
    with pytest.raises(RepositoryProblem, match="not in Leadroom's copy"):
        publish(control=control, source=source.path, commit="1" * 40, branch=BRANCH, expected=None)


@pytest.mark.parametrize("place", ["refs/heads/leadroom", "logs/refs/heads/leadroom", "objects"])
def test_links_that_lead_out_of_the_repository_are_not_written_through(
    source: UserRepository, control: ControlRepository, tmp_path: Path, place: str
) -> None:
    outside = tmp_path / "outside"
    link = source.path / ".git" / place
    if link.exists():
        link.rename(outside)
    else:
        outside.mkdir()
        link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside)
    before = sorted(os.walk(outside))
    with pytest.raises(RepositoryProblem, match="is a link"):
        publish(control=control, source=source.path, commit=merge_in(control), branch=BRANCH, expected=None)
    assert sorted(os.walk(outside)) == before


def test_a_repository_that_cannot_be_written_is_a_sentence(source: UserRepository, control: ControlRepository) -> None:
    (source.path / ".git" / "refs" / "heads" / "leadroom").write_text("not a folder")
    with pytest.raises(RepositoryProblem, match="No branch was moved"):
        publish(control=control, source=source.path, commit=merge_in(control), branch=BRANCH, expected=None)
