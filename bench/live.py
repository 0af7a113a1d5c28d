"""Event to screen: how long a transcript line takes to its viewers, and what that costs, beside a bare broadcast.

    python bench/live.py [--quick] [--json]

Real processes on this host: a broker, Daphne with the live lane on SQLite, a writer that appends events as a holder
does (fenced, one transaction each), viewers on real websockets. Every line carries the monotonic time of its
creation. Beside it, in the same run, a bare asyncio server broadcasts as many messages of the same size.
The last line of the output is JSON. Exit code 1 when a line was lost or came twice.
"""

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RATE = 50
WORDS = "The share of each person is the amount times the weight, rounded to a cent; the rest goes to the payer. "
MARK = re.compile(rb"@(\d+):(\d+)@")
TARGETS = {"p95_ms": {"8": 100, "200": 250}, "cpu_ratio": 2.5}


# viewers: a process of its own, no Django, as little work as possible


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


# the bare broadcast: handshake and one prepared frame per event, nothing else


async def broadcast(port: int, size: int) -> None:
    """Serve viewers; for each line `rate seconds` on stdin send that many events to all of them."""
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


# the writer: a holder's pen


def write(run_id: int) -> None:
    """For each line `rate seconds` on stdin append that many events, one transaction each; rate 0: flat out."""
    import django

    import leadroom.celery  # noqa: F401

    django.setup()
    from leadroom.agents import holding
    from leadroom.agents.enums import EventKind
    from leadroom.agents.models import Run
    from leadroom.lib.clock import now

    run = Run.objects.get(pk=run_id)
    last = run.last_seq
    print(last, flush=True)
    for line in sys.stdin:
        rate, seconds = map(float, line.split())
        began = time.monotonic()
        count = 0
        while (rate and count < rate * seconds) or (not rate and time.monotonic() - began < seconds):
            if rate:
                time.sleep(max(0.0, began + count / rate - time.monotonic()))
            text = f"@{last + 1}:{time.monotonic_ns()}@ {WORDS}"
            lines = [holding.Line(EventKind.MESSAGE, {"text": text}, now())]
            last = holding.append_events(run=run, lines=lines, now=now())
            count += 1
        print(f"{last} {time.monotonic() - began:.3f}", flush=True)


# the stage


