"""Who may knock: exact origin, known host, one path; and how full the way out of a socket is."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache, partial
from typing import Any

from autobahn.exception import Disconnected
from autobahn.websocket.protocol import PreparedMessage, WebSocketServerFactory
from daphne.ws_protocol import WebSocketProtocol
from django.conf import settings
from django.http.request import split_domain_port, validate_host

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MESSAGE_LIMIT = 16 * 1024
FRAGMENTS_LIMIT = 8 * 1024 * 1024
CLOSE_SECONDS = 5.0
"""How long a reader that stalled may take to read the code it was closed with; then the line is cut."""
_ORIGIN = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.IGNORECASE | re.ASCII)
_PORTS = {"http": 80, "https": 443}


def origin_of(text: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of a serialised origin (RFC 6454); None for anything else, `null` included."""
    match = _ORIGIN.fullmatch(text)
    if match is None:
        return None
    scheme = match[1].lower()
    return scheme, match[2].lower(), int(match[3] or _PORTS[scheme])


def is_our_origin(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether exactly one Origin is given, and its scheme, host and port are one of `LIVE_ORIGINS`."""
    given = [value.decode("latin1") for name, value in headers if name == b"origin"]
    ours = {origin_of(text) for text in settings.LIVE_ORIGINS} - {None}
    return len(given) == 1 and origin_of(given[0]) in ours


def is_our_host(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether exactly one Host is given, one of `ALLOWED_HOSTS`: a rebound name of a stranger is not."""
    given = [value.decode("latin1") for name, value in headers if name == b"host"]
    return len(given) == 1 and validate_host(split_domain_port(given[0])[0], settings.ALLOWED_HOSTS)


class Wire:
    """The way out of one socket.

    Daphne's `send` returns at once whatever the socket does, so a reader that stalls would grow the server. So its
    transport tells us when it holds more than 64 KB. It also takes frames that were encoded once for everybody.
    Other servers make `send` itself wait, and encode each time.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._is_open = asyncio.Event()
        self._is_open.set()
        protocol = send.args[0] if isinstance(send, partial) and send.args else None
        self._protocol = protocol if isinstance(protocol, WebSocketProtocol) else None
        if self._protocol is not None:
            self._protocol.maxFramePayloadSize = MESSAGE_LIMIT
            self._protocol.maxMessagePayloadSize = FRAGMENTS_LIMIT  # binds what we send as well
            self._protocol.closeHandshakeTimeout = CLOSE_SECONDS
            self._protocol.unregisterProducer()  # the HTTP channel that the upgrade left behind
            self._protocol.registerProducer(self, True)

    def pauseProducing(self) -> None:
        """Called by the transport (Twisted's IPushProducer): it holds more than it should."""
        self._is_open.clear()

    def resumeProducing(self) -> None:
        """Called by the transport: everything was taken."""
        self._is_open.set()

    def stopProducing(self) -> None:
        """Called by the transport: the connection is gone."""
        self._is_open.set()

    def release(self) -> None:
        """Wait no longer for a reader that stalls."""
        self._is_open.set()

    def offer(self, text: str) -> bool:
        """Hand a message over without waiting. False when `send` has to be used: another server, or no room."""
        protocol = self._protocol
        if protocol is None or not self._is_open.is_set() or protocol.state != WebSocketProtocol.STATE_OPEN:
            return False
        protocol.sendPreparedMessage(_prepared(protocol.factory, text))
        return True

    async def send(self, text: str) -> None:
        """Hand one message over, then wait until the server has room. Nothing when the socket is closed."""
        try:
            await self._send({"type": "websocket.send", "text": text})
        except Disconnected:
            return
        if not self._is_open.is_set():
            await self._is_open.wait()

    async def close(self, code: int) -> None:
        """Close with a code."""
        await self._send({"type": "websocket.close", "code": code})


@lru_cache(maxsize=8)
def _prepared(factory: WebSocketServerFactory, text: str) -> PreparedMessage:
    """The frame of a message; the hub hands the same text to everybody, one after the other."""
    return factory.prepareMessage(text.encode())


class Door:
    """ASGI middleware before sign-in: refuses the handshake, or passes on with `scope["wire"]`."""

    def __init__(self, inner: App, *, path: str) -> None:
        self._inner, self._path = inner, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = scope["headers"]
        if scope["path"] != self._path or not is_our_origin(headers) or not is_our_host(headers):
            await receive()
            await send({"type": "websocket.close", "code": 4403})
            return
        await self._inner({**scope, "wire": Wire(send)}, receive, send)
