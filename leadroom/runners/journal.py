"""The holder's pen: transcript lines are gathered for a moment and written in one fenced transaction."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any

from asgiref.sync import sync_to_async

from leadroom.agents import holding
from leadroom.agents.enums import EventKind
from leadroom.agents.models import Run, RunNote
from leadroom.lib.clock import now

GATHER_SECONDS = 0.08
CHUNK_LIMIT = 20_000


class Journal:
    """Lines in order, each exactly once. A failed write keeps its lines for the next one; Fenced ends the run."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._lines: list[holding.Line] = []
        self._lock = asyncio.Lock()
        self._timer: asyncio.Task[None] | None = None

    def write(self, kind: EventKind, /, **payload: Any) -> None:
        """Note a line; it is stored within GATHER_SECONDS."""
        last = self._lines[-1] if self._lines else None
        if last is not None and last.kind == kind and kind in (EventKind.MESSAGE, EventKind.THOUGHT):
            # chunks of one moment become one line
            text = last.payload["text"] + payload["text"]
            if len(text) <= CHUNK_LIMIT and last.payload.get("block") == payload.get("block"):
                self._lines[-1] = holding.Line(kind, {**last.payload, "text": text}, last.at)
                return
        self._lines.append(holding.Line(kind, payload, now()))
        if self._timer is None or self._timer.done():
            self._timer = asyncio.create_task(self._later())

    async def _later(self) -> None:
        await asyncio.sleep(GATHER_SECONDS)
        with contextlib.suppress(holding.Fenced):  # the heartbeat tells the loop
            await self.flush()

    async def flush(
        self, *, messages: Sequence[dict[str, Any]] = (), delivered: Sequence[RunNote] = (), **fields: Any
    ) -> None:
        """Store what is noted, with session messages and changes of the run's row. Raises Fenced."""
        async with self._lock:
            lines, self._lines = self._lines, []
            if not (lines or messages or fields):
                return
            try:
                await sync_to_async(holding.append_events)(
                    run=self._run, lines=lines, messages=messages, delivered=delivered, now=now(), **fields
                )
            except Exception:
                self._lines = lines + self._lines
                raise
