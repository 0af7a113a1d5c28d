"""The process's one subscription at the broker: hints in, with its own reconnect."""

import asyncio
import contextlib
import json
import logging
import random
from collections.abc import Callable
from typing import Any

import redis.asyncio as redis
from django.conf import settings
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from leadroom.live.news import channel_of

log = logging.getLogger(__name__)

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 2.0
_KEEPER = "keep"  # a channel nobody writes to: the connection always has one


class Hints:
    """Topics this process listens to.

    `on_hint(topic, name, id)` per hint; `on_heard(topic)` when the broker confirmed a subscription (hints
    before it are lost); `on_change(is_connected)` when the connection came or went.
    """

    def __init__(
        self,
        *,
        on_hint: Callable[[str, str, int], None],
        on_heard: Callable[[str], None],
        on_change: Callable[[bool], None],
    ) -> None:
        self._on_hint, self._on_heard, self._on_change = on_hint, on_heard, on_change
        self._topics: dict[str, str] = {channel_of(_KEEPER): _KEEPER}
        self._pubsub: PubSub | None = None
        self._lock = asyncio.Lock()
        self._settling: set[asyncio.Task[None]] = set()
        self.is_connected = False

    def add(self, topic: str) -> None:
        """Listen to a topic from now on, also after a reconnect."""
        self._topics[channel_of(topic)] = topic
        self._settle_soon(channel_of(topic))

    def drop(self, topic: str) -> None:
        """Listen no more."""
        self._topics.pop(channel_of(topic), None)
        self._settle_soon(channel_of(topic))

    def _settle_soon(self, channel: str) -> None:
        task = asyncio.ensure_future(self._settle(channel))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle(self, channel: str) -> None:
        """Tell the broker what is wanted by now: a drop and an add in quick succession cannot overtake."""
        async with self._lock:
            if self._pubsub is None:
                return
            tell = self._pubsub.subscribe if channel in self._topics else self._pubsub.unsubscribe
            with contextlib.suppress(RedisError, OSError):  # the reader meets it too, and subscribes anew
                await tell(channel)

    async def listen(self) -> None:
        """Runs until cancelled."""
        delay = FIRST_DELAY_SECONDS
        while True:
            try:
                await self._read()
            except (RedisError, OSError) as error:
                delay = FIRST_DELAY_SECONDS if self.is_connected else min(delay * 2, LONGEST_DELAY_SECONDS)
                if self.is_connected:
                    log.warning("live hints stopped, the database is asked each second meanwhile: %s", error)
                self._set_connected(False)
            await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    async def _read(self) -> None:
        """One connection until it breaks. Raises RedisError or OSError."""
        client = redis.Redis.from_url(
            settings.REDIS_URL, socket_connect_timeout=1, health_check_interval=5, retry=Retry(NoBackoff(), 0)
        )
        async with client, client.pubsub() as pubsub:
            async with self._lock:  # a topic that comes meanwhile waits, and is told then
                await pubsub.subscribe(*self._topics)
                self._pubsub = pubsub
            try:
                while True:
                    message = await pubsub.get_message(timeout=5)
                    if message is not None:
                        self._take(message)
            finally:
                self._pubsub = None

    def _take(self, message: dict[str, Any]) -> None:
        topic = self._topics.get(message["channel"].decode())
        if message["type"] == "subscribe" and topic is not None:
            self._set_connected(True)
            self._on_heard(topic)
        elif message["type"] == "message" and topic is not None:
            with contextlib.suppress(ValueError, TypeError):
                _, name, number = json.loads(message["data"])
                self._on_hint(topic, str(name), int(number))

    def _set_connected(self, is_connected: bool) -> None:
        if is_connected != self.is_connected:
            self.is_connected = is_connected
            self._on_change(is_connected)
