"""The user's own repository, looked at without running anything of it.

git is never pointed at the repository itself: its configuration could start programs. A *shadow* is a
throw-away git directory with a configuration of ours whose `objects`, `refs` and the like are links into the
real one, so git sees the history and none of the hooks, filters, helpers or includes that came with it.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from leadroom.worktrees.git import RepositoryProblem, is_commit_id, run_git, scratch_folder

_KNOWN_EXTENSIONS = {
    *("noop", "preciousobjects", "worktreeconfig", "relativeworktrees"),
    *("objectformat", "refstorage", "partialclone"),
}
# settings that change what git reports or writes, and that cannot start anything
_HARMLESS_CORE_KEYS = ("filemode", "autocrlf", "eol", "ignorecase", "symlinks", "sharedrepository")
_NOTHING = "ref: refs/heads/leadroom-has-nothing-checked-out"
_WORD = re.compile(r"[A-Za-z0-9]{1,20}")


@dataclass(frozen=True)
class Location:
    """Where a repository keeps its things. `work_tree` is None for a bare one; in a linked worktree `git_dir`
    holds HEAD and index, and `common_dir` everything shared."""

    path: Path
    work_tree: Path | None
    git_dir: Path
    common_dir: Path
    config: dict[str, str]

    @property
    def is_bare(self) -> bool:
        return self.work_tree is None


def locate(path: Path) -> Location:
    """Finds the repository at exactly this folder and checks that it can be used; runs nothing of it.

    Raises RepositoryProblem with what is wrong and what to do.
    """
    try:
        return _locate(Path(os.path.abspath(path.expanduser())).resolve())
    except PermissionError as error:
        raise RepositoryProblem(
            f"{error.filename or path} cannot be read by the user Leadroom runs as. Nothing was changed; "
            "mend its permissions, then try again."
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        raise RepositoryProblem(
            f"{str(path)!r} cannot be used as a path ({error}). Nothing was changed; give another folder."
        ) from error


def _locate(path: Path) -> Location:
    if not path.exists():
        raise RepositoryProblem(f"{path} does not exist. Nothing was changed; check the path.")
    if not path.is_dir():
        raise RepositoryProblem(f"{path} is not a folder. Nothing was changed; give the repository's folder.")
    _refuse_home(path)
    dot_git = path / ".git"
    if dot_git.is_dir() and not dot_git.is_symlink():
        git_dir, work_tree = dot_git, path
    elif dot_git.is_symlink() or dot_git.exists():
        git_dir, work_tree = _follow_pointer(path, dot_git), path
    elif _looks_like_git_dir(path):
        git_dir, work_tree = path, None
    else:
        raise _no_repository(path)
    if not _looks_like_git_dir(git_dir):
        raise RepositoryProblem(
            f"{path} has a .git that is not a whole repository. Nothing was changed; run `git fsck` there, "
            "or clone it again."
        )
    common_dir = _common_dir(git_dir)
    if common_dir != git_dir.resolve() and git_dir.resolve().parent != common_dir / "worktrees":
        raise RepositoryProblem(
            f"{git_dir} borrows from {common_dir}, which does not know it. Nothing was changed; "
            "give the folder that repository really has its files in."
        )
    _refuse_home(git_dir.resolve())
    _refuse_home(common_dir)
    config = _read_config(common_dir)
    if work_tree is None and config.get("core.bare") != "true":
        raise RepositoryProblem(
            f"{path} is the inside of a repository. Nothing was changed; give the folder above it: {path.parent}."
        )
    location = Location(path, work_tree, git_dir, common_dir, config)
    _check_format(location)
    return location


def _looks_like_git_dir(folder: Path) -> bool:
    head = folder / "HEAD"
    if not (head.is_file() or head.is_symlink()):
        return False
    common = _common_dir(folder)
    return (common / "objects").is_dir() and (common / "refs").is_dir()


def _refuse_home(path: Path) -> None:
    home = settings.HOME_DIR.resolve()
    # Leadroom's own practice repositories are the one thing in there that is meant to be worked on
    if path.is_relative_to(home) and not path.is_relative_to(home / "rehearsal" / "repositories"):
        raise RepositoryProblem(
            f"{path} lies inside Leadroom's own data folder. Nothing was changed; give a repository outside {home}."
        )


def _no_repository(path: Path) -> RepositoryProblem:
    for parent in path.parents:
        if (parent / ".git").exists():
            return RepositoryProblem(
                f"{path} is a folder inside the repository {parent}. Nothing was changed; give {parent} instead."
            )
    return RepositoryProblem(
        f"{path} is not a git repository. Nothing was changed; run `git init` and make a first commit there, "
        "or give another folder."
    )


def _follow_pointer(path: Path, dot_git: Path) -> Path:
    """The git directory a `.git` file or link names, if that one names `path` in return."""
    if dot_git.is_symlink():
        target = dot_git.resolve()
    else:
        text = _small_text(dot_git)
        if not text.startswith("gitdir: "):
            raise RepositoryProblem(
                f"{dot_git} is neither a folder nor a pointer to one. Nothing was changed; give another folder."
            )
        target = (path / text.removeprefix("gitdir: ").rstrip("\n")).resolve()
    if not target.is_dir():
        raise RepositoryProblem(
            f"{dot_git} points to {target}, which is not there. Nothing was changed; "
            "run `git worktree repair`, or give the main repository."
        )
    back = _small_text(target / "gitdir").strip()
    if back and (target / back).resolve() == dot_git.resolve():
        return target
    work_tree = _read_config(target).get("core.worktree", "")
    if work_tree and (target / work_tree).resolve() == path:
        return target
    raise RepositoryProblem(
        f"{dot_git} points to {target}, which does not belong to this folder. Nothing was changed; "
        "give the folder that repository really has its files in."
    )


def _small_text(path: Path) -> str:
    """The file's text, empty when it is missing, not a plain file, or larger than 64 KiB."""
    if not path.is_file() or path.stat().st_size > 65536:
        return ""
    return path.read_bytes().decode("utf-8", "replace")


