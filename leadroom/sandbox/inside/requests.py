"""Runs inside the sandbox, on its own: one file operation on the tree it stands in.

Reads one JSON request {operation, arguments} on stdin and writes one JSON answer {is_error, text, paths,
diff}. This folder uses only the standard library and itself; the rest of Leadroom is not visible there.
"""

import errno
import json
import sys
from collections.abc import Callable
from typing import Any

from .places import Refusal, shown

SYSTEM_SENTENCES = {
    errno.ENOENT: "does not exist. read_file on a folder lists what is there",
    errno.ENOTDIR: "does not exist: a part of its path is a file",
    errno.EROFS: "was not written: this working tree is read-only here",
    errno.ELOOP: "goes through a symbolic link that changed meanwhile or leads in a circle; it is not opened",
    errno.EACCES: "may not be opened: its permissions forbid it",
    errno.EPERM: "may not be changed: its permissions forbid it",
    errno.ENAMETOOLONG: "is a name too long for the file system",
    errno.ENOSPC: "was not written: the disk is full",
    errno.ENXIO: "is not a regular file but a socket or pipe; it is not opened",
}


def _operation(name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Imported one by one, because the start of this program is most of what a call costs."""
    if name == "search":
        from . import searching

        return searching.search
    if name == "read":
        from . import reading

        return reading.read
    from . import editing

    return {"edit": editing.edit, "write": editing.write}[name]


def handle(request: dict[str, Any]) -> dict[str, Any]:
    arguments = request["arguments"]
    try:
        return _operation(request["operation"])(arguments)
    except Refusal as refusal:
        text = str(refusal)
    except OSError as error:
        sentence = SYSTEM_SENTENCES.get(error.errno or 0, f"could not be used ({error.strerror})")
        text = f"{shown(str(arguments.get('path', '.')))} {sentence}."
    return {"is_error": True, "text": text, "paths": [], "diff": ""}


def main() -> None:
    """One request from stdin, one answer to stdout."""
    sys.stdout.write(json.dumps(handle(json.load(sys.stdin))))
