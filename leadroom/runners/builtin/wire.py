"""The Messages API, one turn at a time: streams become journal lines, and a turn is whole or it did not happen."""

import json
import math
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import anthropic
import httpx2
from anthropic import AsyncAnthropic

from leadroom.agents.enums import EventKind, FailureCause
from leadroom.agents.queries import ModelAccess
from leadroom.lib.clock import now
from leadroom.lib.errors import LeadroomError
from leadroom.lib.shapes import clip
from leadroom.runners.base import ToolCall
from leadroom.runners.journal import Journal

MAX_TOKENS = 16_000
READ_TIMEOUT_SECONDS = 120.0
ANSWER_LIMIT = 2_000_000
"""Characters of one answer; MAX_TOKENS is far below it, but a server need not keep to that."""
NAME_LIMIT = 200
_FOREIGN = (AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError, anthropic.AnthropicError)
"""What the SDK raises over a stream that is no Messages API's: no events at all, or in an impossible order."""


class Retry(Exception):
    """The turn did not happen; it may be tried again after a pause."""


class Limited(Exception):
    """The server asked to wait `seconds` (429 with retry-after)."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"rate limit for {seconds:g} s")
        self.seconds = seconds


class Refused(LeadroomError):
    """The server will not answer until a person changes something."""

    def __init__(self, sentence: str, *, cause: FailureCause = FailureCause.OTHER) -> None:
        super().__init__(sentence)
        self.cause = cause


@dataclass(frozen=True)
class Turn:
    """One whole answer: its content as the API has it, its tool calls, and what was unreadable in it."""

    content: list[dict[str, Any]]
    calls: list[ToolCall]
    unreadable: str
    input_tokens: int
    output_tokens: int


class Wire:
    """A client for one run. The key stays in this process; nothing of it reaches tools, logs or the database."""

    def __init__(self, access: ModelAccess, *, system: str, tools: list[dict[str, Any]]) -> None:
        self._access = access
        self._client = AsyncAnthropic(
            base_url=access.base_url,
            api_key=access.key or "none",
            max_retries=0,  # pauses must be visible, and a spend cap must not be hammered
            timeout=httpx2.Timeout(READ_TIMEOUT_SECONDS, connect=10.0),
        )
        self._system = [{"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}]
        self._tools = tools

    async def close(self) -> None:
        await self._client.close()

    def _too_long(self) -> Refused:
        return Refused(
            f"{self._access.base_url} sent more than {ANSWER_LIMIT:,} characters in one answer, which no model does. "
            "Check the endpoint's address and model in the project's settings, then resume the run; its work is kept."
        )

    async def turn(self, messages: list[dict[str, Any]], journal: Journal) -> Turn:
        """Ask for one answer. Raises Retry, Limited or Refused; then nothing of the partial turn counts."""
        try:
            return await self._stream(messages, journal)
        except anthropic.APIStatusError as error:
            raise judged(error, self._access) from error
        except (anthropic.APIConnectionError, httpx2.HTTPError, TimeoutError) as error:
            raise Retry(f"the connection to {self._access.base_url} failed ({type(error).__name__})") from error
        except _FOREIGN as error:
            name = type(error).__name__
            raise Retry(f"{self._access.base_url} did not answer as a Messages API does ({name})") from error

    async def _stream(self, messages: list[dict[str, Any]], journal: Journal) -> Turn:
        raw_inputs: dict[int, str] = {}
        unreadable = ""
        said = 0
        request: dict[str, Any] = {"tools": self._tools} if self._tools else {}
        async with self._client.messages.stream(
            model=self._access.model,
            max_tokens=MAX_TOKENS,
            system=self._system,  # type: ignore[arg-type]
            messages=messages,  # type: ignore[arg-type]
            **request,
        ) as stream:
            try:
                async for event in stream:
                    if event.type == "content_block_delta":
                        said += _length(event.delta)
                        if said > ANSWER_LIMIT:
                            raise self._too_long()
                        if event.delta.type == "input_json_delta":
                            raw_inputs[event.index] = raw_inputs.get(event.index, "") + event.delta.partial_json
                        elif event.delta.type == "text_delta":
                            journal.write(EventKind.MESSAGE, text=event.delta.text)
                        elif event.delta.type == "thinking_delta":
                            journal.write(EventKind.THOUGHT, text=event.delta.thinking)
            except ValueError as error:  # the SDK could not parse a tool's JSON
                unreadable = str(error)
            message = stream.current_message_snapshot
        is_about_a_tool = any(block.type == "tool_use" for block in message.content)
        if message.stop_reason is None and not (unreadable and is_about_a_tool):
            raise Retry("the answer broke off before its end")
        return _whole(message, raw_inputs, unreadable)


def _length(delta: Any) -> int:
    return sum(len(str(getattr(delta, name, None) or "")) for name in ("partial_json", "text", "thinking"))


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is no number in JSON")


def _whole(message: Any, raw_inputs: dict[int, str], unreadable: str) -> Turn:
    content, calls = [], []
    for index, block in enumerate(message.content):
        if block.type == "tool_use":
            try:
                given = (
                    json.loads(raw_inputs[index], parse_constant=_no_number) if raw_inputs.get(index) else block.input
                )
            except (ValueError, RecursionError) as error:
                unreadable = f"the input of {block.name} is not valid JSON ({error})"
                continue
            if unreadable:
                continue
            calls.append(ToolCall(block.id, clip(block.name, NAME_LIMIT), given))
            content.append({"type": "tool_use", "id": block.id, "name": block.name, "input": given})
        elif block.type == "text" and block.text.strip():
            content.append({"type": "text", "text": block.text})
        elif block.type == "thinking" and block.signature:
            content.append({"type": "thinking", "thinking": block.thinking, "signature": block.signature})
    if unreadable:
        calls, content = [], [b for b in content if b["type"] != "tool_use"]
    usage = message.usage
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return Turn(content, calls, unreadable, (usage.input_tokens or 0) + cached, usage.output_tokens or 0)


def judged(error: anthropic.APIStatusError, access: ModelAccess) -> Exception:
    """Which of Retry, Limited and Refused an HTTP or mid-stream error is; the figures behind it were measured."""
    status, kind = error.status_code, getattr(error, "type", None)
    if kind == "overloaded_error" or status >= 500 or status in (408, 409):
        return Retry(f"the server at {access.base_url} is overloaded or failing ({status})")
    if status == 429:
        seconds = _pause(error.response.headers.get("retry-after", ""))
        if seconds is not None:
            return Limited(seconds)
        return Refused(
            f"{access.base_url} answers 429 without saying when to come back, as at a spend cap. "
            "Raise the cap or change the endpoint, then resume the run; its work is kept.",
            cause=FailureCause.SPEND_CAP,
        )
    if status == 200:
        return Retry(f"the server at {access.base_url} broke off with an error")
    cures = {401: "Check the key", 402: "Check the account's balance", 403: "Check what the key may use"}
    cure = cures.get(status, "Check the endpoint's address and model")
    said = str(getattr(error, "message", error))
    said = clip(said.replace(access.key, "…") if access.key else said, 300)
    return Refused(
        f"{access.base_url} refuses model {access.model!r} ({status}: {said}). {cure} in the project's settings, "
        "then resume the run; its work is kept.",
        cause=FailureCause.SPEND_CAP if status == 402 else FailureCause.OTHER,
    )


def _pause(retry_after: str) -> float | None:
    """Seconds to wait by a retry-after header, a number or a date; None when it says neither. 0.1 s to an hour."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(retry_after) - now()).total_seconds()
        except (TypeError, ValueError):
            return None
    return None if math.isnan(seconds) else min(max(seconds, 0.1), 3_600)