class Helper:
    """A helper process of this file that talks in lines."""

    def __init__(self, argv: list[str], env: dict[str, str]) -> None:
        from leadroom.ops.children import dies_with_parent

        self.process = subprocess.Popen(
            argv, env=env, cwd=ROOT, text=True, stdin=-1, stdout=-1, preexec_fn=dies_with_parent()
        )

    def hear(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a helper process ended with {self.process.wait()}")
        return line.strip()

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()

    @property
    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def me(*argv: object) -> list[str]:
    return [sys.executable, __file__, *map(str, argv)]


@contextlib.contextmanager
def stage() -> Iterator[tuple[dict[str, str], int, int, str]]:
    """Broker, database with a held run, and its facts: environment, port, run id, cookie."""
    home, port = Path(tempfile.mkdtemp(prefix="lr-bench-", dir="/tmp")), free_port()
    os.environ |= {"LEADROOM_HOME": str(home), "LEADROOM_PORT": str(port), "LEADROOM_PROCESS": "holder"}
    os.environ["DJANGO_SETTINGS_MODULE"] = "leadroom.settings"
    os.environ["PYTHONPATH"] = str(ROOT)
    for name in ("REDIS_URL", "DATABASE_URL"):
        os.environ.pop(name, None)
    sys.path.insert(0, str(ROOT))
    import django

    import leadroom.celery  # noqa: F401
    from leadroom.lib.paths import broker_socket
    from leadroom.ops.broker import broker_command, find_broker, make_private_folder

    path = broker_socket(home)
    for folder in (home / "broker", path.parent):
        make_private_folder(folder)
    broker = Helper(broker_command(find_broker(), socket=path, folder=home / "broker"), dict(os.environ))
    try:
        until(path.exists)
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        run_id, session = furnish()
        yield dict(os.environ), port, run_id, f"leadroom_session_{port}={session}"
    finally:
        broker.end()
        shutil.rmtree(home, ignore_errors=True)


def furnish() -> tuple[int, str]:
    """A person with a session and a run that is held, made by the house's own actions."""
    from tests.live import house

    lead = house.person("lead")
    return house.running_run(house.item_of(lead)).pk, house.session_of(lead)


def until(condition: Any, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("a server did not start in time")
        time.sleep(0.02)


def answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def phase(
    server: Helper, source: Helper, viewers: Helper, *, rate: float, seconds: float, count: int
) -> dict[str, Any]:
    """Viewers look on while the source works; what they saw, and the server's CPU per delivered event."""
    try:
        assert viewers.hear() == "ready"
        time.sleep(0.3)  # connections settle before the meter starts
        before = server.cpu_seconds
        source.tell(f"{rate} {seconds}")
        last, *took = source.hear().split()
        viewers.tell(last)
        seen: dict[str, Any] = json.loads(viewers.hear())
        seen["cpu_us"] = round((server.cpu_seconds - before) * 1e6 / max(1, seen["delivered"]), 2)
        seen["events_per_second"] = round(seen["delivered"] / count / float(took[0] if took else seconds), 1)
        seen["last"] = int(last)
        return seen
    finally:
        viewers.end()


def hub_phases(seconds: float, counts: list[int]) -> tuple[dict[str, Any], dict[str, Any]]:
    with stage() as (env, port, run_id, cookie):
        argv = ["-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "-v", "0", "leadroom.asgi:application"]
        server = Helper([sys.executable, "-W", "ignore", *argv], {**env, "LEADROOM_PROCESS": "web"})
        writer = Helper(me("--as-writer", run_id), env)
        try:
            last = int(writer.hear())
            until(lambda: answers(port))
            results = {}
            for count, rate in [(counts[0], RATE), *[(count, RATE) for count in counts], (8, 0)]:
                viewers = Helper(me("--as-viewers", port, count, last, f"run.{run_id}", cookie), env)
                seen = phase(server, writer, viewers, rate=rate, seconds=seconds, count=count)
                last = seen.pop("last")
                results[f"{count}" if rate else "flat out"] = seen
            return results, results.pop("flat out")
        finally:
            writer.end()
            server.end()


def bare_phases(seconds: float, counts: list[int], size: int) -> dict[str, Any]:
    port, last, results = free_port(), 0, {}
    server = Helper(me("--as-broadcast", port, size), dict(os.environ))
    try:
        server.hear()
        for count in counts:
            viewers = Helper(me("--as-viewers", port, count, last, "any", ""), dict(os.environ))
            seen = phase(server, server, viewers, rate=RATE, seconds=seconds, count=count)
            last = seen.pop("last")
            results[str(count)] = seen
        return results
    finally:
        server.end()


def event_size() -> int:
    """Characters of one drawn row of the bench's events, as it travels."""
    import django

    django.setup()
    from leadroom.agents.models import RunEvent
    from leadroom.lib.clock import now
    from leadroom.web.runs.transcript import rows_html

    text = f"@100:{time.monotonic_ns()}@ {WORDS}"
    event = RunEvent(run_id=1, seq=100, at=now(), kind="message", payload={"text": text})
    return len(json.dumps(rows_html(1, [event]), ensure_ascii=False).encode())


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--json", action="store_true", help="only the JSON line")
    for name in ("writer", "viewers", "broadcast"):
        parser.add_argument(f"--as-{name}", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.as_writer:
        write(int(args.as_writer[0]))
    elif args.as_viewers:
        port, count, after, topic, cookie = args.as_viewers
        asyncio.run(view(int(port), int(count), int(after), topic, cookie))
    elif args.as_broadcast:
        asyncio.run(broadcast(*map(int, args.as_broadcast)))
    else:
        return measure(is_quick=args.quick, is_silent=args.json)
    return 0


def measure(*, is_quick: bool, is_silent: bool) -> int:
    """Both servers, one after the other; prints the table and the JSON line."""
    seconds, counts = (3.0, [1, 8, 200]) if is_quick else (8.0, [1, 8, 50, 200])
    hub, flat_out = hub_phases(seconds, counts)
    size = event_size()
    bare = bare_phases(seconds, counts, size)
    ratio = {count: round(hub[count]["cpu_us"] / max(0.01, bare[count]["cpu_us"]), 2) for count in hub}
    lost, double = (sum(seen[name] for seen in [*hub.values(), flat_out]) for name in ("lost", "double"))
    if not is_silent:
        print(f"{RATE} events/s of {size} bytes, {seconds:.0f} s a phase; targets {json.dumps(TARGETS)}")
        print(f"{'viewers':>8} {'p50':>7} {'p95':>7} {'p99':>7} ms   {'CPU':>7} µs   bare p95, CPU    ratio")
        for count, seen in hub.items():
            print(
                f"{count:>8} {seen['p50_ms']:7} {seen['p95_ms']:7} {seen['p99_ms']:7}      {seen['cpu_us']:7}"
                f"     {bare[count]['p95_ms']:7} {bare[count]['cpu_us']:7}   {ratio[count]:5}"
            )
        print(f"flat out, 8 viewers: {flat_out['events_per_second']} events/s, p95 {flat_out['p95_ms']} ms")
        print(f"lost {lost}, came twice {double}")
    result = {"viewers": hub, "sustained": flat_out, "baseline": bare, "ratio_cpu": ratio}
    print(json.dumps({**result, "event_bytes": size, "targets": TARGETS, "lost": lost, "double": double}))
    return 1 if lost or double else 0


if __name__ == "__main__":
    sys.exit(main())
