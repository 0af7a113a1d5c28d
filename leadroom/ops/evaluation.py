"""Runs labelled reports through the triage engine, one by one in order of time, in a database of its own.

A child process does the work: its data folder is temporary, and on Postgres it gets a schema that is dropped
afterwards, so nothing of the user's is read or written.
"""

import contextlib
import csv
import datetime as dt
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from django.contrib.auth import get_user_model
from psycopg import sql

from leadroom.lib.actors import system
from leadroom.lib.clock import now
from leadroom.lib.errors import BadInput

CUTS = (1, 5, 10)
COLUMNS = ("newer", "older", "kind", "state", "by_itself", "rule", "probability", "verdict", "engine", "evidence")
BY = system("triage_eval")
INSIDE = "LEADROOM_EVALUATION"
"""Environment mark of the child process, so that nobody runs the inner part over real data."""


@dataclass
class Tally:
    """What is counted while reports come in. `groups` and `ids` are by position; `place` is finding to position.

    `shown` is labelled group to the findings that stand for its reports on a page: each one's own, or the oldest of
    the findings it was linked to by itself.
    """

    ids: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    place: dict[int, int] = field(default_factory=dict)
    shown: dict[str, set[int]] = field(default_factory=dict)
    families: dict[str, str] = field(default_factory=dict)
    hits: dict[int, int] = field(default_factory=lambda: dict.fromkeys(CUTS, 0))
    milliseconds: list[float] = field(default_factory=list)
    duplicates: int = 0
    links: int = 0
    wrong: int = 0
    suggested: int = 0


def in_a_child(path: Path, links: Path | None, database: str) -> dict[str, Any]:
    """The figures of a file. Raises BadInput when it cannot be read or the child could not finish."""
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="leadroom-eval-"))
        env = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "LEADROOM_HOME"}}
        env |= {"LEADROOM_HOME": home, INSIDE: "1"}
        if database.startswith(("postgres://", "postgresql://")):
            env["DATABASE_URL"] = stack.enter_context(scratch_schema(database))
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "triage_eval", str(path.resolve()), "--json"]
        if links:
            command += ["--links", str(links.resolve())]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BadInput(done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "The evaluation stopped.")
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


@contextlib.contextmanager
def scratch_schema(url: str) -> Iterator[str]:
    """A schema of its own in a Postgres database, dropped afterwards; gives the address that uses it."""
    name = f"leadroom_eval_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        try:
            yield f"{url}{'&' if '?' in url else '?'}options=-c%20search_path%3D{name}"
        finally:
            connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(name)))


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """Rows of a JSON lines file, plain or compressed. Raises BadInput naming the first line that is not a report."""
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _checked(line, number)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {error}.") from error


def _checked(line: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
        return {
            "id": str(row["id"]), "project": str(row["project"]), "title": str(row["title"] or ""),
            "body": str(row["body"] or ""), "created": float(row["created"]),
            "group": str(row["duplicate_group"]), "related": [str(one) for one in row.get("related", ())],
            "distinct": [str(one) for one in row.get("distinct", ())],
        }  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"Line {number} is not a report ({error!r}); docs/triage.md has the format.") from error


def families_of(path: Path) -> dict[str, str]:
    """Id to one id of its family, for all that the labels join: a group, a related pair, and pairs of such pairs.

    Labels name pairs, each beside its neighbour; a star names the oldest. A clone of a clone of a report is no false
    link to that report, so what the labels join step by step is legitimate.
    """
    parent: dict[str, str] = {}

    def top(one: str) -> str:
        while parent.setdefault(one, one) != one:
            one = parent[one]
        return one

    for row in rows_of(path):
        for other in ([row["group"]] if row["group"] != row["id"] else []) + row["related"]:
            parent[top(row["id"])] = top(other)
    return {one: top(one) for one in list(parent)}


def in_order(path: Path) -> Iterator[dict[str, Any]]:
    """Rows in order of time; a file that is in order already is never held in memory."""
    last, is_sorted = float("-inf"), True
    for row in rows_of(path):
        is_sorted, last = is_sorted and row["created"] >= last, row["created"]
    if is_sorted:
        return rows_of(path)
    return iter(sorted(rows_of(path), key=lambda row: row["created"]))


