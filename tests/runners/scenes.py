"""Runs in front of model servers that misbehave."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from asgiref.sync import sync_to_async

from leadroom.agents.enums import Role
from leadroom.agents.models import Run, RunEvent, RunMessage
from leadroom.ledger.models import Entry
from leadroom.runners.builtin import loop
from leadroom.testplans.actions import open_agent_review
from tests import factories
from tests.support.stage import KEY, Stage


def queue_review(stage: Stage, brief: str) -> Run:
    """A reviewer's run in front of a plan that waits for its review: two turns, no repository."""
    item = factories.make_aligned_item(stage.project)
    plan = factories.submit_plan(item)
    open_agent_review(plan=plan, by=factories.PIPELINE, now=factories.NOW)
    return stage.queue(Role.REVIEWER, f"[[script:light/reviewer]] {brief}", item=item)


@dataclass(frozen=True)
class Pause:
    """One pause of the loop: how long it was to be, and how the run stood meanwhile."""

    seconds: float
    run: Run


def watch_pauses(run: Run, monkeypatch: pytest.MonkeyPatch) -> list[Pause]:
    """Every pause of the loop from now on; none of them takes time."""
    pauses: list[Pause] = []

    async def sleep(seconds: float) -> None:
        pauses.append(Pause(seconds, await sync_to_async(Run.objects.get)(pk=run.pk)))

    monkeypatch.setattr(loop, "sleep", sleep)
    return pauses


def give_up_after(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop gives up on a failing server after so long, and tries often until then."""
    monkeypatch.setattr(loop, "GIVE_UP_SECONDS", seconds)
    monkeypatch.setattr(loop.random, "uniform", lambda low, high: 0.05)


def written_down(stage: Stage) -> str:
    """Everything kept about the stage's runs, in the database and in files."""
    rows = [
        *(f"{e.payload}" for e in RunEvent.objects.all()),
        *(f"{m.content}" for m in RunMessage.objects.all()),
        *(f"{r.failure} {r.last_line} {r.brief} {r.endpoint_url}" for r in Run.objects.all()),
        *(f"{e.payload} {e.actor_name}" for e in Entry.objects.all()),
    ]
    return "\n".join([*rows, stage.everything()])


def check_key_is_kept(stage: Stage, *more: str) -> None:
    """The endpoint's key, or a recognisable part of it, is nowhere."""
    for text in (written_down(stage), *more):
        assert KEY[:16] not in text


@contextlib.contextmanager
def raw_server(
    body: bytes, *, status: int = 200, content_type: str = "text/event-stream", headers: Mapping[str, str] | None = None
) -> Iterator[tuple[str, list[str]]]:
    """A server that answers every request with the same bytes: its URL, and the path of every request so far."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", "0")))
            asked.append(self.path)
            self.send_response(status)
            for name, value in {"content-type": content_type, **(headers or {})}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Stays quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
