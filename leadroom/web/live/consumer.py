"""One page's websocket: interest in, news and rows out. The words are in docs/frontend.md, "Live"."""

import asyncio
import contextlib
import json
import logging
import re
from typing import Any
from weakref import WeakKeyDictionary

from django.db import DatabaseError, InterfaceError

from leadroom.web.live.client import BAD_MESSAGES, COME_BACK, SIGN_IN, Client, Person
from leadroom.web.live.door import MESSAGE_LIMIT, Message, Receive, Scope, Send
from leadroom.web.live.hub import Hub

log = logging.getLogger(__name__)

TOPIC_LIMIT = 64
BAD_LIMIT = 20
_TOPIC = re.compile(r"room|(?P<kind>item|run)\.(?P<id>[1-9][0-9]{0,17})", re.ASCII)
_hubs: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()


def hub() -> Hub:
    """The hub of this process (of the running event loop)."""
    loop = asyncio.get_running_loop()
    if loop not in _hubs:
        _hubs[loop] = Hub()
    return _hubs[loop]


async def live(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI application of the live path; `scope` has the signed-in `user`, the `session` and the `wire`."""
    await receive()
    await send({"type": "websocket.accept"})
    user, session = scope["user"], scope["session"]
    if not user.is_authenticated:
        await send({"type": "websocket.close", "code": SIGN_IN})
        return
    client = Client(scope["wire"], Person(user, session.session_key))
    house = hub()
    house.join(client)
    talk = asyncio.ensure_future(_Conversation(client, house).read(receive))
    write = asyncio.ensure_future(client.run())
    write.add_done_callback(lambda _: None if client.close_code else talk.cancel())
    try:
        await talk
    except asyncio.CancelledError:
        if not write.done() or write.cancelled():
            raise  # the server stops
    finally:
        house.leave(client)
        talk.cancel()
        write.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await write  # what broke it is the server's to log


class _Conversation:
    """What one page asks for."""

    def __init__(self, client: Client, house: Hub) -> None:
        self._client, self._hub = client, house
        self._bad = 0

    async def read(self, receive: Receive) -> None:
        """Until the socket is closed by either side."""
        while (message := await receive())["type"] != "websocket.disconnect":
            wishes = _wishes(message)
            if wishes is None:
                self._bad += 1
                if self._bad >= BAD_LIMIT:
                    self._client.close(BAD_MESSAGES)
                continue
            gone, wanted = wishes
            for topic in gone:
                self._hub.unsubscribe(self._client, topic)
            if wanted and self._client.close_code is None:
                await self._subscribe(wanted)

    async def _subscribe(self, wanted: dict[str, int | None]) -> None:
        """Subscribe to what the person may see; the rest is refused without saying whether it exists."""
        room = TOPIC_LIMIT - len(self._client.topics - wanted.keys())
        fitting = dict(list(wanted.items())[: max(0, room)])
        matches = {topic: match for topic in fitting if (match := _TOPIC.fullmatch(topic))}
        items = {int(match["id"]) for match in matches.values() if match["kind"] == "item"}
        runs = {int(match["id"]) for match in matches.values() if match["kind"] == "run"}
        try:
            seen = await self._hub.allowed(self._client, items=items, runs=runs)
        except (DatabaseError, InterfaceError) as error:
            log.warning("a page's topics could not be checked, it comes back for them: %s", error)
            self._client.close(COME_BACK)
            return
        refused = [topic for topic in wanted if topic not in matches]
        for topic, match in matches.items():
            after, number = fitting[topic], int(match["id"] or 0)
            if match["kind"] and number not in (seen.items if match["kind"] == "item" else seen.runs):
                refused.append(topic)
            elif match["kind"] == "run" and after is not None:
                head = seen.runs[number]
                self._hub.subscribe_tail(self._client, topic, number, after=after, head=head)
            else:
                self._hub.subscribe_news(self._client, topic)
        if refused:
            self._client.push(json.dumps({"refused": [topic[:100] for topic in refused]}))


def _wishes(message: Message) -> tuple[list[str], dict[str, int | None]] | None:
    """Topics given up and topics wanted, with the position if any. None for what is not our language."""
    text = message.get("text")
    if not isinstance(text, str) or len(text) > MESSAGE_LIMIT:
        return None
    try:
        body = json.loads(text)
        gone = [_topic(row) for row in body.get("unsubscribe", [])]
        wanted = {_topic(row): _position(row) for row in body.get("subscribe", [])}
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None
    return gone, wanted


def _topic(row: Any) -> str:
    topic = row["topic"]
    if not isinstance(topic, str):
        raise TypeError("a topic is a text")
    return topic


def _position(row: Any) -> int | None:
    after = row.get("after")
    if after is None:
        return None
    if isinstance(after, bool) or not isinstance(after, int) or not 0 <= after < 2**63:
        raise ValueError("a position is a whole number")
    return after
