"""The demonstration repository and what the scripts do to it: red first, then green, and mergeable."""

from __future__ import annotations

import itertools
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from leadroom.rehearsal.demo import REPOSITORY
from leadroom.rehearsal.script import Library
from tests.rehearsal.player import Played, play, run

ITEMS = ("first", "light", "critical")
LAST_PLAN = {"first": "first/planner/2", "light": "light/planner", "critical": "critical/planner"}
OVERLOOKED = "tests/test_archive.py::test_two_trips_of_one_name_are_both_kept"
ANSWER = "Yes, archive first"
Git = Callable[..., str]


def fresh(folder: Path) -> Path:
    shutil.copytree(REPOSITORY, folder, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    return folder


def cases(library: Library, item: str) -> list[str]:
    steps = library.get(LAST_PLAN[item]).steps
    plan = next(call.input for step in steps for turn in step for call in turn.tools if call.name == "submit_plan")
    return [case["node_id"] for case in plan["cases"]]


def outcomes(result: str) -> dict[str, str]:
    """What became of each test in a run's output, by node id."""
    return {node: state for state, node in re.findall(r"^(PASSED|FAILED) (\S+)", result, re.M)}


def edits_applied(played: Played) -> None:
    for call, result in played.calls:
        if call.name in ("edit_file", "write_file", "read_file", "search_files"):
            assert not result.startswith("error"), (call.input["path"], result)


@pytest.fixture(scope="module")
def git(tmp_path_factory: pytest.TempPathFactory) -> Git:
    home = tmp_path_factory.mktemp("home")
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(home), "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org",
    }  # fmt: skip

    def call(tree: Path, *arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=tree, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


@dataclass(frozen=True)
class Item:
    """An item played for real: its finished tree, and what each developer run did."""

    tree: Path
    runs: dict[str, Played]


@pytest.fixture(scope="module")
def items(library: Library, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Item]:
    """Every item, played for real from the base."""
    played = {}
    for item in ITEMS:
        tree = fresh(tmp_path_factory.mktemp("played") / item)
        played[item] = Item(
            tree, {name: play(library, name, tree, answer=ANSWER) for name in developers(library, item)}
        )
    return played


def developers(library: Library, item: str) -> list[str]:
    return [name for name in library.names if re.fullmatch(rf"{item}/developer(/\d)?", name)]


def replay(library: Library, items: dict[str, Item], item: str, tree: Path) -> None:
    """Plays an item in another tree, with the command results of the real play; every edit must apply."""
    for name, before in items[item].runs.items():
        edits_applied(play(library, name, tree, recorded=before.results("run_command"), answer=ANSWER))


def test_the_repository_is_green_as_shipped(tmp_path: Path) -> None:
    assert "24 passed" in run("python -m pytest -q", fresh(tmp_path / "evenly"))


def test_the_first_item_turns_from_red_to_green_with_one_real_mistake(library: Library, items: dict[str, Item]) -> None:
    played = items["first"].runs["first/developer"]
    edits_applied(played)
    before, broken, after = played.results("run_command")
    assert "passed" not in before
    assert {node for node, state in outcomes(broken).items() if state == "FAILED"} == {
        "tests/test_shares.py::test_no_cent_is_lost",
        "tests/test_shares.py::test_fewer_cents_than_people",
    }
    assert {outcomes(after)[node] for node in cases(library, "first")} == {"PASSED"}
    assert "34 passed" in after
    assert [call["phase"] for call in played.of("set_phase")] == ["design", "tests", "code", "self_review"]
    (report,) = played.of("report")
    assert (report["status"], report["tests"]) == ("COMPLETE", {"green": 34, "red": 0, "not_run": 0})


def test_the_light_item_turns_from_red_to_green(library: Library, items: dict[str, Item]) -> None:
    played = items["light"].runs["light/developer"]
    edits_applied(played)
    before, after = played.results("run_command")
    assert {outcomes(before)[node] for node in cases(library, "light")} == {"FAILED"}
    assert {outcomes(after)[node] for node in cases(library, "light")} == {"PASSED"}
    assert played.of("report")[0]["tests"] == {"green": 30, "red": 0, "not_run": 0}


def test_the_critical_item_overlooks_a_case_and_repairs_it(library: Library, items: dict[str, Item]) -> None:
    first, second = items["critical"].runs.values()
    planned = set(cases(library, "critical"))
    edits_applied(first)
    edits_applied(second)
    assert len(first.of("ask")) == 1
    before, written, everything = first.results("run_command")
    assert "passed" not in before
    assert planned - set(outcomes(written)) == {OVERLOOKED}
    assert "failed" not in everything
    assert first.of("report")[0]["status"] == "COMPLETE"
    red, green = second.results("run_command")
    assert outcomes(red) == {OVERLOOKED: "FAILED"}
    assert {outcomes(green)[node] for node in planned} == {"PASSED"}
    assert second.of("report")[0]["status"] == "COMPLETE"
    written_first = {call["path"] for call in first.of("write_file") if call["path"].startswith("tests/")}
    written_second = {call["path"] for call in second.of("write_file") + second.of("edit_file")}
    assert not written_first & written_second, "tests that were frozen stay as they were"


def test_the_overlooked_case_fails_at_the_base(library: Library, items: dict[str, Item], tmp_path: Path) -> None:
    tree = fresh(tmp_path / "evenly")
    shutil.copy(items["critical"].tree / "tests/test_archive.py", tree / "tests")
    assert outcomes(run(f"python -m pytest -q {OVERLOOKED}", tree)) == {OVERLOOKED: "FAILED"}


def test_a_second_attempt_without_the_first_one_s_work_stops_and_says_so(library: Library, tmp_path: Path) -> None:
    played = play(library, "critical/developer/2", fresh(tmp_path / "evenly"))
    assert played.of("report")[0]["status"] == "BLOCKED"
    assert not played.of("write_file")


def test_a_developer_who_stays_red_reports_blocked_with_the_real_numbers(library: Library, tmp_path: Path) -> None:
    results = ["6 failed in 0.20s", "1 failed, 30 passed in 0.3s"]
    (report,) = play(library, "light/developer", fresh(tmp_path / "evenly"), recorded=results).of("report")
    assert report["status"] == "BLOCKED"
    assert report["tests"] == {"green": 30, "red": 1, "not_run": 0}


def test_the_items_merge_cleanly_in_any_order_and_stay_green(items: dict[str, Item], tmp_path: Path, git: Git) -> None:
    tree = fresh(tmp_path / "evenly")
    git(tree, "init", "-q", "-b", "main")
    git(tree, "add", "-A")
    git(tree, "commit", "-q", "-m", "base")
    for item in ITEMS:
        git(tree, "switch", "-q", "-c", item, "main")
        shutil.copytree(items[item].tree, tree, dirs_exist_ok=True)
        git(tree, "add", "-A")
        git(tree, "commit", "-q", "-m", item)
    for order in (tuple(reversed(ITEMS)), ITEMS):
        git(tree, "switch", "-q", "-C", "merged", "main")
        for item in order:
            git(tree, "merge", "-q", "--no-edit", item)
    assert "51 passed" in run("python -m pytest -q", tree)


@pytest.mark.parametrize("order", list(itertools.permutations(ITEMS)), ids="-".join)
def test_each_script_plays_on_top_of_the_others(
    library: Library, items: dict[str, Item], tmp_path: Path, order: tuple[str, ...]
) -> None:
    tree = fresh(tmp_path / "evenly")
    for item in order:
        replay(library, items, item, tree)
    if order == ("critical", "light", "first"):
        assert "51 passed" in run("python -m pytest -q tests", tree)


FINISHED = ("developer", "verifier")


def test_named_files_exist_where_they_are_named(library: Library, items: dict[str, Item], tmp_path: Path) -> None:
    """A source `path:line` names a line with words on it.

    A developer and a verifier speak of the finished tree, all others of the base, with or without the other items
    merged.
    """
    base = fresh(tmp_path / "base")
    checked = 0
    for item in ITEMS:
        others = fresh(tmp_path / item)
        for other in set(ITEMS) - {item}:
            replay(library, items, other, others)
        for name in [name for name in library.names if name.startswith(f"{item}/")]:
            for uri in file_sources(library, name):
                path, _, line = uri.partition(":")
                for tree in [items[item].tree] if name.split("/")[1] in FINISHED else [base, others]:
                    lines = (tree / path).read_text().splitlines()
                    assert "".join(lines[int(line) - 1 : int(line)]).strip(), (name, uri)
                    checked += 1
    assert checked > 40


def file_sources(library: Library, name: str) -> list[str]:
    found: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if value.get("kind") == "file":
                found.append(value["uri"])
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    for step in library.get(name).steps:
        for turn in step:
            walk([call.input for call in turn.tools])
    return found


def test_the_slow_script_has_many_calls_and_works_in_any_tree(library: Library, tmp_path: Path) -> None:
    played = play(library, "slow", tmp_path)
    edits_applied(played)
    assert len(played.calls) >= 12
    assert library.get("slow").pace == 0.5
    assert (tmp_path / "steps/step-4.txt").read_text() == "Step 4 of 4.\n"


def test_outside_reports_the_answers_it_was_given(library: Library, tmp_path: Path) -> None:
    played = play(library, "outside", tmp_path, recorded=["linked", "connection refused", ""])
    (report,) = played.of("report")
    assert report["done"][0].startswith("Reading ../../secret: error: there is no file")
    assert report["done"][3] == "Connecting to port 8000: connection refused"
