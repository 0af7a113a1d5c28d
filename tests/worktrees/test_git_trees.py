import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from leadroom.lib.errors import BadInput, Conflict
from leadroom.worktrees import trees
from leadroom.worktrees.control import ControlRepository
from leadroom.worktrees.git import RepositoryProblem
from tests.worktrees.repositories import UserRepository, tree_path

REF = "refs/leadroom/runs/1"


@pytest.fixture
def base(control: ControlRepository) -> str:
    return control.head("main")


@pytest.fixture
def tree(control: ControlRepository, base: str) -> Path:
    path = tree_path(control)
    control.create_tree(path, commit=base)
    return path


def commit(control: ControlRepository, tree: Path, base: str, message: str = "work") -> str:
    return asyncio.run(control.commit_tree(tree, message=message, ref=REF, base=base))


def git_in(tree: Path, *words: str, stdin: bytes = b"") -> str:
    """Plain git in a tree, as an agent with a writable `.git` would run it."""
    identity = ("-c", "user.name=Eve", "-c", "user.email=eve@example.invalid")
    env = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    answer = subprocess.run(["git", *identity, *words], cwd=tree, env=env, input=stdin, capture_output=True, check=True)
    return answer.stdout.decode().strip()


def test_a_tree_is_the_commit_and_shares_its_objects(
    source: UserRepository, control: ControlRepository, tree: Path, base: str
) -> None:
    assert (tree / "shop" / "prices.py").read_bytes() == (source.path / "shop" / "prices.py").read_bytes()
    assert git_in(tree, "status", "--porcelain") == ""
    assert git_in(tree, "symbolic-ref", "HEAD") == "refs/heads/work"
    assert git_in(tree, "rev-parse", "HEAD") == base
    assert git_in(tree, "remote") == ""
    assert [file for _, _, files in os.walk(tree / ".git" / "objects") for file in files] == ["alternates"]


def test_work_comes_back_as_one_commit(control: ControlRepository, tree: Path, base: str) -> None:
    (tree / "shop" / "prices.py").unlink()
    (tree / "new é.py").write_text("x = 1\n")
    (tree / "run.sh").write_text("#!/bin/sh\n")
    (tree / "run.sh").chmod(0o755)
    made = commit(control, tree, base, "Add a thing\n\nbecause of AC-001\n")
    assert control.resolve(REF) == made
    changes = {file.path: (file.status, file.mode) for file in control.changed_files(base, made)}
    assert changes == {
        "shop/prices.py": ("D", "000000"),
        "new é.py": ("A", "100644"),
        "run.sh": ("A", "100755"),
    }
    show = ["git", "--git-dir", str(control.path), "show", "-s", "--format=%P|%an <%ae>|%B", made]
    shown = subprocess.run(show, capture_output=True, text=True, check=True).stdout.strip()
    assert shown == f"{base}|Leadroom agent <agent@leadroom.invalid>|Add a thing\n\nbecause of AC-001"
    assert control.fsck() == ()
    assert list((control.path.parent.parent.parent / "run").iterdir()) == []


def test_nothing_changed_gives_the_present_commit(control: ControlRepository, tree: Path, base: str) -> None:
    assert commit(control, tree, base) == base
    assert control.resolve(REF) == base
    (tree / "a.py").write_text("a")
    first = commit(control, tree, base)
    assert commit(control, tree, base) == first
    (tree / "a.py").write_text("b")
    second = commit(control, tree, base)
    assert control.is_ancestor(first, second)
    assert control.resolve(REF) == second


