"""What a repository is like, told before anything is made from it."""

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from leadroom.lib.shapes import count_of
from leadroom.worktrees.git import GitFailed, RepositoryProblem, run_git, shown
from leadroom.worktrees.source import (
    Location,
    branches_of,
    default_branch_of,
    head_of,
    locate,
    shadow_of,
)

LARGE_BYTES = 50 * 1024 * 1024
_PROJECT_FILES = {"pyproject.toml", "setup.py", "setup.cfg"}
_SECONDS_FOR_STATUS = 30.0


@dataclass(frozen=True)
class SourceFacts:
    """A usable repository as it was found.

    Branch names are short; `head_commit` is the default branch's. `dirty_files` counts what is changed or
    untracked in the checkout, `large_files` are (path, bytes) above 50 MiB at that commit, `active_hooks` the
    names of hooks git would run for its user. `warnings` are sentences for the person who connects it.
    """

    path: Path
    is_bare: bool
    default_branch: str
    head_commit: str
    branches: tuple[str, ...]
    dirty_files: int
    checked_out_branch: str | None
    large_files: tuple[tuple[str, int], ...]
    has_python: bool
    has_tests: bool
    active_hooks: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass
class _Contents:
    large: list[tuple[str, int]] = field(default_factory=list)
    has_python: bool = False
    has_tests: bool = False
    submodules: int = 0


def inspect_source(path: Path) -> SourceFacts:
    """Looks at the repository at `path`; runs nothing of it and writes nothing into it.

    Raises RepositoryProblem when it cannot be used: missing, not a repository, no commit, no branch,
    unreadable, inside Leadroom's data folder, shallow, partial, or in a format git 2.39 cannot read.
    """
    location = locate(path)
    try:
        return _facts(location)
    except OSError as error:
        raise RepositoryProblem(
            f"{error.filename or location.path} cannot be read ({error.strerror}). Nothing was changed; "
            "mend its permissions, then try again."
        ) from error


def _facts(location: Location) -> SourceFacts:
    with shadow_of(location) as shadow:
        branches = branches_of(shadow)
        if not branches:
            raise RepositoryProblem(
                f"{location.path} has no commit on any branch. Nothing was changed; "
                "make a first commit there, then try again."
            )
        default = default_branch_of(location, shadow, branches)
        contents = _contents(shadow, branches[default])
    head = "" if location.is_bare else head_of(location.git_dir).removeprefix("ref: ")
    dirty = _dirty_files(location)
    hooks = _active_hooks(location)
    in_use = head if head.startswith("refs/heads/") else ""
    return SourceFacts(
        path=location.path,
        is_bare=location.is_bare,
        default_branch=default.removeprefix("refs/heads/"),
        head_commit=branches[default],
        branches=tuple(sorted(name.removeprefix("refs/heads/") for name in branches)),
        dirty_files=dirty or 0,
        checked_out_branch=in_use.removeprefix("refs/heads/") or None,
        large_files=tuple(contents.large),
        has_python=contents.has_python,
        has_tests=contents.has_tests,
        active_hooks=hooks,
        warnings=tuple(_warnings(location, default, dirty, hooks, contents)),
    )


def _contents(shadow: Path, commit: str) -> _Contents:
    found = _Contents()
    listing = run_git(["ls-tree", "-r", "-l", "-z", commit], git_dir=shadow, timeout_seconds=120).out
    for entry in listing.split(b"\0")[:-1]:
        details, _, name = entry.partition(b"\t")
        mode, _, _, size = details.split()
        path = shown(name)
        if mode == b"160000":
            found.submodules += 1
            continue
        if size.isdigit() and int(size) > LARGE_BYTES:
            found.large.append((path, int(size)))
        pure = PurePosixPath(path)
        is_python = pure.suffix == ".py"
        found.has_python = found.has_python or is_python or path in _PROJECT_FILES
        is_test = pure.name.startswith("test_") or pure.stem.endswith("_test")
        found.has_tests = found.has_tests or (is_python and is_test)
    return found


def _dirty_files(location: Location) -> int | None:
    """How many paths differ from HEAD or are untracked; None when that could not be found out in time."""
    if location.work_tree is None:
        return 0
    head = head_of(location.git_dir)
    with shadow_of(location, head=head) as shadow:
        for name in ("index", *_shared_indexes(location.git_dir)):
            if (location.git_dir / name).is_file():
                (shadow / name).symlink_to(location.git_dir / name)
        exclude = location.common_dir / "info" / "exclude"
        if exclude.is_file():
            (shadow / "info").mkdir()
            (shadow / "info" / "exclude").symlink_to(exclude)
        try:
            options = ("--untracked-files=normal", "--ignore-submodules=all", "--no-renames")
            listing = run_git(
                ["status", "--porcelain=v1", "-z", *options],
                git_dir=shadow,
                timeout_seconds=_SECONDS_FOR_STATUS,
                extra_env={"GIT_WORK_TREE": str(location.work_tree)},
            )
        except GitFailed:
            return None
    return listing.out.count(b"\0")


def _shared_indexes(git_dir: Path) -> list[str]:
    return [entry.name for entry in git_dir.iterdir() if entry.name.startswith("sharedindex.")]


def _active_hooks(location: Location) -> tuple[str, ...]:
    named = location.config.get("core.hookspath", "")
    base = location.work_tree or location.common_dir
    folder = base / Path(named).expanduser() if named else location.common_dir / "hooks"
    names = []
    with contextlib.suppress(OSError, RuntimeError):
        for entry in folder.iterdir():
            if not entry.name.endswith(".sample") and entry.is_file() and os.access(entry, os.X_OK):
                names.append(shown(os.fsencode(entry.name)))
    return tuple(sorted(names))


def _warnings(
    location: Location, default: str, dirty: int | None, hooks: tuple[str, ...], contents: _Contents
) -> list[str]:
    sentences = []
    if dirty is None:
        sentences.append("Uncommitted changes could not be counted; agents see only what is committed.")
    elif dirty:
        sentences.append(
            f"{count_of(dirty, 'file')} in the checkout not committed: agents see only what is committed, "
            "and Leadroom never touches your checkout."
        )
    if hooks:
        sentences.append(f"Hooks are never run by Leadroom; this repository has {', '.join(hooks[:5])}.")
    for path, size in contents.large[:3]:
        sentences.append(f"{path} has {size / 1024**2:,.0f} MB; every working tree holds its own copy of it.")
    if len(contents.large) > 3:
        sentences.append(f"{len(contents.large) - 3} more files are larger than 50 MB.")
    if contents.submodules:
        number = count_of(contents.submodules, "submodule")
        sentences.append(f"{number} will be left out of the agents' working trees.")
    if any(key.startswith("filter.") for key in location.config):
        sentences.append("Filters such as Git LFS are never run by Leadroom; their files stay as they are stored.")
    if not contents.has_python:
        sentences.append(f"No Python was found on {default.removeprefix('refs/heads/')}; verification runs pytest.")
    if not contents.has_tests:
        sentences.append("No tests were found; the first item's plan will bring the first ones.")
    return sentences
