"""The read-only switch: how long after the press the last side effect comes, how long until it is proven, what is late.

    python bench/switch.py [--agents 8] [--switches 20] [--simulated 200] [--minutes 0] [--quick] [--json]

The claims: `--agents 8 --switches 20` (last effect and proof), `--agents 1 --switches 1000 --simulated 0` (nothing
after a thousand proofs; some 20 minutes on two cores), and 200 simulated agents, which are part of every run that does
not say `--simulated 0`. `--minutes` ends the loop early, and the result says how many switches it made. A real agent is
`hold_run` itself in a process of its own, whose session writes as fast as it can everywhere at once: files and
refs every 2 ms from inside the sandbox (a daemonised child of it as well), and records and commits through the gate. A
simulated one is a sandbox whose writer writes twice a second, 25 to a process. Every write carries its time; the press
is the action a page calls; the proof is the worker's. The last line of the output is JSON. Exit code 1 for a write
after the proof.
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TARGETS = {"last_effect_ms_p95": {"8": 500, "200": 2000}, "verified_s_p95": {"8": 5, "200": 15}}
PER_PROCESS, LATE_SECONDS = 25, 0.25
AGENTS = Path(__file__).with_name("switch_agents.py")
# the bench


class Helper:
    """A process of agents that talks in lines."""

    def __init__(self, kind: str) -> None:
        from leadroom.ops.children import dies_with_parent

        self.kind = kind
        argv = [sys.executable, str(AGENTS), kind]
        self.process = subprocess.Popen(argv, cwd=ROOT, text=True, stdin=-1, stdout=-1, preexec_fn=dies_with_parent())

    def hear(self) -> bool:
        """Waits for a line; False when the process was ended."""
        assert self.process.stdout is not None
        return bool(self.process.stdout.readline())

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextlib.contextmanager
def stage(agents: int) -> Iterator[list[int]]:
    """A project with that many developers' runs, each with a tree; nothing else of Leadroom runs."""
    folder = Path(tempfile.mkdtemp(prefix="lr-switch-", dir="/tmp"))
    home = folder / "home"
    os.environ |= {"LEADROOM_HOME": str(home), "LEADROOM_CEILING": "64", "LEADROOM_PROCESS": "holder"}
    os.environ |= {"DJANGO_SETTINGS_MODULE": "leadroom.settings", "PYTHONPATH": str(ROOT)}
    for name in ("REDIS_URL", "DATABASE_URL"):
        os.environ.pop(name, None)
    sys.path.insert(0, str(ROOT))
    from bench.switch_agents import become_django

    become_django()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    try:
        yield furnish(folder, agents)
    finally:
        from leadroom.pipeline.locking import end_everything

        end_everything()
        shutil.rmtree(folder, ignore_errors=True)


def furnish(folder: Path, agents: int) -> list[int]:
    from leadroom.agents.actions import set_endpoint
    from leadroom.agents.enums import Role
    from leadroom.lib.clock import now
    from tests import factories as f
    from tests.worktrees.repositories import small_repository

    lead = f.make_user("lead", is_superuser=True)
    project = f.make_project(lead, source=str(small_repository(folder / "user" / "shop").path))
    where = {"base_url": "http://127.0.0.1:1", "model": "none", "key": "none"}
    set_endpoint(project=project, role="", by=f.human(lead), now=now(), **where)
    return [f.make_run(f.make_item(project), Role.DEVELOPER).pk for _ in range(agents)]


def round_of(runs: list[int], helpers: list[Helper]) -> dict[str, float]:
    """Let all agents write, press, prove, look for later writes, open again. Milliseconds and seconds."""
    from leadroom.guardrails import actions, scopes
    from leadroom.guardrails.enums import Lock
    from leadroom.lib.clock import now
    from leadroom.pipeline import locking
    from tests import factories as f

    user = f.human(lead_user())
    trees = start(runs, helpers)
    until(lambda: all((tree / "daemon.txt").exists() for tree in trees) or failed(runs), 240)
    if reason := failed(runs):
        raise SystemExit(f"an agent of the bench could not work: {reason}")
    time.sleep(0.2)
    pressed, began = time.time_ns(), time.monotonic()
    switch = actions.press(scope=scopes.EVERYTHING, level=Lock.READ_ONLY, reason="", by=user, now=now())
    while not locking.settle(switch):
        time.sleep(0.05)
        switch.refresh_from_db()
        if time.monotonic() - began > 60:
            raise SystemExit(f"not proven in 60 s: {switch.checks}")
    verified = time.monotonic() - began
    last, before = last_effect(runs, trees), shape_of(runs, trees)
    time.sleep(LATE_SECONDS)
    late = sum(a != b for a, b in zip(before, shape_of(runs, trees), strict=True))
    ended = [number for number, helper in enumerate(helpers) if not helper.hear()]
    for number in ended:  # a holder that did not put its work down in time is ended from outside, and the bench goes on
        helpers[number].end()
        helpers[number] = Helper(helpers[number].kind)
        helpers[number].hear()
    actions.release(scope=scopes.EVERYTHING, seen_epoch=switch.epoch, by=user, now=now())
    for tree in trees:
        (tree / "daemon.txt").unlink(missing_ok=True)
    return {
        "last_effect_ms": max(0.0, (last - pressed) / 1e6),
        "verified_s": verified,
        "late": late,
        "ended": len(ended),
    }


def lead_user() -> Any:
    from django.contrib.auth import get_user_model

    return get_user_model().objects.get(username="lead")


