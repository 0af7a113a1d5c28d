"""Finding and killing live sandboxes from outside, when whoever started them can not."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from leadroom.lib.errors import BadInput
from leadroom.sandbox.bwrap import MARKER

SWEEP_ROUNDS = 20
STOP_WAIT_SECONDS = 0.05


def _own_processes() -> Iterator[int]:
    for entry in os.scandir("/proc"):
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and entry.stat().st_uid == os.getuid():
                yield int(entry.name)


def _stat_fields(pid: int) -> list[bytes]:
    """State, parent and so on: what follows the command's name in /proc/<pid>/stat; empty once it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return []


def _kill(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
        return True
    return False


def _wait_until_stopped(pid: int) -> None:
    end = time.monotonic() + STOP_WAIT_SECONDS
    while (fields := _stat_fields(pid)) and fields[0] not in b"TtZX" and time.monotonic() < end:
        time.sleep(0.0005)


def is_bwrap(pid: int) -> bool:
    """Whether this process is a bubblewrap (and not a stranger that got its number)."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip() == "bwrap"
    return False


def kill_tree(pid: int) -> int:
    """Kills the bubblewrap `pid` and with it everything in its namespace; returns how many it signalled.

    0 when there is no such bubblewrap of ours any more. Blocks at most some 50 ms.
    """
    if pid <= 1 or not is_bwrap(pid):
        return 0
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGSTOP)  # from here it starts no child that we would not see
        _wait_until_stopped(pid)
    parent = str(pid).encode()
    children = [child for child in _own_processes() if _stat_fields(child)[1:2] == [parent]]
    return sum(_kill(each) for each in (*children, pid))


def _is_marked(pid: int, needle: bytes) -> bool:
    with contextlib.suppress(OSError):
        if needle in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
            fields = _stat_fields(pid)
            return bool(fields) and fields[0] not in b"ZX"
    return False


def sweep(marker: str) -> int:
    """Kills every process of this user that was started with `LEADROOM_RUN=<marker>`; returns how many.

    The last resort when a holder died: sandboxes carry their run's marker. Never kills the caller. Looks
    again until nothing is left, at most some 20 times. Raises BadInput for an empty marker.
    """
    if not marker:
        raise BadInput("A sweep needs the marker of a run; nothing was stopped.")
    needle = f"{MARKER}={marker}".encode()
    killed: set[int] = set()
    for _ in range(SWEEP_ROUNDS):
        found = [pid for pid in _own_processes() if pid != os.getpid() and _is_marked(pid, needle)]
        if not found:
            break
        killed.update(pid for pid in found if _kill(pid))
        time.sleep(0.005)
    return len(killed)


def members(marker: str) -> list[int]:
    """Every process of the sandboxes that carry this marker: the marked ones and all they descend to."""
    needle = f"{MARKER}={marker}".encode()
    parents: dict[int, int] = {}
    for pid in _own_processes():
        if len(fields := _stat_fields(pid)) > 1 and fields[0] not in b"ZX":
            parents[pid] = int(fields[1])
    found = {pid for pid in parents if pid != os.getpid() and _is_marked(pid, needle)}
    grown = True
    while grown:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return sorted(found)


def freeze(marker: str) -> bool:
    """Stops every process of these sandboxes where it stands (SIGSTOP), those they fork meanwhile too.

    True when all of them stand still. Blocks at most some 20 looks at the process table.
    """
    for _ in range(SWEEP_ROUNDS):
        moving = [pid for pid in members(marker) if (_stat_fields(pid) or [b"T"])[0] not in b"TtZX"]
        if not moving:
            return True
        for pid in moving:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGSTOP)
        time.sleep(0.002)
    return False


def thaw(marker: str) -> int:
    """Lets frozen sandboxes go on; returns how many processes were told."""
    told = 0
    for pid in members(marker):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGCONT)
            told += 1
    return told


def marked() -> set[str]:
    """The markers of all sandboxes of this user that are alive, in one look at the process table."""
    prefix, found = f"{MARKER}=".encode(), set()
    for pid in _own_processes():
        with contextlib.suppress(OSError):
            for setting in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                if setting.startswith(prefix) and (_stat_fields(pid) or [b"X"])[0] not in b"ZX":
                    found.add(os.fsdecode(setting[len(prefix) :]))
    return found


def standing_still(pids: Iterable[int]) -> bool:
    """Whether every one of these processes is stopped or gone."""
    return all((_stat_fields(pid) or [b"X"])[0] in b"TtZX" for pid in pids)
