"""`python -m leadroom.rehearsal --port N [--host H] [--pace S]`: serve until told to stop."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from daphne.server import Server

from leadroom.rehearsal.app import CUT, RehearsalApp

DEFAULT_PACE = 0.35
"""Slow enough that a person can follow a run live, quick enough that an item moves."""


class CuttingServer(Server):
    """Daphne, with one thing added: an application may drop its connection in the middle of a response.

    Daphne itself ends every response properly, and one whose application failed is left hanging; neither is
    what a client sees when a network breaks.
    """

    failure: str = ""

    async def handle_reply(self, protocol: Any, message: dict[str, Any]) -> None:
        """Passes replies on, and acts on the cut."""
        if message["type"] != CUT:
            await super().handle_reply(protocol, message)
        elif protocol.channel is not None:
            protocol.channel.loseConnection()

    def listen_success(self, port: Any) -> None:
        """Says where it listens, once it does."""
        super().listen_success(port)
        address = port.getHost()
        host = f"[{address.host}]" if ":" in address.host else address.host
        print(f"rehearsal listening on http://{host}:{address.port}", flush=True)

    def listen_error(self, failure: Any) -> None:
        """Remembers why it cannot listen, and stops."""
        self.failure = failure.getErrorMessage()
        self.stop()


def main(arguments: list[str] | None = None) -> int:
    """Runs the server; returns the exit status."""
    parser = argparse.ArgumentParser(prog="leadroom.rehearsal", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 takes any free port and prints it")
    parser.add_argument("--pace", type=float, default=None, help="seconds between chunks; also REHEARSAL_PACE")
    options = parser.parse_args(arguments)
    try:
        pace = float(os.environ.get("REHEARSAL_PACE") or DEFAULT_PACE) if options.pace is None else options.pace
    except ValueError:
        parser.error("REHEARSAL_PACE needs a number of seconds, such as 0.3.")
    host = options.host.replace(":", r"\:")
    server = CuttingServer(
        RehearsalApp(pace=max(pace, 0.0)),
        endpoints=[f"tcp:port={options.port}:interface={host}"],
        server_name="rehearsal",
    )
    server.run()
    if server.failure:
        print(f"The rehearsal server cannot listen: {server.failure} Choose another --port.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
