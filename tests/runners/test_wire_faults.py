"""Model servers that refuse, fail, stall and break off: what the run does, what it says, and what it never does."""

import email.utils
import json
import logging
import socket

import pytest

from leadroom.agents.enums import RunState
from leadroom.lib.clock import now
from leadroom.reading.queries import waiting_for_lead
from leadroom.runners.builtin import wire
from leadroom.testplans.models import Review
from leadroom.triage.models import Report
from tests.runners.scenes import check_key_is_kept, give_up_after, queue_review, raw_server, watch_pauses
from tests.support.stage import KEY, Rehearsal, Stage, events_of, later, messages_of, texts_of

REFUSALS = {
    "400": "Check the endpoint's address and model",
    "401": "Check the key",
    "402": "Check the account's balance",
    "403": "Check what the key may use",
    "404": "Check the endpoint's address and model",
    "413": "Check the endpoint's address and model",
    "429-no-retry-after": "Raise the cap or change the endpoint",
}
AT_THE_CAP = {"402", "429-no-retry-after"}


@pytest.mark.parametrize("fault", sorted(REFUSALS))
def test_a_refusal_stops_the_run_at_once_with_what_was_kept_and_the_cure(
    stage: Stage, rehearsal: Rehearsal, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    stage.connect(rehearsal.url)
    run = stage.perform(queue_review(stage, f"[[fault:{fault}]]"))
    assert run.state == RunState.FAILED
    assert len(rehearsal.requests_of(run.item)) == 1
    assert rehearsal.url in run.failure
    assert REFUSALS[fault] in run.failure
    assert run.failure.endswith("then resume the run; its work is kept.")
    assert texts_of(run, "error") == [run.failure]
    cards = [card for card in waiting_for_lead([stage.project.pk]) if card.item == run.item]
    assert [(card.kind, card.why, card.is_urgent) for card in cards] == [("run", run.failure, fault in AT_THE_CAP)]
    check_key_is_kept(stage, caplog.text)


def test_a_refused_run_goes_on_where_it_was_once_the_lead_has_mended_the_endpoint(
    stage: Stage, rehearsal: Rehearsal
) -> None:
    stage.connect(rehearsal.url)
    run = stage.perform(queue_review(stage, "[[fault:401 times=1 turn=1]]"))
    assert run.state == RunState.FAILED
    assert Review.objects.filter(run_id=run.pk).count() == 1
    stage.resume(run)
    run = stage.perform(run)
    assert run.state == RunState.COMPLETED
    assert run.failure == ""
    assert Review.objects.filter(run_id=run.pk).count() == 1


def test_a_rate_limit_is_waited_out_in_the_open(
    stage: Stage, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.connect(rehearsal.url)
    run = queue_review(stage, "[[fault:429 times=1 retry_after=7]]")
    pauses = watch_pauses(run, monkeypatch)
    began = now()
    run = stage.perform(run)
    assert run.state == RunState.COMPLETED
    assert [(pause.seconds, pause.run.state) for pause in pauses] == [(7.0, RunState.LIMITED)] * 2
    limits = [pause.run.limited_until for pause in pauses]
    assert all(limit is not None and 6.9 < (limit - began).total_seconds() < 20 for limit in limits)
    assert run.limited_until is None
    assert texts_of(run, "notice") == ["Rate limit: goes on in 7 s"] * 2
    assert len(rehearsal.requests_of(run.item)) == 4


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [("0", 0.1, 0.1), ("-5", 0.1, 0.1), ("2.5", 2.5, 2.5), ("1e9", 3_600, 3_600), ("inf", 3_600, 3_600)],
)
def test_a_pause_is_never_none_and_never_longer_than_an_hour(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, header: str, low: float, high: float
) -> None:
    pause = _first_pause(stage, header, monkeypatch)
    assert low <= pause <= high


def test_a_pause_may_be_given_as_a_date(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    header = email.utils.format_datetime(later(90), usegmt=True)
    assert 60 < _first_pause(stage, header, monkeypatch) <= 90


def _first_pause(stage: Stage, header: str, monkeypatch: pytest.MonkeyPatch) -> float:
    """How long the run means to wait; it is taken away from its holder while it does."""
    error = json.dumps({"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}).encode()
    run = queue_review(stage, "")
    pauses = watch_pauses(run, monkeypatch)
    with raw_server(error, status=429, content_type="application/json", headers={"retry-after": header}) as (url, _):
        stage.connect(url)
        give_up_on_the_third(pauses, monkeypatch)
        stage.perform(run)
    return pauses[0].seconds


def give_up_on_the_third(pauses: list, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that limits for ever: after some rounds its answer is made a refusal, so that the run ends."""
    judged = wire.judged

    def judge(error, access):  # type: ignore[no-untyped-def]
        return judged(error, access) if len(pauses) < 2 else wire.Refused("enough")

    monkeypatch.setattr(wire, "judged", judge)


@pytest.mark.parametrize("header", ["nan", "soon", ""])
def test_a_pause_that_says_nothing_is_a_refusal(stage: Stage, header: str) -> None:
    error = json.dumps({"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}}).encode()
    headers = {"retry-after": header} if header else {}
    with raw_server(error, status=429, content_type="application/json", headers=headers) as (url, asked):
        stage.connect(url)
        run = stage.perform(queue_review(stage, ""))
    assert run.state == RunState.FAILED
    assert "without saying when to come back" in run.failure
    assert len(asked) == 1


BREAKS = [
    "500",
    "529",
    "sse-error",
    *(f"cut bytes={at}" for at in (0, 1, 90, 400, 777, 1100, 1500)),
    "truncate",
    *(f"truncate bytes={at}" for at in (0, 1, 600, 1300)),
]


@pytest.mark.parametrize("fault", BREAKS)
def test_a_turn_that_broke_off_did_not_happen_and_is_asked_for_again(
    stage: Stage, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    stage.connect(rehearsal.url)
    run = queue_review(stage, f"[[fault:{fault} times=1]]")
    pauses = watch_pauses(run, monkeypatch)
    run = stage.perform(run)
    assert run.state == RunState.COMPLETED, run.failure
    assert len(rehearsal.requests_of(run.item)) == 4  # each of the two turns failed once
    assert [pause.run.state for pause in pauses] == [RunState.RUNNING] * 2
    notices = texts_of(run, "notice")
    assert len(notices) == 2
    assert all(
        n.startswith("Not answered: ") and n.endswith("what was said of this turn does not count.") for n in notices
    )
    assert [e.payload["name"] for e in events_of(run) if e.kind == "tool_call"] == ["submit_review", "report"]
    assert [m["role"] for m in messages_of(run)] == ["user", "assistant", "user", "assistant", "user"]
    assert (Review.objects.count(), Report.objects.count()) == (1, 1)


def test_a_server_that_stalls_is_asked_again(
    stage: Stage, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "READ_TIMEOUT_SECONDS", 0.5)
    stage.connect(rehearsal.url)
    run = queue_review(stage, "[[fault:stall seconds=30 times=1 turn=0]]")
    watch_pauses(run, monkeypatch)
    run = stage.perform(run)
    assert run.state == RunState.COMPLETED
    assert "ReadTimeout" in texts_of(run, "notice")[0]
    assert Review.objects.count() == 1


@pytest.mark.parametrize("fault", ["529", "truncate", "cut bytes=1500", "sse-error"])
def test_a_server_that_never_recovers_is_given_up_with_a_sentence_and_no_tool_was_used(
    stage: Stage, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    stage.connect(rehearsal.url)
    give_up_after(0.3, monkeypatch)
    run = stage.perform(queue_review(stage, f"[[fault:{fault}]]"))
    assert run.state == RunState.FAILED
    assert run.failure.startswith("For ")
    assert run.failure.endswith("Check the endpoint, then resume the run; its work is kept.")
    assert 2 < len(rehearsal.requests_of(run.item)) < 30
    assert not Review.objects.exists()
    assert not [e for e in events_of(run) if e.kind in ("tool_call", "tool_result")]
    assert [m["role"] for m in messages_of(run)] == ["user"]


def test_pauses_between_tries_grow_and_are_drawn_anew(
    stage: Stage, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.connect(rehearsal.url)
    drawn: list[float] = []
    run = queue_review(stage, "[[fault:529 times=9 turn=0]]")
    pauses = watch_pauses(run, monkeypatch)
    monkeypatch.setattr("leadroom.runners.builtin.loop.random.uniform", lambda low, high: drawn.append(high) or high)
    assert stage.perform(run).state == RunState.COMPLETED
    assert drawn == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]
    assert [pause.seconds for pause in pauses] == drawn


def test_a_clock_that_is_set_forward_does_not_make_a_run_give_up(
    stage: Stage, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.connect(rehearsal.url)
    run = queue_review(stage, "[[fault:529 times=2 turn=0]]")
    pauses = watch_pauses(run, monkeypatch)
    monkeypatch.setattr("leadroom.runners.builtin.loop.now", lambda: later(7_200 * len(pauses)))
    assert stage.perform(run).state == RunState.COMPLETED


def test_nobody_listening_is_told_with_the_address(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    stage.connect(f"http://127.0.0.1:{port}")
    give_up_after(0.2, monkeypatch)
    run = stage.perform(queue_review(stage, ""))
    assert run.state == RunState.FAILED
    assert f"the connection to http://127.0.0.1:{port} failed" in run.failure


def _event(name: str, **fields: object) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()


START = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "x",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 1, "output_tokens": 1},
}
FOREIGN = {
    "an HTML page": b"<html><body>Sign in to the network first</body></html>",
    "nothing": b"",
    "no start": _event("message_stop"),
    "a piece of a block that never began": _event("message_start", message=START)
    + _event("content_block_delta", index=3, delta={"type": "text_delta", "text": "x"}),
    "damaged JSON": b'event: message_start\ndata: {"type": "message_sta\n\n',
    "a list": b"event: message_start\ndata: [1, 2]\n\n",
}


@pytest.mark.parametrize("body", list(FOREIGN.values()), ids=list(FOREIGN))
def test_what_is_no_messages_api_is_given_up_with_the_address(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    give_up_after(0.2, monkeypatch)
    with raw_server(body) as (url, asked):
        stage.connect(url)
        run = stage.perform(queue_review(stage, ""))
        assert run.state == RunState.FAILED
        assert len(asked) > 1
    assert "Leadroom itself failed" not in run.failure
    assert url in run.failure or "broke off" in run.failure
    assert "Check the endpoint" in run.failure


@pytest.mark.parametrize("padding", [0, 170, 175, 180, 185, 190])
def test_a_server_that_repeats_the_key_does_not_get_it_written_down(
    stage: Stage, padding: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="leadroom")
    message = "x" * padding + f" your key {KEY} is wrong"
    error = json.dumps({"type": "error", "error": {"type": "authentication_error", "message": message}}).encode()
    with raw_server(error, status=401, content_type="application/json") as (url, _):
        stage.connect(url)
        run = stage.perform(queue_review(stage, ""))
    assert run.state == RunState.FAILED
    check_key_is_kept(stage, caplog.text)


def test_the_key_goes_to_the_server_and_nowhere_else(stage: Stage, rehearsal: Rehearsal) -> None:
    stage.connect(rehearsal.url)
    run = stage.perform(queue_review(stage, ""))
    assert {request["key"] for request in rehearsal.requests_of(run.item)} == {KEY}
    assert KEY not in json.dumps([request["body"] for request in rehearsal.requests_of(run.item)])
    check_key_is_kept(stage)
