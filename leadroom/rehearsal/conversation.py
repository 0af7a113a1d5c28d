"""What a request's conversation says: which script, which turn, what came back last.

The server keeps no session. A run is resumed, forked or retried by sending its messages again, so everything
needed to go on is read from them here.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from leadroom.rehearsal.errors import ApiError

INTERRUPTED = "Outcome unknown"
MARKER = re.compile(r"\[\[(script|fault|pace|chunks):([^\[\]\n]{1,200})\]\]")


@dataclass(frozen=True)
class Conversation:
    """One request, read.

    `script` is the name in the last script marker, or None. `turn` counts the assistant messages after it,
    from 0. `brief` is the text of the first message, `last_text` all text that came since the last assistant
    message, `results` every tool result so far, oldest first. `fault`, `pace` and `chunks` are the last markers
    of those names, or None.
    `digest` names this exact conversation.
    """

    script: str | None
    turn: int
    brief: str
    last_text: str
    results: tuple[str, ...]
    fault: str | None
    pace: float | None
    chunks: int | None
    digest: str


def read_conversation(body: Mapping[str, Any]) -> Conversation:
    """Reads a request body. Raises ApiError 400 when it is not a conversation the real API would accept."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ApiError(400, "messages: a list with at least one message is required.")
    for position, message in enumerate(messages):
        _check_message(position, message)
    _check_tool_results(messages)
    played = _as_played(messages)
    markers, turn = _markers(body, played)
    return Conversation(
        script=markers.get("script"),
        turn=turn,
        brief="\n".join(_texts(messages[0])),
        last_text="\n".join(_since_last_assistant(played)),
        results=tuple(text for message in played for text in _result_texts(message)),
        fault=markers.get("fault"),
        pace=_number(markers.get("pace")),
        chunks=_whole(markers.get("chunks")),
        digest=_digest(messages),
    )


def _as_played(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The conversation without turns that were interrupted before their tools were done: those are played again.

    A client that was killed answers the calls of such a turn with results that begin with INTERRUPTED.
    """
    played: list[dict[str, Any]] = []
    for message in messages:
        results = list(_result_texts(message))
        if results and all(text.startswith(INTERRUPTED) for text in results) and played:
            while played and played[-1]["role"] == "assistant":
                played.pop()
            message = {**message, "content": [b for b in blocks_of(message) if b["type"] != "tool_result"]}
            if not message["content"]:
                continue
        played.append(message)
    return played


def blocks_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The content blocks of a message; plain string content becomes one text block."""
    content = message["content"]
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    return content


def _check_message(position: int, message: Any) -> None:
    if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
        raise ApiError(400, f"messages.{position}: a message needs the role user or assistant.")
    content = message.get("content")
    if isinstance(content, str):
        usable = bool(content)
    else:
        usable = isinstance(content, list) and all(isinstance(b, dict) and "type" in b for b in content)
    if not usable:
        raise ApiError(400, f"messages.{position}.content: text or a list of content blocks is required.")
    if position == 0 and message["role"] != "user":
        raise ApiError(400, "messages.0: the first message must use the user role.")


def _check_tool_results(messages: list[dict[str, Any]]) -> None:
    """Refuses a tool call without its result and a result without its call, as the real API does."""
    asked: set[str] = set()
    for position, message in enumerate(messages):
        blocks = blocks_of(message)
        if message["role"] == "assistant":
            asked = asked | {str(b.get("id")) for b in blocks if b["type"] == "tool_use"}
            continue
        given = {str(b.get("tool_use_id")) for b in blocks if b["type"] == "tool_result"}
        if asked - given:
            missing = ", ".join(sorted(asked - given))
            raise ApiError(
                400,
                f"messages.{position}: `tool_use` ids were found without `tool_result` blocks "
                f"immediately after: {missing}.",
            )
        if given - asked:
            extra = ", ".join(sorted(given - asked))
            raise ApiError(400, f"messages.{position}: unexpected `tool_use_id` in `tool_result`: {extra}.")
        asked = set()
    if asked:
        raise ApiError(400, "messages: the last message leaves a `tool_use` without its `tool_result`.")


def _texts(message: Mapping[str, Any]) -> Iterator[str]:
    """Text people and the house wrote. Tool results are left out: a file may quote a marker."""
    for block in blocks_of(message):
        if block["type"] == "text":
            yield str(block.get("text", ""))


def _result_texts(message: Mapping[str, Any]) -> Iterator[str]:
    for block in blocks_of(message):
        if block["type"] != "tool_result":
            continue
        content = block.get("content", "")
        if isinstance(content, str):
            yield content
        elif isinstance(content, list):
            yield "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def _since_last_assistant(messages: list[dict[str, Any]]) -> list[str]:
    recent: list[str] = []
    for message in reversed(messages):
        if message["role"] == "assistant":
            break
        recent = [*_result_texts(message), *_texts(message), *recent]
    return recent


def _markers(body: Mapping[str, Any], messages: list[dict[str, Any]]) -> tuple[dict[str, str], int]:
    """The last marker of each name, and how many assistant messages follow the last script marker."""
    found: dict[str, str] = {}
    turn = 0
    for name, value in MARKER.findall(_system_text(body.get("system"))):
        found[name] = value.strip()
    for message in messages:
        if message["role"] == "assistant":
            turn += 1
            continue
        for text in _texts(message):
            for name, value in MARKER.findall(text):
                found[name] = value.strip()
                if name == "script":
                    turn = 0
    return found, turn


def _system_text(system: Any) -> str:
    if isinstance(system, str):
        return system
    if isinstance(system, list):
        return "\n".join(str(block.get("text", "")) for block in system if isinstance(block, dict))
    return ""


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else min(max(float(text), 0.0), 60.0)
    except ValueError as error:
        raise ApiError(400, f"[[pace:{text}]] needs a number of seconds, such as [[pace:0.2]].") from error


def _whole(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or not 1 <= int(text) <= 100_000:
        raise ApiError(400, f"[[chunks:{text}]] needs a whole number from 1 to 100000.")
    return int(text)


def _digest(messages: list[dict[str, Any]]) -> str:
    plain = json.dumps(messages, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()
