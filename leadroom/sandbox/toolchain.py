"""Which Python a sandbox has: the toolchain's environment, and the installation it was made from."""

import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from leadroom.lib.errors import NotPermitted

LINK_LIMIT = 40


@dataclass(frozen=True)
class Toolchain:
    """`python` as seen inside, the folders PATH starts with, and what must be visible for it to run.

    `folders` are pairs (on the host, inside); `links` are symbolic links (link, target) that
    lie on the way from the environment to the interpreter.
    """

    python: str
    path: tuple[str, ...]
    folders: tuple[tuple[Path, str], ...]
    links: tuple[tuple[Path, Path], ...]


def _hops(path: Path) -> list[Path]:
    """The file and every link it goes through, the real one last, each under a real folder."""
    hops = [path]
    while path.is_symlink() and len(hops) < LINK_LIMIT:
        path = Path(os.path.normpath(path.parent / os.readlink(path)))
        hops.append(path)
    return hops


def _check_is_narrow(folder: Path) -> None:
    """A folder that holds somebody's home, the data folder or the whole system is never mounted."""
    for precious in (Path("/usr/bin"), Path.home(), settings.HOME_DIR, settings.BASE_DIR):
        if precious.resolve().is_relative_to(folder):
            raise NotPermitted(
                f"The Python for sandboxes lies directly in {folder}, and mounting it would show more than "
                "Python; nothing was started. Set LEADROOM_TOOLCHAIN to a virtual environment elsewhere."
            )


def _shown(folder: Path) -> tuple[Path, str]:
    _check_is_narrow(folder)
    return folder.resolve(), str(folder)


@functools.lru_cache(maxsize=8)
def _toolchain(root: Path, fallback: Path) -> Toolchain:
    has_own = os.access(root / "bin" / "python", os.X_OK)
    entry = root / "bin" / "python" if has_own else fallback
    real = Path(os.path.realpath(entry))
    prefix = real.parent.parent
    folders = [_shown(root)] if has_own else []
    if not prefix.is_relative_to("/usr"):
        folders.append(_shown(prefix))
    covered = [Path("/usr"), *(Path(inside) for _, inside in folders)]
    links = tuple(
        (hop, real) for hop in _hops(entry)[1:-1] if not any(hop.is_relative_to(folder) for folder in covered)
    )
    python = str(entry) if has_own else str(real)
    return Toolchain(python, (str(Path(python).parent),), tuple(folders), links)


def current_toolchain() -> Toolchain:
    """The toolchain of `settings.TOOLCHAIN_DIR`, or the bare interpreter Leadroom runs on when there is none.

    Raises NotPermitted when mounting it would show a home folder, the data folder or the program itself.
    """
    base = Path(getattr(sys, "_base_executable", "") or sys.executable)
    return _toolchain(Path(os.path.abspath(settings.TOOLCHAIN_DIR)), base)
