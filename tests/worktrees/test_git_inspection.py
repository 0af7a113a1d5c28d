import shutil
import subprocess
from pathlib import Path

import pytest

from leadroom.worktrees import inspection
from leadroom.worktrees.git import RepositoryProblem
from leadroom.worktrees.inspection import inspect_source
from tests.worktrees.repositories import UserRepository, small_repository


def bare_clone(source: UserRepository, path: Path, *options: str) -> Path:
    subprocess.run(["git", "clone", "-q", "--bare", *options, f"file://{source.path}", str(path)], check=True)
    return path


def test_a_plain_repository_is_described(source: UserRepository, home: Path) -> None:
    source.git("branch", "feature/ünï")
    facts = inspect_source(source.path)
    assert facts.path == source.path
    assert (facts.is_bare, facts.default_branch, facts.checked_out_branch) == (False, "main", "main")
    assert facts.head_commit == source.head()
    assert facts.branches == ("feature/ünï", "main")
    assert (facts.has_python, facts.has_tests, facts.dirty_files) == (True, True, 0)
    assert facts.warnings == ()


def test_looking_leaves_no_trace(source: UserRepository, home: Path) -> None:
    (source.path / "shop" / "prices.py").touch()  # git would like to refresh its index now
    before = source.digest()
    inspect_source(source.path)
    assert source.digest() == before
    assert list((home / "run").iterdir()) == []


def test_uncommitted_changes_are_counted_and_said(source: UserRepository, home: Path) -> None:
    source.write("shop/prices.py", "changed")
    source.write("new file\nwith newline", "x")
    source.write(".gitignore", "ignored\n")
    source.write("ignored", "x")
    facts = inspect_source(source.path)
    assert facts.dirty_files == 3
    assert "3 files" in facts.warnings[0]
    assert "agents see only what is committed" in facts.warnings[0]


def test_hooks_are_named_and_said_not_to_run(source: UserRepository, home: Path) -> None:
    hook = source.path / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o755)
    (source.path / ".git" / "hooks" / "pre-push.sample").touch(mode=0o755)
    facts = inspect_source(source.path)
    assert facts.active_hooks == ("pre-commit",)
    assert any("Hooks are never run by Leadroom" in sentence for sentence in facts.warnings)
    source.git("config", "core.hooksPath", "own-hooks")
    assert inspect_source(source.path).active_hooks == ()


def test_large_files_missing_tests_and_submodules_are_said(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "LARGE_BYTES", 1000)
    repository = UserRepository(tmp_path / "data")
    repository.write("model.bin", "x" * 3_000_000)
    repository.commit()
    entry = f"160000,{repository.head()},vendored"
    repository.git("update-index", "--add", "--cacheinfo", entry)
    repository.git("commit", "-q", "-m", "submodule")
    facts = inspect_source(repository.path)
    assert facts.large_files == (("model.bin", 3_000_000),)
    assert (facts.has_python, facts.has_tests) == (False, False)
    text = " ".join(facts.warnings)
    for part in ("model.bin has 3 MB", "1 submodule", "No Python was found on main", "No tests were found"):
        assert part in text


def test_a_bare_repository_has_no_checkout(source: UserRepository, tmp_path: Path, home: Path) -> None:
    facts = inspect_source(bare_clone(source, tmp_path / "bare.git"))
    assert (facts.is_bare, facts.default_branch, facts.checked_out_branch) == (True, "main", None)
    assert facts.dirty_files == 0


def test_a_linked_worktree_is_a_repository(source: UserRepository, tmp_path: Path, home: Path) -> None:
    linked = tmp_path / "linked"
    source.git("worktree", "add", "-q", "-b", "side", str(linked))
    (linked / "more.py").write_text("x")
    facts = inspect_source(linked)
    assert (facts.default_branch, facts.checked_out_branch, facts.dirty_files) == ("main", "side", 1)


def test_packed_refs_detached_head_and_remote_default(source: UserRepository, home: Path) -> None:
    source.git("branch", "-m", "trunk")
    source.git("branch", "another")
    source.git("pack-refs", "--all")
    source.git("checkout", "-q", "--detach")
    source.git("update-ref", "refs/remotes/origin/trunk", "HEAD")
    source.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/trunk")
    facts = inspect_source(source.path)
    assert (facts.default_branch, facts.checked_out_branch) == ("trunk", None)


