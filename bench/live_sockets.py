"""The ends of the live benchmark's sockets, processes of their own without Django: viewers, and a bare broadcast."""

import asyncio
import base64
import contextlib
import hashlib
import json
import os
import re
import statistics
import sys
import time

MARK = re.compile(rb"@(\d+):(\d+)@")


class Viewer(asyncio.Protocol):
    """One websocket; notes when each event came and what came out of order."""

    def __init__(self, hello: bytes, wish: bytes, board: "Board") -> None:
        self.hello, self.wish, self.board = hello, wish, board
        self.rest, self.is_open = b"", False
        self.last, self.lost, self.double = board.after, 0, 0
        self.delays: list[int] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.hello)

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self.rest += data
        if not self.is_open:
            head, found, self.rest = self.rest.partition(b"\r\n\r\n")
            if not found:
                self.rest = head
                return
            assert b" 101 " in head, head
            self.is_open = True
            self.transport.write(self.wish)
            self.board.opened()
        while (frame := self._frame()) is not None:
            for seq, at in MARK.findall(frame):
                self._note(int(seq), now - int(at))

    def _frame(self) -> bytes | None:
        data = self.rest
        size = data[1] if len(data) > 1 else -1
        start = 2 if size < 126 else 4 if size == 126 else 10
        if size < 0 or len(data) < start:
            return None
        if size > 125:
            size = int.from_bytes(data[2:start])
        if len(data) < start + size:
            return None
        self.rest = data[start + size :]
        return data[start : start + size]

    def _note(self, seq: int, delay: int) -> None:
        if seq <= self.last:
            self.double += 1
            return
        self.lost += seq - self.last - 1
        self.last = seq
        self.delays.append(delay)
        self.board.saw(seq)

    def connection_lost(self, exc: Exception | None) -> None:
        self.board.closed += 1


class Board:
    """All viewers of a phase."""

    def __init__(self, count: int, after: int) -> None:
        self.count, self.after, self.closed, self.ready = count, after, 0, asyncio.Event()
        self.until, self.at_end, self.done = 0, 0, asyncio.Event()
        self.open = 0

    def opened(self) -> None:
        self.open += 1
        if self.open == self.count:
            self.ready.set()

    def saw(self, seq: int) -> None:
        if self.until and seq == self.until:
            self.at_end += 1
            if self.at_end == self.count:
                self.done.set()


async def view(port: int, count: int, after: int, topic: str, cookie: str) -> None:
    """Open `count` viewers, print a line, read the last seq to wait for, print what they saw."""
    key = base64.b64encode(os.urandom(16)).decode()
    hello = (
        f"GET /live/ HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n"
        f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {key}\r\nCookie: {cookie}\r\n\r\n"
    ).encode()
    body = json.dumps({"subscribe": [{"topic": topic, "after": after}]}).encode()
    wish = bytes([0x81, 0x80 | len(body)]) + bytes(4) + body
    board, loop, viewers = Board(count, after), asyncio.get_running_loop(), []
    for _ in range(count):
        _, viewer = await loop.create_connection(lambda: Viewer(hello, wish, board), "127.0.0.1", port)
        viewers.append(viewer)
    await asyncio.wait_for(board.ready.wait(), 30)
    print("ready", flush=True)
    line = await loop.run_in_executor(None, sys.stdin.readline)
    board.until = int(line)
    board.at_end = sum(viewer.last >= board.until for viewer in viewers)
    if board.at_end < count:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(board.done.wait(), 20)
    delays = [delay for viewer in viewers for delay in viewer.delays]
    lost = sum(viewer.lost + max(0, board.until - viewer.last) for viewer in viewers)
    cuts = statistics.quantiles(delays, n=100) if len(delays) > 1 else [0] * 99
    seen = {f"p{cut}_ms": round(cuts[cut - 1] / 1e6, 2) for cut in (50, 95, 99)}
    double = sum(viewer.double for viewer in viewers)
    print(json.dumps({**seen, "delivered": len(delays), "lost": lost, "double": double}), flush=True)


async def broadcast(port: int, size: int) -> None:
    """Handshakes, and for each line `rate seconds` on stdin that many prepared frames to all; nothing else."""
    writers: set[asyncio.StreamWriter] = set()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = re.search(rb"Sec-WebSocket-Key: (\S+)", head)
        assert key is not None
        accept = hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
        writer.write(b"Sec-WebSocket-Accept: " + base64.b64encode(accept) + b"\r\n\r\n")
        writers.add(writer)
        with contextlib.suppress(ConnectionError):
            while await reader.read(4096):
                pass
        writers.discard(writer)

    server = await asyncio.start_server(greet, "127.0.0.1", port)
    loop, seq = asyncio.get_running_loop(), 0
    print("ready", flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        rate, seconds = map(float, line.split())
        began = loop.time()
        for n in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, began + n / rate - loop.time()))
            seq += 1
            body = f"@{seq}:{time.monotonic_ns()}@".encode().ljust(size, b"x")
            frame = b"\x81" + (b"\x7e" + size.to_bytes(2) if size > 125 else bytes([size])) + body
            for writer in writers:
                writer.write(frame)
        print(seq, flush=True)
    server.close()


if __name__ == "__main__":
    if sys.argv[1] == "viewers":
        asyncio.run(view(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5], sys.argv[6]))
    else:
        asyncio.run(broadcast(int(sys.argv[2]), int(sys.argv[3])))
