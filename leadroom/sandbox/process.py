"""Running one command in one sandbox. Nothing of it is left when `run` returns, however it returns."""

import asyncio
import contextlib
import json
import os
import resource
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from leadroom.lib.errors import LeadroomError, NotPermitted
from leadroom.sandbox.bwrap import launch
from leadroom.sandbox.profiles import MEGABYTE, Profile
from leadroom.sandbox.registry import kill_tree
from leadroom.sandbox.selftest import check_isolation, is_proven
from leadroom.sandbox.tape import Tape

FILE_BYTES = 2048 * MEGABYTE
OPEN_FILES = 4096
CHUNK = 65536
WATCH_SECONDS = 0.05
DRAIN_SECONDS = 5.0
KILLED = 128 + signal.SIGKILL
_live: dict["_Cage", str] = {}
"""Sandboxes this process has running, with their markers."""
_live_lock = threading.Lock()


@dataclass(frozen=True)
class Completed:
    """`output`: stdout and stderr as they came, cut in the middle over the limit. Signal n: 128 + n."""

    exit_status: int
    output: bytes
    is_truncated: bool
    is_timed_out: bool
    seconds: float


def _settle(ready: "asyncio.Future[None]") -> None:
    if not ready.done():
        ready.set_result(None)


async def _readable(fd: int) -> None:
    """Returns when `fd` has something (or its end) to read; for a pidfd: when the process is dead."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_reader(fd, _settle, ready)
    try:
        await ready
    finally:
        loop.remove_reader(fd)


async def _writable(fd: int) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(fd, _settle, ready)
    try:
        await ready
    finally:
        loop.remove_writer(fd)


class _Cage:
    """A started bubblewrap: its process, the first process of its namespace, and the pipes to both."""

    def __init__(self, profile: Profile, argv: Sequence[str], marker: str) -> None:
        self._fds: list[int] = []
        self.init_pid = 0
        self._init_pidfd = -1
        status_read, status_write = os.pipe()
        gate_read, gate_write = os.pipe()
        fds = (status_write, gate_read)
        flags = ["--json-status-fd", str(status_write), "--block-fd", str(gate_read)]
        try:
            with launch(profile, argv, own_flags=flags, own_fds=fds, marker=marker) as plan:
                self.popen = subprocess.Popen(
                    plan.argv, env=plan.env, pass_fds=plan.pass_fds, bufsize=0, cwd="/",
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                )  # fmt: skip
        except BaseException:
            os.close(status_read)
            os.close(gate_write)
            raise
        finally:
            os.close(status_write)
            os.close(gate_read)
        assert self.popen.stdin is not None  # noqa: S101 (they are pipes)
        assert self.popen.stdout is not None  # noqa: S101
        self.stdin, self.stdout = self.popen.stdin, self.popen.stdout
        self._status, self._gate = status_read, gate_write
        self._fds += [status_read, gate_write]
        self.pidfd = os.pidfd_open(self.popen.pid)
        self._fds.append(self.pidfd)
        for fd in (status_read, self.stdin.fileno(), self.stdout.fileno()):
            os.set_blocking(fd, False)

    async def prepare(self, process_limit: int) -> None:
        """Waits until the namespace exists and sets its limits; the command itself has not begun."""
        line = b""
        while b"\n" not in line:
            await _readable(self._status)
            if not (chunk := os.read(self._status, CHUNK)):
                return  # it failed before it had a child; its message is on stdout
            line += chunk
        with contextlib.suppress(ProcessLookupError):
            self.init_pid = int(json.loads(line.splitlines()[0])["child-pid"])
            self._init_pidfd = os.pidfd_open(self.init_pid)
            self._fds.append(self._init_pidfd)
            for kind, value in (
                (resource.RLIMIT_FSIZE, FILE_BYTES),
                (resource.RLIMIT_NOFILE, OPEN_FILES),
                (resource.RLIMIT_NPROC, process_limit),
                (resource.RLIMIT_CORE, 0),
            ):
                _, ceiling = resource.prlimit(self.init_pid, kind)
                bound = value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)
                resource.prlimit(self.init_pid, kind, (bound, bound))

    def release(self) -> None:
        """Lets the command begin."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._gate, b"!")

    def has_started_command(self) -> bool:
        """Whether bubblewrap itself reports how the command ended; to be asked when all is over."""
        with contextlib.suppress(OSError):
            return b"exit-code" in os.read(self._status, CHUNK)
        return False

    def kill(self) -> None:
        """SIGKILL to the namespace and to bubblewrap; harmless when they are gone. Does not wait."""
        if self._init_pidfd < 0:
            kill_tree(self.popen.pid)
        for fd in (self._init_pidfd, self.pidfd):
            if fd >= 0:
                with contextlib.suppress(ProcessLookupError):
                    signal.pidfd_send_signal(fd, signal.SIGKILL)

    async def gone(self) -> None:
        """Waits until bubblewrap and every process of the namespace are dead, and reaps."""
        await _readable(self.pidfd)
        self.popen.wait()
        if self._init_pidfd >= 0:
            await _readable(self._init_pidfd)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.init_pid, os.WNOHANG)  # ours only where we are the subreaper or pid 1

    def close(self) -> None:
        self.stdout.close()
        with contextlib.suppress(OSError):
            self.stdin.close()
        for fd in self._fds:
            os.close(fd)


