import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadroom.ops import holders
from tests.support.program import is_alive, until

Process = subprocess.Popen


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run" / "holders").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def started() -> Iterator[list["Process[bytes]"]]:
    processes: list[Process[bytes]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def start(started: list["Process[bytes]"], **env: str) -> int:
    started.append(Process([sys.executable, "-c", "import time; time.sleep(60)"], env=env))
    return started[-1].pid


def test_only_locks_that_are_held_count(home: Path, started: list["Process[bytes]"]) -> None:
    pid = start(started)
    folder = home / "run" / "holders"
    for name in ("run-1", "run-2"):
        (folder / f"{name}.lock").write_text(json.dumps({"pid": pid}))
    with (folder / "run-2.lock").open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert holders.live_holders(home) == [holders.Holder("run-2", pid)]
        assert holders.signal_holders(home, signal.SIGTERM) == [holders.Holder("run-2", pid)]
    assert started[0].wait(5) == -signal.SIGTERM


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x"}', '{"pid": 1}', '{"pid": -5}', '{"pid": 0}'])
def test_a_lock_with_a_strange_text_signals_nobody(home: Path, text: str) -> None:
    path = home / "run" / "holders" / "run-1.lock"
    path.write_text(text)
    with path.open() as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        assert holders.live_holders(home) == []


def test_the_sweep_ends_what_up_started_on_this_home_and_nothing_else(
    home: Path, started: list["Process[bytes]"]
) -> None:
    ours = start(started, LEADROOM_HOME=str(home), LEADROOM_SUPERVISED="1")
    shell = start(started, LEADROOM_HOME=str(home))
    other = start(started, LEADROOM_HOME=f"{home}-2", LEADROOM_SUPERVISED="1")
    until(lambda: holders.supervised_processes(home) == [ours], what="the marker in /proc")
    assert holders.sweep(home) == 1
    until(lambda: not is_alive(ours), what="its end")
    assert is_alive(shell)
    assert is_alive(other)


def test_the_sweep_never_ends_itself(home: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from leadroom.ops.holders import sweep; print(sweep(Path(sys.argv[1])))"
    )
    env = {**os.environ, "LEADROOM_HOME": str(home), "LEADROOM_SUPERVISED": "1"}
    argv = [sys.executable, "-c", script, str(home)]
    assert subprocess.run(argv, env=env, capture_output=True, text=True, check=True).stdout == "0\n"
