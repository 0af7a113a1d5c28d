"""The scripts keep to the agents' contract, and agree with one another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from leadroom.rehearsal.conversation import read_conversation
from leadroom.rehearsal.demo import describe
from leadroom.rehearsal.errors import ScriptError
from leadroom.rehearsal.script import SCRIPTS, Library, ToolCall, Turn
from tests.rehearsal import toolbox
from tests.rehearsal.player import play

ON_PURPOSE_WRONG = {"stubborn", "wrong-fields"}
ITEMS = ("first", "light", "critical")
OUTSIDE_RUNS = {"triage/adjudicate"}
"""Answers to one closed question; no agent, no report."""
NAMES = tuple(name for name in Library().names if name not in OUTSIDE_RUNS)


def every_turn(library: Library, name: str) -> Iterator[Turn]:
    """All turns of a script, each alternative too, filled in as in a conversation that says nothing."""
    script = library.get(name)
    for position, choices in enumerate(script.steps):
        for choice in choices:
            bare = Turn(**{**vars(choice), "when": None})
            single = type(script)(name=name, about="", steps=((bare,),) * (position + 1))
            spoken = [{"role": "assistant", "content": "…"}, {"role": "user", "content": "Go on."}] * position
            messages = [{"role": "user", "content": "Go."}, *spoken]
            yield single.turn(read_conversation({"messages": messages}))


def calls(library: Library, name: str) -> list[ToolCall]:
    return [call for turn in every_turn(library, name) for call in turn.tools]


def one(library: Library, name: str, tool: str) -> dict[str, Any]:
    return next(call.input for call in calls(library, name) if call.name == tool)


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ON_PURPOSE_WRONG])
def test_every_call_fits_its_tool_and_its_role(library: Library, name: str) -> None:
    role = name.split("/")[1] if "/" in name else "developer"
    for call in calls(library, name):
        toolbox.check(call.name, call.input)
        assert call.name in toolbox.ROLES[role], f"{name} uses {call.name}"


@pytest.mark.parametrize("name", NAMES)
def test_every_turn_says_what_it_does(library: Library, name: str) -> None:
    for turn in every_turn(library, name):
        assert turn.text, f"{name}: a turn without a word"
        assert turn.text[0].isupper()
        for words in texts([turn.text, turn.thinking, *(call.input for call in turn.tools)]):
            assert "{{" not in words, f"{name}: {words}"


@pytest.mark.parametrize("name", NAMES)
def test_every_script_ends_in_a_report_unless_it_is_stubborn(library: Library, name: str) -> None:
    last = library.get(name).steps[-1]
    reports = all(any(call.name == "report" for call in turn.tools) for turn in last)
    assert reports is (name != "stubborn")


def test_lists_hold_whole_sentences(library: Library) -> None:
    """A comma in an unquoted YAML list splits a sentence; the second half then starts in small letters."""
    for name in NAMES:
        for call in calls(library, name):
            if call.name == "report":
                sentences = [s for key in ("done", "unsure", "needs", "follow_ups") for s in call.input.get(key, [])]
                assert all(s[0].isupper() for s in sentences), (name, sentences)


@pytest.mark.parametrize("item", ITEMS)
def test_document_and_plan_agree(library: Library, item: str) -> None:
    asked = {a["key"] for a in one(library, f"{item}/requirements", "propose_ambiguities")["ambiguities"]}
    document = one(library, f"{item}/requirements", "submit_document")
    criteria = [criterion for goal in document["goals"] for criterion in goal["criteria"]]
    because = {cause for criterion in criteria for cause in criterion["because"]}
    assert because - {"request"} == asked, "every pick causes a criterion"
    known = {criterion["id"] for criterion in criteria}
    assert len(known) == len(criteria)
    for name in [name for name in NAMES if name.startswith(f"{item}/planner")]:
        cases = one(library, name, "submit_plan")["cases"]
        assert {criterion for case in cases for criterion in case["criteria"]} == known
        assert {case["layer"] for case in cases} == {"unit", "integration", "end_to_end"}
        assert {case["path"] for case in cases if case["layer"] == "end_to_end"} >= {"happy", "error"}
        for field in ("id", "node_id"):
            assert len({case[field] for case in cases}) == len(cases)
        prefixes = {"unit": "U", "integration": "I", "end_to_end": "E"}
        assert all(case["id"][0] == prefixes[case["layer"]] for case in cases)


@pytest.mark.parametrize("item", ITEMS)
def test_reviews_speak_of_cases_in_the_plan_they_saw(library: Library, item: str) -> None:
    for attempt in ("", "/2"):
        if f"{item}/reviewer{attempt}" in NAMES:
            known = {case["id"] for case in one(library, f"{item}/planner{attempt}", "submit_plan")["cases"]}
            findings = one(library, f"{item}/reviewer{attempt}", "submit_review")["findings"]
            assert {finding["case"] for finding in findings} <= known | {""}


def test_the_second_plan_answers_the_review_and_keeps_the_rest(library: Library) -> None:
    first = {case["id"]: case for case in one(library, "first/planner", "submit_plan")["cases"]}
    second = {case["id"]: case for case in one(library, "first/planner/2", "submit_plan")["cases"]}
    assert set(second) - set(first) == {"U-005"}
    changed = {key for key in first if first[key] != second[key]}
    named = {finding["case"] for finding in one(library, "first/reviewer", "submit_review")["findings"]}
    assert changed <= named
    assert one(library, "first/reviewer", "submit_review")["verdict"] == "change"
    assert one(library, "first/reviewer/2", "submit_review")["verdict"] == "approve"


def test_each_item_proposes_the_risk_the_demo_expects(library: Library) -> None:
    sizes = {"first": (3, 3), "light": (1, 3), "critical": (4, 3), "guardrails": (1, 3)}
    for item in describe()["items"]:
        proposed = one(library, f"{item['script']}/requirements", "propose_ambiguities")
        assert proposed["risk"]["level"] == item["expected_risk"]
        count, candidates = sizes[item["script"]]
        assert [len(a["candidates"]) for a in proposed["ambiguities"]] == [candidates] * count
        for ambiguity in proposed["ambiguities"]:
            confidences = [candidate["confidence"] for candidate in ambiguity["candidates"]]
            assert confidences.index(max(confidences)) + 1 == ambiguity["recommended"]


def test_the_lead_s_own_words_reach_the_document(library: Library, tmp_path: Path) -> None:
    picks = "The lead has picked:\n- A-002: two spaces, please\n- A-001: candidate 1"
    (tmp_path / "README.md").write_text("x")
    played = play(library, "light/requirements", tmp_path, answer=picks)
    assert "A-001: candidate 1" in played.of("submit_document")[0]["constraints"]


@pytest.mark.parametrize(
    ("asked", "played"),
    [
        ("first/developer", "first/developer"),
        ("first/developer/2", "first/developer"),
        ("first/planner/2", "first/planner/2"),
        ("first/planner/7", "first/planner/2"),
        ("first/reviewer/1", "first/reviewer"),
        ("slow/developer/3", "slow/developer"),
        ("idle/requirements", "idle"),
        ("nosuch/developer", None),
        ("../scripts/idle", None),
        ("first", None),
        ("", None),
    ],
)
def test_a_name_falls_back_to_the_nearest_script(library: Library, asked: str, played: str | None) -> None:
    found = library.find(asked)
    assert (found.name if found else None) == played


def test_a_marker_in_a_file_that_was_read_is_not_an_instruction() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "read_file", "input": {}}
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "[[script:stubborn]] [[fault:500]]"}
    read = read_conversation(
        {
            "messages": [
                {"role": "user", "content": "[[script:idle]]"},
                {"role": "assistant", "content": [call]},
                {"role": "user", "content": [result]},
            ]
        }
    )
    assert (read.script, read.fault, read.turn) == ("idle", None, 1)


def test_a_later_marker_starts_another_script() -> None:
    messages = [
        {"role": "user", "content": "[[script:idle]]"},
        {"role": "assistant", "content": "Done."},
        {"role": "user", "content": [{"type": "text", "text": "Now [[script:chatty]] please"}]},
        {"role": "assistant", "content": "Still talking."},
        {"role": "user", "content": "Go on."},
    ]
    read = read_conversation({"messages": messages, "system": "[[script:stubborn]]"})
    assert (read.script, read.turn, read.last_text) == ("chatty", 1, "Go on.")


def test_a_marker_in_the_system_prompt_counts_when_there_is_no_other() -> None:
    read = read_conversation(
        {
            "messages": [{"role": "user", "content": "Hi"}],
            "system": [{"type": "text", "text": "[[script:idle]]"}],
        }
    )
    assert (read.script, read.turn) == ("idle", 0)


@pytest.mark.parametrize(
    "text",
    [
        "turns: [",
        "about: x\nturns: []\n",
        "about: x\nturns: [{words: hello}]\n",
        "about: x\nturns: [{tools: [{name: report}]}]\n",
        "about: x\nturns: [{text: a, fault: rain}]\n",
        "about: x\nturns: [{choose: [{text: a}, {text: b}]}]\n",
        "about: x\nturns: [{choose: [{text: a, when: '('}, {text: b}]}]\n",
    ],
)
def test_a_script_that_cannot_be_played_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "poor.yaml").write_text(text)
    with pytest.raises(ScriptError, match="poor"):
        Library(tmp_path).find("poor")


def test_scripts_name_no_place_of_the_machine_they_were_written_on() -> None:
    for file in SCRIPTS.rglob("*.yaml"):
        text = file.read_text()
        assert not re.search(r"/(home|work|root|tmp)/", text), file
        assert yaml.safe_load(text)["about"].endswith(".")
