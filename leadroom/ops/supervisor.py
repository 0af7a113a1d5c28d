"""The one process that starts the others, brings back what falls, and leaves nothing behind."""

import contextlib
import ctypes
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType

from leadroom.ops.children import Child, ChildSpec, how_it_ended, last_line
from leadroom.ops.holders import live_holders, signal_holders, sweep
from leadroom.ops.instance import Running
from leadroom.ops.readiness import Probe

HOLDERS_GRACE_SECONDS = 5.0
STOP_ORDER = (("worker", "beat", "seed"), ("web", "rehearsal"), ("broker",))
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_PR_SET_CHILD_SUBREAPER = 36

Say = Callable[[str], None]


class Supervisor:
    """Children by name, kept running until a stop signal. Single-threaded; owns the signal handlers.

    `on_ready` is called once, when web has answered and every child that runs once has ended.
    """

    def __init__(
        self,
        *,
        home: Path,
        folder: Path,
        env: Mapping[str, str],
        running: Running,
        probe: Probe,
        say: Say,
        on_ready: Callable[[], None],
    ) -> None:
        self.home, self.folder, self.env = home, folder, dict(env)
        self.running, self.probe, self.say, self.on_ready = running, probe, say, on_ready
        self.children: dict[str, Child] = {}
        self.stops_asked = 0
        self._began_at = self._web_began_at = time.monotonic()
        self._was_ready = self._is_ready_said = False
        self._wake_reader, self._wake_writer = socket.socketpair()

    def install_signals(self) -> None:
        """A stop signal now ends the loop, a second one ends it at once; orphans are handed to us."""
        for end in (self._wake_reader, self._wake_writer):
            end.setblocking(False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def start(self, specs: Sequence[ChildSpec]) -> None:
        """Starts further children."""
        for spec in specs:
            child = Child(spec, self.env, self.folder, self.home / "log")
            self.children[spec.name] = child
            child.start()
            if spec.name == "web":
                self._web_began_at = time.monotonic()
        self._note()

    def run(self) -> None:
        """Watches until a stop signal, then stops everything. Returns when nothing of ours is left."""
        try:
            while not self.stops_asked:
                self.turn()
        finally:
            self.stop()

    def turn(self) -> None:
        """One look: collect the dead, start the due, ask web, wait for the next thing to happen."""
        self._collect()
        self._start_due()
        if not self.running.is_web_ready and "web" in self.children:
            self._ask_web()
        if self._was_ready and not self._is_ready_said and not self._has_pending_once():
            self._is_ready_said = True
            self.on_ready()
        self._wait(self._patience())

    def stop(self) -> None:
        """Ends holders, then children in order, then whatever still carries our marker."""
        began = time.monotonic()
        if self.children:
            self.say("stopping … (Ctrl-C again: at once)")
        self.probe.close()
        first, *others = STOP_ORDER
        self._end(first, also_holders=True)
        for names in others:
            self._end(names)
        self._end(tuple(self.children))
        left = sweep(self.home)
        reap_orphans(set())
        with contextlib.suppress(FileNotFoundError):
            (self.home / "run" / "up.json").unlink()
        if self.children:
            extra = f", {left} left-over processes ended" if left else ""
            self.say(f"stopped in {time.monotonic() - began:.1f} s{extra}")

    def _ask_to_stop(self, number: int, frame: FrameType | None) -> None:
        self.stops_asked += 1

    def _collect(self) -> None:
        for child in self.children.values():
            if (status := child.collect()) is None:
                continue
            if child.name == "web":
                self.running.is_web_ready = False
                self.probe.close()
                self._web_began_at = time.monotonic()
            if not child.spec.is_once:
                self._say_fallen(child, status)
            elif status:
                self.say(f"{child.name} failed ({how_it_ended(status)}): {last_line(child.log)} [{child.log}]")
            self._note()
        reap_orphans({child.pid for child in self.children.values() if child.pid})

    def _say_fallen(self, child: Child, status: int) -> None:
        line = f"{child.name} stopped ({how_it_ended(status)}), starting it again"
        if status > 0 and (reason := last_line(child.log)):
            line += f"; its log ends: {reason[:200]} [{child.log}]"
        self.say(line)

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self.children.values():
            if child.due_at is not None and child.due_at <= now:
                child.start()
                self._note()

    def _ask_web(self) -> None:
        before = self.probe.complaint
        if self.probe.has_answered():
            self._web_is_ready()
        elif self.probe.complaint != before:
            self.say(f"web is not well yet, it answers {self.probe.complaint} [{self.children['web'].log}]")

    def _web_is_ready(self) -> None:
        again = " again" if self._was_ready else ""
        seconds = time.monotonic() - (self._web_began_at if self._was_ready else self._began_at)
        self._was_ready = self.running.is_web_ready = True
        self._note()
        self.say(f"web ready{again} on {self.running.url} in {seconds:.1f} s")

    def _has_pending_once(self) -> bool:
        return any(child.spec.is_once and child.process is not None for child in self.children.values())

    def _patience(self) -> float:
        now = time.monotonic()
        dues = [child.due_at - now for child in self.children.values() if child.due_at is not None]
        if not self.running.is_web_ready and self.probe.socket is None:
            dues.append(0.05)
        return max(0.0, min([1.0, *dues]))

    def _wait(self, seconds: float) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_reader, selectors.EVENT_READ)
            if self.probe.socket is not None:
                selector.register(self.probe.socket, selectors.EVENT_READ)
            selector.select(seconds)
        with contextlib.suppress(BlockingIOError):
            while self._wake_reader.recv(4096):
                pass

    def _note(self) -> None:
        self.running.children = {child.name: child.pid for child in self.children.values() if child.pid}
        self.running.write(self.home)

    def _end(self, names: Sequence[str], *, also_holders: bool = False) -> None:
        """TERM, wait for the longest grace among them, KILL. A second stop signal ends the waiting."""
        group = [self.children[name] for name in names if name in self.children]
        for child in group:
            child.send(signal.SIGTERM)
        told: set[int] = set()
        deadline = time.monotonic() + max([child.spec.grace_seconds for child in group], default=0.0)
        if also_holders:
            deadline = max(deadline, time.monotonic() + HOLDERS_GRACE_SECONDS)
        while self.stops_asked < 2 and time.monotonic() < deadline:
            holders = live_holders(self.home) if also_holders else []
            for holder in holders:  # one that a task in flight started a moment ago is told as well
                if holder.pid not in told:
                    told.add(holder.pid)
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(holder.pid, signal.SIGTERM)
            if not holders and all(child.process is None or child.process.poll() is not None for child in group):
                break
            self._wait(0.05)
        if also_holders:
            signal_holders(self.home, signal.SIGKILL)
        for child in group:
            child.send(signal.SIGKILL)
            if child.process is not None:
                child.process.wait()
                child.process = None


def reap_orphans(ours: set[int]) -> None:
    """Takes the exit status of dead processes that were handed to us; `ours` are left to their owner."""
    while True:
        try:
            info = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if info is None or info.si_pid in ours:
            return
        with contextlib.suppress(ChildProcessError):
            os.waitpid(info.si_pid, os.WNOHANG)
