"""The demonstration repository: a real git repository in the data folder, playing the user's own."""

import shutil
from pathlib import Path

from leadroom.worktrees.git import run_git

_AUTHOR = {
    "GIT_AUTHOR_NAME": "Ana",
    "GIT_AUTHOR_EMAIL": "ana@example.invalid",
    "GIT_COMMITTER_NAME": "Ana",
    "GIT_COMMITTER_EMAIL": "ana@example.invalid",
}


def make_repository(folder: Path, files: dict[str, str]) -> None:
    """A repository at `folder` with one commit of `files` (path to text), whole or not at all."""
    if folder.exists():
        return
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    for path, text in files.items():
        target = draft / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    run_git(["init", "--quiet", "--initial-branch=main", str(draft)])
    git_dir, env = draft / ".git", {**_AUTHOR, "GIT_WORK_TREE": str(draft)}
    run_git(["add", "--all"], git_dir=git_dir, extra_env=env)
    run_git(["commit", "--quiet", "-m", "Split what a group spent, to the cent"], git_dir=git_dir, extra_env=env)
    draft.rename(folder)
