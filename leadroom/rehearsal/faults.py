"""Failures on demand.

A fault is asked for in one of three ways; the first found wins:

* a request header: `x-rehearsal-fault: cut bytes=300`
* a marker in the conversation: `[[fault:429 times=2 retry_after=1]]`
* a step of a script: `fault: {name: sse-error, times: 1}`

Without `times` it happens on every request it applies to; `turn=N` limits it to that turn. With `times=k`
it happens k times and then the same request succeeds. The server is stateless, so the count is kept in
memory under the fault, the script, the turn and the digest of the conversation: retries of one request
count together, a later turn starts afresh, and a restart of the server forgets. The client's own retry
header is not used, since a client that starts a new request after a broken stream sets it back to zero.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, fields
from typing import Any

REFUSALS: dict[str, tuple[int, str]] = {
    "400": (400, "This request was refused on purpose by the rehearsal."),
    "401": (401, "invalid x-api-key"),
    "402": (402, "Your credit balance is too low to access the API."),
    "403": (403, "Your API key does not have permission to use the specified resource."),
    "404": (404, "The requested model could not be found."),
    "413": (413, "Request exceeds the maximum size."),
    "429": (429, "This request would exceed your rate limit. Please wait as long as retry-after says."),
    "429-no-retry-after": (429, "This request would exceed your organization's spend limit."),
    "500": (500, "Internal server error"),
    "529": (529, "Overloaded"),
}
STREAM = ("cut", "sse-error", "truncate", "stall")
ANSWER = ("broken-json", "unknown-tool", "wrong-fields")
NAMES = (*REFUSALS, *STREAM, *ANSWER)


@dataclass(frozen=True)
class Fault:
    """One failure and its settings.

    `bytes` is where `cut` breaks the connection and where `truncate` ends (at the next event boundary),
    counted in bytes of the response body. `seconds` is how long `stall` is silent. `retry_after` is the
    header of `429`.
    """

    name: str
    times: int | None = None
    turn: int | None = None
    bytes: int | None = None
    seconds: float = 30.0
    retry_after: float = 1.0


def parse_fault(asked: str | dict[str, Any]) -> Fault | None:
    """Reads `name key=value ...` or a mapping with `name`; `none` gives None. Raises ValueError."""
    if isinstance(asked, str):
        name, *pairs = asked.split()[:10] or [""]
        settings = dict(pair.partition("=")[::2] for pair in pairs)
    else:
        settings = {key: value for key, value in asked.items() if key != "name"}
        name = str(asked.get("name", ""))
    if name == "none":
        return None
    if name not in NAMES:
        raise ValueError(f"No fault is called {name!r}. There are: {', '.join(NAMES)}.")
    unknown = set(settings) - {field.name for field in fields(Fault)} - {"name"}
    if unknown:
        raise ValueError(f"The fault {name!r} has no setting {sorted(unknown)[0]!r}.")
    try:
        return Fault(
            name=name,
            times=_optional_whole(settings.get("times")),
            turn=_optional_whole(settings.get("turn")),
            bytes=_optional_whole(settings.get("bytes")),
            seconds=float(settings.get("seconds", 30.0)),
            retry_after=float(settings.get("retry_after", 1.0)),
        )
    except (TypeError, ValueError) as error:
        raise ValueError(f"The fault {name!r} has a setting that is not a number: {error}.") from error


def _optional_whole(value: Any) -> int | None:
    return None if value is None else int(value)


class FaultCounter:
    """Counts how often a fault with `times` has already happened; keeps the newest 10,000 conversations."""

    def __init__(self, keep: int = 10_000) -> None:
        self._keep = keep
        self._happened: OrderedDict[tuple[Any, ...], int] = OrderedDict()

    def is_due(self, fault: Fault, *, script: str, turn: int, digest: str) -> bool:
        """Whether the fault happens now; a yes is counted."""
        if fault.turn is not None and fault.turn != turn:
            return False
        if fault.times is None:
            return True
        key = (fault, script, turn, digest)
        before = self._happened.pop(key, 0)
        due = before < fault.times
        self._happened[key] = before + 1 if due else before
        while len(self._happened) > self._keep:
            self._happened.popitem(last=False)
        return due
