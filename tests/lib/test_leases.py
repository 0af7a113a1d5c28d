"""A lock that dies with its process, a heart that beats by itself, and how holding ends."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from leadroom.lib.errors import Conflict, Fenced
from leadroom.lib.leases import Heartbeat, HoldEnd, HolderLock, boot_id, hold, holder_lock, is_held

HOLD = """
import sys, time
from pathlib import Path
from leadroom.lib.leases import HolderLock
lock = HolderLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return holder_lock(tmp_path, "run-7")


def test_a_lock_is_released_by_the_kernel_when_its_process_is_killed(place: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(place)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert is_held(place)
        assert json.loads(place.read_text()) == {"pid": process.pid}
        with pytest.raises(Conflict, match="run-7 is held by another process already"):
            HolderLock(place)
        assert json.loads(place.read_text()) == {"pid": process.pid}
    finally:
        process.kill()
        process.communicate()
    assert not is_held(place)
    lock = HolderLock(place)
    assert json.loads(place.read_text()) == {"pid": os.getpid()}
    lock.release()


def test_a_lock_nobody_ever_took_is_not_held(place: Path) -> None:
    assert not is_held(place)
    assert not place.exists()
    HolderLock(place).release()
    assert not is_held(place)


def test_the_boot_has_a_name_that_stays() -> None:
    assert len(boot_id()) == 36
    assert boot_id() == boot_id()


def test_a_heart_beats_on_through_errors_and_stops_once_fenced() -> None:
    beats: list[int] = []
    fenced = threading.Event()

    def renew() -> None:
        beats.append(1)
        if len(beats) == 2:
            raise OSError("the database is away")
        if len(beats) == 4:
            raise Fenced("replaced")

    heart = Heartbeat(renew, fenced.set, seconds=0.005)
    heart.start()
    assert fenced.wait(5)
    heart.join(5)
    assert len(beats) == 4


def test_a_stopped_heart_beats_no_more() -> None:
    beats: list[int] = []
    seen = threading.Event()

    def renew() -> None:
        beats.append(1)
        seen.set()

    heart = Heartbeat(renew, lambda: None, seconds=0.005)
    heart.start()
    assert seen.wait(5)
    heart.stop()
    count = len(beats)
    assert not heart.is_alive()
    assert len(beats) == count


async def _endless(ended: list[str]) -> None:
    try:
        await asyncio.sleep(60)
    finally:
        ended.append("cleaned up")


def test_work_that_ends_is_done() -> None:
    async def work() -> None:
        await asyncio.sleep(0)

    assert asyncio.run(hold(work(), lambda: None)) is HoldEnd.DONE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_cancels_the_work_and_says_stopped(number: signal.Signals) -> None:
    ended: list[str] = []

    async def work() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), number)
        await _endless(ended)

    assert asyncio.run(hold(work(), lambda: None)) is HoldEnd.STOPPED
    assert ended == ["cleaned up"]


def test_a_fenced_heart_cancels_the_work() -> None:
    ended: list[str] = []

    def renew() -> None:
        raise Fenced("replaced")

    assert asyncio.run(hold(_endless(ended), renew)) is HoldEnd.FENCED
    assert ended == ["cleaned up"]


def test_work_that_finds_itself_fenced_says_so() -> None:
    async def work() -> None:
        raise Fenced("replaced")

    assert asyncio.run(hold(work(), lambda: None)) is HoldEnd.FENCED


def test_an_error_of_the_work_is_not_swallowed() -> None:
    async def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        asyncio.run(hold(work(), lambda: None))
    assert not [thread for thread in threading.enumerate() if thread.name == "heartbeat"]