async def _feed(cage: _Cage, data: bytes) -> None:
    fd = cage.stdin.fileno()
    rest = memoryview(data)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while rest:
            await _writable(fd)
            with contextlib.suppress(BlockingIOError):
                rest = rest[os.write(fd, rest[:CHUNK]) :]
    cage.stdin.close()


async def _drain(cage: _Cage, tape: Tape) -> None:
    fd = cage.stdout.fileno()
    while True:
        await _readable(fd)
        with contextlib.suppress(BlockingIOError):
            if not (chunk := os.read(fd, CHUNK)):
                return
            tape.feed(chunk)


async def _watch_count(cage: _Cage, limit: int) -> str:
    """Kills a namespace of too many processes, for the superuser to whom RLIMIT_NPROC does not apply."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        with contextlib.suppress(OSError):
            count = sum(name.isdigit() for name in os.listdir(f"/proc/{cage.init_pid}/root/proc"))
            if count > limit:
                cage.kill()
                return f"\n[stopped: the command started more than {limit:,} processes]\n"


async def _conduct(cage: _Cage, stdin: bytes, tape: Tape, limit: int, on_start: Callable[[int], None] | None) -> None:
    """From the started bubblewrap to the last dead process of its namespace."""
    await cage.prepare(limit)
    if on_start is not None:
        on_start(cage.popen.pid)
    helpers: list[asyncio.Task[None]] = [asyncio.create_task(_feed(cage, stdin))]
    drain = asyncio.create_task(_drain(cage, tape))
    watch = asyncio.create_task(_watch_count(cage, limit)) if os.geteuid() == 0 and cage.init_pid else None
    try:
        cage.release()
        await _readable(cage.pidfd)
    finally:
        cage.kill()  # the command is over: so is every daemon it left
        await cage.gone()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(drain, DRAIN_SECONDS)
        if watch is not None and watch.done():
            tape.feed(watch.result().encode())
        rest = [*helpers, drain, *([watch] if watch is not None else [])]
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)


def kill_live(marker: str) -> int:
    """SIGKILL at once to every sandbox with this marker that this very process started; from any thread.

    Returns how many. What other processes started is found by `registry.sweep`.
    """
    with _live_lock:  # a cage is not closed meanwhile, so its descriptors are its own
        found = [cage for cage, its in _live.items() if its == marker]
        for cage in found:
            cage.kill()
    return len(found)


def _check_was_prepared(cage: _Cage, output: bytes) -> int:
    """The exit status; raises LeadroomError when bubblewrap could not even make the sandbox."""
    status = cage.popen.returncode
    if status < 0:
        return 128 - status
    if status != 1 or cage.has_started_command() or not output.startswith(b"bwrap: "):
        return status
    if output.startswith(b"bwrap: execvp"):
        return 127
    sentence = output.decode(errors="replace").strip()[:500]
    raise LeadroomError(f"The sandbox could not be made ({sentence}); nothing was run. `doctor` shows why.")


async def run(
    profile: Profile,
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    timeout_seconds: float,
    output_limit_bytes: int = 200_000,
    on_start: Callable[[int], None] | None = None,
    marker: str = "",
    process_limit: int = 512,
) -> Completed:
    """Runs `argv` under `profile` until it ends or `timeout_seconds` are over, then kills all it started.

    `on_start` gets the pid of the bubblewrap process (for `registry.kill_tree`) before the command begins;
    `marker` is what `registry.sweep` finds it by. `process_limit` bounds how many processes it may have at
    once. When cancelled, everything is dead before the cancellation goes on. Raises NotPermitted when this
    machine cannot isolate (there is no weaker way to run), BadInput for an unusable command, LeadroomError
    when the sandbox could not be made.
    """
    isolation = check_isolation() if is_proven() else await asyncio.to_thread(check_isolation)
    if isolation.level < 1:
        raise NotPermitted(isolation.reason)
    started = time.monotonic()
    tape = Tape(output_limit_bytes)
    is_timed_out = False
    cage = _Cage(profile, argv, marker)
    with _live_lock:
        _live[cage] = marker
    try:
        try:
            async with asyncio.timeout(timeout_seconds):
                await _conduct(cage, stdin, tape, process_limit, on_start)
        except TimeoutError:
            is_timed_out = True
        finally:
            cage.kill()
            await cage.gone()
        output = tape.content()
        status = KILLED if is_timed_out else _check_was_prepared(cage, output)
    finally:
        with _live_lock:
            del _live[cage]
        cage.close()
    return Completed(status, output, tape.is_truncated, is_timed_out, time.monotonic() - started)
