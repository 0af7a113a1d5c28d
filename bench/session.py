"""The session page with 500 waiting items: answer times in a scratch home, no browser, no network.

    python bench/session.py [--items 500] [--rounds 60] [--json]

Times are of Django's test client: middleware, queries, template, no socket. The bar is p95 < 200 ms on every page;
processor time stands beside it, for a machine with other work.
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

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
BAR_MS = 200.0


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadroom-bench-") as home:
        os.environ |= {"LEADROOM_HOME": home, "DJANGO_SETTINGS_MODULE": "leadroom.settings"}
        os.environ.pop("DATABASE_URL", None)
        figures = measure(options.items, options.rounds)
    is_good = all(row["p95_ms"] < BAR_MS for row in figures["pages"].values())
    if options.json:
        print(json.dumps({**figures, "ok": is_good}))
    else:
        print(f"{figures['items']} items waiting, {options.rounds} rounds")
        for name, row in figures["pages"].items():
            print(
                f"{name:28} p50 {row['p50_ms']:7.1f} ms   p95 {row['p95_ms']:7.1f} ms   "
                f"cpu p95 {row['p95_cpu_ms']:6.1f} ms   {row['queries']} queries"
            )
    return 0 if is_good else 1


def measure(items: int, rounds: int) -> dict[str, Any]:
    """Seeds a home, opens the session, and times each page and a verdict."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.test import Client

    import leadroom.asgi  # noqa: F401 - stands as the web process does
    from leadroom.lib.clock import now
    from leadroom.projects.people import first_lead
    from leadroom.reading import actions
    from leadroom.reading.models import ReadingSession, SessionItem
    from tests import factories as f

    call_command("migrate", verbosity=0)
    lead = first_lead()
    seed(f.make_project(lead), items)
    client = Client(HTTP_HOST="127.0.0.1")
    client.force_login(lead)
    pages: dict[str, dict[str, float]] = {}

    def get(path: str) -> Callable[[], object]:
        return lambda: client.get(path, HTTP_HX_REQUEST="true" if path.endswith("?part") else "")

    pages["what waits"] = timed(get("/session/"), rounds)
    began = time.perf_counter()
    session = actions.start(user=lead, by=f.human(lead), now=now())
    started_ms = (time.perf_counter() - began) * 1000
    assert session.items.count() >= items
    pages["one item"] = timed(get("/session/"), rounds)
    pages["one item, fragment"] = timed(get("/session/?part"), rounds)

    def verdict() -> object:
        entry = SessionItem.objects.filter(session=session, verdict="WAITING").order_by("position")[0]
        target = {"HTTP_HX_REQUEST": "true", "HTTP_HX_TARGET": "div#session-body"}
        return client.post(f"/session/items/{entry.pk}/verdict/", {"verdict": "skip"}, **target)

    pages["a verdict"] = timed(verdict, rounds)
    pages["digest"] = timed(get(f"/session/{session.pk}/"), rounds)
    pages["room"] = timed(get("/"), rounds)
    assert ReadingSession.objects.count() == 1
    return {"items": session.items.count(), "start_ms": round(started_ms, 1), "pages": pages}


def seed(project: Any, items: int) -> None:
    """Reports and findings of one run, as rows: half wait as findings, half as reports that a rule acknowledged."""
    from leadroom.triage.models import Finding, Report
    from tests import factories as f

    first = f.make_report(f.make_item(project))
    plain = {name: getattr(first, name) for name in ("status", "severity", "suggested_action", "confidence", "body")}
    reports = Report.objects.bulk_create(
        [
            Report(item=first.item, run=first.run, filed_at=f.NOW, summary=f"Thing {n} of the group is done.", **plain)
            for n in range(items)
        ]
    )
    head = first.finding
    kept = {"same_text": "", "facts": head.facts, "terms": head.terms, "extractor": head.extractor}
    Finding.objects.bulk_create(
        [
            Finding(
                project=project,
                report=report,
                title=report.summary,
                severity=report.severity,
                seen_at=f.NOW,
                last_seen_at=f.NOW,
                state="NEW" if n % 2 else "ACKNOWLEDGED",
                **kept,
            )
            for n, report in enumerate(reports)
        ]
    )


def timed(call: Callable[[], object], rounds: int) -> dict[str, float]:
    """p50 and p95 of a call, after three to warm up; how many queries one takes."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for _ in range(3):
        call()
    with CaptureQueriesContext(connection) as captured:
        call()
    queries = len(captured)
    spent, worked = [], []
    for _ in range(rounds):
        began, busy = time.perf_counter(), time.process_time()
        answer = call()
        spent.append((time.perf_counter() - began) * 1000)
        worked.append((time.process_time() - busy) * 1000)
        assert getattr(answer, "status_code", 200) == 200, answer
    figures = {"p50_ms": statistics.median(spent), "p95_ms": statistics.quantiles(spent, n=20)[18]}
    figures["p95_cpu_ms"] = statistics.quantiles(worked, n=20)[18]
    return {**{name: round(value, 1) for name, value in figures.items()}, "queries": queries}


if __name__ == "__main__":
    sys.exit(main())
