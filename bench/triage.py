"""Taking a report in at 10,000 and 100,000 reports: milliseconds and memory, on SQLite and Postgres.

    python bench/triage.py [--sizes 10000 100000] [--backend sqlite postgres] [--inserts 300] [--json]
    python bench/triage.py --copies 10000 [--backend sqlite] [--json]

The project is filled with made-up reports (words by Zipf's law, facts as in the template) by the engine's own
extraction and index, in bulk; then, in a process of its own, real calls of `bring_in` are timed: extraction, both
searches, ranking, guard, links, ledger entry and commit. Memory is what that process grew by at its peak.
Between the calls a fixed loop is timed: `loop_ms` is its median under the load there was, `p50_loops` and `p95_loops`
are the calls in loops, which mean the same on a slow or a busy machine, and `cpu_p50_ms` is processor time alone.
With `--copies` one report comes that often into an empty project, by the same call: seconds in all, the calls of the
last 500, how many findings lead a group (one, or the bar is missed), and how long the inbox takes afterwards.
The last line is JSON. Exit code 1 when a bar of docs/triage.md is missed.
"""

import argparse
import bisect
import contextlib
import datetime as dt
import hashlib
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from triage_inbox import BAR_MS, timed

ROOT = Path(__file__).resolve().parents[1]
AT_THE_END = 500
INBOX_ROUNDS = 40
BARS = {"p50_ms": 25.0, "p95_ms": 60.0, "peak_mb": 100.0}
WORDS = 40_000
BATCH, DISTINCT = 5_000, 20_000
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


def made_up(count: int, seed: int) -> Iterator[tuple[str, str]]:
    """Titles and bodies; one in five tells again of an earlier matter in other words."""
    dice = random.Random(seed)
    weights = list(itertools.accumulate(1 / (rank + 2.7) for rank in range(WORDS)))
    names = [_word(number) for number in range(WORDS)]

    def some(n: int) -> list[str]:
        return [names[bisect.bisect(weights, dice.random() * weights[-1])] for _ in range(n)]

    matters: list[tuple[list[str], str]] = []
    for _ in range(count):
        if matters and dice.random() < 0.2:
            words, facts = matters[dice.randrange(len(matters))]
        else:
            words = some(14)
            path, symbol = f"src/{words[0]}/{words[1]}.py", f"{words[2]}_{words[3]}"
            facts = f"**Where:** `{path}:{dice.randrange(900)}` in `{symbol}`\n**Error:** `ValueError: {words[4:9]}`"
            matters = [*matters[-5000:], (words, facts)] if len(matters) < 5000 else matters
            if len(matters) >= 5000:
                matters[dice.randrange(5000)] = (words, facts)
        title = " ".join([*dice.sample(words, 5), *some(3)])
        yield title, f"{' '.join(some(60))}\n{' '.join(words)}\n{facts}\n{' '.join(some(20))}"


def _word(number: int) -> str:
    parts = ("ba", "ce", "di", "fo", "gu", "la", "me", "ni", "po", "ru", "sta", "ve")
    word = ""
    number += 12
    while number:
        number, part = divmod(number, len(parts))
        word += parts[part]
    return word


def fill(size: int) -> None:
    """Puts `size` reports into the project, in bulk, as `bring_in` would have one by one.

    Beyond DISTINCT the same reports come again with another digest of their text: rare words are then less rare than in
    real life, so a search reads more. Reading a hundred thousand texts would take most of the bench's time.
    """
    from django.db import transaction

    from leadroom.projects.models import Project
    from leadroom.triage.engine import extraction, model, terms
    from leadroom.triage.models import Finding, Shelf

    project, _ = Project.objects.get_or_create(slug="bench", defaults={"name": "bench", "created_at": START})
    shelf, _ = Shelf.objects.get_or_create(project=project)
    background = model.load().background
    read: list[tuple[str, str, Any, Any, list[int]]] = []
    known: Counter[int] = Counter()
    for number, (title, body) in enumerate(made_up(min(size, DISTINCT), 1)):
        facts = extraction.extract(title, body)
        weights, in_title = terms.counted(title, body, facts)
        seen_in = {key: known[key] for key in map(terms.key_of, weights)}
        one = terms.heaviest(weights, in_title, terms.rarities(weights, seen_in, number, background))
        known.update(seen_in.keys())
        read.append((title, body, facts.plain(), one, [terms.key_of(term) for term in weights]))
    for begin in range(shelf.reports, size, BATCH):
        numbers = range(begin, min(size, begin + BATCH))
        batch = [read[number % len(read)] for number in numbers]
        with transaction.atomic():
            findings = Finding.objects.bulk_create(
                Finding(
                    project=project, title=title, body=body, seen_at=seen, last_seen_at=seen, facts=facts,
                    terms=one.packed(), same_text=f"made up {number}", extractor=extraction.VERSION,
                )
                for number, (title, body, facts, one, _) in zip(numbers, batch, strict=True)
                for seen in [START + dt.timedelta(minutes=number)]
            )  # fmt: skip
            rows = [
                (project.pk, term, finding.pk, weight)
                for finding, (_, _, _, one, _) in zip(findings, batch, strict=True)
                for term, weight in _rows(one)
            ]
            _insert("triage_posting", "project_id, term, finding_id, weight", sorted(rows))
    tally = Counter(key for number in range(size) for key in read[number % len(read)][4])
    _insert("triage_termcount", "project_id, term, count", [(project.pk, *pair) for pair in sorted(tally.items())])
    Shelf.objects.filter(pk=shelf.pk).update(reports=size)


