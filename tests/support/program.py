"""The whole program as a user starts it: `manage.py up` in a data folder of its own, on a spare port."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from tests.support.backend import program_environment
from tests.support.services import free_port

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 40.0
T = TypeVar("T")


def until(condition: Callable[[], T], *, seconds: float = 10.0, what: str = "the condition") -> T:
    """The condition's first true value. Raises AssertionError when there is none in time."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true in {seconds:.0f} s")
        time.sleep(0.02)
    return value


def is_alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and waits to be collected does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def processes_of(home: Path) -> dict[int, str]:
    """Every other live process whose environment names the data folder: pid to command line."""
    wanted = f"LEADROOM_HOME={home}".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0") and is_alive(int(entry.name)):
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                found[int(entry.name)] = command.decode(errors="replace").strip()
    return found


class Program:
    """A running `manage.py up`. Its terminal output is in `output`, a file outside the data folder."""

    def __init__(self, home: Path, env: Mapping[str, str], *, output: Path, port: int | None = None) -> None:
        self.home, self.output = home, output
        self.port = port or free_port()
        self.env = {"LEADROOM_DEMO": "0", **env, "LEADROOM_PORT": str(self.port)}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts it and waits until web answers."""
        with self.output.open("ab") as stream:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up"],
                cwd=ROOT,
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        self.wait_ready()

    def wait_ready(self) -> None:
        """Waits until `up.json` says that web answers. Raises AssertionError with the output otherwise."""
        process = self._started()

        def is_ready() -> bool:
            assert process.poll() is None, f"it ended with {process.returncode}:\n{self.said()}\n{self.logs()}"
            return self.running().get("pid") == process.pid and bool(self.running().get("is_web_ready"))

        try:
            until(is_ready, seconds=START_SECONDS, what="a ready web")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.said()}\n{self.logs()}") from None

    def said(self) -> str:
        """What it printed so far."""
        return self.output.read_text(errors="replace")

    def logs(self) -> str:
        """The ends of the children's logs."""
        paths = sorted((self.home / "log").glob("*.log"))
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-2000:]}" for path in paths)

    def running(self) -> dict[str, Any]:
        """`up.json`, or nothing."""
        try:
            return json.loads((self.home / "run" / "up.json").read_text())
        except (OSError, ValueError):
            return {}

    def child(self, name: str) -> int | None:
        """Process id of web, worker, beat, rehearsal or broker."""
        return self.running().get("children", {}).get(name)

    def kill_child(self, name: str) -> int:
        """kill -9. Returns the process id it had."""
        pid = self.child(name)
        assert pid, f"{name} does not run"
        os.kill(pid, signal.SIGKILL)
        return pid

    def get(self, path: str, *, seconds: float = 10.0) -> tuple[int, bytes]:
        """One plain GET: status and body."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=seconds) as answer:
            return answer.status, answer.read()

    def send(self, number: signal.Signals) -> None:
        """Signals the supervisor alone."""
        self._started().send_signal(number)

    def wait(self, *, seconds: float = 20.0) -> int:
        """Exit status after its end."""
        return self._started().wait(seconds)

    def stop(self) -> None:
        """Ctrl-C, and the wait for it; kills what is left, so that a failed test leaves nothing either."""
        if self.process is not None and self.process.poll() is None:
            self.send(signal.SIGINT)
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.send(signal.SIGKILL)
                self.wait()
        for pid in processes_of(self.home):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _started(self) -> "subprocess.Popen[bytes]":
        assert self.process is not None, "start() was not called"
        return self.process


@contextlib.contextmanager
def running_program(folder: Path, **extra: str) -> Iterator[Program]:
    """A started program on this session's kind of backend, in `folder`; `extra` are environment variables."""
    home = folder / "home"
    with program_environment(home) as env:
        program = Program(home, {**env, **extra}, output=folder / "up.out")
        try:
            program.start()
            yield program
        finally:
            program.stop()
