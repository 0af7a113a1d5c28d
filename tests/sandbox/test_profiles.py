"""`tree_profile`: what is seen inside, what is writable, and what is refused before anything starts."""

import asyncio
import os
import shutil
import socket
import venv
from pathlib import Path

import pytest
from django.conf import settings

from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.sandbox import toolchain
from leadroom.sandbox.process import run
from leadroom.sandbox.profiles import Mount, Profile, tree_profile

from .conftest import git


def sh(profile: Profile, script: str) -> str:
    done = asyncio.run(run(profile, ["sh", "-c", script], timeout_seconds=20))
    return f"{done.output.decode()}[{done.exit_status}]"


def test_a_writable_tree_is_the_real_one_and_its_git_is_not_writable(tree: Path) -> None:
    profile = tree_profile(tree, is_writable=True)
    assert sh(profile, "pwd; echo new > new.txt") == "/work/trees/run-1\n[0]"
    assert (tree / "new.txt").read_text() == "new\n"
    assert "Read-only file system" in sh(profile, "touch .git/hooks/x; rm -rf .git; mv .git .gone")
    assert (tree / ".git" / "HEAD").exists()


def test_a_read_only_tree_refuses_writes(tree: Path) -> None:
    profile = tree_profile(tree, is_writable=False)
    assert "Read-only file system" in sh(profile, "echo x > hello.txt")
    assert profile.env["PYTHONDONTWRITEBYTECODE"] == "1"
    assert (tree / "hello.txt").read_text() == "one\ntwo\nthree\n"


def test_git_works_inside_through_the_shared_objects(tree: Path) -> None:
    (tree / "hello.txt").write_text("one\nTWO\nthree\n")
    answer = sh(tree_profile(tree, is_writable=True), "git status --short; git log --format=%s; git diff --stat")
    assert answer.startswith(" M hello.txt\nfirst\n")
    assert answer.endswith("[0]")


def test_a_commit_needs_git_writable_and_never_touches_the_shared_objects(tree: Path) -> None:
    author = "-c user.name=A -c user.email=a@example.invalid"
    commit = f"git add -A && git {author} commit -qm second && git log --format=%s"
    (tree / "more.txt").write_text("more\n")
    assert "[0]" not in sh(tree_profile(tree, is_writable=True), commit)
    writable = tree_profile(tree, is_writable=True, is_git_writable=True)
    assert sh(writable, commit) == "second\nfirst\n[0]"
    assert "Read-only" in sh(writable, "touch /work/control.git/objects/x")
    assert git(tree, "log", "--format=%s") == "second\nfirst"


def test_python_and_the_made_up_user_are_there(tree: Path) -> None:
    profile = tree_profile(tree, is_writable=True)
    assert sh(profile, "python3 -c 'import ssl, sqlite3; print(6 * 7)'; whoami; hostname; id -u") == (
        "42\nagent\nsandbox\n1000\n[0]"
    )


