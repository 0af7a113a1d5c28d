"""Shapes of the Messages API: a message as JSON, and the same message as server-sent events."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from leadroom.rehearsal.conversation import blocks_of
from leadroom.rehearsal.script import Turn

CHARACTERS_PER_TOKEN = 3.6
TEXT_CHUNK = 56
MOST_JSON_CHUNKS = 12
SMALLEST_JSON_CHUNK = 24


@dataclass(frozen=True)
class Block:
    """A content block to be sent; `text` is its words, or a tool call's arguments (perhaps broken JSON)."""

    kind: str
    text: str
    name: str = ""
    id: str = ""
    chunks: int | None = None


@dataclass(frozen=True)
class Answer:
    """A whole assistant message, ready to be sent either way."""

    id: str
    model: str
    blocks: tuple[Block, ...]
    stop_reason: str
    usage: dict[str, int]


def new_id(prefix: str) -> str:
    """A fresh identifier in the API's style, such as `msg_01…`."""
    return f"{prefix}_01{secrets.token_hex(11)}"


def answer_of(turn: Turn, body: Mapping[str, Any], *, damage: str = "") -> Answer:
    """Makes the message a turn stands for. `damage` names a fault that spoils its last tool call."""
    blocks: list[Block] = []
    if turn.thinking and _thinks(body):
        blocks.append(Block("thinking", turn.thinking))
    if turn.text:
        blocks.append(Block("text", turn.text, chunks=turn.chunks))
    for position, call in enumerate(turn.tools):
        name, arguments = call.name, json.dumps(call.input, ensure_ascii=False)
        if damage and position == len(turn.tools) - 1:
            name, arguments = _damaged(name, arguments, damage)
        blocks.append(Block("tool_use", arguments, name=name, id=new_id("toolu")))
    if not blocks:
        blocks.append(Block("text", "…"))
    written = sum(len(piece) for block in blocks for piece in chunks_of(block)) + sum(len(b.name) for b in blocks)
    return Answer(
        id=new_id("msg"),
        model=str(body.get("model")),
        blocks=tuple(blocks),
        stop_reason="tool_use" if turn.tools else "end_turn",
        usage={**input_usage(body), "output_tokens": tokens(written) + 3 * len(blocks)},
    )


def tokens(characters: int) -> int:
    """A plausible number of tokens for so many characters; never 0."""
    return max(1, round(characters / CHARACTERS_PER_TOKEN))


def input_tokens(body: Mapping[str, Any]) -> int:
    """A plausible number of input tokens of a request: system, tools and messages."""
    return sum(tokens(len(json.dumps(body[part], ensure_ascii=False))) for part in _PARTS if body.get(part))


_PARTS = ("system", "tools", "messages")


