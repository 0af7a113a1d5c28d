"""Calls that cannot be used: the agent is told why, at most three times in a row, and then the lead is."""

import pytest

from leadroom.agents.enums import Role, RunState
from leadroom.guardrails.models import Claim
from leadroom.worktrees.models import Worktree
from tests.support.other_model_server import Turn, other_model_server
from tests.support.stage import KEY, Rehearsal, Stage, events_of, messages_of, report, texts_of


def _results(messages: list[dict]) -> list[str]:
    return [b["content"] for m in messages for b in m["content"] if b["type"] == "tool_result"]


def test_json_that_cannot_be_read_is_told_three_times_and_nothing_is_done(stage: Stage, rehearsal: Rehearsal) -> None:
    stage.connect(rehearsal.url)
    run = stage.perform(stage.queue(Role.REQUIREMENTS, "[[script:broken]]"))
    assert run.state == RunState.FAILED
    assert run.failure.startswith("The agent made 3 calls in a row that could not be read. The last: ")
    assert "read_file" in run.failure or "JSON" in run.failure
    assert len(rehearsal.requests_of(run.item)) == 3
    assert not [e for e in events_of(run) if e.kind in ("tool_call", "tool_result")]
    told = [t for t in texts_of(run, "error") if t.startswith("Your last tool call could not be read")]
    assert len(told) == 3
    assert all(t.endswith("Nothing was done. Send it again as valid JSON.") for t in told)


def test_json_that_cannot_be_read_once_costs_one_turn(stage: Stage, rehearsal: Rehearsal) -> None:
    stage.connect(rehearsal.url)
    run = stage.perform(stage.queue(Role.REQUIREMENTS, "[[script:light/requirements]] [[fault:broken-json turn=0]]"))
    assert (run.state, run.wait_reason) == (RunState.WAITING, "picks")
    assert len(rehearsal.requests_of(run.item)) == 2
    assert [e.payload["name"] for e in events_of(run) if e.kind == "tool_result"] == ["propose_ambiguities"]
    assert len(texts_of(run, "error")) == 1


def test_an_unknown_tool_is_answered_with_the_ones_there_are(stage: Stage, rehearsal: Rehearsal) -> None:
    stage.connect(rehearsal.url)
    run = stage.perform(stage.queue(Role.PLANNER, "[[script:stubborn]]"))
    assert run.state == RunState.FAILED
    assert "The agent made 3 calls in a row that could not be used" in run.failure
    assert "summon_colleague" in run.failure
    answers = _results(messages_of(run))
    assert len(answers) == 3
    assert set(answers) == {
        "There is no tool 'summon_colleague'. Yours are: read_file, search_files, fetch, submit_plan, ask, report."
    }


def test_wrong_fields_are_named_one_by_one(stage: Stage, rehearsal: Rehearsal) -> None:
    stage.connect(rehearsal.url)
    run = stage.perform(stage.queue(Role.REQUIREMENTS, "[[script:wrong-fields]]"))
    assert run.state == RunState.FAILED
    first, second, third = _results(messages_of(run))
    assert "- path: Field required" in first
    assert "- file: Extra inputs are not permitted" in first
    assert "- path: Input should be a valid string" in second
    assert "- status: Input should be 'COMPLETE', 'NEEDS_INPUT' or 'BLOCKED'" in third
    assert "- summary:" in third
    assert len(rehearsal.requests_of(run.item)) == 3
    assert not run.reports.exists()


NO_CONFIDENCE: dict[str, tuple[dict[str, object], str]] = {
    "the token NaN": ({"confidence": float("nan")}, "NaN is no number in JSON"),
    "the token Infinity": ({"confidence": float("inf")}, "Infinity is no number in JSON"),
    "65 for 0.65": ({"confidence": 65}, "a confidence is a number from 0 to 1, such as 0.65; 65 would be 0.65"),
    "a word": ({"confidence": "NaN"}, "a confidence is a number from 0 to 1"),
    "none at all": ({}, "- confidence: Field required"),
}


@pytest.mark.parametrize("name", NO_CONFIDENCE)
def test_what_is_no_confidence_on_the_wire_costs_one_turn_and_claims_nothing(stage: Stage, name: str) -> None:
    given, told = NO_CONFIDENCE[name]
    tool, body = report("BLOCKED", needs=["A key."])
    wrong = {field: value for field, value in body.items() if field != "confidence"} | given
    turns: list[Turn] = [[(tool, wrong)], [(tool, body)]]
    with other_model_server(turns, key=KEY) as model:
        stage.connect(model.url)
        run = stage.perform(stage.queue(Role.REQUIREMENTS, "Look."))
        assert len(model.requests) == 2
    assert any(told in text for text in [*texts_of(run, "error"), *_results(messages_of(run))])
    assert run.reports.count() == 1
    assert not Claim.objects.exists()


def test_only_calls_in_a_row_count(stage: Stage) -> None:
    good, bad = ("read_file", {"path": "."}), ("read_file", {"file": "."})
    turns: list[Turn] = [[bad], [bad], [good], [bad], [bad], [good], [report("BLOCKED", needs=["Better eyes."])]]
    with other_model_server(turns, key=KEY) as model:
        stage.connect(model.url)
        run = stage.perform(stage.queue(Role.REQUIREMENTS, "Look."))
        assert len(model.requests) == 7
    assert run.failure == "The agent is blocked: Expenses can be split by shares. It needs: Better eyes."


def test_an_agent_that_only_talks_is_nudged_and_is_never_completed(stage: Stage) -> None:
    with other_model_server([["I am done, I believe."]], key=KEY) as model:
        stage.connect(model.url)
        run = stage.perform(stage.queue(Role.REQUIREMENTS, "Look."))
        assert len(model.requests) == 3
    assert run.state == RunState.FAILED
    assert run.failure.startswith("The agent ended 3 turns in a row without a tool call or a report")


def test_a_lead_who_resumes_it_gives_it_three_more_tries(stage: Stage, rehearsal: Rehearsal) -> None:
    stage.connect(rehearsal.url)
    run = stage.perform(stage.queue(Role.PLANNER, "[[script:stubborn]]"))
    stage.resume(run)
    run = stage.perform(run)
    assert run.state == RunState.FAILED
    assert len(rehearsal.requests_of(run.item)) == 6


@pytest.mark.parametrize("text", ["nul \x00 inside", "half \ud83d inside"])
def test_text_no_database_takes_does_not_break_a_run(stage: Stage, text: str) -> None:
    turns: list[Turn] = [
        [text, ("write_file", {"path": "a.txt", "text": text})],
        [("run_command", {"command": "printf 'a\\0b\\377'; touch kept.txt"})],
        [report()],
    ]
    with other_model_server(turns, key=KEY) as model:
        stage.connect(model.url)
        run = stage.perform(stage.queue(Role.DEVELOPER, "Write."))
    assert run.state == RunState.COMPLETED, run.failure
    assert not (Worktree.objects.get(run=run).path / "a.txt").exists()
    said = " ".join([*_results(messages_of(run)), *texts_of(run, "error")])
    assert "NUL or half a character" in said or "could not be read" in said
    assert "a\ufffdb\ufffd" in said
    assert messages_of(run)[: len(model.requests[-1]["messages"])] == [
        _plain(m) for m in model.requests[-1]["messages"]
    ]


def _plain(message: dict) -> dict:
    blocks = [{name: value for name, value in b.items() if name != "cache_control"} for b in message["content"]]
    return {"role": message["role"], "content": blocks}