def failed(runs: list[int]) -> str:
    from leadroom.agents.models import Run

    return str(Run.objects.filter(pk__in=runs, state="FAILED").values_list("failure", flat=True).first() or "")


def start(runs: list[int], helpers: list[Helper]) -> list[Path]:
    """Queue every run again, claim it, and hand it to its helper."""
    from leadroom.agents import holding
    from leadroom.agents.actions import retry
    from leadroom.agents.enums import RunState
    from leadroom.agents.models import Run
    from leadroom.lib.clock import now
    from leadroom.lib.leases import boot_id
    from tests import factories as f

    by, lines = f.human(lead_user()), []
    for run in Run.objects.filter(pk__in=runs).select_related("item__project").order_by("pk"):
        if run.state != RunState.QUEUED:
            retry(run=run, by=by, now=now())
        from django.conf import settings

        generation = holding.claim(run_id=run.pk, ceiling=999, host=settings.HOST_NAME, boot_id=boot_id(), now=now())
        lines.append((run, generation))
    share = len(lines) // len(helpers)
    for number, helper in enumerate(helpers):
        mine = lines[number * share : (number + 1) * share]
        one = len(mine) == 1 and share == 1
        helper.tell(f"{mine[0][0].pk} {mine[0][1]}" if one else " ".join(str(run.pk) for run, _ in mine))
    return [run.item.project.folder / "trees" / f"run-{run.pk}" for run, _ in lines]


def places_of(tree: Path) -> list[Path]:
    return [tree / "child.txt", tree / "daemon.txt", *(tree / ".git" / "refs" / "leadroom").glob("*")]


def last_effect(runs: list[int], trees: list[Path]) -> int:
    """When the last write of any kind was, in ns of the wall clock: by what it says and by the kernel's ctime."""
    from leadroom.agents.models import RunEvent

    times = [0]
    for tree in trees:
        for place in places_of(tree):
            with contextlib.suppress(OSError):
                times.append(place.stat().st_ctime_ns)
    for event in RunEvent.objects.filter(run_id__in=runs, kind="phase").order_by("-pk")[: len(runs)]:
        times.append(int(event.at.timestamp() * 1e9))
    return max(times)


def shape_of(runs: list[int], trees: list[Path]) -> list[object]:
    """Everything that must not change any more: files, refs, records."""
    from leadroom.ledger.models import Entry
    from leadroom.pipeline.proof import digest_of_trees
    from leadroom.worktrees.models import Worktree

    records = Entry.objects.filter(actor_kind="agent").count()
    heads = list(Worktree.objects.filter(run_id__in=runs).order_by("pk").values_list("head", flat=True))
    return [digest_of_trees(trees), records, heads]


def until(condition: Any, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("the agents of the bench did not start to write in time")
        time.sleep(0.05)


def p95(values: list[float]) -> float:
    return sorted(values)[max(0, -(-len(values) * 95 // 100) - 1)]


def measure(agents: int, switches: int, kind: str, minutes: float) -> dict[str, Any]:
    rounds: list[dict[str, float]] = []
    with stage(agents) as runs:
        from leadroom.sandbox.selftest import check_isolation

        if check_isolation().level < 1:
            raise SystemExit(check_isolation().reason)
        helpers: list[Helper] = []
        try:
            for _ in range(agents if kind == "real" else -(-agents // PER_PROCESS)):
                helpers.append(Helper(kind))
                helpers[-1].hear()
            began = time.monotonic()
            while len(rounds) < switches and not 0 < minutes * 60 < time.monotonic() - began:
                rounds.append(round_of(runs, helpers))
                if len(rounds) % 50 == 0:
                    late = int(sum(one["late"] for one in rounds))
                    print(f"{len(rounds)} switches, {late} late writes", file=sys.stderr, flush=True)
        finally:
            for helper in helpers:
                helper.end()
    return {
        "agents": agents,
        "switches": len(rounds),
        "last_effect_ms_p95": round(p95([one["last_effect_ms"] for one in rounds]), 1),
        "last_effect_ms_max": round(max(one["last_effect_ms"] for one in rounds), 1),
        "verified_s_p95": round(p95([one["verified_s"] for one in rounds]), 3),
        "verified_s_max": round(max(one["verified_s"] for one in rounds), 3),
        "ended_from_outside": int(sum(one["ended"] for one in rounds)),
        "late_writes": int(sum(one["late"] for one in rounds)),
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--switches", type=int, default=20)
    parser.add_argument("--simulated", type=int, default=200, help="agents of the large round, 0 for none")
    parser.add_argument("--minutes", type=float, default=0, help="end the loop after so long; 0 for never")
    parser.add_argument("--quick", action="store_true", help="3 switches, 25 simulated agents")
    parser.add_argument("--json", action="store_true", help="only the result")
    parser.add_argument("--kind", choices=("real", "simulated"), default="real", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.quick:
        asked.switches, asked.simulated = 3, 25
    facts = measure(asked.agents, asked.switches, asked.kind, asked.minutes)
    if asked.simulated:
        command = [sys.executable, __file__, "--json", "--kind", "simulated", "--simulated", "0"]
        command += ["--agents", str(asked.simulated), "--switches", str(min(asked.switches, 5))]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if not done.stdout.strip():
            return done.returncode or 1
        facts["simulated"] = json.loads(done.stdout.splitlines()[-1])
    if not asked.json:
        print(f"{facts['agents']} agents, {facts['switches']} switches; targets {json.dumps(TARGETS)}")
    print(json.dumps(facts))
    return int(bool(facts["late_writes"] or facts.get("simulated", {}).get("late_writes")))


if __name__ == "__main__":
    sys.exit(main())
