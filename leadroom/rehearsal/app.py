"""The ASGI application: the Messages API's paths, each answered from the scripts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from leadroom.rehearsal import demo, wire
from leadroom.rehearsal.conversation import Conversation, read_conversation
from leadroom.rehearsal.errors import ApiError, ScriptError
from leadroom.rehearsal.faults import ANSWER, REFUSALS, STREAM, Fault, FaultCounter, parse_fault
from leadroom.rehearsal.script import SCRIPTS, Library, Script, Turn

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

CUT = "rehearsal.cut"
"""A message type of our own: the server drops the connection, having sent what was sent so far."""

LARGEST_BODY = 32 * 1024 * 1024
CHUNKED = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache"}
WITHOUT_SCRIPT = {
    "submit_document": "unscripted/requirements",
    "submit_plan": "unscripted/planner",
    "submit_review": "unscripted/reviewer",
    "submit_tests": "unscripted/developer",
    "submit_verdicts": "unscripted/verifier",
}
"""What is played for work that nobody wrote a script for: the tool that only this role is given tells which."""
MODELS = ("rehearsal-strong", "rehearsal-middle", "rehearsal-fast")


class RehearsalApp:
    """Answers Messages API requests by playing scripts.

    `pace` is the pause in seconds between chunks of text where neither the script nor the conversation
    names one.
    """

    def __init__(self, *, scripts: Path = SCRIPTS, pace: float = 0.0) -> None:
        self._library = Library(scripts)
        self._pace = pace
        self._counter = FaultCounter()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """The ASGI entry. Anything but HTTP is turned away."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if scope["type"] != "http":
            return
        request_id = wire.new_id("req")
        exchange = _Exchange(send, request_id)
        try:
            await self._answer(scope, receive, exchange)
        except ApiError as error:
            await exchange.json(error.status, error.body(request_id), error.headers)
        except ScriptError as error:
            await exchange.json(500, ApiError(500, str(error)).body(request_id))

    async def _answer(self, scope: Mapping[str, Any], receive: Receive, exchange: _Exchange) -> None:
        method, path = scope["method"], scope["path"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if path == "/healthz":
            await exchange.json(200, {"status": "ok", "scripts": len(self._library.names)})
        elif path == "/demo":
            await exchange.json(200, demo.describe())
        elif path == "/v1/models":
            _check_key(headers)
            await exchange.json(200, _models())
        elif path in ("/v1/messages", "/v1/messages/count_tokens"):
            if method != "POST":
                raise ApiError(405, f"{path} is asked with POST.", {"allow": "POST"})
            _check_key(headers)
            body = _parse(await _read_body(receive), needs_limit=path == "/v1/messages")
            if path == "/v1/messages":
                await self._play(body, headers, receive, exchange)
            else:
                read_conversation(body)
                await exchange.json(200, {"input_tokens": wire.input_tokens(body)})
        else:
            raise ApiError(404, f"Not found: {method} {path}")

    async def _play(
        self, body: Mapping[str, Any], headers: Mapping[str, str], receive: Receive, exchange: _Exchange
    ) -> None:
        conversation = read_conversation(body)
        name, turn, script_pace = self._choose(conversation, body)
        fault = self._due_fault(name, turn, conversation, headers)
        if fault is not None and fault.name in REFUSALS:
            status, sentence = REFUSALS[fault.name]
            extra = {"retry-after": f"{fault.retry_after:g}"} if fault.name == "429" else {}
            raise ApiError(status, sentence, extra)
        damage = fault.name if fault is not None and fault.name in ANSWER else ""
        answer = wire.answer_of(turn, body, damage=damage)
        paces = (conversation.pace, turn.pace, script_pace, self._pace)
        pace = next(seconds for seconds in paces if seconds is not None)
        broken = fault if fault is not None and fault.name in STREAM else None
        gone = asyncio.Event()
        watcher = asyncio.ensure_future(_watch(receive, gone))
        try:
            if body.get("stream") is True:
                await exchange.stream(answer, pace=pace, fault=broken, gone=gone)
            else:
                await exchange.whole(answer, pace=pace, fault=broken, gone=gone)
        finally:
            watcher.cancel()

    def _choose(self, conversation: Conversation, body: Mapping[str, Any]) -> tuple[str, Turn, float | None]:
        """The script's name, its turn and its own pace. Without a marker the tools tell the role; without a role it
        says how to name a script.
        """
        asked = conversation.script or _script_for(body)
        script: Script | None = self._library.find(asked) if asked else None
        if script is not None:
            return script.name, script.turn(conversation), script.pace
        known = ", ".join(self._library.names)
        wrong = f"No script is called {asked!r}." if asked else "This is a rehearsal and no script is named."
        sentence = f"{wrong} Put a line such as [[script:first/requirements]] in a user message. Scripts: {known}."
        if asked or body.get("tools"):
            raise ApiError(400, sentence)
        return "", Turn(text=sentence), None

    def _due_fault(
        self, script: str, turn: Turn, conversation: Conversation, headers: Mapping[str, str]
    ) -> Fault | None:
        asked = headers.get("x-rehearsal-fault") or conversation.fault
        try:
            fault = parse_fault(asked) if asked else turn.fault
        except ValueError as error:
            raise ApiError(400, str(error)) from error
        if fault is None:
            return None
        due = self._counter.is_due(fault, script=script, turn=conversation.turn, digest=conversation.digest)
        return fault if due else None


class _Exchange:
    """One response on its way out."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self._sent = 0

    async def json(self, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        data = json.dumps(body, ensure_ascii=False).encode()
        await self._start(
            status, {"content-type": "application/json", "content-length": str(len(data)), **(headers or {})}
        )
        await self._body(data, more=False)

    async def whole(self, answer: wire.Answer, *, pace: float, fault: Fault | None, gone: asyncio.Event) -> None:
        """The answer as one JSON body, after a single pace."""
        await _pause(pace, gone)
        if fault is not None and fault.name == "stall":
            await _pause(fault.seconds, gone)
        if fault is not None and fault.name == "sse-error":
            raise ApiError(529, REFUSALS["529"][1])
        data = json.dumps(wire.message_json(answer), ensure_ascii=False).encode()
        if fault is None or fault.name == "stall":
            await self.json(200, wire.message_json(answer))
            return
        await self._start(200, {"content-type": "application/json", "content-length": str(len(data))})
        limit = len(data) // 2 if fault.bytes is None else fault.bytes
        await self._body(data[: min(limit, len(data) - 1)])
        await self._send({"type": CUT})

    async def stream(self, answer: wire.Answer, *, pace: float, fault: Fault | None, gone: asyncio.Event) -> None:
        """The answer as server-sent events, with at most one stream fault."""
        await self._start(200, CHUNKED)
        planned = list(wire.events(answer))
        stop = _stop_before(planned, fault)
        for position, (paces, event) in enumerate(planned):
            await _pause(paces * pace, gone)
            if gone.is_set():
                return
            if fault is not None and position == stop:
                if fault.name == "stall":
                    await _pause(fault.seconds, gone)
                elif fault.name in ("truncate", "sse-error"):
                    await self._end_early(fault)
                    return
            data = wire.sse(event)
            if fault is not None and fault.name == "cut":
                limit = 400 if fault.bytes is None else fault.bytes
                if self._sent + len(data) > limit:
                    await self._body(data[: limit - self._sent])
                    await self._send({"type": CUT})
                    return
            await self._body(data)
        await self._body(b"", more=False)

    async def _end_early(self, fault: Fault) -> None:
        data = b""
        if fault.name == "sse-error":
            data = wire.sse(ApiError(529, "Overloaded").body(self._request_id))
        await self._body(data, more=False)

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        named = {**headers, "request-id": self._request_id}
        pairs = [(name.encode(), value.encode()) for name, value in named.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})

    async def _body(self, data: bytes, *, more: bool = True) -> None:
        self._sent += len(data)
        await self._send({"type": "http.response.body", "body": data, "more_body": more})


def _stop_before(planned: list[tuple[float, dict[str, Any]]], fault: Fault | None) -> int:
    """The event before which a stream fault strikes.

    A truncation comes by default where it tempts most: all blocks complete, only the stop reason missing.
    An error and a stall come by default half-way. `bytes` moves a truncation to the first event boundary at
    or after it.
    """
    if fault is None or fault.name == "cut":
        return -1
    if fault.name != "truncate":
        return max(2, len(planned) // 2)
    if fault.bytes is None:
        return len(planned) - 2
    sent = 0
    for position, (_, event) in enumerate(planned):
        if sent >= fault.bytes:
            return position
        sent += len(wire.sse(event))
    return len(planned) - 1


async def _pause(seconds: float, gone: asyncio.Event) -> None:
    """Waits, or less when the client has gone."""
    if seconds <= 0:
        return
    try:
        await asyncio.wait_for(gone.wait(), seconds)
    except TimeoutError:
        return


async def _watch(receive: Receive, gone: asyncio.Event) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    gone.set()


async def _read_body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise ApiError(400, "The request ended before its body did.")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > LARGEST_BODY:
            raise ApiError(413, REFUSALS["413"][1])
        if not message.get("more_body"):
            return b"".join(parts)


def _parse(data: bytes, *, needs_limit: bool) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"The request body is not valid JSON: {error}") from error
    if not isinstance(body, dict):
        raise ApiError(400, "The request body must be a JSON object.")
    if not isinstance(body.get("model"), str):
        raise ApiError(400, "model: Field required")
    limit = body.get("max_tokens")
    if needs_limit and (not isinstance(limit, int) or isinstance(limit, bool) or limit < 1):
        raise ApiError(400, "max_tokens: Field required, a whole number of at least 1")
    return body


def _script_for(body: Mapping[str, Any]) -> str | None:
    tools = body.get("tools")
    given = {str(tool.get("name")) for tool in tools if isinstance(tool, dict)} if isinstance(tools, list) else set()
    return next((script for tool, script in WITHOUT_SCRIPT.items() if tool in given), None)


def _check_key(headers: Mapping[str, str]) -> None:
    if not headers.get("x-api-key") and not headers.get("authorization"):
        raise ApiError(401, "x-api-key header is required")


def _models() -> dict[str, Any]:
    data = [
        {"type": "model", "id": name, "display_name": name, "created_at": "2026-11-01T00:00:00Z"} for name in MODELS
    ]
    return {"data": data, "has_more": False, "first_id": MODELS[0], "last_id": MODELS[-1]}
