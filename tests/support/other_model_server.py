"""A second model server that speaks the Messages API: standard library only, nothing shared with the first.

It proves that any server with this API can be an endpoint. A scenario is a list of turns; a turn is a list
of content blocks, each a text (`str`) or a tool call (`(name, input)`). Turn n answers a conversation with
n assistant messages; past the end the last turn is repeated. Only streaming and plain JSON answers exist,
and no faults.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Turn = Sequence[str | tuple[str, dict[str, Any]]]


class OtherModel:
    """A running server: where it listens, and every request body it was sent, oldest first."""

    def __init__(self, turns: Sequence[Turn], key: str) -> None:
        self.turns = turns
        self.key = key
        self.requests: list[dict[str, Any]] = []
        self.url = ""

    def content_for(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        """The content blocks of the turn that a conversation has reached."""
        spoken = sum(1 for message in body["messages"] if message["role"] == "assistant")
        turn = self.turns[min(spoken, len(self.turns) - 1)]
        content: list[dict[str, Any]] = []
        for position, block in enumerate(turn):
            if isinstance(block, str):
                content.append({"type": "text", "text": block})
            else:
                name, arguments = block
                content.append(
                    {
                        "type": "tool_use",
                        "id": f"toolu_other_{spoken}_{position}",
                        "name": name,
                        "input": arguments,
                    }
                )
        return content


@contextmanager
def other_model_server(turns: Sequence[Turn], *, key: str = "other-key") -> Iterator[OtherModel]:
    """Serves the scenario on a free loopback port while the block runs; requests with another key get 401."""
    model = OtherModel(turns, key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(model))
    server.daemon_threads = True
    model.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _handler_for(model: OtherModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers.get("content-length", "0")))
            bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
            if model.key not in (self.headers.get("x-api-key"), bearer):
                self._refuse(401, "authentication_error", "invalid x-api-key")
            elif self.path.partition("?")[0] != "/v1/messages":
                self._refuse(404, "not_found_error", f"Not found: {self.path}")
            else:
                self._answer(json.loads(data))

        def _answer(self, body: dict[str, Any]) -> None:
            model.requests.append(body)
            content = model.content_for(body)
            stop = "tool_use" if content[-1]["type"] == "tool_use" else "end_turn"
            message = {
                "id": f"msg_other_{len(model.requests)}",
                "type": "message",
                "role": "assistant",
                "model": body["model"],
                "content": content,
                "stop_reason": stop,
                "stop_sequence": None,
                "usage": {"input_tokens": 17, "output_tokens": 5},
            }
            if body.get("stream"):
                self._reply(200, "text/event-stream", b"".join(_stream(message)))
            else:
                self._reply(200, "application/json", json.dumps(message).encode())

        def _refuse(self, status: int, kind: str, sentence: str) -> None:
            error = {"type": "error", "error": {"type": kind, "message": sentence}}
            self._reply(status, "application/json", json.dumps(error).encode())

        def _reply(self, status: int, content_type: str, data: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", content_type)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Stays quiet."""

    return Handler


def _stream(message: dict[str, Any]) -> Iterator[bytes]:
    opening = {**message, "content": [], "stop_reason": None}
    yield _event("message_start", message=opening)
    for index, block in enumerate(message["content"]):
        if block["type"] == "text":
            empty, delta = {"type": "text", "text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            empty = {**block, "input": {}}
            delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        yield _event("content_block_start", index=index, content_block=empty)
        yield _event("content_block_delta", index=index, delta=delta)
        yield _event("content_block_stop", index=index)
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield _event("message_delta", delta=ending, usage={"output_tokens": 5})
    yield _event("message_stop")


def _event(name: str, **fields: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps({'type': name, **fields})}\n\n".encode()