def test_ignored_files_and_leftovers_of_test_runs_stay_out(control: ControlRepository, tree: Path, base: str) -> None:
    (tree / ".gitignore").write_text("*.log\n")
    for name in ("run.log", "shop/__pycache__/prices.cpython-311.pyc", ".pytest_cache/v/x", ".coverage"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("x")
    made = commit(control, tree, base)
    assert [file.path for file in control.changed_files(base, made)] == [".gitignore"]


def test_a_change_of_the_same_size_in_the_same_second_is_seen(
    control: ControlRepository, tree: Path, base: str
) -> None:
    file = tree / "shop" / "prices.py"
    file.write_text(file.read_text().replace("sum", "max"))
    made = commit(control, tree, base)
    assert [change.path for change in control.changed_files(base, made)] == ["shop/prices.py"]


def test_a_commit_that_was_cut_off_before_it_came_back_is_taken_over_next_time(
    control: ControlRepository, tree: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "a.py").write_text("a")

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(trees, "_bring_in", die)
    with pytest.raises(KeyboardInterrupt):
        commit(control, tree, base)
    monkeypatch.undo()
    assert control.resolve(REF) is None
    made = commit(control, tree, base)
    assert control.resolve(REF) == made
    assert control.file_at(made, "a.py") == b"a"


def test_the_whole_home_can_be_moved(
    control: ControlRepository, tree: Path, base: str, home: Path, settings: object
) -> None:
    moved = home.with_name("another home")
    home.rename(moved)
    settings.HOME_DIR = moved  # type: ignore[attr-defined]
    control = ControlRepository(moved / "projects" / "shop" / "control.git")
    tree = tree_path(control)
    assert git_in(tree, "status", "--porcelain") == ""
    (tree / "a.py").write_text("a")
    assert control.resolve(commit(control, tree, base)) is not None


def test_a_clean_checkout_holds_the_commit_and_nothing_else(control: ControlRepository, tree: Path, base: str) -> None:
    (tree / "a.py").write_text("a")
    made = commit(control, tree, base)
    (tree / "b.py").write_text("not committed")
    clean = tree_path(control, "verify-1")
    control.checkout_clean(clean, commit=made)
    assert (clean / "a.py").read_text() == "a"
    assert not (clean / "b.py").exists()


def test_a_place_that_is_taken_or_elsewhere_is_refused(
    control: ControlRepository, tree: Path, base: str, tmp_path: Path
) -> None:
    (tree / "precious").write_text("x")
    with pytest.raises(Conflict, match="exists already"):
        control.create_tree(tree, commit=base)
    assert (tree / "precious").read_text() == "x"
    for place in (tmp_path / "elsewhere", tree / "inside", tree.parent / ".." / "trees" / "x"):
        with pytest.raises(BadInput):
            control.create_tree(place, commit=base)
        assert not place.exists()
    with pytest.raises(RepositoryProblem, match="refresh the project first"):
        control.create_tree(tree_path(control, "run-2"), commit="1" * 40)
    assert [entry.name for entry in tree.parent.iterdir()] == ["run-1"]


def test_a_tree_that_could_not_be_filled_leaves_nothing(
    control: ControlRepository, base: str, source: UserRepository
) -> None:
    blob = control.blob_id(base, "shop/prices.py")
    assert blob
    (control.path / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(RepositoryProblem):
        control.create_tree(tree_path(control), commit=base)
    assert list(tree_path(control).parent.iterdir()) == []


@pytest.mark.parametrize(
    ("message", "ref"), [("", REF), (" \n", REF), ("m", "refs/heads/main"), ("m", "refs/leadroom/../x")]
)
def test_a_bad_message_or_ref_is_refused(
    control: ControlRepository, tree: Path, base: str, message: str, ref: str
) -> None:
    with pytest.raises(BadInput):
        asyncio.run(control.commit_tree(tree, message=message, ref=ref, base=base))


def refusal(control: ControlRepository, tree: Path, base: str) -> str:
    """The sentence of a refused commit; the control repository must be untouched by it."""
    refs = ["git", "--git-dir", str(control.path), "for-each-ref"]
    before = subprocess.run(refs, capture_output=True, check=True).stdout
    objects = sorted(os.walk(control.path / "objects"))
    with pytest.raises(RepositoryProblem) as caught:
        commit(control, tree, base)
    assert subprocess.run(refs, capture_output=True, check=True).stdout == before
    assert sorted(os.walk(control.path / "objects")) == objects
    assert "left as they" in str(caught.value)
    return str(caught.value)


def test_a_large_file_is_refused_even_when_a_later_commit_removes_it(
    control: ControlRepository, tree: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "BLOB_LIMIT_BYTES", 2_000_000)
    (tree / "model.bin").write_bytes(b"\0" * 3_000_000)
    assert "a new file has 3 MB" in refusal(control, tree, base)
    (tree / "model.bin").unlink()
    assert "a new file has 3 MB" in refusal(control, tree, base)


def test_a_delivery_that_is_too_large_is_refused(
    control: ControlRepository, tree: Path, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "BUNDLE_LIMIT_BYTES", 20_000)
    (tree / "noise").write_bytes(os.urandom(30_000))
    assert "larger than" in refusal(control, tree, base)


def test_a_large_file_the_project_already_has_is_no_obstacle(
    source: UserRepository, home: Path, control: ControlRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "BLOB_LIMIT_BYTES", 2_000_000)
    (source.path / "model.bin").write_bytes(b"\0" * 3_000_000)
    head = source.commit("a model")
    control.refresh(source=source.path, branch="main")
    tree = tree_path(control)
    control.create_tree(tree, commit=head)
    (tree / "model.bin").rename(tree / "moved.bin")
    assert commit(control, tree, head) != head


def test_a_repository_inside_the_tree_is_refused(control: ControlRepository, tree: Path, base: str) -> None:
    nested = tree / "nested"
    nested.mkdir()
    git_in(nested, "init", "-q")
    assert "could not be committed" in refusal(control, tree, base)
    git_in(nested, "commit", "-q", "--allow-empty", "-m", "x")
    assert "nested is a repository inside the tree" in refusal(control, tree, base)


def test_work_that_does_not_build_on_the_base_is_refused(control: ControlRepository, tree: Path, base: str) -> None:
    git_in(tree, "checkout", "-q", "--orphan", "other")
    git_in(tree, "commit", "-q", "-m", "alien")
    assert "does not build on" in refusal(control, tree, base)


def test_objects_git_thinks_dangerous_are_refused(control: ControlRepository, tree: Path, base: str) -> None:
    blob = git_in(tree, "hash-object", "-w", "--stdin", stdin=b"#!/bin/sh\n")
    inner = git_in(tree, "mktree", stdin=f"100755 blob {blob}\tpre-commit\n".encode())
    evil = git_in(tree, "mktree", "--missing", stdin=f"040000 tree {inner}\t.git\n".encode())
    made = git_in(tree, "commit-tree", "-p", base, "-m", "evil", evil)
    git_in(tree, "update-ref", "refs/heads/work", made)
    assert "git does not accept its objects" in refusal(control, tree, base)


def test_a_submodule_file_that_names_a_command_is_refused(control: ControlRepository, tree: Path, base: str) -> None:
    (tree / ".gitmodules").write_text('[submodule "x"]\n\tpath = x\n\turl = ./x\n\tupdate = !touch x\n')
    assert "disallowed submodule update" in refusal(control, tree, base)


def test_names_that_are_not_utf_8_come_back_and_can_be_stored(
    control: ControlRepository, tree: Path, base: str
) -> None:
    Path(os.fsdecode(os.fsencode(tree) + b"/caf\xe9.py")).write_text("x = 1\n")
    made = commit(control, tree, base)
    (change,) = control.changed_files(base, made)
    assert change.path == "caf\\xe9.py"
    assert "+x = 1" in control.diff(base, made)
    control.checkout_clean(tree_path(control, "verify-1"), commit=made)


def test_a_lock_left_in_the_tree_is_a_sentence(control: ControlRepository, tree: Path, base: str) -> None:
    (tree / ".git" / "index.lock").touch()
    (tree / "a.py").write_text("a")
    assert "index.lock" in refusal(control, tree, base)


def test_a_replaced_git_folder_is_refused(control: ControlRepository, tree: Path, base: str) -> None:
    (tree / ".git").rename(tree / "old.git")
    (tree / ".git").symlink_to(control.path)
    with pytest.raises(BadInput, match=r"no \.git folder of its own"):
        commit(control, tree, base)
    (tree / ".git").unlink()
    (tree / ".git").write_text(f"gitdir: {control.path}\n")
    with pytest.raises(BadInput, match=r"no \.git folder of its own"):
        commit(control, tree, base)
    assert control.resolve(REF) is None
