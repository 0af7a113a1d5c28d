import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leadroom.ops import children
from leadroom.ops.children import Child, ChildSpec
from tests.support.program import is_alive, until


def make_child(tmp_path: Path, code: str, **spec: bool) -> Child:
    return Child(ChildSpec("demo", (sys.executable, "-c", code), **spec), os.environ.copy(), tmp_path, tmp_path)


def fall(child: Child) -> int:
    child.start()
    return until(lambda: (status := child.collect()) is not None and [status], what="the end of the child")[0]


def test_delays_double_up_to_a_limit_and_start_over_after_health(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = make_child(tmp_path, "raise SystemExit(3)")
    delays = []
    for _ in range(7):
        assert fall(child) == 3
        assert child.due_at is not None
        delays.append(child.due_at - time.monotonic())
    assert delays == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0], abs=0.15)
    monkeypatch.setattr(children, "HEALTHY_AFTER_SECONDS", 0.0)
    fall(child)
    assert child.due_at - time.monotonic() == pytest.approx(0.2, abs=0.15)


def test_a_child_that_runs_once_is_not_started_again(tmp_path: Path) -> None:
    child = make_child(tmp_path, "print('done')", is_once=True)
    assert fall(child) == 0
    assert child.due_at is None
    assert child.log.read_text() == "done\n"


def test_a_child_does_not_hear_the_terminals_ctrl_c(tmp_path: Path) -> None:
    child = make_child(tmp_path, "import time; time.sleep(60)")
    child.start()
    assert child.pid is not None
    assert os.getpgid(child.pid) != os.getpgid(0)
    child.send(signal.SIGKILL)
    until(lambda: child.collect() is not None, what="its end")


def test_children_die_with_a_killed_parent() -> None:
    script = (
        "import subprocess, sys, time; from leadroom.ops.children import dies_with_parent; "
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], "
        "start_new_session=True, preexec_fn=dies_with_parent()); print(child.pid, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.kill()
    until(lambda: not is_alive(pid), seconds=2, what="the end of the child")


def test_a_large_log_moves_aside_and_the_oldest_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "LOG_LIMIT_BYTES", 3)
    log = tmp_path / "web.log"
    for number in range(6):
        log.write_text(f"log {number}")
        children.rotate_log(log)
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {"web.log.1": "log 5", "web.log.2": "log 4", "web.log.3": "log 3"}
    log.write_text("ab")
    children.rotate_log(log)
    assert log.read_text() == "ab"


def test_the_last_line_of_a_log_skips_empty_ones(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"x" * 10_000 + b"\nfailed: \xff no port\n\n  \n")
    assert children.last_line(tmp_path / "a.log") == "failed: � no port"
    assert children.last_line(tmp_path / "none.log") == ""


@pytest.mark.parametrize(
    ("status", "words"), [(1, "exit status 1"), (-9, "killed by SIGKILL"), (-200, "killed by signal 200")]
)
def test_how_it_ended_is_said_in_words(status: int, words: str) -> None:
    assert children.how_it_ended(status) == words
