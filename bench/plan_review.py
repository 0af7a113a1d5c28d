"""Reviewing a test plan of 30 cases: how long the page, a kept mark and the sending take, and how many keys a case.

    python bench/plan_review.py [--cases 30] [--rounds 60] [--json]

In this process against a SQLite file of its own: a critical plan read by two agents, with one earlier round, its page
as a signed-in person gets it (templates, middleware and queries; no network, no browser). The page is asked for 60
times, one kept mark 60 times; times are by the clock, so that a busy machine shows, and `cpu_ms` is beside them. Keys a
case: `j` to the case and one of `a` `r` `d`, counted in tests/e2e/test_plan_review.py. The last line of the output is
JSON. Exit code 1 when a target is missed.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TARGET_P95_MS = 200
KEYS = 2
WARM_UP = 3


def prepare(home: Path) -> None:
    """A data folder with an empty database, and Django on it as the web process has it."""
    for name in ("run", "log", "keys", "projects"):
        (home / name).mkdir(parents=True, exist_ok=True)
    os.environ.update({"LEADROOM_HOME": str(home), "DJANGO_SETTINGS_MODULE": "leadroom.settings"})
    sys.path.insert(0, str(ROOT))
    import django

    django.setup()
    from django.core.management import call_command

    import leadroom.asgi  # noqa: F401

    call_command("migrate", verbosity=0)


def timed(rounds: int, work: Callable[[], Any]) -> list[float]:
    """Milliseconds of each round, after some that warm up."""
    found = []
    for n in range(rounds + WARM_UP):
        began = time.perf_counter()
        work()
        if n >= WARM_UP:
            found.append((time.perf_counter() - began) * 1000)
    return found


def figures(samples: list[float]) -> dict[str, float]:
    ordered = sorted(samples)
    return {
        "p50_ms": round(statistics.median(ordered), 1),
        "p95_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], 1),
        "max_ms": round(ordered[-1], 1),
    }


def measure(cases: int, rounds: int) -> dict[str, Any]:
    """The page, a kept mark, and the sending of a plan with so many cases."""
    from django.conf import settings
    from django.test import Client
    from django.urls import reverse

    from leadroom.testplans.rules import BLIND_SPOTS
    from tests import factories as f
    from tests.support.wide_plans import make_wide_plan, make_wide_round

    settings.ALLOWED_HOSTS = ["*"]
    project = f.make_project()
    plan = make_wide_round(make_wide_plan(project, count=cases, risk="critical", reviewers=2))
    client = Client()
    client.force_login(f.lead_of(project))
    page, keep = reverse("plans:detail", args=[plan.pk]), reverse("plans:keep", args=[plan.pk])
    marks = {f"mark-{case.key}": "approve" for case in plan.cases.all()}
    seen = {"seen": plan.digest}
    size = len(client.get(page).content)
    began_cpu = time.process_time()
    shown = figures(timed(rounds, lambda: client.get(page)))
    cpu = (time.process_time() - began_cpu) / (rounds + WARM_UP) * 1000
    kept = figures(timed(rounds, lambda: client.post(keep, {**seen, **marks}, headers={"HX-Request": "true"})))
    began = time.perf_counter()
    sent = client.post(
        reverse("plans:send", args=[plan.pk]), {**seen, **marks, "verdict": "approve", "blind_spot": list(BLIND_SPOTS)}
    )
    milliseconds = (time.perf_counter() - began) * 1000
    if sent.status_code != 302:
        raise SystemExit(f"The review was refused: {sent.status_code}")
    return {
        "cases": cases,
        "page": {**shown, "cpu_ms": round(cpu, 1), "bytes": size},
        "kept_mark": kept,
        "send_ms": round(milliseconds, 1),
        "keys_a_case": KEYS,
        "load_average": os.getloadavg()[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--json", action="store_true", help="only the last line")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadroom-bench-") as folder:
        prepare(Path(folder))
        found = measure(given.cases, given.rounds)
    is_met = found["page"]["p95_ms"] < TARGET_P95_MS
    if not given.json:
        for name in ("page", "kept_mark"):
            print(f"{name:10} " + "  ".join(f"{key} {value:>8}" for key, value in found[name].items()))
        verdict = "met" if is_met else f"MISSED (load average {found['load_average']:.1f})"
        print(f"send       {found['send_ms']} ms; target: page p95 below {TARGET_P95_MS} ms: {verdict}")
    print(json.dumps({**found, "target_p95_ms": TARGET_P95_MS, "is_met": is_met}))
    raise SystemExit(0 if is_met else 1)


if __name__ == "__main__":
    main()