def _insert(table: str, columns: str, rows: list[tuple[int, ...]]) -> None:
    """Plain statements of many rows: millions of postings are too many for objects."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        if table == "triage_termcount":
            cursor.execute("DELETE FROM triage_termcount")
        marks = f"({','.join(['%s'] * (columns.count(',') + 1))})"
        for begin in range(0, len(rows), 1_000):
            part = rows[begin : begin + 1_000]
            values = [number for row in part for number in row]
            cursor.execute(f"INSERT INTO {table} ({columns}) VALUES {','.join([marks] * len(part))}", values)


def _rows(weighed: Any) -> list[tuple[int, int]]:
    from leadroom.triage.engine.terms import SCALE, TITLE_MARK

    rows = [(key, weight) for key, (weight, _) in weighed.heavy.items()]
    return rows + [(key ^ TITLE_MARK, SCALE) for key in weighed.title]


def measure(size: int, inserts: int) -> dict[str, float]:
    """Times `inserts` real calls at `size` reports."""
    from django.db import connection

    from leadroom.lib.actors import system
    from leadroom.ops.evaluation import memory
    from leadroom.projects.models import Project

    project = Project.objects.get(slug="bench")
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    before = memory("VmRSS", reset=True)
    from leadroom.triage.actions import bring_in

    times, busy, loops = [], [], []
    for number, (title, body) in enumerate(made_up(inserts + 20, 1000 + size)):
        now = START + dt.timedelta(days=400, minutes=number)
        began, used = time.perf_counter(), time.process_time()
        bring_in(project_id=project.pk, title=title, body=body, severity="minor", by=system("bench"), now=now)
        if number >= 20:  # the first calls load the model and warm the database
            times.append((time.perf_counter() - began) * 1000)
            busy.append((time.process_time() - used) * 1000)
            loops.append(loop())
    peak = memory("VmHWM") - before
    p50, p95, unit = _share(times, 50), _share(times, 95), _share(loops, 50)
    return {
        "p50_ms": round(p50, 1),
        "p95_ms": round(p95, 1),
        "peak_mb": round(peak / 1024, 1),
        "cpu_p50_ms": round(_share(busy, 50), 1),
        "cpu_p95_ms": round(_share(busy, 95), 1),
        "loop_ms": round(unit, 2),
        "p50_loops": round(p50 / unit, 1),
        "p95_loops": round(p95 / unit, 1),
    }


def measure_copies(count: int) -> dict[str, float]:
    """The same report `count` times, a minute apart, through real calls; then the inbox as the lead asks for it."""
    from django.test import Client
    from django.urls import reverse

    import leadroom.asgi  # noqa: F401 - stands as the web process does
    from leadroom.lib.actors import system
    from leadroom.projects.actions import create_project
    from leadroom.projects.people import first_lead
    from leadroom.triage.actions import bring_in
    from leadroom.triage.models import Finding

    lead, by = first_lead(), system("bench")
    project = create_project(name="Bench", source_path="/nowhere", default_branch="main", lead=lead, by=by, now=START)
    title, body = next(made_up(1, 7))
    times = []
    began = time.perf_counter()
    for number in range(count):
        now, start = START + dt.timedelta(minutes=number), time.perf_counter()
        bring_in(project_id=project.pk, title=title, body=body, severity="minor", by=by, now=now)
        times.append((time.perf_counter() - start) * 1000)
    seconds = time.perf_counter() - began
    client = Client(SERVER_NAME="127.0.0.1", SERVER_PORT="8000")
    client.force_login(lead)
    inbox = timed(lambda: client.get(reverse("triage:inbox")), INBOX_ROUNDS)
    heads = Finding.objects.filter(root=None)
    return {
        "seconds": round(seconds, 1),
        "p50_ms": round(_share(times[-AT_THE_END:], 50), 1),
        "p95_ms": round(_share(times[-AT_THE_END:], 95), 1),
        "groups": heads.count(),
        "largest": max(heads.values_list("size", flat=True), default=0),
        "inbox_p50_ms": inbox["p50_ms"],
        "inbox_p95_ms": inbox["p95_ms"],
    }


def loop() -> float:
    """Milliseconds of a fixed piece of work like that of an insert: hashing, a dictionary, sorting, arithmetic."""
    began = time.perf_counter()
    counts: dict[bytes, int] = {}
    for number in range(2_000):
        key = hashlib.blake2b(number.to_bytes(4, "big"), digest_size=8).digest()
        counts[key] = number * number % 997
    sum(value for _, value in sorted(counts.items()))
    return (time.perf_counter() - began) * 1000


def _share(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def inside(step: str, number: int, inserts: int) -> None:
    """One step in a process of its own."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "leadroom.settings"
    sys.path.insert(0, str(ROOT))
    import django

    django.setup()
    if step == "migrate":
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
    elif step == "fill":
        fill(number)
    elif step == "copies":
        print(json.dumps(measure_copies(number)))
    else:
        print(json.dumps(measure(number, inserts)))


