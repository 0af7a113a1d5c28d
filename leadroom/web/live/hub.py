"""One hub per process between the broker, the database and every open socket (docs/adr/0005).

The rows are the truth: `(run, seq)` for tails, ledger entries for news. Hints only say when to look; a lost
one is made good by the tick. Each batch is read and drawn once; the same text goes to everybody who listens.
"""

import asyncio
import datetime as dt
import json
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import DatabaseError, InterfaceError, close_old_connections, connections

from leadroom.lib.clock import now
from leadroom.web.live import reads
from leadroom.web.live.client import COME_BACK, SIGN_IN, Client
from leadroom.web.live.hints import Hints
from leadroom.web.live.tails import LINGER_SECONDS, Tail

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.05
TICK_SECONDS = 1.0
TICKS_PER_BEAT = 4
CHATTER = frozenset({"line", "event"})
"""Names of news that come many times a second; a topic passes them on once per tick."""
PAGES_KEPT = 32
RECENT_SECONDS = 10.0
R = TypeVar("R")


class Hub:
    """All sockets of this process. Everything but the database reads runs on the event loop."""

    def __init__(self) -> None:
        self.clients: set[Client] = set()
        self._loop = asyncio.get_running_loop()
        self._news: dict[str, set[Client]] = {}
        self._tails: dict[str, Tail] = {}
        self._stale: set[str] = set()
        self._chatter: set[str] = set()
        self._chatted_at: dict[str, float] = {}
        self._moved_at: dict[str, float] = {}
        self._told_at: dict[str, dt.datetime] = {}
        self._dirty: set[str] = set()
        self._pages: OrderedDict[tuple[int, int, int], asyncio.Future[reads.Page]] = OrderedDict()
        self._entry: int | None = None
        self._wake = asyncio.Event()
        self._live_thread = ThreadPoolExecutor(1, thread_name_prefix="live")
        self._page_thread = ThreadPoolExecutor(1, thread_name_prefix="live-pages")
        self._hints = Hints(on_hint=self._hint, on_heard=self._heard, on_change=self._broker_changed)
        work = (self._hints.listen(), self._flush(), self._tick())
        self._tasks = [asyncio.ensure_future(each) for each in work]

    async def close(self) -> None:
        """End every socket, task, thread and connection of the hub."""
        for client in list(self.clients):
            client.close(COME_BACK)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for thread in (self._live_thread, self._page_thread):
            await self._loop.run_in_executor(thread, connections.close_all)
            thread.shutdown()

    # who listens to what

    def join(self, client: Client) -> None:
        """A socket opened."""
        self.clients.add(client)

    def leave(self, client: Client) -> None:
        """A socket closed."""
        self.clients.discard(client)
        for topic in list(client.topics):
            self.unsubscribe(client, topic)

    async def allowed(self, client: Client, *, items: Iterable[int], runs: Iterable[int]) -> reads.Allowed:
        """What of these the client's person may see. Raises DatabaseError."""
        user, is_first = client.person.user, client.standing is None

        def read() -> tuple[reads.Allowed, tuple[Any, ...] | None]:
            standing = reads.standings([user.pk]).get(user.pk) if is_first else client.standing
            return reads.allowed(user, items=items, runs=runs), standing

        seen, client.standing = await self._ask(self._page_thread, read)
        return seen

    def subscribe_news(self, client: Client, topic: str) -> None:
        """News of a topic from now on; at once when it moved since the socket opened."""
        client.topics.add(topic)
        listeners = self._news.setdefault(topic, set())
        listeners.add(client)
        if len(listeners) == 1 and topic not in self._tails:
            self._hints.add(topic)
        if self._moved_at.get(topic, 0.0) > client.opened_at:
            client.push(_news_text([topic]))

    def subscribe_tail(self, client: Client, topic: str, run_id: int, *, after: int, head: int) -> None:
        """Rows of a run past `after`, then every new one. `head` is a last seq read a moment ago."""
        if old := client.catching_up.pop(topic, None):
            old.cancel()
        client.topics.add(topic)
        tail = self._tails.get(topic)
        if tail is None:
            tail = self._tails[topic] = Tail(run_id, head)
            self._hints.add(topic)
        elif head > tail.head:
            self._look(topic)
        tail.clients.discard(client)
        tail.left_at = None
        client.catching_up[topic] = asyncio.ensure_future(self._catch_up(client, topic, tail, after))

    def unsubscribe(self, client: Client, topic: str) -> None:
        """No more of this topic."""
        client.topics.discard(topic)
        if task := client.catching_up.pop(topic, None):
            task.cancel()
        if listeners := self._news.get(topic):
            listeners.discard(client)
            if not listeners:
                del self._news[topic]
                if topic not in self._tails:
                    self._hints.drop(topic)
        if tail := self._tails.get(topic):
            tail.clients.discard(client)

    async def _catch_up(self, client: Client, topic: str, tail: Tail, position: int) -> None:
        if position > tail.head:  # another web process was ahead of us, or the number is made up
            self._look(topic)
            await tail.reach(position, 2 * TICK_SECONDS)
            position = min(position, tail.head)
        try:
            while position < tail.head:
                await client.drained()
                batches = tail.kept_after(position) or (await self._page(tail, position)).batches
                for batch in batches:
                    client.push(batch.text)
                position = batches[-1].last if batches else tail.head
            tail.clients.add(client)  # in the same step as the comparison: nothing fits in between
            client.catching_up.pop(topic, None)
        except (DatabaseError, InterfaceError) as error:
            log.warning("a transcript could not be read, its page comes back for it: %s", error)
            client.close(COME_BACK)

    async def _page(self, tail: Tail, after: int) -> reads.Page:
        """A page past `after`, at most to the head; read once for everybody who asks for the same."""
        key = (tail.run_id, after, min(tail.head, after + reads.PAGE))
        page = self._pages.get(key)
        if page is None or (page.done() and (page.cancelled() or page.exception())):
            run_id, _, upto = key
            read = self._ask(self._page_thread, lambda: reads.rows_after(run_id, after, upto=upto))
            page = self._pages[key] = asyncio.ensure_future(read)
            while len(self._pages) > PAGES_KEPT:
                self._pages.popitem(last=False)
        return await asyncio.shield(page)

    # what moves

    def _hint(self, topic: str, name: str, number: int) -> None:
        tail = self._tails.get(topic)
        if tail is not None and (name != "event" or number > tail.head):
            self._dirty.add(topic)
        if tail is not None and name not in CHATTER:
            for client in tail.clients - self._news.get(topic, set()):
                client.push(_news_text([topic]))
        if topic in self._news:
            self._say_stale(topic, name)
        if self._dirty or self._stale:
            self._wake.set()

    def _say_stale(self, topic: str, name: str) -> None:
        time = self._loop.time()
        if name in CHATTER:
            if time - self._chatted_at.get(topic, -TICK_SECONDS) < TICK_SECONDS:
                self._chatter.add(topic)
                return
            self._chatted_at[topic] = time
        else:
            self._told_at[topic] = now()
        self._stale.add(topic)

    def _heard(self, topic: str) -> None:
        if topic in self._tails:
            self._look(topic)

    def _look(self, topic: str) -> None:
        self._dirty.add(topic)
        self._wake.set()

    def _broker_changed(self, is_connected: bool) -> None:
        if is_connected:
            self._stale.update(self._news)
            self._dirty.update(self._tails)
            self._wake.set()

    async def _flush(self) -> None:
        """Pass on what moved: at once after a quiet moment, else gathered over GATHER_SECONDS."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            began = self._loop.time()
            stale, self._stale = self._stale, set()
            dirty, self._dirty = self._dirty, set()
            self._send_news(stale)
            try:
                await self._extend(dirty)
            except (DatabaseError, InterfaceError) as error:
                log.warning("new rows could not be read, trying again each second: %s", error)
            await asyncio.sleep(max(0.0, began + GATHER_SECONDS - self._loop.time()))

    def _send_news(self, topics: set[str]) -> None:
        wanted: dict[Client, list[str]] = {}
        for topic in sorted(topics):
            for client in self._news.get(topic, ()):
                wanted.setdefault(client, []).append(topic)
        texts: dict[tuple[str, ...], str] = {}
        for client, names in wanted.items():
            key = tuple(names)
            if key not in texts:
                texts[key] = _news_text(names)
            client.push(texts[key])

    async def _extend(self, topics: set[str]) -> None:
        tails = [tail for topic in topics if (tail := self._tails.get(topic))]
        if not tails:
            return
        asked = [(tail.run_id, tail.head) for tail in tails]
        pages = await self._ask(self._live_thread, lambda: reads.new_rows(asked))
        for tail, page in zip(tails, pages, strict=True):
            tail.extend(page.batches)
            if not page.is_last:
                self._look(f"run.{tail.run_id}")

    # what time brings

    async def _tick(self) -> None:
        count = 0
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._forget()
            if not self.clients:
                self._entry = None
                continue
            count += 1
            try:
                await self._look_everywhere()
                if count % TICKS_PER_BEAT == 0:
                    await self._check_people()
            except (DatabaseError, InterfaceError) as error:
                log.warning("the database could not be asked for news: %s", error)
            if count % TICKS_PER_BEAT == 0:
                beat = json.dumps({"at": now().isoformat(timespec="milliseconds")})
                for client in self.clients:
                    client.push(beat)

    async def _look_everywhere(self) -> None:
        """What hints should have told: runs that are further than we are, entries that nobody announced."""
        if self._entry is None:
            self._entry = await self._ask(self._live_thread, reads.newest_entry)
        since, runs = self._entry, [tail.run_id for tail in self._tails.values() if tail.clients]
        found = await self._ask(self._live_thread, lambda: reads.moved(runs, since=since))
        self._entry = found.entry
        for run_id, seq in found.seqs.items():
            if (tail := self._tails.get(f"run.{run_id}")) and seq > tail.head:
                self._dirty.add(f"run.{run_id}")
        moved_at = {f"item.{item}": at for item, at in found.items.items()}
        if found.at is not None:
            moved_at["room"] = found.at
        self._moved_at |= dict.fromkeys(moved_at, self._loop.time())
        untold = {topic for topic, at in moved_at.items() if topic not in self._told_at or self._told_at[topic] < at}
        self._stale |= untold | self._chatter | (set() if self._hints.is_connected else {"room"})
        self._chatted_at |= dict.fromkeys(self._chatter, self._loop.time())
        self._chatter.clear()
        if self._dirty or self._stale:
            self._wake.set()

    async def _check_people(self) -> None:
        """Close the sockets of sessions that ended, and of people whose rights changed."""
        clients = list(self.clients)
        keys = sorted({client.person.session_key for client in clients})
        people = sorted({client.person.user.pk for client in clients})
        good, standings = await self._ask(
            self._live_thread, lambda: (reads.live_sessions(keys), reads.standings(people))
        )
        for client in clients:
            standing = standings.get(client.person.user.pk)
            if client.person.session_key not in good or standing is None:
                client.close(SIGN_IN)
            elif client.standing is not None and client.standing != standing:
                client.close(COME_BACK)  # it comes back at once and everything is checked anew
            client.standing = standing

    def _forget(self) -> None:
        time = self._loop.time()
        for topic, tail in list(self._tails.items()):
            if tail.clients or any(topic in client.catching_up for client in self.clients):
                tail.left_at = None
            elif tail.left_at is None:
                tail.left_at = time
            elif time - tail.left_at > LINGER_SECONDS:
                del self._tails[topic]
                if topic not in self._news:
                    self._hints.drop(topic)
        self._moved_at = {topic: at for topic, at in self._moved_at.items() if time - at < RECENT_SECONDS}
        self._chatted_at = {topic: at for topic, at in self._chatted_at.items() if time - at < RECENT_SECONDS}
        self._told_at = {topic: at for topic, at in self._told_at.items() if topic in self._news}
        if self._pages:
            self._pages.popitem(last=False)

    async def _ask(self, thread: ThreadPoolExecutor, read: Callable[[], R]) -> R:
        def fresh() -> R:
            close_old_connections()
            return read()

        return await self._loop.run_in_executor(thread, fresh)


def _news_text(topics: Iterable[str]) -> str:
    return json.dumps({"news": [{"topic": topic} for topic in topics]})
