"""The server as the real client sees it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import Any

import anthropic
import pytest

from tests.rehearsal.conftest import ROOT, ClientFactory, start_server, stop_server

TOOLS: list[dict[str, Any]] = [{"name": "report", "description": "Ends.", "input_schema": {"type": "object"}}]


def said(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def ask(url: str, path: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, Any]:
    request = urllib.request.Request(url + path, data=data, headers={"x-api-key": "x", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_a_streamed_turn_reaches_the_client_piece_by_piece(client: ClientFactory) -> None:
    async def go() -> tuple[list[str], anthropic.types.Message]:
        async with (
            client() as api,
            api.messages.stream(
                model="m", max_tokens=500, messages=[said("Go.\n[[script:first/requirements]]")], tools=TOOLS
            ) as stream,
        ):
            kinds = [event.type async for event in stream]
            return kinds, await stream.get_final_message()

    kinds, message = asyncio.run(go())
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert kinds.count("text") >= 1
    assert kinds.count("thinking") >= 2
    assert [block.type for block in message.content] == [
        "thinking",
        "text",
        "tool_use",
        "tool_use",
        "tool_use",
    ]
    calls = [block for block in message.content if block.type == "tool_use"]
    assert [call.input for call in calls] == [
        {"path": "README.md"}, {"path": "evenly/group.py"}, {"path": "evenly/commands/add.py"},
    ]  # fmt: skip
    assert len({call.id for call in calls}) == 3
    assert message.stop_reason == "tool_use"
    assert message.model == "m"


def test_a_long_tool_call_comes_in_several_chunks(client: ClientFactory) -> None:
    async def go() -> tuple[int, Any]:
        async with (
            client() as api,
            api.messages.stream(model="m", max_tokens=500, messages=[said("[[script:idle]]")], tools=TOOLS) as stream,
        ):
            chunks = [e async for e in stream if e.type == "input_json"]
            return len(chunks), (await stream.get_final_message()).content[-1]

    count, call = asyncio.run(go())
    assert count > 3
    assert call.name == "report"
    assert call.input["status"] == "COMPLETE"


def test_json_and_stream_carry_the_same_message_and_usage(client: ClientFactory) -> None:
    async def go() -> tuple[Any, Any]:
        async with client() as api:
            messages = [said("[[script:light/reviewer]]")]
            asked: dict[str, Any] = {"model": "m", "max_tokens": 500, "messages": messages, "tools": TOOLS}
            whole = await api.messages.create(**asked)
            async with api.messages.stream(**asked) as stream:
                return whole, await stream.get_final_message()

    whole, streamed = asyncio.run(go())
    for message in (whole, streamed):
        assert [block.type for block in message.content] == ["text", "tool_use"]
    assert whole.content[0].text == streamed.content[0].text
    assert whole.content[1].input == streamed.content[1].input
    assert whole.usage.output_tokens == streamed.usage.output_tokens > 20
    assert whole.usage.input_tokens == streamed.usage.input_tokens > 5
    assert whole.usage.cache_read_input_tokens == 0


def test_the_turn_is_read_from_the_conversation_alone(client: ClientFactory) -> None:
    async def go() -> list[str]:
        texts = []
        messages = [said("[[script:light/reviewer]]")]
        async with client() as api:
            for _ in range(3):
                reply = await api.messages.create(model="m", max_tokens=500, messages=messages, tools=TOOLS)
                again = await api.messages.create(model="m", max_tokens=500, messages=messages, tools=TOOLS)
                assert [b.type for b in again.content] == [b.type for b in reply.content]
                texts.append(reply.content[0].text)
                results = [
                    {"type": "tool_result", "tool_use_id": block.id, "content": "ok"}
                    for block in reply.content
                    if block.type == "tool_use"
                ]
                messages += [{"role": "assistant", "content": reply.content}, said(results or "more")]
        return texts

    first, second, third = asyncio.run(go())
    assert "I approve" in first
    assert second == "My review is handed in."
    assert third == "I have nothing to add."


def test_cached_parts_show_in_the_usage(client: ClientFactory) -> None:
    async def go() -> tuple[Any, Any]:
        system = [{"type": "text", "text": "You plan. " * 200, "cache_control": {"type": "ephemeral"}}]
        first = [said("[[script:light/reviewer]]")]
        second = [*first, {"role": "assistant", "content": "So far."}, said("Go on.")]
        async with client() as api:
            usages = [
                (await api.messages.create(model="m", max_tokens=9, system=system, messages=messages)).usage
                for messages in (first, second)
            ]
        return usages[0], usages[1]

    first, second = asyncio.run(go())
    assert first.cache_read_input_tokens == 0
    assert first.cache_creation_input_tokens > 400
    assert second.cache_read_input_tokens > 400
    assert 0 < second.cache_creation_input_tokens < 100


def test_counting_tokens_grows_with_the_text_and_models_are_listed(client: ClientFactory) -> None:
    async def go() -> tuple[int, int, list[str]]:
        async with client() as api:
            small = await api.messages.count_tokens(model="m", messages=[said("Hi")])
            large = await api.messages.count_tokens(model="m", messages=[said("Hi " * 1000)])
            return small.input_tokens, large.input_tokens, [model.id async for model in api.models.list()]

    small, large, models = asyncio.run(go())
    assert 0 < small < 40 < 700 < large
    assert "rehearsal-middle" in models


def request(text: str, **more: Any) -> bytes:
    return json.dumps({"model": "m", "max_tokens": 5, "messages": [said(text)], **more}).encode()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "must be a JSON object"),
        (b'{"max_tokens": 5, "messages": []}', "model: Field required"),
        (b'{"model": "m", "messages": [{"role": "user", "content": "x"}]}', "max_tokens"),
        (request("", messages=[]), "at least one message"),
        (request(""), "messages.0.content"),
        (request("", messages=[{"role": "assistant", "content": "x"}]), "user role"),
        (request("[[script:nosuch]]"), "No script is called 'nosuch'"),
        (request("[[script:../demo]]"), "No script is called"),
        (request("Hello", tools=TOOLS), "[[script:first/requirements]]"),
        (request("[[script:idle]] [[fault:rain]]"), "No fault is called 'rain'"),
        (request("[[script:idle]] [[pace:fast]]"), "[[pace:0.2]]"),
        (request("[[script:idle]] [[chunks:0]]"), "whole number"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(rehearsal_url: str, body: bytes, sentence: str) -> None:
    status, answer = ask(rehearsal_url, "/v1/messages", body)
    assert status == 400
    assert answer["type"] == "error"
    assert answer["error"]["type"] == "invalid_request_error"
    assert sentence in answer["error"]["message"]


def test_a_tool_call_without_its_result_is_refused_as_by_the_real_api(rehearsal_url: str) -> None:
    call = {"type": "tool_use", "id": "toolu_7", "name": "report", "input": {}}
    messages = [said("[[script:idle]]"), {"role": "assistant", "content": [call]}]
    for rest in ([], [said("and?")]):
        body = json.dumps({"model": "m", "max_tokens": 5, "messages": [*messages, *rest]}).encode()
        status, answer = ask(rehearsal_url, "/v1/messages", body)
        assert status == 400
        assert "tool_result" in answer["error"]["message"]


def test_a_key_is_needed_and_unknown_paths_and_methods_are_told(rehearsal_url: str) -> None:
    status, answer = ask(rehearsal_url, "/v1/messages", b"{}", {"x-api-key": ""})
    assert (status, answer["error"]["type"]) == (401, "authentication_error")
    status, answer = ask(rehearsal_url, "/v1/other")
    assert (status, answer["error"]["type"]) == (404, "not_found_error")
    assert ask(rehearsal_url, "/v1/messages")[0] == 405
    assert ask(rehearsal_url, "/healthz")[1]["status"] == "ok"


def test_somebody_without_a_marker_and_without_tools_is_told_what_this_is(client: ClientFactory) -> None:
    async def go() -> str:
        async with client() as api:
            reply = await api.messages.create(model="m", max_tokens=50, messages=[said("Hello?")])
            return reply.content[0].text

    assert "This is a rehearsal" in asyncio.run(go())


def test_the_demo_is_described_with_its_files(rehearsal_url: str) -> None:
    status, demo = ask(rehearsal_url, "/demo")
    assert status == 200
    assert [item["expected_risk"] for item in demo["items"]] == ["standard", "light", "critical"]
    assert "def split_evenly" in demo["files"]["evenly/group.py"]
    assert not [path for path in demo["files"] if "pycache" in path]


def test_markers_set_the_pace_and_the_length(client: ClientFactory) -> None:
    async def go(text: str) -> tuple[int, float]:
        async with client() as api:
            began = time.monotonic()
            async with api.messages.stream(model="m", max_tokens=50, messages=[said(text)]) as stream:
                pieces = [event async for event in stream if event.type == "text"]
            return len(pieces), time.monotonic() - began

    assert asyncio.run(go("[[script:chatty]] [[chunks:300]] [[pace:0]]"))[0] == 300
    count, seconds = asyncio.run(go("[[script:chatty]] [[chunks:10]] [[pace:0.03]]"))
    assert count == 10
    assert seconds > 0.29


def test_a_client_that_hangs_up_does_not_disturb_the_next_one(client: ClientFactory) -> None:
    async def go() -> Any:
        async with client() as api:
            for _ in range(3):
                messages = [said("[[script:chatty]] [[chunks:5000]] [[pace:0.01]]")]
                async with api.messages.stream(model="m", max_tokens=50, messages=messages) as stream:
                    async for event in stream:
                        if event.type == "text":
                            break
            return await api.messages.create(model="m", max_tokens=50, messages=[said("[[script:idle]]")])

    assert asyncio.run(go()).stop_reason == "tool_use"


def test_a_busy_port_is_explained() -> None:
    process, url = start_server("--pace", "0")
    try:
        command = [sys.executable, "-m", "leadroom.rehearsal", "--port", url.rpartition(":")[2]]
        second = subprocess.run(command, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=20)
    finally:
        status, errors = stop_server(process)
    assert second.returncode == 1
    assert "Choose another --port." in second.stderr
    assert (status, errors) == (0, "")


def test_a_pace_that_is_no_number_is_explained() -> None:
    command = [sys.executable, "-m", "leadroom.rehearsal", "--port", "0"]
    environment = {**os.environ, "REHEARSAL_PACE": "fast"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=20)
    assert done.returncode == 2
    assert "REHEARSAL_PACE needs a number of seconds" in done.stderr
