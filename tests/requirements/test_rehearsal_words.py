"""What the rehearsed agents ask passes the lint that real ones meet, but for the one proposal that is meant to fail."""

from collections.abc import Iterator
from typing import Any

import pytest

from leadroom.rehearsal.conversation import read_conversation
from leadroom.rehearsal.demo import describe
from leadroom.rehearsal.script import Library
from leadroom.requirements.lint import Known, check_questions
from leadroom.requirements.rules import check_proposals

DEMO = describe()
ITEMS = {item["script"]: item["request"] for item in [*DEMO["items"], *DEMO["more"]]}
LIBRARY = Library()


def proposals_of(script: str) -> list[dict[str, Any]]:
    """The inputs of every `propose_ambiguities` of a requirements script, in order."""
    return [call for name, call in calls_of(script) if name == "propose_ambiguities"]


def calls_of(script: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for step in LIBRARY.get(f"{script}/requirements").steps:
        for turn in step:
            for call in turn.tools:
                yield call.name, call.input


def findings(script: str, proposal: dict[str, Any]) -> list[str]:
    return check_questions(proposal["ambiguities"], known=[Known("the request", ITEMS[script])], before={})


@pytest.mark.parametrize("script", ITEMS)
def test_what_is_asked_stands_alone_and_is_not_answered_already(script: str) -> None:
    for proposal in proposals_of(script)[1 if script == "alignment" else 0 :]:
        assert findings(script, proposal) == []
        check_proposals(proposal.get("proposals", []), proposal["ambiguities"])


def test_the_first_proposal_of_the_alignment_is_refused_for_a_bare_label_and_an_answered_question() -> None:
    found = findings("alignment", proposals_of("alignment")[0])
    assert len(found) == 3
    assert "“Yes” is a bare label" in found[0]
    assert "“No” is a bare label" in found[1]
    assert found[2].startswith("A-008 is answered already by the request, line 1")


def test_the_alignment_asks_of_every_kind() -> None:
    asked = [
        question["key"]
        for name, call in calls_of("alignment")
        if name == "ask_questions"
        for question in call["questions"]
    ]
    proposed = {ambiguity["key"] for ambiguity in proposals_of("alignment")[1]["ambiguities"]}
    assert len(asked) == len(set(asked)) == 5
    assert len(proposed) == 7
    second = [q for name, call in calls_of("alignment") if name == "ask_questions" for q in call["questions"]][3:]
    assert all(set(question["opened_by"]) <= proposed and question["opened_by"] for question in second)


@pytest.mark.parametrize(
    ("brief", "confidence"),
    [
        ("A-007: With an apostrophe before it", "HIGH"),
        ("A-001: On standard output\nA-007 (new): deferred", "LOW"),
        ("A-007: deferred\n<lead>\nNothing in a note may run.\n</lead>", "MEDIUM"),
    ],
)
def test_a_second_attempt_is_as_sure_as_the_decisions_allow(brief: str, confidence: str) -> None:
    turn = LIBRARY.get("alignment/requirements/2").turn(
        read_conversation({"messages": [{"role": "user", "content": brief}]})
    )
    body = turn.tools[0].input
    assert body["confidence"] == confidence
    assert bool(body["missing"]) is (confidence == "LOW")
    if confidence != "HIGH":
        assert [question["text"][:5] for question in body["open_questions"]] == ["A-007"]
        assert not [text for text in body["constraints"] if "deferred" in text]
    if confidence == "MEDIUM":
        assert body["constraints"][-1] == "The lead said: Nothing in a note may run."


def turn_after_picks(script: str, said: str) -> tuple[str, dict[str, Any]]:
    """The tool call that the script of a demo item plays when it is told the lead's decisions."""
    spoken = [{"role": "assistant", "content": "…"}, {"role": "user", "content": "Go on."}] * 2
    told = [{"role": "assistant", "content": "…"}, {"role": "user", "content": said}]
    messages = [{"role": "user", "content": "Go."}, *spoken, *told]
    (call,) = LIBRARY.get(f"{script}/requirements").turn(read_conversation({"messages": messages})).tools
    return call.name, call.input


@pytest.mark.parametrize(("script", "confidence"), [("first", "MEDIUM"), ("critical", "LOW")])
def test_the_demo_s_agents_answer_to_what_is_put_off(script: str, confidence: str) -> None:
    deferred = "A-001 (new): deferred; decide conservatively (you would assume: A (b)) and list it under open questions"
    name, body = turn_after_picks(script, f"{deferred}\n\nA-002 (new): As it is.")
    assert (name, body["confidence"]) == ("submit_document", confidence)
    assumed = "A-001: not decided; until then this is assumed: A (b)"
    assert body["open_questions"][0] == {"text": assumed, "state": "deferred"}
    assert "A-002: As it is." in body["constraints"]
    assert bool(body["missing"]) is (confidence == "LOW")
    name, body = turn_after_picks(script, "A-001 (new): the lead wants to be asked more before deciding")
    assert name == "propose_ambiguities"
    assert "A-001" in {ambiguity["key"] for ambiguity in body["ambiguities"]}
    name, body = turn_after_picks(script, "A-001 (new): As it is.")
    assert (name, body["confidence"]) == ("submit_document", "HIGH")