def input_usage(body: Mapping[str, Any]) -> dict[str, int]:
    """Input side of `usage`; with `cache_control`, what was sent a turn ago counts as read from the cache."""
    total = input_tokens(body)
    if '"cache_control"' not in json.dumps({part: body.get(part) for part in _PARTS}):
        return {"input_tokens": total, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    messages = body["messages"]
    spoken = [position for position, message in enumerate(messages) if message["role"] == "assistant"]
    seen_before = {**body, "messages": messages[: spoken[-1]] if spoken else []}
    read = input_tokens(seen_before) if spoken else 0
    fresh = tokens(len(json.dumps(blocks_of(messages[-1])[-1:])))
    return {
        "input_tokens": min(fresh, 12),
        "cache_creation_input_tokens": max(total - read - min(fresh, 12), 0),
        "cache_read_input_tokens": read,
    }


def message_json(answer: Answer) -> dict[str, Any]:
    """The non-streaming response body. Broken arguments become a string, since JSON cannot hold them."""
    content: list[dict[str, Any]] = []
    for block in answer.blocks:
        if block.kind == "tool_use":
            shown = {**_empty(block), "input": _loads(block.text)}
        elif block.kind == "thinking":
            shown = {**_empty(block), "thinking": block.text, "signature": _signature()}
        else:
            shown = {**_empty(block), "text": "".join(chunks_of(block))}
        content.append(shown)
    return {**_head(answer), "content": content, "stop_reason": answer.stop_reason, "usage": answer.usage}


def events(answer: Answer) -> Iterator[tuple[float, dict[str, Any]]]:
    """The same message as events; beside each, how many paces to wait before it is sent."""
    opening = {**answer.usage, "output_tokens": 1}
    yield 1.0, {"type": "message_start", "message": {**_head(answer), "content": [], "usage": opening}}
    yield 0.0, {"type": "ping"}
    for index, block in enumerate(answer.blocks):
        yield 0.0, {"type": "content_block_start", "index": index, "content_block": _empty(block)}
        pieces = chunks_of(block)
        # Arguments arrive much faster than prose, as they do from a real model a person watches.
        wait = 0.2 if block.kind == "tool_use" else 1.0
        for piece in pieces:
            yield wait, {"type": "content_block_delta", "index": index, "delta": _delta(block, piece)}
        if block.kind == "thinking":
            signature = {"type": "signature_delta", "signature": _signature()}
            yield 0.0, {"type": "content_block_delta", "index": index, "delta": signature}
        yield 0.0, {"type": "content_block_stop", "index": index}
    ending = {"stop_reason": answer.stop_reason, "stop_sequence": None}
    yield 0.0, {"type": "message_delta", "delta": ending, "usage": answer.usage}
    yield 0.0, {"type": "message_stop"}


def sse(event: Mapping[str, Any]) -> bytes:
    """One server-sent event."""
    data = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    return f"event: {event['type']}\ndata: {data}\n\n".encode()


def chunks_of(block: Block) -> list[str]:
    """A block's text in the pieces it is streamed in; together they are the text."""
    if block.kind == "tool_use":
        size = max(SMALLEST_JSON_CHUNK, -(-len(block.text) // MOST_JSON_CHUNKS))
        return [block.text[start : start + size] for start in range(0, len(block.text), size)]
    if block.chunks is not None:
        return [f"{block.text} {number}\n" for number in range(1, block.chunks + 1)]
    return _words(block.text)


def _words(text: str) -> list[str]:
    pieces: list[str] = []
    start = 0
    while start < len(text):
        end = start + TEXT_CHUNK
        if end < len(text):
            space = text.find(" ", end)
            end = len(text) if space < 0 else space
        pieces.append(text[start:end])
        start = end
    return pieces


def _damaged(name: str, arguments: str, damage: str) -> tuple[str, str]:
    if damage == "unknown-tool":
        return f"{name}_please", arguments
    if damage == "wrong-fields":
        return name, json.dumps({f"wrong_{key}": [value] for key, value in json.loads(arguments).items()})
    return name, arguments[: max(len(arguments) // 2, 1)] + "', oops }}"


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _thinks(body: Mapping[str, Any]) -> bool:
    thinking = body.get("thinking")
    return not (isinstance(thinking, dict) and thinking.get("type") == "disabled")


def _head(answer: Answer) -> dict[str, Any]:
    return {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "stop_reason": None,
        "stop_sequence": None,
    }


def _empty(block: Block) -> dict[str, Any]:
    if block.kind == "tool_use":
        return {"type": "tool_use", "id": block.id, "name": block.name, "input": {}}
    if block.kind == "thinking":
        return {"type": "thinking", "thinking": "", "signature": ""}
    return {"type": "text", "text": ""}


def _delta(block: Block, piece: str) -> dict[str, str]:
    if block.kind == "tool_use":
        return {"type": "input_json_delta", "partial_json": piece}
    if block.kind == "thinking":
        return {"type": "thinking_delta", "thinking": piece}
    return {"type": "text_delta", "text": piece}


def _signature() -> str:
    return secrets.token_urlsafe(48)
