"""A stage for runs and verifications: a real repository, a data folder of its own, and holders as they are.

`perform` holds a run in this process (quick, limits can be patched); `start` holds it in the process that
Leadroom itself would start. Both work on the session's database.
"""

import asyncio
import contextlib
import datetime as dt
import gc
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import LazySettings, settings
from django.contrib.auth.models import User
from django.db import connection, connections

from leadroom.agents import holding
from leadroom.agents.actions import queue_run, retry, set_endpoint
from leadroom.agents.enums import Role
from leadroom.agents.models import Run, RunEvent, RunMessage
from leadroom.lib.actors import Actor
from leadroom.lib.clock import now
from leadroom.lib.leases import boot_id, holder_lock, holder_mark, is_held
from leadroom.ops.children import dies_with_parent
from leadroom.pipeline import placement
from leadroom.projects.models import Project, WorkItem
from leadroom.runners.holder import hold_run
from leadroom.sandbox.bwrap import MARKER
from tests import factories
from tests.support.invariants import check_invariants
from tests.support.program import ROOT, is_alive, until
from tests.worktrees.repositories import UserRepository, small_repository

KEY = "sk-canary-0123456789-secret"


def database_url() -> str:
    """How another process reaches the database of this session."""
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    return f"postgres://{given['USER']}@{str(given['HOST']).replace('/', '%2F')}/{given['NAME']}"


class Rehearsal:
    """A running rehearsal server that notes every request."""

    def __init__(self, url: str, file: Path) -> None:
        self.url, self._file = url, file

    def requests(self) -> list[dict[str, Any]]:
        """Every request so far: `key` and `body`, oldest first."""
        return [json.loads(line) for line in self._file.read_text().splitlines()] if self._file.exists() else []

    def requests_of(self, item: WorkItem) -> list[dict[str, Any]]:
        """Those whose first message speaks of the item."""
        return [r for r in self.requests() if f"[item {item.pk}]" in json.dumps(r["body"]["messages"][0])]


@contextlib.contextmanager
def recorded_rehearsal(folder: Path) -> Iterator[Rehearsal]:
    """A server for the length of the block, without pauses."""
    file = folder / "requests.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.recorded_rehearsal", str(file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=dies_with_parent(),
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("rehearsal listening on "), line
        yield Rehearsal(line.split()[-1], file)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)


@dataclass
class Stage:
    """A project with a real repository, its lead, and a folder of its own for everything Leadroom keeps."""

    home: Path
    source: UserRepository
    project: Project
    lead: User

    @property
    def by(self) -> Actor:
        return factories.human(self.lead)

    def connect(self, url: str, *, key: str = KEY, model: str = "rehearsal-strong") -> None:
        """Every role of the project asks this server."""
        set_endpoint(project=self.project, role="", base_url=url, model=model, key=key, by=self.by, now=now())

    def item(self, *, risk: str = "standard") -> WorkItem:
        return factories.make_item(self.project, risk=risk)

    def queue(self, role: Role, brief: str, *, item: WorkItem | None = None) -> Run:
        """A queued run; `[item N]` in its brief tells its requests from others'."""
        item = item or self.item()
        return queue_run(
            item=item,
            role=role,
            brief=f"[item {item.pk}] {brief}",
            system_prompt="You are careful.",
            skills=[],
            by=factories.PIPELINE,
            now=now(),
        )

    def claim(self, run: Run) -> int:
        """The generation of a holder to be."""
        generation = holding.claim(run_id=run.pk, ceiling=99, host=settings.HOST_NAME, boot_id=boot_id(), now=now())
        assert generation is not None, "the run was not queued"
        return generation

    def perform(self, run: Run) -> Run:
        """Hold the queued run here until its holder leaves; gives the run as it stands then."""
        hold_here(hold_run, run.pk, self.claim(run))
        run.refresh_from_db()
        return run

    def start(self, run: Run) -> int:
        """Hold the queued run in a process of its own; gives its process id once it has the lock."""
        generation = self.claim(run)
        placement.start_program("hold_run", f"run-{run.pk}", run.pk, generation)
        return self.holder(f"run-{run.pk}")

    def holder(self, name: str) -> int:
        """Process id of the holder of `run-1` or `verification-1`."""
        path = holder_lock(self.home, name)

        def pid() -> int:
            with contextlib.suppress(OSError, ValueError):
                found = int(json.loads(path.read_text())["pid"])
                return found if is_held(path) and is_alive(found) else 0
            return 0

        return until(pid, seconds=40, what=f"a holder of {name}")

    def resume(self, run: Run) -> None:
        """The lead resumes a lost or failed run."""
        run.refresh_from_db()
        retry(run=run, by=self.by, now=now())

    def log(self, name: str) -> str:
        return (self.home / "log" / f"{name}.log").read_text(errors="replace")

    def everything(self) -> str:
        """All that Leadroom wrote down in files of this stage's home, as one text."""
        paths = [path for path in self.home.rglob("*") if path.is_file() and "control.git" not in path.parts]
        return "\n".join(path.read_text(errors="replace") for path in paths)


