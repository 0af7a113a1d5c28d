"""What a process that holds a piece of work has: a lock that dies with it, and a heart that beats on its own."""

import asyncio
import fcntl
import hashlib
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Coroutine
from enum import StrEnum
from pathlib import Path
from typing import IO

from leadroom.lib.errors import Conflict, Fenced

log = logging.getLogger(__name__)
LEAVE_SECONDS = 3.0
"""What a holder may take to leave after its work is put down, before its successor gives up on the lock."""
LOOK_SECONDS = 0.05


def holder_lock(home: Path, name: str) -> Path:
    """Path of the lock of the process that holds `name` (`run-42`)."""
    return home / "run" / "holders" / f"{name}.lock"


def holder_mark(home: Path, name: str) -> str:
    """What a holder's sandboxes are marked with, to be found when it is dead.

    Another data folder on this machine has a `run-42` too, and its sandboxes are none of ours.
    """
    return f"{name}.{hashlib.sha256(os.fsencode(home)).hexdigest()[:10]}"


class HolderLock:
    """An exclusive lock file with the holder's pid in JSON. The kernel releases it when the process ends.

    A holder that is just leaving is given `wait_seconds` to do so. Raises Conflict when the lock stays held.
    """

    def __init__(self, path: Path, *, wait_seconds: float = 0.0) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file: IO[str] = path.open("a+")
        deadline = time.monotonic() + wait_seconds
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if time.monotonic() >= deadline:
                    self._file.close()
                    raise Conflict(f"{path.stem} is held by another process already.") from error
                time.sleep(LOOK_SECONDS)
        self._file.seek(0)
        self._file.truncate()
        self._file.write(json.dumps({"pid": os.getpid()}))
        self._file.flush()

    def release(self) -> None:
        self._file.close()


def is_held(path: Path) -> bool:
    """Whether a living process of this machine has the lock."""
    try:
        with path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def boot_id() -> str:
    """Identifies this boot of the machine (Linux)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


class Heartbeat(threading.Thread):
    """Calls `renew` at once and every `seconds`; on Fenced calls `on_fenced` once and ends. Other errors do not end it.

    A thread of its own, so that a long tool call or a busy loop does not look like death.
    """

    def __init__(self, renew: Callable[[], None], on_fenced: Callable[[], None], *, seconds: float = 1.0) -> None:
        super().__init__(name="heartbeat", daemon=True)
        self._renew, self._on_fenced, self._seconds = renew, on_fenced, seconds
        self._stopped = threading.Event()

    def run(self) -> None:
        while True:
            try:
                self._renew()
            except Fenced:
                self._on_fenced()
                return
            except Exception:  # the database may be away for a while; the lease decides
                log.warning("heartbeat missed", exc_info=True)
            if self._stopped.wait(self._seconds):
                return

    def stop(self) -> None:
        self._stopped.set()
        self.join(timeout=10)


class HoldEnd(StrEnum):
    """How holding a piece of work ended."""

    DONE = "done"
    STOPPED = "stopped"
    FENCED = "fenced"


async def hold(work: Coroutine[None, None, None], renew: Callable[[], None]) -> HoldEnd:
    """Do `work` while `renew` keeps its lease; cancel it on SIGTERM or SIGINT (STOPPED) or when fenced (FENCED)."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    ends: list[HoldEnd] = []

    def end(how: HoldEnd) -> None:
        if not ends:
            ends.append(how)
            task.cancel()

    def fenced() -> None:
        loop.call_soon_threadsafe(end, HoldEnd.FENCED)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end, HoldEnd.STOPPED)
    heart = Heartbeat(renew, fenced)
    heart.start()
    try:
        await task
    except asyncio.CancelledError:
        if not ends:
            raise
    except Fenced:
        return HoldEnd.FENCED
    finally:
        await asyncio.to_thread(heart.stop)
    return ends[0] if ends else HoldEnd.DONE
