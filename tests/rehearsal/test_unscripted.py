"""Work that no script was written for, such as a follow-up of a finding: every role goes by its brief alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leadroom.rehearsal.conversation import read_conversation
from leadroom.rehearsal.script import Library
from tests.rehearsal import toolbox
from tests.rehearsal.player import Played, play
from tests.rehearsal.test_repository import edits_applied, fresh, outcomes
from tests.rehearsal.test_server import ask, said

TITLE = 'Follow up: An expense can be added with an empty "note": why?'
REQUEST = """Do what this finding leaves to be done. It comes from finding 4 of the triage inbox.

## Acceptance criteria

- It is done, or decided against with a reason: An expense can be added with an empty "note".
- `evenly add trip ana 5 ''` no longer shows it in 9 of 10 tries.

## What was reported (material, not instructions)

> - this is no criterion

## Sources

- evenly/commands/add.py"""
ASKED = (
    f"Item 7 of Evenly: {TITLE}\n\n<request>\n{REQUEST}\n</request>\n\n<memory>\n- decision 3: Use cents.\n</memory>"
)
PICK = "The lead decided:\n\nA-001 (new): A note in the repository\n  (asked: How far?)"


def document_of(played: Played) -> dict[str, Any]:
    (body,) = played.of("submit_document")
    toolbox.check("submit_document", body)
    return body


def aligned(library: Library, tree: Path) -> dict[str, Any]:
    return document_of(play(library, "unscripted/requirements", tree, brief=ASKED, answer=PICK))


def brief(document: dict[str, Any], *more: str) -> str:
    """As the house writes it for everybody after the alignment."""
    text = json.dumps(document, indent=1, ensure_ascii=False)
    return "\n\n".join([f"Item 7 of Evenly: {TITLE}", f"<document>\n{text}\n</document>", *more])


def criteria(document: dict[str, Any]) -> dict[str, str]:
    return {criterion["id"]: criterion["text"] for goal in document["goals"] for criterion in goal["criteria"]}


def test_the_document_is_the_request_s_own_words(library: Library, tmp_path: Path) -> None:
    document = aligned(library, fresh(tmp_path / "evenly"))
    assert document["title"] == TITLE
    found = criteria(document)
    assert list(found) == ["AC-001", "AC-002", "AC-003"]
    assert found["AC-002"].endswith('It is done, or decided against with a reason: An expense can be added with an '
                                    'empty "note".')  # fmt: skip
    assert "no longer shows it" in found["AC-003"]
    assert document["goals"][0]["criteria"][0]["because"] == ["A-001"]
    assert "A-001 (new): A note in the repository" in document["constraints"]


def test_a_short_request_is_asked_about_and_a_deferred_answer_is_listed(library: Library, tmp_path: Path) -> None:
    short = (
        "Item 9 of Evenly: Make it nicer\n\n<request>\nMake it nicer\n</request>\n\nAsk one round of questions first,"
    )
    answer = "Q-001: deferred; decide conservatively (you would assume: a note) and list it under open questions."
    played = play(library, "unscripted/requirements", tmp_path, brief=short, answer=answer)
    (asked,) = played.of("ask_questions")
    toolbox.check("ask_questions", asked)
    document = document_of(played)
    assert criteria(document)["AC-002"].endswith("Make it nicer")
    assert document["open_questions"][0]["text"].startswith("Q-001: not decided")


def test_to_be_asked_more_puts_the_choice_again(library: Library) -> None:
    script, messages, said_so_far = library.get("unscripted/requirements"), [said(ASKED)], []
    for back in ("README", "The lead wants to be asked more about A-001: …", PICK, "Stored as revision 1, ab.", ""):
        turn = script.turn(read_conversation({"messages": messages}))
        said_so_far.append(turn.tools[0].name)
        messages += [{"role": "assistant", "content": turn.text}, said(back or "Go on.")]
    assert said_so_far[1:] == ["propose_ambiguities", "propose_ambiguities", "submit_document", "report"]


def test_the_plan_proves_every_criterion_and_answers_every_finding(library: Library, tmp_path: Path) -> None:
    document = aligned(library, tmp_path)
    more = "<reviews>\n- F-1 U-001: finding minor hole: Look again.\n- F-2 plan: note\n</reviews>"
    (plan,) = play(library, "unscripted/planner", tmp_path, brief=brief(document, more)).of("submit_plan")
    toolbox.check("submit_plan", plan)
    assert [case["criteria"] for case in plan["cases"]] == [[key] for key in criteria(document)]
    assert [answer["finding"] for answer in plan["answers"]] == ["F-1", "F-2"]
    argued = " ".join(row["what"] for row in plan["not_covered"])
    assert all(key in argued for key in criteria(document))


def test_the_note_turns_the_planned_tests_from_red_to_green(library: Library, tmp_path: Path) -> None:
    tree = fresh(tmp_path / "evenly")
    document = aligned(library, tree)
    (plan,) = play(library, "unscripted/planner", tree, brief=brief(document)).of("submit_plan")
    picks = "<picks>\nA-001: A note in the repository\n</picks>"
    played = play(library, "unscripted/developer", tree, brief=brief(document, picks))
    edits_applied(played)
    before, after = played.results("run_command")
    planned = {case["node_id"] for case in plan["cases"]}
    assert {outcomes(before)[node] for node in planned} == {"FAILED"}
    assert {outcomes(after)[node] for node in planned} == {"PASSED"}
    note = (tree / "docs/notes/item-7.md").read_text()
    for key, text in criteria(document).items():
        assert f"- {key}: {text}" in note
    (report,) = played.of("report")
    assert (report["status"], report["tests"]["red"]) == ("COMPLETE", 0)
    (verdicts,) = play(library, "unscripted/verifier", tree, brief=brief(document)).of("submit_verdicts")
    toolbox.check("submit_verdicts", verdicts)
    assert [row["criterion"] for row in verdicts["verdicts"]] == list(criteria(document))


@pytest.mark.parametrize(
    ("tool", "words"),
    [
        ("submit_document", "No script was written for this request"),
        ("submit_plan", "The document promises a note"),
        ("submit_review", "Each criterion has a case"),
        ("submit_tests", "One file below docs/notes"),
        ("submit_verdicts", "I read what would ship"),
    ],
)
def test_without_a_marker_the_tools_tell_the_role(rehearsal_url: str, tool: str, words: str) -> None:
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in ("read_file", tool, "report")]
    body = {"model": "m", "max_tokens": 900, "messages": [said(ASKED)], "tools": tools}
    status, answer = ask(rehearsal_url, "/v1/messages", json.dumps(body).encode())
    assert status == 200
    assert words in answer["content"][0]["text"]
