"""What a confined command sees: its mounts, working folder, network and environment."""

import os
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from leadroom.lib.errors import BadInput
from leadroom.sandbox.toolchain import current_toolchain

MEGABYTE = 1024 * 1024
ROOT = "/work"
READ_ONLY_FILES = 500
RESERVED = ("/usr", "/etc", "/proc", "/dev", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")


@dataclass(frozen=True)
class Mount:
    """`source` on the host appears at the absolute path `target`, read-only unless said otherwise."""

    source: Path
    target: str
    is_writable: bool = False


@dataclass(frozen=True)
class Profile:
    """One sandbox: `mounts` in order (later ones lie on top), `cwd` inside, and the complete environment."""

    mounts: tuple[Mount, ...]
    cwd: str
    has_network: bool
    env: Mapping[str, str]


def base_environment(*, is_writable: bool) -> dict[str, str]:
    """The whole environment of a confined command: nothing in it comes from the host's."""
    env = {
        "PATH": ":".join((*current_toolchain().path, "/usr/local/bin", "/usr/bin", "/bin")),
        "HOME": "/tmp/home",  # noqa: S108
        "TMPDIR": "/tmp",  # noqa: S108
        "LANG": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
    }
    if not is_writable:
        env["PYTHONDONTWRITEBYTECODE"] = "1"
    return env


def _is_real_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(os.lstat(path).st_mode)
    except OSError:
        return False


def _check_extra(mount: Mount) -> Mount:
    target = PurePosixPath(mount.target)
    is_plain = target.is_absolute() and ".." not in target.parts and len(target.parts) > 1
    if not is_plain or any(target.is_relative_to(place) for place in RESERVED):
        raise BadInput(f"A sandbox cannot have something mounted at {mount.target}; nothing was started.")
    source = Path(os.path.realpath(mount.source))
    if not source.exists():
        raise BadInput(f"{mount.source} is to be shown in a sandbox but does not exist; nothing was started.")
    return Mount(source, str(target), mount.is_writable)


def tree_profile(
    tree: Path,
    *,
    is_writable: bool,
    is_git_writable: bool = False,
    extra: tuple[Mount, ...] = (),
    has_network: bool = False,
) -> Profile:
    """The profile for work in `<project>/trees/<name>`, which appears as `/work/trees/<name>`.

    The project's object store appears read-only at `/work/control.git/objects`, so that the tree's relative
    alternates path holds inside as outside. `.git` is read-only unless `is_git_writable`. With `has_network`
    the host's network is shared, the loopback included.
    Raises BadInput when the tree, its `.git` or the object store is missing or a link or file in its place.
    """
    project = Path(os.path.realpath(tree.parent.parent))
    place = project / "trees" / tree.name
    if tree.parent.name != "trees" or not _is_real_folder(project / "trees") or not _is_real_folder(place):
        raise BadInput(f"{tree} is not a working tree of a project; nothing was started. Make the tree anew.")
    git = place / ".git"
    if not _is_real_folder(git):
        raise BadInput(
            f"{tree.name} has no .git folder of its own (a link or a file may have been planted there); "
            "nothing was started and nothing was deleted. Look at the tree, then make a new one."
        )
    inside = f"{ROOT}/trees/{tree.name}"
    mounts = []
    control = project / "control.git"
    if os.path.lexists(control):
        if not _is_real_folder(control) or not _is_real_folder(control / "objects"):
            raise BadInput(f"{control} is not a repository of ours any more; nothing was started.")
        mounts.append(Mount(control / "objects", f"{ROOT}/control.git/objects"))
    mounts.append(Mount(place, inside, is_writable))
    mounts.append(Mount(git, f"{inside}/.git", is_git_writable))
    mounts += [_check_extra(mount) for mount in extra]
    return Profile(tuple(mounts), inside, has_network, base_environment(is_writable=is_writable))


def with_read_only(profile: Profile, tree: Path, paths: Iterable[str]) -> Profile:
    """The profile with these files of its tree read-only; they can be neither written, replaced nor removed.

    A path that is no plain file any more, or that a link leads to, is left out: mounting it could show something else.
    Above READ_ONLY_FILES the rest stays writable, since every mount costs time; whoever relies on it compares.
    """
    place = Path(os.path.realpath(tree))
    mounts: list[Mount] = []
    for path in paths:
        source = place / path
        if os.path.realpath(source) == str(source) and source.is_file() and len(mounts) < READ_ONLY_FILES:
            mounts.append(Mount(source, f"{profile.cwd}/{path}"))
    return replace(profile, mounts=(*profile.mounts, *mounts))
