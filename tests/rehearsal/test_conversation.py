"""What the server reads from a conversation that was interrupted."""

from typing import Any

from leadroom.rehearsal.conversation import read_conversation

BRIEF = {"role": "user", "content": [{"type": "text", "text": "Do it. [[script:slow/developer]]"}]}
UNKNOWN = "Outcome unknown: the process was interrupted."


def _call(name: str, call_id: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "tool_use", "id": call_id, "name": name, "input": {}}]}


def _result(call_id: str, text: str) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": text}


def test_an_interrupted_turn_is_played_again() -> None:
    before = [BRIEF, _call("run_command", "a"), {"role": "user", "content": [_result("a", "1 failed")]}]
    cut = [*before, _call("edit_file", "b"), {"role": "user", "content": [_result("b", UNKNOWN)]}]
    went_on = read_conversation({"messages": cut})
    as_before = read_conversation({"messages": before})
    assert (went_on.turn, went_on.last_text, went_on.results) == (as_before.turn, as_before.last_text, ("1 failed",))


def test_what_the_lead_said_meanwhile_is_kept() -> None:
    note = {"type": "text", "text": "Please hurry."}
    cut = [BRIEF, _call("edit_file", "b"), {"role": "user", "content": [_result("b", UNKNOWN), note]}]
    read = read_conversation({"messages": cut})
    assert read.turn == 0
    assert "Please hurry." in read.last_text


def test_a_turn_with_one_known_result_counts() -> None:
    both = {"role": "assistant", "content": [*_call("a", "1")["content"], *_call("b", "2")["content"]]}
    answered = {"role": "user", "content": [_result("1", "done"), _result("2", UNKNOWN)]}
    assert read_conversation({"messages": [BRIEF, both, answered]}).turn == 1
