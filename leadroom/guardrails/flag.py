"""The read-only flag as a file of the data folder: the fastest word to every holder, and it needs no database.

It is written before the database when a scope is locked and after it when one is opened, so that at any moment of a
crash it locks at least what the database locks. What cannot be read counts as read-only for everything.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings

from leadroom.guardrails.enums import Lock, ScopeKind
from leadroom.lib.errors import LeadroomError

SIZE_LIMIT = 1_000_000
SETTABLE = {Lock.PAUSED.value: Lock.PAUSED, Lock.READ_ONLY.value: Lock.READ_ONLY}
STRENGTH = {Lock.OPEN: 0, Lock.PAUSED: 1, Lock.READ_ONLY: 2, Lock.UNREADABLE: 3}
EVERYTHING = ScopeKind.EVERYTHING.value


class FlagUnreadable(LeadroomError):
    """The flag file is there and cannot be understood."""


@dataclass(frozen=True)
class Flag:
    """`locks`: scope key (`everything`, `project:3`, `agent:7`) to its level; `writes` counts changes of the file."""

    locks: Mapping[str, Lock] = field(default_factory=dict)
    writes: int = 0


def flag_path() -> Path:
    return settings.HOME_DIR / "switch.json"


def keys_of(project_id: int | None, agent_id: int | None) -> tuple[str, ...]:
    """Every scope that covers an agent of a project."""
    keys = [EVERYTHING]
    if project_id is not None:
        keys.append(f"{ScopeKind.PROJECT}:{project_id}")
    if agent_id is not None:
        keys.append(f"{ScopeKind.AGENT}:{agent_id}")
    return tuple(keys)


def strongest(*locks: Lock) -> Lock:
    """The lock that counts where several cover the same run: read-only before paused."""
    return max(locks, key=STRENGTH.__getitem__, default=Lock.OPEN)


def read_flag(path: Path | None = None) -> Flag:
    """The file's content, an empty flag when there is none. Raises FlagUnreadable for anything else."""
    try:
        with (path or flag_path()).open("rb") as file:
            raw = file.read(SIZE_LIMIT + 1)
    except FileNotFoundError:
        return Flag()
    except OSError as error:
        raise FlagUnreadable(f"the flag file cannot be opened ({error.strerror})") from error
    try:
        content = json.loads(raw)
        locks = {str(key): SETTABLE[level] for key, level in content["locks"].items()}
        return Flag(locks, int(content["writes"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FlagUnreadable("the flag file is not what Leadroom wrote") from error


def engage(key: str, level: Lock) -> None:
    """Lock a scope at once. An unreadable file is replaced by one that locks everything. Raises OSError."""
    with _alone():
        try:
            flag = read_flag()
        except FlagUnreadable:
            flag = Flag({EVERYTHING: Lock.READ_ONLY})
        wanted = strongest(level, flag.locks.get(key, Lock.OPEN))
        if flag.locks.get(key) is not wanted or not flag.writes:
            _write({**flag.locks, key: wanted}, flag.writes + 1)


def replace_all(read: Callable[[], Mapping[str, Lock]]) -> None:
    """Make the file say exactly what `read` finds (the database), after a scope was opened there. Raises OSError."""
    with _alone():
        try:
            writes = read_flag().writes
        except FlagUnreadable:
            writes = 0
        _write(read(), writes + 1)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with (settings.HOME_DIR / "run" / "switch.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(locks: Mapping[str, Lock], writes: int) -> None:
    """Whole or not at all, and on the disk before it counts: it survives a power cut."""
    path = flag_path()
    draft = path.with_name(f".switch.{os.getpid()}")
    content = {"locks": {key: level.value for key, level in locks.items()}, "writes": writes}
    with draft.open("w") as file:
        os.fchmod(file.fileno(), 0o600)
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
