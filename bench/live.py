"""Event to screen: how long a transcript line takes to its viewers, and what that costs, beside a bare broadcast.

    python bench/live.py [--quick] [--json]

Real processes on this host: a broker, Daphne with the live lane on SQLite, a writer that appends events as a holder
does (fenced, one transaction each), viewers on real websockets. Every line carries the monotonic time of its
creation. Beside it, in the same run, a bare asyncio server broadcasts as many messages of the same size.
The last line of the output is JSON. Exit code 1 when a line was lost or came twice.
"""

import argparse
import contextlib
import json
import os
import shutil
import socket
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
TARGETS = {"p95_ms": {"8": 100, "200": 250}, "cpu_ratio": 2.5}


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


def sockets(*argv: object) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("live_sockets.py")), *map(str, argv)]


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
        writer = Helper([sys.executable, __file__, "--as-writer", str(run_id)], env)
        try:
            last = int(writer.hear())
            until(lambda: answers(port))
            results = {}
            for count, rate in [(counts[0], RATE), *[(count, RATE) for count in counts], (8, 0)]:
                viewers = Helper(sockets("viewers", port, count, last, f"run.{run_id}", cookie), env)
                seen = phase(server, writer, viewers, rate=rate, seconds=seconds, count=count)
                last = seen.pop("last")
                results[f"{count}" if rate else "flat out"] = seen
            return results, results.pop("flat out")
        finally:
            writer.end()
            server.end()


def bare_phases(seconds: float, counts: list[int], size: int) -> dict[str, Any]:
    port, last, results = free_port(), 0, {}
    server = Helper(sockets("broadcast", port, size), dict(os.environ))
    try:
        server.hear()
        for count in counts:
            viewers = Helper(sockets("viewers", port, count, last, "any", ""), dict(os.environ))
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
    parser.add_argument("--as-writer", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.as_writer:
        write(args.as_writer)
        return 0
    return measure(is_quick=args.quick, is_silent=args.json)


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
