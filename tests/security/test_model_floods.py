"""A model's server that answers with too much, too deep or nonsense: the turn is refused, nothing else happens."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from leadroom.agents.enums import EventKind
from leadroom.agents.queries import ModelAccess
from leadroom.runners.builtin import wire
from leadroom.runners.builtin.loop import _shown, _title
from leadroom.runners.builtin.trial import try_access
from leadroom.runners.builtin.wire import Refused, Retry, Turn, Wire
from tests.runners.scenes import raw_server

pytestmark = pytest.mark.security
USAGE = {"input_tokens": 1, "output_tokens": 1}
START = {
    "type": "message_start",
    "message": {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": USAGE},
}
END = [
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": USAGE},
    {"type": "message_stop"},
]


class Paper:
    """Takes what the wire writes down."""

    def __init__(self) -> None:
        self.size = 0

    def write(self, kind: EventKind, /, **payload: Any) -> None:
        self.size += len(str(payload))


def stream(block: dict[str, Any], deltas: Iterable[dict[str, Any]]) -> bytes:
    events = [START, {"type": "content_block_start", "index": 0, "content_block": block}]
    events += [{"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas]
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in [*events, *END]).encode()


def tool(name: str, *pieces: str) -> bytes:
    block = {"type": "tool_use", "id": "t1", "name": name, "input": {}}
    return stream(block, [{"type": "input_json_delta", "partial_json": piece} for piece in pieces])


def turn(body: bytes) -> tuple[Turn | Exception, Paper]:
    paper = Paper()

    async def ask(url: str) -> Turn:
        connection = Wire(ModelAccess(url, "m", "k"), system="s", tools=[])
        try:
            return await connection.turn([{"role": "user", "content": "x"}], paper)  # type: ignore[arg-type]
        finally:
            await connection.close()

    with raw_server(body) as (url, _):
        try:
            return asyncio.run(ask(url)), paper
        except (Refused, Retry) as error:
            return error, paper


@pytest.mark.parametrize("depth", [150, 500, 5_000, 100_000])
@pytest.mark.parametrize("brackets", ["[]", '{"a":}'])
def test_deep_json_is_unreadable_or_an_input_and_never_a_crash(depth: int, brackets: str) -> None:
    opening, closing = brackets[:-1], brackets[-1]
    answer, _ = turn(tool("report", opening * depth + "1" + closing * depth))
    assert isinstance(answer, Turn | Retry)
    if isinstance(answer, Turn) and answer.calls:
        assert _shown(answer.calls[0].input)
        assert _title(answer.calls[0])
    elif isinstance(answer, Turn):
        assert answer.unreadable


def test_an_endless_answer_is_cut_off_with_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "ANSWER_LIMIT", 100_000)
    text = stream({"type": "text", "text": ""}, [{"type": "text_delta", "text": "x" * 1_000}] * 2_000)
    answer, paper = turn(text)
    assert isinstance(answer, Refused)
    assert "sent more than 100,000 characters" in str(answer)
    assert paper.size < 200_000
    answer, _ = turn(tool("write_file", '{"text": "', *["x" * 1_000] * 2_000, '"}'))
    assert isinstance(answer, Refused)


def test_a_long_name_is_cut() -> None:
    answer, _ = turn(tool("n" * 100_000, "{}"))
    assert isinstance(answer, Turn)
    assert len(answer.calls[0].name) < 300


@pytest.mark.parametrize("body", [b"", b"<script>alert(1)</script>", b"data: {}\n\n" * 50, b"\x00\xff" * 5_000])
def test_nonsense_is_tried_again_later(body: bytes) -> None:
    answer, _ = turn(body)
    assert isinstance(answer, Retry)


def test_a_model_that_calls_itself_something_endless_is_cut() -> None:
    message = {"id": "m", "type": "message", "role": "assistant", "content": [], "usage": USAGE, "model": "M" * 500_000}
    with raw_server(json.dumps(message).encode(), content_type="application/json") as (url, _):
        verdict = asyncio.run(try_access(ModelAccess(url, "m", "k")))
    assert verdict
    assert len(verdict.reason) < 300
