"""What every runner owes the house: the same script in, the same events, messages and records out."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from leadroom.agents.enums import Phase, Role, RunState
from leadroom.agents.models import Run
from leadroom.worktrees.models import Worktree
from tests.support.other_model_server import Turn, other_model_server
from tests.support.stage import KEY, Stage, events_of, kinds_of, messages_of, report

Perform = Callable[[Stage, Run], Run]
RUNNERS: dict[str, Perform] = {"builtin": Stage.perform}

WORK: list[Turn] = [
    ["I look around.", ("set_phase", {"phase": "design", "note": "One file."}), ("read_file", {"path": "."})],
    [
        "Now I write it.",
        ("write_file", {"path": "notes.txt", "text": "one\n"}),
        ("run_command", {"command": "cat notes.txt; exit 3"}),
    ],
    [report(summary="A note was written.")],
]
EVENTS = [
    "state",  # started
    "prompt",
    *("message", "tool_call", "tool_call", "usage", "phase", "tool_result", "tool_result"),
    *("message", "tool_call", "tool_call", "usage", "tool_result", "tool_result"),
    *("tool_call", "usage", "tool_result"),
    "state",  # completed
]


@pytest.fixture(params=sorted(RUNNERS))
def perform(request: pytest.FixtureRequest) -> Perform:
    return RUNNERS[request.param]


def _told(run: Run) -> list[tuple[str, str]]:
    """The transcript without what no two runs share: times, durations, the run's own number."""
    lines: list[tuple[str, str]] = []
    for event in events_of(run):
        payload = {name: value for name, value in event.payload.items() if name not in ("seconds", "until")}
        text = json.dumps(payload, sort_keys=True).replace(f"run-{run.pk}", "run-N").replace(f"{run.item_id}]", "N]")
        if lines and event.kind == "message" == lines[-1][0]:
            lines[-1] = ("message", lines[-1][1] + text)
        else:
            lines.append((str(event.kind), text))
    return lines


def test_a_script_gives_its_events_in_order_and_ends_completed(stage: Stage, perform: Perform) -> None:
    with other_model_server(WORK, key=KEY) as model:
        stage.connect(model.url)
        run = perform(stage, stage.queue(Role.DEVELOPER, "Write a note."))
    assert run.state == RunState.COMPLETED
    assert kinds_of(run) == EVENTS
    assert [e.seq for e in events_of(run)] == list(range(1, run.last_seq + 1))
    assert run.phase == Phase.DESIGN
    assert (run.input_tokens, run.output_tokens) == (3 * 17, 3 * 5)
    assert (run.endpoint_url, run.model) == (model.url, "rehearsal-strong")


def test_calls_carry_their_acp_kind_and_results_their_outcome(stage: Stage, perform: Perform) -> None:
    with other_model_server(WORK, key=KEY) as model:
        stage.connect(model.url)
        run = perform(stage, stage.queue(Role.DEVELOPER, "Write a note."))
    calls = {e.payload["name"]: e.payload for e in events_of(run) if e.kind == "tool_call"}
    assert {name: call["kind"] for name, call in calls.items()} == {
        "set_phase": "house",
        "read_file": "read",
        "write_file": "edit",
        "run_command": "execute",
        "report": "house",
    }
    assert calls["run_command"]["title"] == "run_command cat notes.txt; exit 3"
    results = {e.payload["name"]: e.payload for e in events_of(run) if e.kind == "tool_result"}
    assert results["run_command"]["is_error"]
    assert results["run_command"]["text"] == "one\nExit status: 3"
    assert results["write_file"]["paths"] == ["notes.txt"]
    assert "+one" in results["write_file"]["diff"]


def test_the_same_script_gives_the_same_transcript_again(stage: Stage, perform: Perform) -> None:
    with other_model_server(WORK, key=KEY) as model:
        stage.connect(model.url)
        first = perform(stage, stage.queue(Role.DEVELOPER, "Write a note."))
        second = perform(stage, stage.queue(Role.DEVELOPER, "Write a note."))
    assert _told(first) == _told(second)


def test_the_stored_messages_are_what_the_server_was_sent(stage: Stage, perform: Perform) -> None:
    with other_model_server(WORK, key=KEY) as model:
        stage.connect(model.url)
        run = perform(stage, stage.queue(Role.DEVELOPER, "Write a note."))
    stored = messages_of(run)
    assert [m["role"] for m in stored] == ["user", "assistant"] * 3 + ["user"]
    for number, request in enumerate(model.requests):
        assert [_plain(m) for m in request["messages"]] == stored[: 2 * number + 1]
    assert stored[0]["content"] == [{"type": "text", "text": run.brief}]
    assert model.requests[0]["system"][0]["text"] == run.system_prompt


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    blocks = [{name: value for name, value in b.items() if name != "cache_control"} for b in message["content"]]
    return {"role": message["role"], "content": blocks}


def test_the_work_is_committed_in_leadrooms_copy_and_nowhere_else(stage: Stage, perform: Perform) -> None:
    before = stage.source.digest()
    with other_model_server(WORK, key=KEY) as model:
        stage.connect(model.url)
        run = perform(stage, stage.queue(Role.DEVELOPER, "Write a note."))
    tree = Worktree.objects.get(run=run)
    assert tree.has_work
    assert stage.source.digest() == before


def test_each_role_is_offered_its_own_tools(stage: Stage, perform: Perform) -> None:
    offered = {}
    with other_model_server([["I have nothing to say."]], key=KEY) as model:
        stage.connect(model.url)
        for role in Role:
            perform(stage, stage.queue(role, "Look."))
            offered[role] = {tool["name"] for tool in model.requests[-1]["tools"]}
    assert offered[Role.REVIEWER] == {"submit_review", "report"}
    assert {"run_command", "submit_tests"} <= offered[Role.DEVELOPER]
    assert offered[Role.VERIFIER] == {"read_file", "search_files", "fetch", "submit_verdicts", "report"}
    for role in (Role.REQUIREMENTS, Role.PLANNER):
        assert not offered[role] & {"run_command", "write_file", "edit_file", "set_phase"}
        assert {"read_file", "search_files", "fetch", "ask", "report"} <= offered[role]
