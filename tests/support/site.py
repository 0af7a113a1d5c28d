"""A web server on this machine that says byte for byte what a test wants, also what no honest server would."""

import contextlib
import socketserver
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

PIECE_SECONDS = 0.05


class Site(socketserver.ThreadingTCPServer):
    """Answers every request with `pieces`, a moment between two, and hangs up. `asked` has each request's head."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        self.pieces: Iterable[bytes] = ()
        self.asked: list[str] = []
        self.is_over = threading.Event()
        super().__init__(("127.0.0.1", 0), _Visit)

    @property
    def port(self) -> int:
        return self.server_address[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/page"

    def says(self, body: bytes, *, kind: str = "text/plain", status: str = "200 OK", headers: str = "") -> None:
        """A plain answer from now on."""
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{headers}\r\n"
        self.pieces = (head.encode() + body,)


class _Visit(socketserver.StreamRequestHandler):
    server: Site

    def handle(self) -> None:
        lines = []
        while (line := self.rfile.readline(10_000)).strip():
            lines.append(line.decode("latin-1").strip())
        self.server.asked.append("\n".join(lines))
        with contextlib.suppress(OSError):  # a visitor that had enough hangs up
            for number, piece in enumerate(self.server.pieces):
                if number and self.server.is_over.wait(PIECE_SECONDS):
                    return
                self.wfile.write(piece)


@contextmanager
def running_site() -> Iterator[Site]:
    """Answers until the block ends."""
    site = Site()
    thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield site
    finally:
        site.is_over.set()
        site.shutdown()
        thread.join()
        site.server_close()