@contextlib.contextmanager
def backend(name: str) -> Iterator[dict[str, str]]:
    """Environment with an empty database of this kind."""
    sys.path.insert(0, str(ROOT))
    from tests.support import services

    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="lr-bench-"))
        env = {**os.environ, "LEADROOM_HOME": home}
        env.pop("DATABASE_URL", None)
        if name == "postgres":
            server = services.start_postgres(Path(stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp"))))
            stack.callback(server.stop)
            env["DATABASE_URL"] = server.url
        yield env


def main() -> int:
    """Fills and measures each backend at each size, smallest first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--backend", nargs="+", default=["sqlite", "postgres"], choices=("sqlite", "postgres"))
    parser.add_argument("--inserts", type=int, default=300)
    parser.add_argument("--copies", type=int, help="one report that often, instead of the sizes")
    parser.add_argument("--json", action="store_true", help="nothing but the last line")
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside(options.inside[0], int(options.inside[1]), options.inserts)
        return 0
    if options.copies:
        return copies(options)
    figures: dict[str, dict[str, float]] = {}
    for name in options.backend:
        with backend(name) as env:
            _step(env, "migrate", 0, options.inserts)
            for size in sorted(options.sizes):
                _step(env, "fill", size, options.inserts)
                one = json.loads(_step(env, "measure", size, options.inserts))
                figures[f"{name} {size}"] = one
                if not options.json:
                    print(
                        f"{name:9} {size:>8,} p50 {one['p50_ms']} ms, p95 {one['p95_ms']} ms, +{one['peak_mb']} MB; "
                        f"processor {one['cpu_p50_ms']} and {one['cpu_p95_ms']} ms; {one['p50_loops']} and "
                        f"{one['p95_loops']} loops of {one['loop_ms']} ms",
                        flush=True,
                    )
    missed = [key for key, one in figures.items() if any(one[bar] > most for bar, most in BARS.items())]
    print(json.dumps({"figures": figures, "bars": BARS, "missed": missed}))
    return 1 if missed else 0


def copies(options: argparse.Namespace) -> int:
    """`--copies`: each backend from empty."""
    figures: dict[str, dict[str, float]] = {}
    for name in options.backend:
        with backend(name) as env:
            _step(env, "migrate", 0, 0)
            one = json.loads(_step(env, "copies", options.copies, 0))
        figures[f"{name} {options.copies} copies"] = one
        if not options.json:
            print(
                f"{name:9} {options.copies:>8,} copies in {one['seconds']} s; at the end p50 {one['p50_ms']} ms, "
                f"p95 {one['p95_ms']} ms; {one['groups']} leads a group, of {one['largest']:,}; "
                f"inbox p50 {one['inbox_p50_ms']} ms, p95 {one['inbox_p95_ms']} ms",
                flush=True,
            )
    bars = {"p50_ms": BARS["p50_ms"], "p95_ms": BARS["p95_ms"], "groups": 1, "inbox_p95_ms": BAR_MS}
    missed = [key for key, one in figures.items() if any(one[bar] > most for bar, most in bars.items())]
    print(json.dumps({"figures": figures, "bars": bars, "missed": missed}))
    return 1 if missed else 0


def _step(env: dict[str, str], step: str, number: int, inserts: int) -> str:
    command = [sys.executable, str(Path(__file__)), "--inside", step, str(number), "--inserts", str(inserts)]
    return subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout


if __name__ == "__main__":
    raise SystemExit(main())