def test_no_variable_of_the_host_is_inside(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CANARY_OF_HOST", "leaked-value")
    seen = sh(tree_profile(tree, is_writable=True), "env; cat /proc/*/environ | tr '\\0' '\\n'")
    assert "CANARY_OF_HOST" not in seen
    assert "leaked-value" not in seen
    allowed = {*tree_profile(tree, is_writable=True).env, "PWD", "OLDPWD", "_"}
    assert {line.partition("=")[0] for line in seen.splitlines()[:-1] if "=" in line} <= allowed


def test_an_extra_folder_appears_where_asked(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    extra = (Mount(out, "/work/out", is_writable=True),)
    assert sh(tree_profile(tree, is_writable=False, extra=extra), "echo result > /work/out/file") == "[0]"
    assert (out / "file").read_text() == "result\n"


@pytest.mark.parametrize("target", ["/", "relative", "/work/../etc/x", "/usr/bin", "/proc/1", "/etc/passwd"])
def test_an_extra_mount_over_the_system_is_refused(tree: Path, tmp_path: Path, target: str) -> None:
    with pytest.raises(BadInput, match="cannot have something mounted"):
        tree_profile(tree, is_writable=False, extra=(Mount(tmp_path, target),))


def test_a_planted_git_is_refused(tree: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tree / ".git").rename(elsewhere)
    (tree / ".git").symlink_to(elsewhere)
    with pytest.raises(BadInput, match=r"no \.git folder of its own"):
        tree_profile(tree, is_writable=True)
    (tree / ".git").unlink()
    (tree / ".git").write_text(f"gitdir: {elsewhere}\n")
    with pytest.raises(BadInput, match=r"no \.git folder of its own"):
        tree_profile(tree, is_writable=True)
    (tree / ".git").unlink()
    with pytest.raises(BadInput, match=r"no \.git folder of its own"):
        tree_profile(tree, is_writable=True)


def test_a_tree_that_is_a_link_or_not_a_tree_is_refused(tree: Path, tmp_path: Path) -> None:
    link = tree.parent / "link"
    link.symlink_to(tree)
    for wrong in (link, tree.parent / "gone", tmp_path):
        with pytest.raises(BadInput, match="not a working tree"):
            tree_profile(wrong, is_writable=False)


def test_an_object_store_that_is_a_link_is_refused(tree: Path, tmp_path: Path) -> None:
    control = tree.parent.parent / "control.git"
    shutil.move(control / "objects", tmp_path / "objects")
    (control / "objects").symlink_to(tmp_path / "objects")
    with pytest.raises(BadInput, match="not a repository of ours"):
        tree_profile(tree, is_writable=False)


def test_a_data_folder_behind_a_link_works(tree: Path, tmp_path: Path) -> None:
    link = tmp_path / "moved"
    link.symlink_to(tree.parent.parent.parent)
    profile = tree_profile(link / "demo" / "trees" / "run-1", is_writable=False)
    assert sh(profile, "cat hello.txt; git log --format=%s") == "one\ntwo\nthree\nfirst\n[0]"


def test_the_network_is_there_only_when_the_project_opens_it(tree: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        script = f"python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 3)' 2>&1 | tail -1"
        assert sh(tree_profile(tree, is_writable=False, has_network=True), script) == "[0]"
        assert "refused" in sh(tree_profile(tree, is_writable=False), script)


def test_the_toolchain_comes_first_and_cannot_be_changed(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv.create(tmp_path / "tools", symlinks=True)
    monkeypatch.setattr(settings, "TOOLCHAIN_DIR", tmp_path / "tools")
    profile = tree_profile(tree, is_writable=True)
    script = "python -c 'import sys; print(sys.prefix)'; touch $(dirname $(command -v python))/planted"
    answer = sh(profile, script)
    assert answer.startswith(f"{tmp_path}/tools\n")
    assert "Read-only file system" in answer


def test_a_python_reached_through_links_works_and_shows_no_home(
    tmp_path: Path, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path(os.path.realpath(toolchain.current_toolchain().python))
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    (home / "private").write_text("secret")
    (home / "bin" / "python3").symlink_to(real)
    tools = tmp_path / "tools"
    (tools / "bin").mkdir(parents=True)
    (tools / "bin" / "python").symlink_to(home / "bin" / "python3")
    (tools / "pyvenv.cfg").write_text(f"home = {home / 'bin'}\n")
    monkeypatch.setattr(settings, "TOOLCHAIN_DIR", tools)
    profile = tree_profile(tree, is_writable=False)
    answer = sh(profile, f"python -c 'import sys, json; print(sys.prefix)'; ls -A {home}")
    assert answer == f"{tools}\nbin\n[0]"


def test_a_python_directly_in_a_home_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    shutil.copy("/bin/true", tmp_path / "bin" / "python")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    with pytest.raises(NotPermitted, match="LEADROOM_TOOLCHAIN"):
        toolchain._toolchain(tmp_path / "none", tmp_path / "bin" / "python")
