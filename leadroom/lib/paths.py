"""Places inside the data folder that more than one process must agree on without asking each other."""

import hashlib
import os
from pathlib import Path

SUN_PATH_LIMIT = 107  # bytes the kernel takes for a unix socket's path, without the closing zero


def broker_socket(home: Path) -> Path:
    """The embedded broker's unix socket for this data folder: always the same answer for the same folder.

    It lies in `<home>/broker/` unless that path is too long for the kernel; then in a short folder of this
    user under /tmp. Touches nothing: whoever starts the broker makes the folder and checks its owner.
    """
    inside = home / "broker" / "valkey.sock"
    if len(os.fsencode(inside)) <= SUN_PATH_LIMIT:
        return inside
    digest = hashlib.sha256(os.fsencode(home)).hexdigest()[:8]
    # /tmp by name and not by TMPDIR: every command of this home must come to the same answer
    return Path("/tmp") / f"leadroom-{os.getuid()}-{digest}" / "valkey.sock"  # noqa: S108
