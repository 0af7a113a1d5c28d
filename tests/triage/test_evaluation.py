"""`triage_eval`: the same figures and the same links again, in a database of its own; the golden set holds."""

import csv
import gzip
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from leadroom.ops.evaluation import COLUMNS
from leadroom.ops.management.commands.triage_drift import GOLDEN
from leadroom.pipeline.tasks import check_engine
from leadroom.triage import actions
from leadroom.triage.enums import LinkState
from leadroom.triage.models import DriftCheck, Finding
from leadroom.triage.queries import last_check, needs_check
from leadroom.triage.versions import installed
from tests import factories as f
from tests.support.snapshot import changed_tables, snapshot

pytestmark = pytest.mark.django_db

KEYS = [
    "reports", "duplicates", "recall_at_1", "recall_at_5", "recall_at_10", "auto_links", "auto_correct", "auto_wrong",
    "suggested", "insert_ms_p50", "insert_ms_p95", "peak_mb",
]  # fmt: skip


def evaluate(path: Path, links: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    call_command("triage_eval", str(path), "--json", "--links", str(links))
    figures: dict[str, float] = json.loads(capsys.readouterr().out)
    return figures


def test_the_golden_set_has_no_wrong_link_and_the_right_group_in_the_first_three(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot()
    figures = evaluate(GOLDEN, tmp_path / "links.csv", capsys)
    assert list(figures) == KEYS
    assert (figures["reports"], figures["duplicates"], figures["auto_wrong"]) == (30, 9, 0)
    with open(tmp_path / "links.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    rightly = {row["newer"] for row in rows if row["verdict"] == "same"}
    group_of = {row["id"]: row["duplicate_group"] for row in map(json.loads, GOLDEN.read_text().splitlines())}
    later = {name for name, group in group_of.items() if name != group}
    firsts = {min((n for n in group_of if group_of[n] == g), key=list(group_of).index) for g in group_of.values()}
    assert later - firsts <= rightly
    assert changed_tables(before) == {}
    assert not Finding.objects.exists()


def test_a_second_run_decides_the_same_byte_for_byte(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = tmp_path / "golden.jsonl.gz"
    packed.write_bytes(gzip.compress(GOLDEN.read_bytes()))
    for name, path in (("a.csv", GOLDEN), ("b.csv", packed)):
        evaluate(path, tmp_path / name, capsys)
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    assert (tmp_path / "a.csv").read_text().splitlines()[0].split(",") == list(COLUMNS)


def test_a_line_that_is_no_report_is_named(tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(GOLDEN.read_text().splitlines()[0] + '\n{"id": 1}\n')
    with pytest.raises(CommandError, match="Line 2 is not a report"):
        call_command("triage_eval", str(path), "--json")


def test_the_drift_check_is_stored_and_asked_for_once_per_engine_and_rubric(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert needs_check(last_check())
    call_command("triage_drift")
    check = last_check()
    assert check is not None
    assert check.is_good
    assert check.figures["reports"] == 30
    assert not needs_check(last_check())
    call_command("triage_drift", "--if-changed")
    assert DriftCheck.objects.count() == 1
    with monkeypatch.context() as patched:
        patched.setattr("leadroom.triage.versions.RUBRIC", "rubric-999")
        assert needs_check(last_check())
    assert not needs_check(last_check())
    started: list[tuple[object, ...]] = []
    monkeypatch.setattr("leadroom.pipeline.placement.start_program", lambda *words: started.append(words))
    check_engine()
    assert started == []
    DriftCheck.objects.update(engine="an earlier one")
    assert needs_check(last_check())
    check_engine()
    assert started == [("triage_drift", "triage-drift", "--if-changed")]


def test_an_engine_that_drifted_asks_before_it_links_and_still_knows_copies() -> None:
    project, by = f.make_project(), f.PIPELINE
    body = "**Test:** `tests/test_shares.py::test_rest`\n**Error:** `AssertionError: assert 333 == 334`\n"
    body += "**Commit:** `a24c9d6bc9`"

    def bring(title: str, said: str) -> Finding:
        taken = actions.bring_in(
            project_id=project.pk, title=title, body=f"{body}\n{said}", severity="minor", by=by, now=f.NOW
        )
        return taken.finding

    first = bring("The rest of a share is lost", "Seen in the nightly run of the suite.")
    assert bring("Shares lose their rest", "The same cent again, in the run before the merge.").root_id == first.pk
    DriftCheck.objects.create(engine=installed(), is_good=False, figures={}, ran_at=f.NOW)
    asked = bring("One cent of the shares is missing", "It shows in every run of today.")
    assert asked.root_id is None
    assert asked.links_to_older.get().state == LinkState.SUGGESTED
    assert bring("The rest of a share is lost", "Seen in the nightly run of the suite.").root_id == first.pk
