"""One Leadroom per data folder: the lock that says so, and the file that says who runs."""

import datetime as dt
import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from leadroom.lib.clock import now
from leadroom.lib.errors import Conflict
from leadroom.lib.leases import is_held


@dataclass
class Running:
    """Who runs on a data folder: `<home>/run/up.json`, kept fresh for doctor, tests and people."""

    pid: int
    host: str
    port: int
    url: str
    started_at: str
    broker: str
    rehearsal_url: str
    children: dict[str, int] = field(default_factory=dict)
    is_web_ready: bool = False

    def write(self, home: Path) -> None:
        """Replaces the file in one step."""
        draft = home / "run" / f".up.{os.getpid()}"
        draft.write_text(json.dumps(asdict(self), indent=1))
        draft.replace(home / "run" / "up.json")


def read_running(home: Path) -> Running | None:
    """What `up.json` says if its writer still holds the lock, else None."""
    if not is_held(home / "run" / "up.lock"):
        return None
    try:
        data: Mapping[str, Any] = json.loads((home / "run" / "up.json").read_text())
        return Running(**data)
    except (OSError, ValueError, TypeError):
        return None


class InstanceLock:
    """An flock on `<home>/run/up.lock`, held until `release()` or the end of the process."""

    def __init__(self, home: Path) -> None:
        self.path = home / "run" / "up.lock"
        self._stream: TextIO | None = None

    def acquire(self, *, port: int) -> None:
        """Takes the lock and notes who holds it. Raises Conflict naming the holder, its port and its age."""
        stream = self.path.open("a+")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            raise Conflict(_who(stream.read(), self.path.parent.parent)) from None
        stream.seek(0)
        stream.truncate()
        json.dump({"pid": os.getpid(), "port": port, "since": now().isoformat()}, stream)
        stream.flush()
        self._stream = stream

    def release(self) -> None:
        """Gives the lock back; the file stays."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _who(note: str, home: Path) -> str:
    try:
        data = json.loads(note)
        since = dt.datetime.fromisoformat(data["since"])
        who = f"process {int(data['pid'])} on port {int(data['port'])} since {since:%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, KeyError, TypeError):
        who = "another process that is just starting"
    return (
        f"Leadroom already runs on {home}: {who}. Nothing was started; use that one, stop it first, "
        "or set LEADROOM_HOME to another folder."
    )
