"""The file tools from the host's side: a request goes in, and what comes out is believed only in shape."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leadroom.lib.errors import BadInput
from leadroom.sandbox.process import run
from leadroom.sandbox.profiles import Mount, Profile
from leadroom.sandbox.toolchain import current_toolchain

OPERATIONS = ("read", "search", "edit", "write")
SCRIPTS = Path(__file__).resolve().parent / "inside"
SCRIPTS_INSIDE = "/run/leadroom/inside"
START = "import sys; sys.path.insert(0, '/run/leadroom'); from inside.requests import main; main()"
TIMEOUT_SECONDS = 30.0
ANSWER_BYTES = 2_000_000
TEXT_LIMIT = 200_000
PATH_LIMIT = 4096
PATHS_LIMIT = 200
MALFORMED = "The file tool gave no usable answer; look at the file with run_command before you go on."


@dataclass(frozen=True)
class ToolOutcome:
    """What the agent is told (`text`), the files of the tree concerned, the change as a unified diff."""

    is_error: bool
    text: str
    paths: tuple[str, ...] = ()
    diff: str = ""


def _plain(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def parse_answer(raw: bytes) -> ToolOutcome:
    """The answer of the program inside, or an error outcome when it is not of that shape; never raises."""
    try:
        answer: Any = json.loads(raw)
    except (ValueError, RecursionError):
        return ToolOutcome(True, MALFORMED)
    if not isinstance(answer, dict) or set(answer) != {"is_error", "text", "paths", "diff"}:
        return ToolOutcome(True, MALFORMED)
    is_error, text, paths, diff = answer["is_error"], answer["text"], answer["paths"], answer["diff"]
    is_shaped = (
        isinstance(is_error, bool)
        and isinstance(text, str)
        and isinstance(diff, str)
        and isinstance(paths, list)
        and len(paths) <= PATHS_LIMIT
        and all(isinstance(path, str) and len(path) <= PATH_LIMIT for path in paths)
        and len(text) <= TEXT_LIMIT
        and len(diff) <= TEXT_LIMIT
    )
    if not is_shaped:
        return ToolOutcome(True, MALFORMED)
    return ToolOutcome(is_error, _plain(text), tuple(_plain(path) for path in paths), _plain(diff))


async def file_tool(
    profile: Profile,
    operation: str,
    arguments: dict[str, Any],
    *,
    marker: str = "",
    on_start: Callable[[int], None] | None = None,
) -> ToolOutcome:
    """Does `read`, `search`, `edit` or `write` on the tree at the profile's `cwd`, all inside the sandbox.

    `arguments` are the agent's own and may be anything JSON can hold: wrong ones are an error outcome that
    says what was wrong. Raises BadInput for another operation, and what `process.run` raises.
    """
    if operation not in OPERATIONS:
        raise BadInput(f"There is no file operation {operation!r}; nothing was done.")
    try:
        request = json.dumps({"operation": operation, "arguments": dict(arguments)}).encode()
    except (TypeError, ValueError, RecursionError):
        return ToolOutcome(True, "The arguments are not a plain JSON object; send the documented fields.")
    equipped = replace(profile, mounts=(*profile.mounts, Mount(SCRIPTS, SCRIPTS_INSIDE)))
    done = await run(
        equipped,
        [current_toolchain().python, "-I", "-S", "-W", "ignore", "-c", START],
        stdin=request,
        timeout_seconds=TIMEOUT_SECONDS,
        output_limit_bytes=ANSWER_BYTES,
        marker=marker,
        on_start=on_start,
    )
    if done.is_timed_out:
        return ToolOutcome(
            True,
            f"{operation} was stopped after {TIMEOUT_SECONDS:.0f} s; ask for a narrower path or pattern.",
        )
    if done.exit_status != 0 or done.is_truncated:
        return ToolOutcome(True, MALFORMED)
    return parse_answer(done.output)
