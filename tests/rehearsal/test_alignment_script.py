"""The script of the alignment: what it builds is planned, red before and green after; a file is named where it is."""

from __future__ import annotations

from pathlib import Path

from leadroom.rehearsal.script import Library
from tests.rehearsal.player import play
from tests.rehearsal.test_repository import edits_applied, file_sources, fresh, outcomes
from tests.rehearsal.test_scripts import calls, one

NOT_THERE = {"docs/export.md"}
"""Named on purpose although it is not there, so that the page has a source to mark."""


def test_the_export_turns_from_red_to_green_as_planned(library: Library, tmp_path: Path) -> None:
    tree = fresh(tmp_path / "evenly")
    played = play(library, "alignment/developer", tree)
    edits_applied(played)
    before, after = played.results("run_command")
    planned = {case["node_id"] for case in one(library, "alignment/planner", "submit_plan")["cases"]}
    assert "passed" not in before
    assert {outcomes(after)[node] for node in planned} == {"PASSED"}
    (report,) = played.of("report")
    assert (report["status"], report["tests"]) == ("COMPLETE", {"green": 32, "red": 0, "not_run": 0})
    for uri in file_sources(library, "alignment/developer"):
        assert_there(tree, uri)


def test_every_named_file_but_one_is_where_it_is_named(library: Library, tmp_path: Path) -> None:
    base = fresh(tmp_path / "evenly")
    for name in ("requirements", "requirements/2", "planner", "reviewer"):
        for uri in set(file_sources(library, f"alignment/{name}")) - NOT_THERE:
            assert_there(base, uri)
    assert not [path for path in NOT_THERE if (base / path).exists()]


def assert_there(tree: Path, uri: str) -> None:
    path, _, line = uri.partition(":")
    assert (tree / path).read_text().splitlines()[int(line) - 1].strip(), uri


def test_every_document_and_the_plan_agree(library: Library) -> None:
    documents = [
        call.input
        for name in ("alignment/requirements", "alignment/requirements/2")
        for call in calls(library, name)
        if call.name == "submit_document"
    ]
    criteria = [[c for goal in body["goals"] for c in goal["criteria"]] for body in documents]
    assert len(documents) >= 5
    assert all(listed == criteria[0] for listed in criteria), "ids and texts of criteria stay through every revision"
    asked = {f"A-{n:03d}" for n in range(1, 8)} | {f"Q-{n:03d}" for n in range(1, 4)}
    assert {cause for c in criteria[0] for cause in c["because"]} == asked | {"request"}
    cases = one(library, "alignment/planner", "submit_plan")["cases"]
    assert {criterion for case in cases for criterion in case["criteria"]} == {c["id"] for c in criteria[0]}
