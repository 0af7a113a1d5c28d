import subprocess
import sys
from pathlib import Path

import pytest

from leadroom.lib.errors import Conflict
from leadroom.lib.leases import is_held
from leadroom.ops.instance import InstanceLock, Running, read_running


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


def make_running() -> Running:
    return Running(7, "127.0.0.1", 8000, "http://127.0.0.1:8000", "2026-11-22T10:00:00+00:00", "", "", {"web": 8})


def test_the_second_is_told_who_runs_on_which_port(home: Path) -> None:
    first = InstanceLock(home)
    first.acquire(port=8123)
    with pytest.raises(Conflict, match=r"process \d+ on port 8123 since \d{4}-\d\d-\d\d .*LEADROOM_HOME"):
        InstanceLock(home).acquire(port=8124)
    first.release()
    InstanceLock(home).acquire(port=8124)


def test_a_holder_that_has_written_nothing_yet_is_still_a_sentence(home: Path) -> None:
    first = InstanceLock(home)
    first.acquire(port=1)
    (home / "run" / "up.lock").write_text("")
    with pytest.raises(Conflict, match="just starting"):
        InstanceLock(home).acquire(port=2)
    first.release()


def test_kill_9_frees_the_lock(home: Path) -> None:
    script = (
        "import sys, time; from pathlib import Path; from leadroom.ops.instance import InstanceLock\n"
        "lock = InstanceLock(Path(sys.argv[1])); lock.acquire(port=1); print('held', flush=True)\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert is_held(home / "run" / "up.lock")
        process.kill()
    assert not is_held(home / "run" / "up.lock")


def test_what_runs_is_only_believed_while_its_writer_lives(home: Path) -> None:
    make_running().write(home)
    assert read_running(home) is None
    lock = InstanceLock(home)
    lock.acquire(port=8000)
    assert read_running(home) == make_running()
    lock.release()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 1, "strange": 2}'])
def test_a_damaged_file_is_nobody(home: Path, text: str) -> None:
    lock = InstanceLock(home)
    lock.acquire(port=8000)
    (home / "run" / "up.json").write_text(text)
    assert read_running(home) is None
    lock.release()
