import datetime as dt
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from leadroom.lib.errors import BadInput, Conflict
from leadroom.worktrees import signing
from leadroom.worktrees.control import ControlRepository, Person
from leadroom.worktrees.git import NO_COMMIT, RepositoryProblem
from tests.worktrees.repositories import UserRepository, control_of

ADA = Person("Ada", "ada@example.invalid")
NOW = dt.datetime(2026, 11, 22, 10, 0, tzinfo=dt.UTC)


def refs(control: ControlRepository) -> set[str]:
    command = ["git", "--git-dir", str(control.path), "for-each-ref", "--format=%(refname)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def work_on(source: UserRepository, control: ControlRepository, **files: str) -> str:
    """A commit made beside the user's main branch and brought into the control repository."""
    source.git("switch", "-q", "-c", "work", control.head("main"))
    commit = source.commit("work", **files)
    source.git("switch", "-q", "main")
    source.git("push", "-q", str(control.path), f"{commit}:refs/leadroom/runs/1")
    source.git("branch", "-q", "-D", "work")
    return commit


def test_only_the_one_branch_is_copied(source: UserRepository, home: Path) -> None:
    source.git("branch", "private")
    source.git("tag", "v1")
    control = control_of(home, source)
    assert refs(control) == {"refs/heads/main", "refs/source/main"}
    assert control.head("main") == source.head()
    assert control.fsck() == ()


def test_creating_again_and_at_once_ends_in_the_same_repository(source: UserRepository, home: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        heads = list(pool.map(lambda _: control_of(home, source).head("main"), range(4)))
    assert set(heads) == {source.head()}
    assert [entry.name for entry in (home / "projects" / "shop").iterdir()] == ["control.git"]


def test_what_a_killed_creation_left_does_not_matter(source: UserRepository, home: Path) -> None:
    left = home / "projects" / "shop" / ".control.git.incoming"
    left.mkdir(parents=True)
    (left / "HEAD").write_text("half written")
    assert control_of(home, source).head("main") == source.head()
    assert not left.exists()


def test_a_second_branch_joins_the_repository(source: UserRepository, control: ControlRepository) -> None:
    source.git("branch", "next")
    again = ControlRepository.create(control.path, source=source.path, branch="next")
    assert again.head("next") == source.head("next")


@pytest.mark.parametrize("branch", ["missing", "--upload-pack=touch x", "ext::sh -c touch% x", "a..b", ""])
def test_a_branch_that_is_not_there_is_refused(source: UserRepository, home: Path, branch: str) -> None:
    path = home / "projects" / "shop" / "control.git"
    with pytest.raises(BadInput):
        ControlRepository.create(path, source=source.path, branch=branch)
    assert not path.exists()


def test_new_commits_of_the_user_are_followed(source: UserRepository, control: ControlRepository) -> None:
    old = control.head("main")
    new = source.commit("more", more_py="x = 1\n")
    refreshed = control.refresh(source=source.path, branch="main")
    assert (refreshed.moved, refreshed.old, refreshed.new) == (True, old, new)
    assert control.head("main") == new
    again = control.refresh(source=source.path, branch="main")
    assert (again.moved, again.is_diverged, again.new) == (False, False, new)


def test_histories_that_parted_are_told_and_left(source: UserRepository, control: ControlRepository) -> None:
    ours = work_on(source, control, ours_py="x = 1\n")
    control.move_branch("main", expected=control.head("main"), new=ours)
    ahead = control.refresh(source=source.path, branch="main")
    assert (ahead.moved, ahead.is_diverged, ahead.new) == (False, False, ours)
    theirs = source.commit("theirs", theirs_py="y = 1\n")
    parted = control.refresh(source=source.path, branch="main")
    assert (parted.moved, parted.is_diverged, parted.new, parted.source) == (False, True, ours, theirs)
    assert control.resolve("refs/source/main") == theirs


def test_a_rewritten_branch_never_drops_our_commits(source: UserRepository, control: ControlRepository) -> None:
    second = source.commit("second", a_py="a\n")
    control.refresh(source=source.path, branch="main")
    source.git("commit", "-q", "--amend", "-m", "rewritten")
    assert control.refresh(source=source.path, branch="main").is_diverged
    assert control.head("main") == second


def test_a_branch_the_user_deleted_is_said(source: UserRepository, control: ControlRepository) -> None:
    source.git("branch", "-m", "main", "trunk")
    with pytest.raises(RepositoryProblem, match="has no branch 'main'"):
        control.refresh(source=source.path, branch="main")


def test_differences_name_every_kind_of_change(source: UserRepository, control: ControlRepository) -> None:
    base = source.commit("base", moved_py="line\n" * 20, gone_py="x\n", script_py="x\n")
    source.git("mv", "moved.py", "renamed.py")
    source.git("rm", "-q", "gone.py")
    (source.path / "script.py").chmod(0o755)
    (source.path / "binary").write_bytes(bytes(range(256)))
    (source.path / ":10644 odd\nname\t").write_text("one\ntwo\n")
    (source.path / "link").symlink_to("/etc/passwd")
    commit = source.commit("changes")
    control.refresh(source=source.path, branch="main")
    files = {file.path: file for file in control.changed_files(base, commit)}
    assert (files["renamed.py"].status, files["renamed.py"].old_path) == ("R", "moved.py")
    assert (files["gone.py"].status, files["gone.py"].deleted, files["gone.py"].mode) == ("D", 1, "000000")
    assert (files["script.py"].old_mode, files["script.py"].mode) == ("100644", "100755")
    assert (files["binary"].is_binary, files["binary"].added) == (True, 0)
    assert (files[":10644 odd\nname\t"].status, files[":10644 odd\nname\t"].added) == ("A", 2)
    assert files["link"].mode == "120000"
    assert len(files) == 6
    text = control.diff(base, commit)
    assert "rename from moved.py" in text
    assert "+/etc/passwd" in text
    assert "Binary files" in text


def test_a_long_diff_is_cut_after_a_line_and_says_so(source: UserRepository, control: ControlRepository) -> None:
    base = control.head("main")
    commit = source.commit("long", long_py="a line of text\n" * 10_000)
    control.refresh(source=source.path, branch="main")
    lines = control.diff(base, commit, limit_bytes=2000).splitlines()
    assert lines[-1].startswith("[the diff is longer than 2,000 bytes")
    assert lines[-2] == "+a line of text"
    assert len("\n".join(lines)) < 2100
    assert control.diff(base, commit, limit_bytes=1_000_000).count("+a line of text") == 10_000


def test_files_are_read_from_objects(source: UserRepository, control: ControlRepository) -> None:
    head = control.head("main")
    assert control.file_at(head, "shop/prices.py") == (source.path / "shop/prices.py").read_bytes()
    assert control.blob_id(head, "shop/prices.py") == source.head("HEAD:shop/prices.py")
    for path in ("missing", "shop", "shop/", "", "/etc/passwd", "../x", "shop/prices.py/x", "a\0b", "\udcff"):
        assert control.file_at(head, path) is None
        assert control.blob_id(head, path) is None
    assert control.file_at(NO_COMMIT, "shop/prices.py") is None
    with pytest.raises(RepositoryProblem, match="more than the 10 Leadroom reads"):
        control.file_at(head, "shop/prices.py", limit_bytes=10)


def test_only_full_names_are_resolved(control: ControlRepository) -> None:
    head = control.head("main")
    assert control.resolve(head) == head
    assert control.resolve("refs/heads/main") == head
    for name in ("main", "HEAD", head[:12], "refs/heads/main~0", "--all", "refs/heads/missing", NO_COMMIT):
        assert control.resolve(name) is None


def test_a_clean_merge_is_signed_and_moves_the_branch(source: UserRepository, control: ControlRepository) -> None:
    onto = source.commit("theirs", theirs_py="y = 1\n")
    commit = work_on(source, control, ours_py="x = 1\n")
    control.refresh(source=source.path, branch="main")
    trial = control.trial_merge(onto=onto, commit=commit)
    assert (trial.is_clean, trial.conflicts, trial.is_fast_forward_possible) == (True, (), False)
    assert trial.tree
    key = signing.merge_key()
    merge = control.create_merge(
        branch="main", onto=onto, commit=commit, tree=trial.tree, message="Ours", author=ADA, key=key, now=NOW
    )
    again = control.create_merge(
        branch="main", onto=onto, commit=commit, tree=trial.tree, message="Ours", author=ADA, key=key, now=NOW
    )
    assert merge == again
    assert control.head("main") == onto
    control.move_branch("main", expected=onto, new=merge)
    assert control.head("main") == merge
    assert control.is_ancestor(commit, merge)
    assert control.merge_base(onto, commit) == source.head("main~1")
    assert control.file_at(merge, "ours.py") == b"x = 1\n"
    assert control.file_at(merge, "theirs.py") == b"y = 1\n"
    assert control.fsck() == ()


def test_conflicts_are_named_and_change_nothing(source: UserRepository, control: ControlRepository) -> None:
    commit = work_on(source, control, same_py="ours\n")
    onto = source.commit("theirs", same_py="theirs\n")
    control.refresh(source=source.path, branch="main")
    before = refs(control)
    trial = control.trial_merge(onto=onto, commit=commit)
    assert (trial.is_clean, trial.tree, trial.conflicts) == (False, None, ("same.py",))
    assert refs(control) == before


def test_histories_without_a_common_commit_are_refused(source: UserRepository, control: ControlRepository) -> None:
    source.git("switch", "-q", "--orphan", "alien")
    alien = source.commit("alien", alien_py="x\n")
    source.git("push", "-q", str(control.path), "alien:refs/leadroom/alien")
    with pytest.raises(RepositoryProblem, match="no commit in common"):
        control.trial_merge(onto=control.head("main"), commit=alien)


def test_one_of_many_movers_wins(source: UserRepository, control: ControlRepository) -> None:
    base = control.head("main")
    tree = control.trial_merge(onto=base, commit=base).tree
    assert tree
    key = signing.merge_key()
    merges = [
        control.create_merge(branch="main", onto=base, commit=base, tree=tree, message=str(n), author=ADA, key=key)
        for n in range(6)
    ]

    def move(new: str) -> str | None:
        try:
            control.move_branch("main", expected=base, new=new)
        except Conflict:
            return None
        return new

    with ThreadPoolExecutor(6) as pool:
        won = [new for new in pool.map(move, merges) if new]
    assert len(won) == 1
    assert control.head("main") == won[0]


def test_a_move_that_would_drop_commits_is_refused(source: UserRepository, control: ControlRepository) -> None:
    base = control.head("main")
    new = source.commit("second")
    control.refresh(source=source.path, branch="main")
    with pytest.raises(RepositoryProblem, match="would lose commits"):
        control.move_branch("main", expected=new, new=base)
    with pytest.raises(RepositoryProblem, match="not a commit"):
        control.move_branch("main", expected=new, new="1" * 40)
    assert control.head("main") == new


def test_a_merge_of_things_that_are_not_here_is_refused(control: ControlRepository) -> None:
    head, key = control.head("main"), signing.merge_key()
    tree = control.trial_merge(onto=head, commit=head).tree
    assert tree
    for onto, commit, merged in ((head, "1" * 40, tree), ("1" * 40, head, tree), (head, head, head)):
        with pytest.raises(RepositoryProblem):
            control.create_merge(branch="main", onto=onto, commit=commit, tree=merged, message="m", author=ADA, key=key)
    with pytest.raises(BadInput, match="needs a message"):
        control.create_merge(branch="main", onto=head, commit=head, tree=tree, message=" \0", author=ADA, key=key)


def test_a_name_cannot_forge_headers(control: ControlRepository) -> None:
    head, key = control.head("main"), signing.merge_key()
    tree = control.trial_merge(onto=head, commit=head).tree
    assert tree
    author = Person("Eve <root@x>\nparent " + "1" * 40, "e\n@ <x>")
    merge = control.create_merge(branch="main", onto=head, commit=head, tree=tree, message="m", author=author, key=key)
    command = ["git", "--git-dir", str(control.path), "show", "-s", "--format=%P|%an|%ae", merge]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert shown == f"{head} {head}|Eve root@xparent {'1' * 40}|e@x"
    assert control.fsck() == ()


@pytest.mark.parametrize("name", ["--output=/tmp/x", "main", "", "HEAD", "0" * 39, "A" * 40])
def test_only_full_ids_reach_a_command_line(control: ControlRepository, name: str) -> None:
    head = control.head("main")
    for call in (
        lambda: control.diff(name, head),
        lambda: control.changed_files(head, name),
        lambda: control.trial_merge(onto=head, commit=name),
        lambda: control.is_ancestor(name, head),
        lambda: control.file_at(name, "x"),
        lambda: control.move_branch("main", expected=name, new=head),
    ):
        with pytest.raises(BadInput):
            call()


def test_only_our_own_refs_are_set_freely(control: ControlRepository) -> None:
    head = control.head("main")
    control.set_ref("refs/leadroom/runs/7", head)
    assert control.resolve("refs/leadroom/runs/7") == head
    with pytest.raises(BadInput, match="not one of Leadroom's own"):
        control.set_ref("refs/heads/main", head)


def test_fsck_finds_what_is_broken(control: ControlRepository) -> None:
    blob = control.blob_id(control.head("main"), "shop/prices.py")
    assert blob
    loose = control.path / "objects" / blob[:2] / blob[2:]
    loose.chmod(0o644)
    loose.write_bytes(b"garbage")
    assert any(blob in line for line in control.fsck())


def test_a_left_lock_is_a_sentence_until_told_to_clear(source: UserRepository, control: ControlRepository) -> None:
    lock = control.path / "refs" / "heads" / "main.lock"
    lock.touch()
    new = source.commit("more")
    with pytest.raises(RepositoryProblem, match=r"main\.lock"):
        control.refresh(source=source.path, branch="main")
    assert control.clear_stale_locks(max_age_seconds=60) == ()
    assert control.clear_stale_locks(max_age_seconds=0) == ("refs/heads/main.lock",)
    assert control.refresh(source=source.path, branch="main").new == new
