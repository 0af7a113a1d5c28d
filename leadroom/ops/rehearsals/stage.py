"""A whole Leadroom for a rehearsal: real processes in a temporary home, ended with everything they started."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, TypeVar

import httpx2
from django.conf import settings

from leadroom.lib.errors import LeadroomError
from leadroom.ops.rehearsals.person import Person

T = TypeVar("T")
START_SECONDS = 60.0
STOP_SECONDS = 20.0


def free_port() -> int:
    """A port nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(home: Path, port: int, base: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without any of its Leadroom, pointed at the temporary home."""
    kept = {
        name: value
        for name, value in base.items()
        if not name.startswith(("LEADROOM_", "ANTHROPIC_")) and name not in ("DATABASE_URL", "REDIS_URL")
    }
    if toolchain := base.get("LEADROOM_TOOLCHAIN"):
        kept["LEADROOM_TOOLCHAIN"] = toolchain
    return {
        **kept,
        "LEADROOM_HOME": str(home),
        "LEADROOM_PORT": str(port),
        "LEADROOM_DEMO": "0",
        "LEADROOM_UNDO_SECONDS": "0",
        "REHEARSAL_PACE": "0",
        "DJANGO_SETTINGS_MODULE": "leadroom.settings",
    }


class Stage:
    """`manage.py up` in `settings.HOME_DIR` (the caller's process was started with the rehearsal's environment)."""

    def __init__(self) -> None:
        self.url = f"http://127.0.0.1:{settings.PORT}"
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def __enter__(self) -> "Stage":
        self._log = (settings.HOME_DIR / "log" / "up.log").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "up"],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        try:
            self.wait_for(self._is_ready, START_SECONDS, "Leadroom did not become ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def _is_ready(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            said = (settings.HOME_DIR / "log" / "up.log").read_text(errors="replace")[-800:]
            raise LeadroomError(f"Leadroom ended while starting: {said}")
        try:
            return httpx2.get(f"{self.url}/healthz", timeout=2.0).status_code == 200
        except httpx2.HTTPError:
            return False

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._log is not None:
            self._log.close()

    def command(self, *arguments: str) -> str:
        """Output of `manage.py <arguments>` in this home. Raises LeadroomError when it fails."""
        running = json.loads((settings.HOME_DIR / "run" / "up.json").read_text())
        done = subprocess.run(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "LEADROOM_REHEARSAL_URL": running["rehearsal_url"]},
        )
        if done.returncode:
            raise LeadroomError(f"manage.py {arguments[0]} failed: {done.stderr.strip()[-500:]}")
        return done.stdout.strip()

    def person(self) -> Person:
        """The lead, signed in over HTTP by a fresh one-time link."""
        person = Person(self.url)
        person.sign_in(self.command("login_link").split()[-1])
        return person

    def wait_for(self, condition: Callable[[], T], seconds: float, what: str) -> T:
        """The condition's first true value. Raises LeadroomError when there is none in time."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise LeadroomError(f"{what} within {seconds:.0f} s.")
            time.sleep(0.1)
        return value

    def processes_left(self) -> int:
        """Live processes whose environment names this home, other than this one and its parents."""
        wanted, mine = f"LEADROOM_HOME={settings.HOME_DIR}".encode(), {os.getpid(), os.getppid()}
        count = 0
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) not in mine:
                try:
                    is_ours = wanted in (entry / "environ").read_bytes().split(b"\0")
                    count += is_ours and b") Z" not in (entry / "stat").read_bytes()
                except OSError:
                    continue
        return count
