"""The second, independent server satisfies the same client."""

from __future__ import annotations

import asyncio
from typing import Any

import anthropic
import pytest

from tests.support.other_model_server import OtherModel, other_model_server

TURNS = [["I look first.", ("read_file", {"path": "README.md"})], ["That is all."]]


async def two_turns(model: OtherModel) -> list[Any]:
    messages: list[Any] = [{"role": "user", "content": "Begin."}]
    replies = []
    async with anthropic.AsyncAnthropic(base_url=model.url, api_key="other-key", max_retries=0) as api:
        for _ in range(2):
            async with api.messages.stream(model="any", max_tokens=50, messages=messages) as stream:
                reply = await stream.get_final_message()
            replies.append(reply)
            results = [
                {"type": "tool_result", "tool_use_id": block.id, "content": "text"}
                for block in reply.content
                if block.type == "tool_use"
            ]
            told = results or [{"type": "text", "text": "More."}]
            messages += [{"role": "assistant", "content": reply.content}, {"role": "user", "content": told}]
        replies.append(await api.messages.create(model="any", max_tokens=50, messages=messages))
    return replies


def test_a_scenario_is_played_turn_by_turn() -> None:
    with other_model_server(TURNS) as model:
        first, second, third = asyncio.run(two_turns(model))
    assert [block.type for block in first.content] == ["text", "tool_use"]
    assert first.content[1].input == {"path": "README.md"}
    assert first.stop_reason == "tool_use"
    assert second.content[0].text == third.content[0].text == "That is all."
    assert second.stop_reason == "end_turn"
    assert [request["model"] for request in model.requests] == ["any"] * 3


def test_another_key_is_refused() -> None:
    async def go(url: str) -> None:
        async with anthropic.AsyncAnthropic(base_url=url, api_key="wrong", max_retries=0) as api:
            await api.messages.create(model="any", max_tokens=5, messages=[{"role": "user", "content": "Hi"}])

    with other_model_server(TURNS) as model, pytest.raises(anthropic.AuthenticationError):
        asyncio.run(go(model.url))
    assert model.requests == []
