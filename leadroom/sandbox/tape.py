"""A stream of any length in bounded memory: its head, its tail, and how much lay between."""


class Tape:
    """Keeps the first and the last half of `limit_bytes` of what is fed to it."""

    def __init__(self, limit_bytes: int) -> None:
        self._head_limit = limit_bytes // 2
        self._tail_limit = limit_bytes - self._head_limit
        self._head = bytearray()
        self._tail = bytearray()
        self._total = 0

    def feed(self, chunk: bytes) -> None:
        """Takes the next piece, of any size."""
        self._total += len(chunk)
        room = self._head_limit - len(self._head)
        if room > 0:
            self._head += chunk[:room]
            chunk = chunk[room:]
        self._tail += chunk
        if len(self._tail) > 2 * self._tail_limit:  # trimmed seldom, so that a byte is copied about once
            del self._tail[: len(self._tail) - self._tail_limit]

    @property
    def is_truncated(self) -> bool:
        """Whether something in the middle was left out."""
        return self._total > self._head_limit + self._tail_limit

    def content(self) -> bytes:
        """Everything, or head and tail with a sentence between them that says how much was cut."""
        if not self.is_truncated:
            return bytes(self._head + self._tail)
        tail = self._tail[len(self._tail) - self._tail_limit :]
        cut = self._total - len(self._head) - len(tail)
        note = (
            f"\n[… {cut:,} of {self._total:,} bytes of output were cut here; "
            f"the first {len(self._head):,} and the last {len(tail):,} are kept …]\n"
        )
        return bytes(self._head + note.encode() + tail)
