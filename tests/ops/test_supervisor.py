"""The supervisor's loop with small real children, in a process of its own because it owns signals."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.program import is_alive, until
from tests.support.services import free_port

WEB = """
import http.server, sys
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
MAIN = """
import json, os, sys
from pathlib import Path
from leadroom.ops.children import ChildSpec
from leadroom.ops.instance import Running
from leadroom.ops.readiness import Probe
from leadroom.ops.supervisor import Supervisor

home, port, children = Path(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3])
running = Running(os.getpid(), "127.0.0.1", port, f"http://127.0.0.1:{port}", "now", "", "")
say = lambda line: print(line, flush=True)
supervisor = Supervisor(
    home=home,
    folder=home / "served",
    env={**os.environ, "LEADROOM_HOME": str(home), "LEADROOM_SUPERVISED": "1"},
    running=running,
    probe=Probe("127.0.0.1", port, host_header="127.0.0.1"),
    say=say,
    on_ready=lambda: say("ALL READY"),
)
supervisor.install_signals()
python = (sys.executable, "-c")
supervisor.start([ChildSpec(c["name"], (*python, *c["argv"]), is_once=c["once"]) for c in children])
supervisor.run()
say("END")
"""


class Lead:
    """The process under test and what it printed so far."""

    def __init__(self, folder: Path) -> None:
        self.home, self.port = folder, free_port()
        for name in ("run/holders", "log", "served"):
            (folder / name).mkdir(parents=True)
        (folder / "served" / "healthz").write_text("ok")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, **children: tuple[str, bool]) -> None:
        specs = [{"name": n, "argv": [code, str(self.port)], "once": once} for n, (code, once) in children.items()]
        argv = [sys.executable, "-c", MAIN, str(self.home), str(self.port), json.dumps(specs)]
        with (self.home / "out").open("wb") as stream:
            self.process = subprocess.Popen(argv, stdout=stream, stderr=stream)

    def said(self) -> str:
        return (self.home / "out").read_text()

    def until_said(self, words: str) -> None:
        until(lambda: words in self.said(), seconds=15, what=f"{words!r} in the output")

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


@pytest.fixture
def lead(tmp_path: Path) -> Iterator[Lead]:
    lead = Lead(tmp_path)
    yield lead
    if lead.process is not None and lead.process.poll() is None:
        lead.process.kill()
        lead.process.wait()


def test_it_is_ready_when_web_answers_and_the_seed_is_done(lead: Lead) -> None:
    gate = lead.home / "gate"
    waits = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)"
    lead.start(web=(WEB, False), seed=(waits, True))
    lead.until_said("web ready on")
    assert "ALL READY" not in lead.said()
    gate.touch()
    lead.until_said("ALL READY")
    assert lead.stop() == 0
    assert lead.said().endswith("END\n")


def test_a_seed_that_fails_is_said_with_its_reason_and_the_rest_goes_on(lead: Lead) -> None:
    lead.start(web=(WEB, False), seed=("raise SystemExit('no such repository')", True))
    lead.until_said("ALL READY")
    assert "seed failed (exit status 1): no such repository" in lead.said()
    assert lead.stop() == 0


def test_a_child_that_cannot_start_is_said_with_the_end_of_its_log(lead: Lead) -> None:
    lead.start(web=(WEB, False), worker=("raise SystemExit('DATABASE_URL is wrong')", False))
    lead.until_said("worker stopped (exit status 1), starting it again; its log ends: DATABASE_URL is wrong")
    lead.until_said("ALL READY")
    assert lead.stop() == 0


def test_a_web_that_answers_errors_is_not_ready_until_it_is_well(lead: Lead) -> None:
    page = lead.home / "served" / "healthz"
    page.unlink()
    lead.start(web=(WEB, False))
    lead.until_said("web is not well yet, it answers HTTP/1.0 404")
    assert "ALL READY" not in lead.said()
    page.write_text("ok")
    lead.until_said("ALL READY")
    assert lead.said().count("not well yet") == 1
    assert lead.stop() == 0


def test_a_child_that_ignores_term_is_killed(lead: Lead) -> None:
    stubborn = "import signal, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
    lead.start(web=(WEB, False), beat=(stubborn, False))
    lead.until_said("ALL READY")
    until(lambda: (lead.home / "log" / "beat.log").read_text() == "up\n", what="a stubborn beat")
    pid = json.loads((lead.home / "run" / "up.json").read_text())["children"]["beat"]
    assert lead.stop() == 0
    assert not is_alive(pid)


def test_what_a_child_left_behind_is_swept(lead: Lead) -> None:
    leaves = (
        "import subprocess, sys, time; waits = [sys.executable, '-c', 'import time; time.sleep(60)']; "
        "print(subprocess.Popen(waits, start_new_session=True).pid, flush=True); time.sleep(60)"
    )
    lead.start(web=(WEB, False), worker=(leaves, False))
    lead.until_said("ALL READY")
    pid = int(until(lambda: (lead.home / "log" / "worker.log").read_text(), what="its process id"))
    assert is_alive(pid)
    assert lead.stop() == 0
    assert not is_alive(pid)
    assert "1 left-over processes ended" in lead.said()


def test_orphans_are_collected_and_leave_no_zombie(lead: Lead) -> None:
    orphan = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(0.3); os._exit(0)\n"
        "print('forked', flush=True)"
    )
    lead.start(web=(WEB, False), seed=(orphan, True))
    lead.until_said("ALL READY")
    assert lead.process is not None
    tasks = Path(f"/proc/{lead.process.pid}/task/{lead.process.pid}/children")
    until(lambda: len(tasks.read_text().split()) == 1, what="web alone among its children")
    assert lead.stop() == 0
