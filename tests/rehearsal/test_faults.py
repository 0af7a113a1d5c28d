"""Every fault on demand, as the real client meets it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import anthropic
import httpx2
import pytest

from leadroom.rehearsal.faults import FaultCounter, parse_fault
from tests.rehearsal.conftest import ClientFactory

TOOLS: list[dict[str, Any]] = [{"name": "report", "description": "Ends.", "input_schema": {"type": "object"}}]


async def stream(api: anthropic.AsyncAnthropic, text: str, headers: dict[str, str] | None = None) -> Any:
    """Plays one turn of `idle` and gives the final message."""
    messages: list[Any] = [{"role": "user", "content": f"{text} [[script:idle]]"}]
    async with api.messages.stream(
        model="m", max_tokens=99, messages=messages, tools=TOOLS, extra_headers=headers or {}
    ) as events:
        return await events.get_final_message()


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("400", 400, "invalid_request_error"),
        ("401", 401, "authentication_error"),
        ("402", 402, "billing_error"),
        ("403", 403, "permission_error"),
        ("404", 404, "not_found_error"),
        ("413", 413, "request_too_large"),
        ("429", 429, "rate_limit_error"),
        ("429-no-retry-after", 429, "rate_limit_error"),
        ("500", 500, "api_error"),
        ("529", 529, "overloaded_error"),
    ],
)
def test_http_refusals(client: ClientFactory, name: str, status: int, kind: str) -> None:
    async def go() -> anthropic.APIStatusError:
        async with client() as api:
            with pytest.raises(anthropic.APIStatusError) as caught:
                await stream(api, f"[[fault:{name}]]")
            return caught.value

    error = asyncio.run(go())
    assert error.status_code == status
    assert error.type == kind
    assert error.response.headers.get("retry-after") == ("1" if name == "429" else None)


def test_a_cut_is_a_broken_connection_at_that_byte(client: ClientFactory, rehearsal_url: str) -> None:
    async def bytes_before_the_cut(text: str) -> int:
        messages = [{"role": "user", "content": text}]
        body = {"model": "m", "max_tokens": 9, "stream": True, "messages": messages}
        asked = {"url": f"{rehearsal_url}/v1/messages", "json": body, "headers": {"x-api-key": "x"}}
        received = 0
        async with httpx2.AsyncClient() as http, http.stream("POST", **asked) as response:
            with contextlib.suppress(httpx2.RemoteProtocolError):
                async for chunk in response.aiter_raw():
                    received += len(chunk)
        return received

    async def go(count: int) -> int:
        text = f"[[script:idle]] [[fault:cut bytes={count}]]"
        async with client() as api:
            with pytest.raises(httpx2.RemoteProtocolError):
                await stream(api, text)
        return await bytes_before_the_cut(text)

    for count in (0, 1, 57, 700):
        assert asyncio.run(go(count)) == count


def test_an_error_event_in_mid_stream(client: ClientFactory) -> None:
    async def go() -> anthropic.APIStatusError:
        async with client(max_retries=2) as api:
            with pytest.raises(anthropic.APIStatusError) as caught:
                await stream(api, "[[fault:sse-error]]")
            return caught.value

    error = asyncio.run(go())
    assert error.status_code == 200
    assert error.type == "overloaded_error"


def test_a_truncation_raises_nothing_and_has_no_stop_reason(client: ClientFactory) -> None:
    async def go(text: str) -> Any:
        async with client() as api:
            return await stream(api, text)

    tempting = asyncio.run(go("[[fault:truncate]]"))
    assert tempting.stop_reason is None
    assert tempting.content[-1].input["status"] == "COMPLETE"
    early = asyncio.run(go("[[fault:truncate bytes=600]]"))
    assert early.stop_reason is None
    assert len(early.content) < len(tempting.content)


def test_a_stall_runs_into_the_clients_timeout_or_goes_on(client: ClientFactory) -> None:
    async def go(text: str, timeout: float) -> Any:
        async with client(timeout=timeout) as api:
            return await stream(api, text)

    with pytest.raises(httpx2.ReadTimeout):
        asyncio.run(go("[[fault:stall seconds=20]]", 0.3))
    assert asyncio.run(go("[[fault:stall seconds=0.2]]", 5)).stop_reason == "tool_use"


def test_broken_tool_arguments(client: ClientFactory) -> None:
    async def go() -> None:
        async with client() as api:
            with pytest.raises(ValueError, match="Unable to parse tool parameter JSON"):
                await stream(api, "[[fault:broken-json]]")

    asyncio.run(go())


def test_unknown_tools_and_wrong_fields(client: ClientFactory) -> None:
    async def go(text: str) -> Any:
        async with client() as api:
            return (await stream(api, text)).content[-1]

    assert asyncio.run(go("[[fault:unknown-tool]]")).name == "report_please"
    wrong = asyncio.run(go("[[fault:wrong-fields]]"))
    assert wrong.name == "report"
    assert "wrong_status" in wrong.input
    assert "status" not in wrong.input


def test_a_fault_may_happen_some_times_and_then_succeed(client: ClientFactory) -> None:
    async def go() -> list[str]:
        seen = []
        async with client() as api:
            for _ in range(3):
                try:
                    seen.append((await stream(api, "Counted once. [[fault:529 times=2]]")).stop_reason)
                except anthropic.APIStatusError as error:
                    seen.append(str(error.status_code))
        return seen

    assert asyncio.run(go()) == ["529", "529", "tool_use"]


def test_the_clients_own_retries_count_too(client: ClientFactory) -> None:
    async def go() -> Any:
        async with client(max_retries=1) as api:
            return await stream(api, "Counted by retries. [[fault:429 times=1 retry_after=0.05]]")

    assert asyncio.run(go()).stop_reason == "tool_use"


def test_a_header_asks_for_a_fault_and_wins_over_a_marker(client: ClientFactory) -> None:
    async def go() -> int:
        async with client() as api:
            with pytest.raises(anthropic.APIStatusError) as caught:
                await stream(api, "[[fault:none]]", {"x-rehearsal-fault": "403"})
            return caught.value.status_code

    assert asyncio.run(go()) == 403


def test_a_fault_of_one_turn_leaves_the_others_alone(client: ClientFactory) -> None:
    async def go() -> Any:
        async with client() as api:
            return await stream(api, "[[fault:500 turn=1]]")

    assert asyncio.run(go()).stop_reason == "tool_use"


def test_faults_without_streaming(client: ClientFactory) -> None:
    async def go(name: str) -> None:
        messages: list[Any] = [{"role": "user", "content": f"[[script:idle]] [[fault:{name}]]"}]
        async with client() as api:
            await api.messages.create(model="m", max_tokens=9, messages=messages)

    for name in ("cut", "truncate"):
        with pytest.raises(anthropic.APIConnectionError):
            asyncio.run(go(name))
    with pytest.raises(anthropic.InternalServerError):
        asyncio.run(go("sse-error"))


def test_the_counter_keeps_conversations_apart_and_forgets_the_oldest() -> None:
    counter = FaultCounter(keep=2)
    fault = parse_fault("cut times=1")
    assert fault is not None
    assert [counter.is_due(fault, script="s", turn=0, digest=d) for d in "aab"] == [True, False, True]
    assert counter.is_due(fault, script="s", turn=0, digest="c")
    assert counter.is_due(fault, script="s", turn=0, digest="a")


@pytest.mark.parametrize("asked", ["rain", "cut wet=1", "cut bytes=many", {"name": "529", "times": "often"}])
def test_faults_nobody_knows_are_refused(asked: Any) -> None:
    with pytest.raises(ValueError, match="fault"):
        parse_fault(asked)
