"""A page's side of the live socket, over TCP: a small RFC 6455 client, and what static/leadroom.js keeps."""

import asyncio
import base64
import json
import os
import re
import socket
from typing import Any

OPEN_SECONDS = 5.0


class Refused(Exception):
    """The handshake was answered with another status than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"handshake answered with {status}")
        self.status = status


class Closed(Exception):
    """The socket ended; `code` is that of the close frame, 1006 when there was none."""

    def __init__(self, code: int) -> None:
        super().__init__(f"closed with {code}")
        self.code = code


class Socket:
    """One websocket. It reads only when asked to, so a test can be as slow a reader as it likes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(
        cls, port: int, *, headers: list[tuple[str, str]], path: str = "/live/", receive_buffer: int = 0
    ) -> "Socket":
        """Raises Refused, or OSError when nobody listens."""
        raw = socket.socket()
        if receive_buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
            reader, writer = await asyncio.open_connection(sock=raw, limit=2**16)
        except OSError:
            raw.close()
            raise
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [f"GET {path} HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade"]
        lines += ["Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
        lines += [f"{name}: {value}" for name, value in headers]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                answer = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError) as error:
            writer.transport.abort()
            raise Refused(0) from error
        status = int(answer.split()[1])
        if status != 101:
            writer.transport.abort()
            raise Refused(status)
        return cls(reader, writer)

    async def receive(self, seconds: float = 5.0) -> dict[str, Any]:
        """The next message. Raises Closed, or TimeoutError when none comes."""
        async with asyncio.timeout(seconds):
            while True:
                opcode, body = await self._frame()
                if opcode == 8:
                    raise Closed(int.from_bytes(body[:2]) if body else 1005)
                if opcode == 9:
                    self._write(10, body)
                elif opcode == 1:
                    return json.loads(body)

    async def _frame(self) -> tuple[int, bytes]:
        try:
            first, second = await self._reader.readexactly(2)
            size = second & 0x7F
            if size > 125:
                size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8))
            return first & 0x0F, await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Closed(1006) from error

    def send(self, message: object) -> None:
        """A text message: JSON of the object, or the text itself."""
        text = message if isinstance(message, str) else json.dumps(message)
        self._write(1, text.encode())

    def _write(self, opcode: int, body: bytes) -> None:
        size = bytes([len(body)]) if len(body) < 126 else b"\x7e" + len(body).to_bytes(2)
        if len(body) > 65535:
            size = b"\x7f" + len(body).to_bytes(8)
        # the zero mask: a client's frames are masked, and x ^ 0 is x
        self._writer.write(bytes([0x80 | opcode, 0x80 | size[0]]) + size[1:] + bytes(4) + body)

    def abort(self) -> None:
        """Cut the line without a word, as a laptop that is shut."""
        self._writer.transport.abort()


_ROW = re.compile(r'<li id="[^"]+" data-seq="(\d+)"')


class Transcript:
    """What the browser keeps of one tail: its position, the rows, and whether the rules were ever broken."""

    def __init__(self, topic: str, after: int = 0, html: str = "") -> None:
        self.topic, self.after, self.html = topic, after, html
        self.seqs: list[int] = []
        self.repeated = self.gaps = 0

    @property
    def wish(self) -> dict[str, Any]:
        """What a page subscribes with."""
        return {"subscribe": [{"topic": self.topic, "after": self.after}]}

    def take(self, message: dict[str, Any]) -> None:
        """Append a message's rows; counts rows that came twice and rows that were left out."""
        for tail in message["tail"] if isinstance(message.get("tail"), list) else [message.get("tail")]:
            if tail is None or tail["topic"] != self.topic:
                continue
            if tail["from"] > self.after + 1:
                self.gaps += 1
            seqs = [int(seq) for seq in _ROW.findall(tail["html"])]
            self.repeated += sum(seq <= self.after for seq in seqs)
            self.seqs += seqs
            self.html += tail["html"]
            self.after = tail["to"]
