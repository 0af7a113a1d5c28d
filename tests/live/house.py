"""Real web processes for the live tests, and things in the database for them to show."""

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.contrib.auth.models import AbstractUser
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection

import leadroom.celery  # noqa: F401 - news of an item sends a task to our broker
from leadroom.agents import holding
from leadroom.agents.actions import queue_run, seat_agents
from leadroom.agents.enums import EventKind, Role
from leadroom.agents.models import Run
from leadroom.lib.actors import system
from leadroom.lib.clock import now
from leadroom.ops.children import dies_with_parent
from leadroom.projects.actions import create_item, create_project
from leadroom.projects.models import WorkItem
from tests.live.page import Socket

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")
SYSTEM = system("test")


class Web:
    """A Daphne process on the session's database. It can be killed and started again on its port."""

    def __init__(self, folder: Path, *, redis_url: str = "") -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        self.log = folder / f"web-{self.port}.log"
        self.env = {
            **os.environ,
            "DATABASE_URL": _database_url(),
            "REDIS_URL": redis_url or settings.REDIS_URL,
            "LEADROOM_PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it; connections wait in the listening socket until it is ready."""
        fd = str(self._listener.fileno())
        argv = [sys.executable, "-m", "daphne", "--fd", fd, "-v", "0", "leadroom.asgi:application"]
        with self.log.open("ab") as stream:
            self.process = subprocess.Popen(
                argv,
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                pass_fds=[self._listener.fileno()],
                preexec_fn=dies_with_parent(),
            )

    def kill(self) -> None:
        """SIGKILL, collected."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def close(self) -> None:
        """End it and give the port back."""
        self.kill()
        self._listener.close()

    @property
    def memory(self) -> int:
        """Resident bytes of the process."""
        assert self.process is not None
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def headers(self, session: str = "", *, origin: str | None = None) -> list[tuple[str, str]]:
        """What a browser on our own page sends."""
        headers = [("Host", f"127.0.0.1:{self.port}"), ("Origin", origin or f"http://127.0.0.1:{self.port}")]
        return [*headers, ("Cookie", f"leadroom_session_{self.port}={session}")] if session else headers

    async def open(self, session: str, *, receive_buffer: int = 0) -> Socket:
        """A socket of a signed-in page."""
        return await Socket.open(self.port, headers=self.headers(session), receive_buffer=receive_buffer)


def _database_url() -> str:
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    return f"postgres://{given['USER']}@{str(given['HOST']).replace('/', '%2F')}/{given['NAME']}"


@contextlib.contextmanager
def running_web(folder: Path, *, redis_url: str = "") -> Iterator[Web]:
    """A web process for the length of a block. Its log must stay free of tracebacks."""
    web = Web(folder, redis_url=redis_url)
    web.start()
    try:
        yield web
    finally:
        web.close()
    said = web.log.read_text()
    assert "Traceback" not in said, said[-4000:]


def person(name: str, *, is_superuser: bool = False) -> AbstractUser:
    """Somebody who may sign in."""
    make = get_user_model().objects
    return make.create_superuser(name, password="x" * 12) if is_superuser else make.create_user(name, password="x" * 12)


def session_of(user: AbstractUser) -> str:
    """The key of a session of theirs, as signing in makes it."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    assert session.session_key
    return session.session_key


def item_of(lead: AbstractUser) -> WorkItem:
    """A work item in a project of its own."""
    project = create_project(
        name="Expenses", source_path="/nowhere", default_branch="main", lead=lead, by=SYSTEM, now=now()
    )
    seat_agents(project=project, by=SYSTEM, now=now())
    return create_item(project=project, request="Split by shares", stitch_owner=lead, by=SYSTEM, now=now())


def running_run(item: WorkItem, *, lane: str = "main") -> Run:
    """A developer's run that is held, so that lines can be appended to it."""
    run = queue_run(
        item=item,
        role=Role.DEVELOPER,
        brief="b",
        system_prompt="s",
        skills=[],
        by=SYSTEM,
        now=now(),
        lane=lane,
    )
    holding.claim(run_id=run.pk, ceiling=99, host="here", boot_id="boot", now=now())
    return Run.objects.get(pk=run.pk)


def say(run: Run, texts: Sequence[str]) -> int:
    """Append messages in one batch, as a holder does. The last seq."""
    lines = [holding.Line(EventKind.MESSAGE, {"text": text}, now()) for text in texts]
    return holding.append_events(run=run, lines=lines, now=now())


def finish(work: Coroutine[Any, Any, T], *, seconds: float = 20.0) -> T:
    """Run a test's conversation to its end. Raises TimeoutError when it has none in time."""
    return asyncio.run(asyncio.wait_for(work, seconds))


async def in_thread(work: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Work on the database beside the event loop; the thread's connection is closed behind it."""

    def run() -> T:
        try:
            return work(*args, **kwargs)
        finally:
            connection.close()

    return await asyncio.to_thread(run)


def until_listening(web: Web, *, seconds: float = 15.0) -> None:
    """Waits until the process answers. Raises AssertionError with its log."""
    deadline = time.monotonic() + seconds
    while True:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", web.port), timeout=1) as probe,
        ):
            probe.settimeout(1)
            probe.sendall(f"GET /live/ HTTP/1.1\r\nHost: 127.0.0.1:{web.port}\r\nConnection: close\r\n\r\n".encode())
            if probe.recv(8).startswith(b"HTTP/"):
                return
        if time.monotonic() > deadline or web.process is None or web.process.poll() is not None:
            raise AssertionError(f"web does not answer\n{web.log.read_text()[-2000:]}")
        time.sleep(0.02)
