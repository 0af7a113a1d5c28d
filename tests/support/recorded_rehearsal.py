"""The rehearsal server as a process of its own that also notes every request.

`python -m tests.support.recorded_rehearsal FILE`. Each line of FILE is a JSON object with the `key` and the
`body` of one `POST /v1/messages`.
"""

import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from leadroom.rehearsal.__main__ import CuttingServer
from leadroom.rehearsal.app import RehearsalApp

Message = MutableMapping[str, Any]


class Recorded:
    """An ASGI application that notes the request and hands it on unchanged."""

    def __init__(self, app: RehearsalApp, file: Path) -> None:
        self._app, self._file = app, file

    async def __call__(
        self,
        scope: Mapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] != "http" or scope["path"] != "/v1/messages":
            await self._app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = bool(message.get("more_body"))
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        key = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        line = json.dumps({"key": key, "body": json.loads(body)})
        descriptor = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, line.encode() + b"\n")
        os.close(descriptor)
        given = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> Message:
            return given.pop() if given else await receive()

        await self._app(scope, again, send)


if __name__ == "__main__":
    CuttingServer(
        Recorded(RehearsalApp(), Path(sys.argv[1])),
        endpoints=["tcp:port=0:interface=127.0.0.1"],
        server_name="rehearsal",
    ).run()