def _common_dir(git_dir: Path) -> Path:
    named = _small_text(git_dir / "commondir").strip()
    return (git_dir / named).resolve() if named else git_dir.resolve()


def _read_config(common_dir: Path) -> dict[str, str]:
    """Keys in lower case (as git prints them) to their last value; included files are not followed."""
    path = common_dir / "config"
    if not path.is_file():
        return {}
    raw = run_git(["config", "--file", str(path), "--no-includes", "--list", "-z"], timeout_seconds=10).out
    values = {}
    for item in raw.decode("utf-8", "replace").split("\0"):
        key, _, value = item.partition("\n")
        values[key] = value
    return values


def _check_format(location: Location) -> None:
    config, path = location.config, location.path
    extensions = {key.split(".", 1)[1] for key in config if key.startswith("extensions.")}
    partial = [key for key, value in config.items() if key.endswith(".promisor") and value == "true"]
    if partial or "partialclone" in extensions:
        raise RepositoryProblem(
            f"{path} is a partial clone: parts of its history are elsewhere. Nothing was changed; "
            "clone it whole (without --filter) and give that clone."
        )
    if (location.common_dir / "shallow").exists():
        raise RepositoryProblem(
            f"{path} is a shallow clone. Nothing was changed; run `git fetch --unshallow` there, then try again."
        )
    unreadable = (
        config.get("extensions.objectformat", "sha1").lower() != "sha1"
        or config.get("extensions.refstorage", "files").lower() != "files"
        or extensions - _KNOWN_EXTENSIONS
        or config.get("core.repositoryformatversion", "0") not in {"0", "1"}
    )
    if unreadable:
        raise RepositoryProblem(
            f"{path} is stored in a format Leadroom cannot read (SHA-256 objects, reftable or newer). "
            "Nothing was changed; give a clone of it in git's ordinary format."
        )


