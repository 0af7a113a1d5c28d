"""The tail of one run: how far it was drawn, the last batches, and who listens."""

import asyncio
from collections import deque
from collections.abc import Iterable

from leadroom.web.live.client import Client
from leadroom.web.live.reads import Batch

RING_CHARACTERS = 512 * 1024
LINGER_SECONDS = 30.0


class Tail:
    """`head` is the last seq that listeners have; batches follow one another without a gap."""

    def __init__(self, run_id: int, head: int) -> None:
        self.run_id, self.head = run_id, head
        self.clients: set[Client] = set()
        self.left_at: float | None = None
        self._ring: deque[Batch] = deque()
        self._size = 0
        self._moved = asyncio.Event()

    def extend(self, batches: Iterable[Batch]) -> None:
        """Give new batches to every listener and keep them for those who come back."""
        for batch in batches:
            for client in self.clients:
                client.push(batch.text)
            self._ring.append(batch)
            self._size += len(batch.text)
            self.head = batch.last
        while self._size > RING_CHARACTERS and len(self._ring) > 1:
            self._size -= len(self._ring.popleft().text)
        self._moved.set()
        self._moved = asyncio.Event()

    def kept_after(self, position: int) -> list[Batch]:
        """Kept batches that go on exactly at `position`; none when the database has to be asked."""
        kept = [batch for batch in self._ring if batch.first > position]
        return kept if kept and kept[0].first == position + 1 else []

    async def reach(self, position: int, seconds: float) -> None:
        """Returns when the head is at `position`, or after that time."""
        try:
            async with asyncio.timeout(seconds):
                while self.head < position:
                    await self._moved.wait()
        except TimeoutError:
            return