def test_what_is_checked_out_is_the_default_only_when_nothing_says_otherwise(
    source: UserRepository, home: Path
) -> None:
    source.git("switch", "-q", "-c", "feature")
    facts = inspect_source(source.path)
    assert (facts.default_branch, facts.checked_out_branch) == ("main", "feature")
    source.git("branch", "-q", "-D", "main")
    assert inspect_source(source.path).default_branch == "feature"


def refusal(path: Path) -> str:
    with pytest.raises(RepositoryProblem) as caught:
        inspect_source(path)
    sentence = str(caught.value)
    assert "Nothing was changed" in sentence
    return sentence


def test_what_is_no_repository_is_refused(source: UserRepository, tmp_path: Path, home: Path) -> None:
    (tmp_path / "plain").mkdir()
    assert "does not exist" in refusal(tmp_path / "missing")
    assert "is not a git repository" in refusal(tmp_path / "plain")
    assert "is not a folder" in refusal(source.path / "shop" / "prices.py")
    assert f"give {source.path} instead" in refusal(source.path / "shop")
    assert f"the folder above it: {source.path}" in refusal(source.path / ".git")
    assert "cannot be used as a path" in refusal(Path("/tmp/zero\0byte"))
    assert "cannot be used as a path" in refusal(tmp_path / ("x" * 300))


def test_empty_repositories_are_refused(tmp_path: Path, home: Path) -> None:
    UserRepository(tmp_path / "empty")
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "bare.git")], check=True)
    assert "make a first commit" in refusal(tmp_path / "empty")
    assert "no commit on any branch" in refusal(tmp_path / "bare.git")


def test_a_broken_repository_is_refused(source: UserRepository, home: Path) -> None:
    (source.path / ".git" / "config").write_text("[core\nbroken")
    assert "git config failed" in refusal(source.path)
    shutil.rmtree(source.path / ".git" / "objects")
    assert "not a whole repository" in refusal(source.path)


def test_leadrooms_own_folder_is_refused_except_its_practice_repositories(home: Path, tmp_path: Path) -> None:
    inside = small_repository(home / "projects" / "shop" / "trees" / "run-1")
    assert "inside Leadroom's own data folder" in refusal(inside.path)
    (tmp_path / "alias").symlink_to(inside.path)
    assert "inside Leadroom's own data folder" in refusal(tmp_path / "alias")
    practice = small_repository(home / "rehearsal" / "repositories" / "demo")
    assert inspect_source(practice.path).default_branch == "main"


def test_a_pointer_to_somebody_elses_repository_is_refused(source: UserRepository, tmp_path: Path, home: Path) -> None:
    for name, plant in {
        "file": lambda folder: (folder / ".git").write_text(f"gitdir: {source.path}/.git\n"),
        "link": lambda folder: (folder / ".git").symlink_to(source.path / ".git"),
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        plant(folder)
        assert "does not belong to this folder" in refusal(folder)
    borrower = small_repository(tmp_path / "borrower")
    (borrower.path / ".git" / "commondir").write_text(f"{source.path}/.git\n")
    assert "which does not know it" in refusal(borrower.path)
    (tmp_path / "file" / ".git").write_text("gitdir: /nowhere\n")
    assert "which is not there" in refusal(tmp_path / "file")


def test_formats_that_would_give_half_a_history_are_refused(source: UserRepository, tmp_path: Path, home: Path) -> None:
    source.commit("second")
    assert "git fetch --unshallow" in refusal(bare_clone(source, tmp_path / "shallow.git", "--depth=1"))
    source.git("config", "uploadpack.allowFilter", "true")
    assert "partial clone" in refusal(bare_clone(source, tmp_path / "partial.git", "--filter=blob:none"))
    subprocess.run(["git", "init", "-q", "--object-format=sha256", str(tmp_path / "sha256")], check=True)
    assert "format Leadroom cannot read" in refusal(tmp_path / "sha256")