def hold_here(hold: Callable[[int, int], None], pk: int, generation: int) -> None:
    """Run a holder's function in this process, then close the connections its threads opened."""
    try:
        hold(pk, generation)
    finally:
        asyncio.run(sync_to_async(connections.close_all)())
        gc.collect()  # the threads are over, their connections end with them


def set_up_stage(folder: Path, overrides: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The stage in `folder`. Processes started later share its database, home, secret and broker."""
    home = folder / "home"
    for name in ("run", "log", "keys", "projects"):
        (home / name).mkdir(parents=True)
    overrides.HOME_DIR = home
    for name, value in {
        "DATABASE_URL": database_url(),
        "LEADROOM_SECRET_KEY": settings.SECRET_KEY,
        "REDIS_URL": settings.REDIS_URL,
    }.items():
        monkeypatch.setenv(name, value)
    source = small_repository(folder / "user" / "shop")
    lead = factories.make_user()
    project = factories.make_project(lead, name="Shop", source=str(source.path))
    return Stage(home, source, project, lead)


@contextlib.contextmanager
def staged(folder: Path, overrides: LazySettings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A stage for the length of a test; at its end nothing of it runs and the invariants hold."""
    built = set_up_stage(folder, overrides, monkeypatch)
    try:
        yield built
        check_invariants(built.home)
    finally:
        end_everything(built.home)


def kill(pid: int) -> None:
    """SIGKILL, and the wait until the process is gone."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    until(lambda: not is_alive(pid), what=f"the end of {pid}")


def sandboxes_of(home: Path, name: str) -> list[int]:
    """Live processes in sandboxes of a run or a verification of this home; others may have the same number."""
    wanted, found = f"{MARKER}={holder_mark(home, name)}".encode(), []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if wanted in (entry / "environ").read_bytes().split(b"\0") and is_alive(int(entry.name)):
                    found.append(int(entry.name))
    return found


def end_everything(home: Path) -> None:
    """Kill whatever a failed test left of the holders of this home."""
    for path in (home / "run" / "holders").glob("*.lock"):
        with contextlib.suppress(OSError, ValueError):
            if is_held(path):
                kill(int(json.loads(path.read_text())["pid"]))


def events_of(run: Run) -> list[RunEvent]:
    return list(RunEvent.objects.filter(run=run).order_by("seq"))


def kinds_of(run: Run) -> list[str]:
    """Kinds of the transcript's lines, neighbouring lines of speech as one."""
    kinds: list[str] = []
    for event in events_of(run):
        if not (kinds and kinds[-1] == event.kind and event.kind in ("message", "thought")):
            kinds.append(str(event.kind))
    return kinds


def texts_of(run: Run, *kinds: str) -> list[str]:
    return [str(event.payload.get("text", "")) for event in events_of(run) if event.kind in kinds]


def messages_of(run: Run) -> list[dict[str, Any]]:
    rows = RunMessage.objects.filter(run=run).order_by("position")
    return [{"role": row.role, "content": row.content} for row in rows]


def wait_for_state(run: Run, *states: str, seconds: float = 40.0) -> Run:
    """The run once it is in one of the states."""

    def arrived() -> bool:
        run.refresh_from_db()
        return run.state in states

    until(arrived, seconds=seconds, what=f"run {run.pk} in {' or '.join(states)}")
    return run


def wait_for_event(run: Run, kind: str, *, words: str = "", seconds: float = 40.0) -> None:
    until(
        lambda: any(words in json.dumps(event.payload) for event in events_of(run) if event.kind == kind),
        seconds=seconds,
        what=f"a line {kind} {words!r} of run {run.pk}",
    )


def report(status: str = "COMPLETE", **changes: Any) -> tuple[str, dict[str, Any]]:
    """A call of `report` as a scripted model makes it."""
    return "report", factories.report_shape(status=status, **changes)


def later(seconds: float) -> dt.datetime:
    """A moment `seconds` from now, for loops that are told the time."""
    return now() + dt.timedelta(seconds=seconds)
