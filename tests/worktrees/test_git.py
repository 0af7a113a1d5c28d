import os
import stat
import subprocess
import time
from pathlib import Path

import pytest

from leadroom.lib.errors import BadInput
from leadroom.worktrees import git
from tests.worktrees.repositories import UserRepository

NAMES = [
    "refs/heads/main",
    "refs/heads/feature/ünï-1",
    "refs/heads/-dash",
    "refs/heads/$(touch x);y",
    "refs/heads/a b",
    "refs/heads/a..b",
    "refs/heads/a~1",
    "refs/heads/a^",
    "refs/heads/a:b",
    "refs/heads/a?",
    "refs/heads/a*",
    "refs/heads/a[b",
    "refs/heads/a\\b",
    "refs/heads/.hidden",
    "refs/heads/x.lock",
    "refs/heads/x.lock/y",
    "refs/heads/end.",
    "refs/heads/end/",
    "refs/heads//double",
    "refs/heads/a@{1}",
    "refs/heads/@",
    "refs/heads/a\nb",
    "refs/heads/a\x7fb",
    "refs/heads/",
    "refs/stash-like/ok",
]


@pytest.mark.parametrize("name", NAMES)
def test_ref_names_are_judged_as_git_judges_them(name: str, home: Path) -> None:
    allowed = subprocess.run(["git", "check-ref-format", name], check=False).returncode == 0
    assert git.is_ref_name(name) is allowed


def test_a_name_git_forbids_is_refused_with_a_sentence(home: Path) -> None:
    with pytest.raises(BadInput, match="not a name git allows"):
        git.branch_ref("a..b")
    with pytest.raises(BadInput, match="not a full commit id"):
        git.check_commit_id("--output=/tmp/x")


def test_nothing_of_the_callers_environment_reaches_git(
    source: UserRepository, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = tmp_path / "canary"
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "alias.probe")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", f"!touch {canary}")
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", f"touch {canary}")
    with pytest.raises(git.GitFailed):
        git.run_git(["probe"], git_dir=source.path / ".git")
    answer = git.run_git(["rev-parse", "HEAD"], git_dir=source.path / ".git")
    monkeypatch.undo()
    assert answer.text == source.head()
    assert not canary.exists()
    assert not [name for name in git.environment() if name.startswith(("LEADROOM", "DJANGO", "PYTHON"))]


def test_a_command_that_hangs_is_ended_with_its_children(home: Path, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    command = f"!echo $$ > {pid_file}; sleep 60 & sleep 60"
    started = time.monotonic()
    with pytest.raises(git.GitFailed, match=r"did not finish within 0\.5 seconds"):
        git.run_git(["-c", f"alias.hang={command}", "hang"], timeout_seconds=0.5)
    assert time.monotonic() - started < 5
    group = int(pid_file.read_text())
    deadline = time.monotonic() + 3
    while _is_alive(group) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not _is_alive(group)


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_output_without_end_is_cut_or_refused(home: Path) -> None:
    endless = ["-c", "alias.endless=!yes", "endless"]
    answer = git.run_git(endless, output_limit_bytes=10_000, may_cut=True, timeout_seconds=10)
    assert (len(answer.out), answer.is_cut) == (10_000, True)
    with pytest.raises(git.GitFailed, match="more than Leadroom reads"):
        git.run_git(endless, output_limit_bytes=10_000, timeout_seconds=10)


def test_a_missing_git_is_a_sentence(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(git.RepositoryProblem, match="git could not be started"):
        git.run_git(["version"])


def test_a_damaged_configuration_is_written_again(home: Path) -> None:
    path = git.configuration_file()
    whole = path.read_bytes()
    path.write_bytes(b"[core]\n\tfsmonitor = touch /tmp/x\n\xff")
    assert git.configuration_file().read_bytes() == whole
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert git.run_git(["config", "--get", "core.fsmonitor"]).text == "false"


def test_only_old_locks_are_cleared_and_links_are_left(home: Path, tmp_path: Path) -> None:
    repository = tmp_path / "r"
    (repository / "refs").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept.lock").touch()
    (repository / "link").symlink_to(outside)
    old, young = repository / "refs" / "old.lock", repository / "young.lock"
    for file in (old, young, repository / "HEAD"):
        file.touch()
    os.utime(old, (1, 1))
    assert git.clear_stale_locks(repository, max_age_seconds=60) == ("refs/old.lock",)
    assert young.exists()
    assert (repository / "HEAD").exists()
    assert (outside / "kept.lock").exists()
