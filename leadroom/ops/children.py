"""Child processes that die with the one that started them, and come back when they fall."""

import ctypes
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FIRST_DELAY_SECONDS = 0.2
LONGEST_DELAY_SECONDS = 5.0
HEALTHY_AFTER_SECONDS = 10.0
LOG_LIMIT_BYTES = 5_000_000
LOGS_KEPT = 3

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def dies_with_parent(death_signal: int = signal.SIGKILL) -> Callable[[], None]:
    """A `preexec_fn`: the kernel ends the child when the thread that starts it ends, even by SIGKILL."""
    parent = os.getpid()

    def arrange() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it died between the fork and the line above
            os._exit(1)

    return arrange


def rotate_log(path: Path) -> None:
    """Moves a log above its size limit aside (`web.log.1` is the newest); the oldest of them goes."""
    if not path.exists() or path.stat().st_size < LOG_LIMIT_BYTES:
        return
    for number in range(LOGS_KEPT, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        newer = path if number == 1 else path.with_name(f"{path.name}.{number - 1}")
        if newer.exists():
            newer.replace(older)


def last_line(path: Path) -> str:
    """The last non-empty line of a log, or an empty text."""
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, path.stat().st_size - 4096))
            lines = stream.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


@dataclass(frozen=True)
class ChildSpec:
    """What to run. A child that runs once is not started again when it ends."""

    name: str
    argv: tuple[str, ...]
    is_once: bool = False
    pass_fds: tuple[int, ...] = ()
    grace_seconds: float = 3.0


@dataclass
class Child:
    """One child process over its restarts. Only the supervisor's main thread may start it."""

    spec: ChildSpec
    env: Mapping[str, str]
    folder: Path
    log_folder: Path
    process: "subprocess.Popen[bytes] | None" = None
    due_at: float | None = None
    started_at: float = 0.0
    restarts: int = 0
    _delay: float = field(default=FIRST_DELAY_SECONDS, repr=False)

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def log(self) -> Path:
        return self.log_folder / f"{self.name}.log"

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    def start(self) -> None:
        """Starts the process in a session of its own, so that a Ctrl-C in the terminal does not reach it."""
        rotate_log(self.log)
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(
                self.spec.argv,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                cwd=self.folder,
                env=dict(self.env),
                pass_fds=self.spec.pass_fds,
                start_new_session=True,
                preexec_fn=dies_with_parent(),
            )
        self.started_at = time.monotonic()
        self.due_at = None

    def collect(self) -> int | None:
        """Exit status, once, after the process has ended. Plans the next start unless it runs once."""
        if self.process is None or (status := self.process.poll()) is None:
            return None
        self.process = None
        if not self.spec.is_once:
            now = time.monotonic()
            if now - self.started_at >= HEALTHY_AFTER_SECONDS:
                self._delay = FIRST_DELAY_SECONDS
            self.due_at = now + self._delay
            self._delay = min(self._delay * 2, LONGEST_DELAY_SECONDS)
            self.restarts += 1
        return status

    def send(self, number: signal.Signals) -> None:
        """Signals the process if it runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)


def how_it_ended(status: int) -> str:
    """`exit status 1`, or `killed by SIGKILL`."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
