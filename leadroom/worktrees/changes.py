"""Differences between two commits, as git's plumbing tells them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from leadroom.worktrees.git import run_git, shown

_SAFELY = ("--no-ext-diff", "--no-textconv", "--no-color")


@dataclass(frozen=True)
class ChangedFile:
    """One path that differs.

    `status` is git's letter (A added, M modified, D deleted, R renamed, T type changed). Lines are 0 for a
    binary file. `old_path` differs from `path` only for a rename. Modes are git's: `100644`, `100755`,
    `120000` (link), `160000` (submodule), `000000` (absent).
    """

    path: str
    status: str
    added: int
    deleted: int
    is_binary: bool
    old_path: str
    old_mode: str
    mode: str


def changed_files(git_dir: Path, base: str, commit: str) -> tuple[ChangedFile, ...]:
    """What differs from `base` to `commit`, sorted as git sorts paths."""
    arguments = ["diff-tree", "-r", "-z", "-M", "--raw", "--numstat", *_SAFELY, base, commit]
    tokens = iter(run_git(arguments, git_dir=git_dir, timeout_seconds=120).out.split(b"\0")[:-1])
    headers: dict[bytes, tuple[bytes, bytes]] = {}
    files = []
    for token in tokens:
        if token.startswith(b":"):  # the raw half comes first; tokens of the other start with a number
            old, new = _paths(token.split()[-1], tokens)
            headers[new] = (token, old)
        else:
            files.append(_changed_file(token, tokens, headers))
    return tuple(files)


def _paths(status: bytes, tokens: Iterator[bytes]) -> tuple[bytes, bytes]:
    first = next(tokens)
    return (first, next(tokens)) if status[:1] in b"RC" else (first, first)


def _changed_file(token: bytes, tokens: Iterator[bytes], headers: dict[bytes, tuple[bytes, bytes]]) -> ChangedFile:
    added, deleted, path = token.split(b"\t", 2)
    if not path:  # a rename: both names follow as tokens of their own
        next(tokens)
        path = next(tokens)
    header, old = headers[path]
    old_mode, mode, _, _, status = header[1:].split()
    return ChangedFile(
        path=shown(path),
        status=status[:1].decode(),
        added=0 if added == b"-" else int(added),
        deleted=0 if deleted == b"-" else int(deleted),
        is_binary=added == b"-",
        old_path=shown(old),
        old_mode=old_mode.decode(),
        mode=mode.decode(),
    )


def unified_diff(git_dir: Path, base: str, commit: str, *, limit_bytes: int) -> str:
    """The change as a unified diff, renames found; at the limit cut after a whole line, with a note."""
    answer = run_git(
        ["diff-tree", "-r", "-p", "-M", *_SAFELY, "--src-prefix=a/", "--dst-prefix=b/", base, commit],
        git_dir=git_dir,
        timeout_seconds=120,
        output_limit_bytes=limit_bytes,
        may_cut=True,
    )
    if not answer.is_cut:
        return shown(answer.out)
    whole = answer.out[: answer.out.rfind(b"\n") + 1]
    return shown(whole) + f"[the diff is longer than {limit_bytes:,} bytes; the rest is not shown]\n"
