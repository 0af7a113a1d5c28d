"""Ending the processes of running agents: politely by their locks, and as the last resort by their marker."""

import contextlib
import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from leadroom.lib.leases import is_held

MARKER = "LEADROOM_SUPERVISED"  # set by `up` for its children, inherited by every process that descends from it


@dataclass(frozen=True)
class Holder:
    """A process that holds a run: the lock's name (`run-42`) and its process id."""

    name: str
    pid: int


def live_holders(home: Path) -> list[Holder]:
    """Holders whose lock is held right now."""
    found = []
    for path in sorted((home / "run" / "holders").glob("*.lock")):
        if not is_held(path):
            continue
        try:
            pid = int(json.loads(path.read_text())["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if pid > 1 and pid != os.getpid():
            found.append(Holder(path.stem, pid))
    return found


def signal_holders(home: Path, number: signal.Signals) -> list[Holder]:
    """Signals every live holder and returns them."""
    holders = live_holders(home)
    for holder in holders:
        with contextlib.suppress(ProcessLookupError):
            os.kill(holder.pid, number)
    return holders


def supervised_processes(home: Path) -> list[int]:
    """Processes of this user that descend from an `up` on this data folder, by their environment."""
    wanted = {f"LEADROOM_HOME={home}".encode(), f"{MARKER}=1".encode()}
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = set((entry / "environ").read_bytes().split(b"\0"))
        except OSError:  # ended, or somebody else's
            continue
        if wanted <= environment:
            found.append(int(entry.name))
    return found


def sweep(home: Path, *, seconds: float = 2.0) -> int:
    """Kills what still descends from an `up` on this data folder until none is left; returns how many."""
    killed: set[int] = set()
    deadline = time.monotonic() + seconds
    while pids := supervised_processes(home):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return len(killed)
