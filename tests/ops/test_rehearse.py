"""`manage.py rehearse`: one item headless from request to merge, in a home that is gone afterwards."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.program import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

KEYS = {"script", "ok", "stage", "stages", "cases", "merge_commit", "events", "facts"}


def rehearse(folder: Path, *arguments: str, seconds: float = 220) -> "subprocess.CompletedProcess[str]":
    """The command with `folder` for everything temporary; it ends by itself."""
    return subprocess.run(
        [sys.executable, "manage.py", "rehearse", *arguments],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def processes_in(folder: Path) -> list[str]:
    """Live processes whose environment names the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if (
                    str(folder).encode() in (entry / "environ").read_bytes()
                    and b") Z" not in (entry / "stat").read_bytes()
                ):
                    found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue
    return found


def test_an_item_goes_to_done_and_the_last_line_says_how(tmp_path: Path):
    done = rehearse(tmp_path, "--script", "first", "--json")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    outcome = json.loads(done.stdout.splitlines()[-1])
    assert set(outcome) == KEYS
    assert (outcome["script"], outcome["ok"], outcome["stage"]) == ("first", True, "DONE")
    assert [stage["name"] for stage in outcome["stages"]] == ["ALIGN", "PLAN", "BUILD", "VERIFY", "STITCH"]
    assert all(stage["seconds"] >= 0 for stage in outcome["stages"])
    assert outcome["cases"]["passed"] >= 9
    assert outcome["cases"]["failed"] == 0
    assert len(outcome["merge_commit"]) == 40
    facts = outcome["facts"]
    assert outcome["events"] > 100
    assert facts["failed_test_runs"] >= 1, "no attempt failed before it was repaired"
    for held in ("ledger_holds", "signature_holds", "on_branch", "transcripts_gapless"):
        assert facts[held] is True, held
    assert facts["processes_left"] == 0
    assert processes_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_an_alignment_of_every_kind_reaches_the_developer_with_every_decision(tmp_path: Path):
    done = rehearse(tmp_path, "--script", "alignment", "--json")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    outcome = json.loads(done.stdout.splitlines()[-1])
    facts = outcome["facts"]
    assert set(outcome) == KEYS
    assert (outcome["ok"], outcome["stage"]) == (True, "BUILD")
    assert (facts["ambiguities"], facts["choices"], facts["questions"], facts["question_rounds"]) == (12, 7, 5, 2)
    assert facts["keys_per_decision"] <= 2
    for name in ("own_answers", "asked_more", "deferred", "undone", "left_to_the_agent", "comments", "lint_refusals"):
        assert facts[name] >= 1, name
    assert facts["criteria_traced"] == facts["criteria"] == 6
    for held in ("low_blocked", "low_lifted", "document_used_unchanged", "picks_in_brief", "proposal_but_one_row"):
        assert facts[held] is True, held
    assert processes_in(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.timeout(900)
def test_a_frozen_plan_sends_back_merges_and_refuses_every_cheat(tmp_path: Path):
    done = rehearse(tmp_path, "--script", "frozen-plan", "--json", seconds=860)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    outcome = json.loads(done.stdout.splitlines()[-1])
    facts = outcome["facts"]
    assert (outcome["ok"], outcome["stage"]) == (True, "DONE")
    assert facts["sent_back"] == 1
    assert facts["cheats_tried"] == facts["cheats_refused"] >= 12
    assert facts["seeded_faults"] >= facts["seeded_faults_noticed"] >= 1
    assert processes_in(tmp_path) == []


def test_an_unknown_script_is_refused_with_the_names_there_are(tmp_path: Path):
    done = rehearse(tmp_path, "--script", "nobody", "--json")
    assert done.returncode != 0
    assert "nobody" in done.stderr
    assert "first" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_guardrails_drill_parks_refuses_stops_and_refunds(tmp_path: Path):
    done = rehearse(tmp_path, "--script", "guardrails", "--json")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    facts = json.loads(done.stdout.splitlines()[-1])["facts"]
    assert facts["parked"] >= 4
    assert facts["parked_for"] == ["irreversible", "trust_empty"]
    assert facts["answered_in_words"] == 1
    assert facts["refunded"] == 1
    assert facts["irreversible_refused"] == 1
    assert facts["switch_ms"] >= 0
    assert facts["writes_after_verified"] == 0
    assert facts["ledger_holds"]


def test_a_day_has_one_break_through_one_session_and_a_warning(tmp_path: Path):
    done = rehearse(tmp_path, "--script", "a-day", "--json")
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    facts = json.loads(done.stdout.splitlines()[-1])["facts"]
    assert (facts["interruptions"], facts["sessions"], facts["items"]) == (1, 1, 12)
    assert (facts["items_read"], facts["items_left"], facts["late_tabs_told"]) == (10, 2, 12)
    assert facts["notifications"] == 3  # the break-through, and two agents that asked outside quiet time
    assert facts["budget_passed"]
    assert facts["warnings"] == ["6 s per decision (median of 11); that is fast."]
    assert (facts["catch_ups"], facts["missed"], facts["ledger_holds"]) == (1, 2, True)
