"""A project folder as the house makes it: a control repository and one tree with its own `.git`."""

import subprocess
from pathlib import Path

import pytest


def git(folder: Path, *words: str) -> str:
    answer = subprocess.run(
        ["git", "-c", "user.name=T", "-c", "user.email=t@example.invalid", *words],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
    )
    return answer.stdout.strip()


def make_tree(project: Path, name: str = "run-1") -> Path:
    """A control repository with one commit, and a tree that borrows its objects by a relative path."""
    source = project / "source"
    source.mkdir(parents=True)
    git(source, "init", "-q", "-b", "main")
    (source / "hello.txt").write_text("one\ntwo\nthree\n")
    (source / "pkg").mkdir()
    (source / "pkg" / "code.py").write_text("def answer():\n    return 41\n")
    git(source, "add", ".")
    git(source, "commit", "-q", "-m", "first")
    git(project, "clone", "-q", "--bare", str(source), "control.git")
    tree = project / "trees" / name
    tree.mkdir(parents=True)
    git(tree, "init", "-q", "-b", "work")
    (tree / ".git" / "objects" / "info" / "alternates").write_text("../../../../control.git/objects\n")
    git(tree, "reset", "-q", "--hard", git(source, "rev-parse", "HEAD"))
    return tree


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "projects" / "demo")
