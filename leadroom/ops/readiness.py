"""Asking the web process whether it answers, without ever waiting for it."""

import contextlib
import socket
import time

AGAIN_AFTER_SECONDS = 0.05
AGAIN_AFTER_ERROR_SECONDS = 0.5
GIVE_UP_AFTER_SECONDS = 10.0


class Probe:
    """GET /healthz over one connection at a time; the supervisor selects on `socket` between calls."""

    def __init__(self, host: str, port: int, *, host_header: str) -> None:
        self._address = (host, port)
        self._request = f"GET /healthz HTTP/1.1\r\nHost: {host_header}\r\nConnection: close\r\n\r\n".encode()
        self._opened_at = 0.0
        self._next_at = 0.0
        self.socket: socket.socket | None = None
        self.complaint = ""

    def has_answered(self) -> bool:
        """Whether an answer 200 has arrived. Opens a new connection when the last one came to nothing.

        Another answer is kept in `complaint` by its first line.
        """
        now = time.monotonic()
        if self.socket is None:
            if now >= self._next_at:
                self._open(now)
            return False
        try:
            answer = self.socket.recv(4096)
        except BlockingIOError:
            if now - self._opened_at > GIVE_UP_AFTER_SECONDS:
                self.close()
            return False
        except OSError:
            answer = b""
        self.close()
        if answer.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")):
            self.complaint = ""
            return True
        if answer:
            self.complaint = answer.partition(b"\r\n")[0].decode(errors="replace")
            self._next_at = now + AGAIN_AFTER_ERROR_SECONDS
        return False

    def close(self) -> None:
        """Drops the connection; the next question waits a moment."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None
        self._next_at = time.monotonic() + AGAIN_AFTER_SECONDS

    def _open(self, now: float) -> None:
        self._next_at = now + AGAIN_AFTER_SECONDS
        with contextlib.suppress(OSError):
            connection = socket.create_connection(self._address, timeout=1)
            connection.sendall(self._request)
            connection.setblocking(False)
            self.socket, self._opened_at = connection, now