@contextlib.contextmanager
def shadow_of(location: Location, *, head: str = _NOTHING) -> Iterator[Path]:
    """A throw-away git directory that shows the repository's objects and refs under a configuration of ours.

    What git writes through it (objects, refs, reflogs) lands in the real repository; its HEAD does not.
    """
    with scratch_folder("shadow") as shadow:
        for name in ("objects", "refs", "packed-refs", "logs"):
            target = location.common_dir / name
            if target.is_dir() or target.is_file():  # a pipe in its place would make git wait for ever
                (shadow / name).symlink_to(target)
        lines = ["[core]", "repositoryformatversion = 0", "bare = false", "logAllRefUpdates = true"]
        # a planted commit graph could lie about who descends from whom
        lines.append("commitGraph = false")
        for key in _HARMLESS_CORE_KEYS:
            value = location.config.get(f"core.{key}", "")
            if _WORD.fullmatch(value):
                lines.append(f"{key} = {value}")
        (shadow / "config").write_text("\n".join(lines) + "\n")
        (shadow / "HEAD").write_text(f"{head}\n")
        yield shadow


def head_of(git_dir: Path) -> str:
    """HEAD as git stores it: `ref: refs/heads/…` or a commit id; empty when it is neither."""
    head = git_dir / "HEAD"
    text = f"ref: {os.readlink(head)}" if head.is_symlink() else _small_text(head).strip()
    return text if is_commit_id(text) or text.startswith("ref: refs/heads/") else ""


def checked_out(location: Location) -> dict[str, Path]:
    """Full names of the branches a checkout or an unfinished rebase uses, and the folder of each."""
    places: list[tuple[Path, Path]] = []
    if location.config.get("core.bare") != "true":
        home = location.common_dir
        places.append((home, home.parent if home.name == ".git" else location.path))
    linked = location.common_dir / "worktrees"
    if linked.is_dir():
        for folder in sorted(linked.iterdir()):
            places.append((folder, Path(_small_text(folder / "gitdir").strip()).parent))
    used: dict[str, Path] = {}
    for git_dir, work_tree in places:
        if (git_dir / "HEAD").is_file() or (git_dir / "HEAD").is_symlink():
            used.setdefault(head_of(git_dir).removeprefix("ref: "), work_tree)
        for unfinished in ("rebase-merge", "rebase-apply"):
            used.setdefault(_small_text(git_dir / unfinished / "head-name").strip(), work_tree)
    return {name: folder for name, folder in used.items() if name.startswith("refs/heads/")}


def branches_of(shadow: Path) -> dict[str, str]:
    """Full branch names to commit ids; names that are not UTF-8 are left out."""
    columns = "--format=%(objectname) %(objecttype) %(refname)"
    listing = run_git(["for-each-ref", columns, "refs/heads/"], git_dir=shadow)
    found = {}
    for line in listing.out.splitlines():
        commit, kind, name = line.split(b" ", 2)
        with contextlib.suppress(UnicodeDecodeError):
            if kind == b"commit":
                found[name.decode()] = commit.decode()
    return found


def default_branch_of(location: Location, shadow: Path, branches: dict[str, str]) -> str:
    """The full name of the branch people mean by "the" branch; `branches` must not be empty.

    A checkout's HEAD says only what somebody works on now, so it comes after the usual names.
    """
    remote = run_git(["for-each-ref", "--format=%(symref)", "refs/remotes/origin/HEAD"], git_dir=shadow).text
    head = head_of(location.common_dir).removeprefix("ref: ")
    candidates = [
        remote.replace("refs/remotes/origin/", "refs/heads/", 1),
        head if location.config.get("core.bare") == "true" else "",
        "refs/heads/main",
        "refs/heads/master",
        head,
        *branches,
    ]
    return next(name for name in candidates if name in branches)
