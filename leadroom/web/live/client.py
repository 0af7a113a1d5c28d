"""One open socket as the hub sees it: a bounded queue and a person."""

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any

from leadroom.web.live.door import CLOSE_SECONDS, Wire

SIGN_IN, COME_BACK, BAD_MESSAGES = 4401, 4408, 4400
QUEUE_MESSAGES = 512
QUEUE_CHARACTERS = 4 * 1024 * 1024


@dataclass(frozen=True)
class Person:
    """Who sits behind a socket, as signed in when it opened."""

    user: Any
    session_key: str


class Client:
    """Messages wait here until the socket takes them.

    A reader that is too slow is closed with COME_BACK: it returns with its position and gets the rest anew.
    """

    def __init__(self, wire: Wire, person: Person) -> None:
        self.person = person
        self.standing: tuple[Any, ...] | None = None
        self.opened_at = asyncio.get_running_loop().time()
        self.catching_up: dict[str, asyncio.Task[None]] = {}
        self.topics: set[str] = set()
        self._wire = wire
        self._queue: deque[str] = deque()
        self._size = 0
        self._has_work, self._is_drained = asyncio.Event(), asyncio.Event()
        self._is_drained.set()
        self.close_code: int | None = None

    def push(self, text: str) -> None:
        """Queue a message; too much of it closes the socket. Never waits."""
        if self.close_code is not None or (not self._queue and self._wire.offer(text)):
            return
        is_full = len(self._queue) >= QUEUE_MESSAGES or self._size + len(text) > QUEUE_CHARACTERS
        if self._queue and is_full:
            self.close(COME_BACK)
            return
        self._queue.append(text)
        self._size += len(text)
        self._is_drained.clear()
        self._has_work.set()

    def close(self, code: int) -> None:
        """Drop what waits and end the socket with a code; the first code counts.

        A clogged socket has CLOSE_SECONDS to take what the server holds already, so that it learns the code.
        """
        if self.close_code is None:
            self.close_code = code
            self._queue.clear()
            self._size = 0
            self._is_drained.set()
            self._has_work.set()
            asyncio.get_running_loop().call_later(CLOSE_SECONDS, self._wire.release)

    async def drained(self) -> None:
        """Returns when nothing waits any more."""
        await self._is_drained.wait()

    async def run(self) -> None:
        """Hand messages over until the socket is closed by us."""
        while self.close_code is None:
            await self._has_work.wait()
            while self._queue:
                text = self._queue.popleft()
                self._size -= len(text)
                await self._wire.send(text)
            self._has_work.clear()
            self._is_drained.set()
        await self._wire.close(self.close_code)