def run(path: Path, links: Path | None) -> dict[str, Any]:
    """The inner part: migrates the empty database, takes every report in, and returns the figures."""
    if not os.environ.get(INSIDE):
        raise BadInput("This part runs only in a child process with a database of its own.")
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    before = memory("VmRSS", reset=True)
    from leadroom.triage.engine import model

    model.load()
    tally = Tally(families=families_of(path))
    projects: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        writer = None
        if links:
            writer = csv.writer(stack.enter_context(open(links, "w", newline="", encoding="utf-8")))
            writer.writerow(COLUMNS)
        for row in in_order(path):
            if row["project"] not in projects:
                projects[row["project"]] = _project(len(projects))
            for line in _take(row, projects[row["project"]], tally):
                if writer:
                    writer.writerow(line)
    return _figures(tally, memory("VmHWM") - before)


def _project(number: int) -> int:
    from leadroom.projects.actions import create_project

    people = get_user_model()
    lead = people.objects.filter(username="evaluation").first() or people.objects.create_user("evaluation")
    name = f"Evaluated {number}"
    return create_project(name=name, source_path="/nowhere", default_branch="main", lead=lead, by=BY, now=now()).pk


def _take(row: Mapping[str, Any], project_id: int, tally: Tally) -> list[tuple[Any, ...]]:
    """Takes one report in, counts, and returns its links as lines for the CSV."""
    from leadroom.triage import actions
    from leadroom.triage.models import Link

    title = row["title"].strip() or row["body"].strip()[:80] or "(no title)"
    seen = dt.datetime.fromtimestamp(row["created"], dt.UTC)
    began = time.perf_counter()
    taken = actions.bring_in(project_id=project_id, title=title, body=row["body"], severity="info", by=BY, now=seen)
    tally.milliseconds.append((time.perf_counter() - began) * 1000)
    tally.place[taken.finding.pk] = len(tally.ids)
    tally.ids.append(row["id"])
    tally.groups.append(row["group"])
    if row["group"] in tally.shown:
        tally.duplicates += 1
        same = [one.root_id in tally.shown[row["group"]] for one in taken.judgement.order[: CUTS[-1]]]
        for cut in CUTS:
            tally.hits[cut] += any(same[:cut])
    tally.shown.setdefault(row["group"], set()).add(taken.finding.root_pk)
    lines = []
    if taken.judgement.link or taken.judgement.suggestions:
        for link in Link.objects.filter(newer_id=taken.finding.pk).order_by("pk"):
            lines.append(_line(link, row, tally))
    return lines


def _group(tally: Tally, finding_id: int) -> str:
    return tally.groups[tally.place[finding_id]]


def _line(link: Any, row: Mapping[str, Any], tally: Tally) -> tuple[Any, ...]:
    older = tally.ids[tally.place[link.older_id]]
    verdict = _verdict(tally, row, older, _group(tally, link.older_id))
    if link.by_itself:
        tally.links += 1
        tally.wrong += verdict == "outside"
    else:
        tally.suggested += 1
    evidence = json.dumps(link.evidence, sort_keys=True, ensure_ascii=False)
    return (
        row["id"], older, link.kind, link.state, int(link.by_itself), link.evidence["rule"],
        f"{link.probability:.4f}", verdict, link.engine, evidence,
    )  # fmt: skip


def _verdict(tally: Tally, row: Mapping[str, Any], older: str, group: str) -> str:
    """`same` group, `related` pair, `joined` by several labelled pairs, or `outside` of all labels."""
    if older in row["distinct"]:
        return "outside"
    if group == row["group"]:
        return "same"
    if older in row["related"]:
        return "related"
    mine = tally.families.get(row["id"])
    return "joined" if mine is not None and mine == tally.families.get(older) else "outside"


def _figures(tally: Tally, peak_kb: int) -> dict[str, Any]:
    times = sorted(tally.milliseconds) or [0.0]
    shares = {f"recall_at_{cut}": round(tally.hits[cut] / max(1, tally.duplicates), 4) for cut in CUTS}
    return {
        "reports": len(tally.ids),
        "duplicates": tally.duplicates,
        **shares,
        "auto_links": tally.links,
        "auto_correct": tally.links - tally.wrong,
        "auto_wrong": tally.wrong,
        "suggested": tally.suggested,
        "insert_ms_p50": round(times[len(times) // 2], 2),
        "insert_ms_p95": round(times[min(len(times) - 1, len(times) * 95 // 100)], 2),
        "peak_mb": round(max(0, peak_kb) / 1024, 1),
    }


def memory(name: str, *, reset: bool = False) -> int:
    """Resident memory of this process in kB: `VmRSS` now, `VmHWM` the most since the reset."""
    if reset:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
