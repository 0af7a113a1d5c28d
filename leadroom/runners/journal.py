"""The holder's pen: transcript lines are gathered for a moment and written in one fenced transaction."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.db import OperationalError, close_old_connections

from leadroom.agents import holding
from leadroom.agents.enums import EventKind
from leadroom.agents.models import Run, RunNote
from leadroom.lib.clock import now
from leadroom.lib.errors import Fenced

log = logging.getLogger(__name__)
GATHER_SECONDS = 0.08
SPEECH_SECONDS = 1.0
"""How long an unfinished sentence may gather before it is shown as it stands."""
SENTENCE_CHARACTERS = 60
LINE_CHARACTERS = 240
PATIENCE_SECONDS = 60.0
"""How long lines wait for a database that does not answer before the run gives up."""
PAUSE_SECONDS = 0.5
_SPEECH = (EventKind.MESSAGE, EventKind.THOUGHT)


def _is_whole(text: str) -> bool:
    """Whether speech may end its line here: a line break, a sentence of some length, or enough of anything."""
    is_sentence = len(text) >= SENTENCE_CHARACTERS and text.rstrip().endswith((".", "!", "?", ":"))
    return text.endswith("\n") or is_sentence or len(text) >= LINE_CHARACTERS


class Journal:
    """Lines in order, each exactly once. A failed write keeps its lines for the next one; Fenced ends the run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lines: list[holding.Line] = []
        self._lock = asyncio.Lock()
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._flushes: set[asyncio.Task[None]] = set()

    def write(self, kind: EventKind, /, **payload: Any) -> None:
        """Note a line; it is stored within GATHER_SECONDS, unfinished speech within SPEECH_SECONDS."""
        last = self._lines[-1] if self._lines else None
        if kind in _SPEECH and last is not None and last.kind == kind and not _is_whole(last.payload["text"]):
            payload = {**last.payload, "text": last.payload["text"] + payload["text"]}
            self._lines[-1] = holding.Line(kind, payload, last.at)
        else:
            self._lines.append(holding.Line(kind, payload, now()))
        is_open = kind in _SPEECH and not _is_whole(payload["text"])
        self._schedule(SPEECH_SECONDS if is_open else GATHER_SECONDS)

    def _schedule(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        if self._timer is not None and self._due <= due:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._due, self._timer = due, loop.call_at(due, self._start_flush)

    def _start_flush(self) -> None:
        self._timer = None
        task = asyncio.ensure_future(self._flush_quietly())
        self._flushes.add(task)
        task.add_done_callback(self._flushes.discard)

    async def _flush_quietly(self) -> None:
        with contextlib.suppress(Fenced):  # the heartbeat tells the loop
            await self.flush()

    async def flush(
        self, *, messages: Sequence[dict[str, Any]] = (), delivered: Sequence[RunNote] = (), **fields: Any
    ) -> None:
        """Store what is noted, with session messages and changes of the run's row. Raises Fenced."""
        async with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            lines, self._lines = self._lines, []
            if not (lines or messages or fields):
                return
            try:
                await self._store(lines, messages=messages, delivered=delivered, **fields)
            except Exception:
                self._lines = lines + self._lines
                raise

    async def _store(self, lines: Sequence[holding.Line], **rest: Any) -> None:
        """Write, and wait while the database is busy or away. A write whose outcome is unknown is not done twice."""
        before, deadline = self._run.last_seq, time.monotonic() + PATIENCE_SECONDS
        is_again = False
        while True:
            try:
                await sync_to_async(holding.append_events)(
                    run=self._run, lines=lines, now=now(), unless_after=before if is_again else None, **rest
                )
                return
            except OperationalError:
                if time.monotonic() > deadline:
                    raise
                log.warning("run %s: the database does not answer; its lines wait", self._run.pk, exc_info=True)
                is_again = True
                await sync_to_async(close_old_connections)()
                await asyncio.sleep(PAUSE_SECONDS)
