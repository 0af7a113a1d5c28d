"""Where a path of a tool call lies, by its words alone. The sandbox is what holds; this is the sentence before it."""

import fnmatch
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from leadroom.guardrails.enums import Zone

INSIDE = re.compile(r"/work/trees/[^/]+(?:/|$)")
CONTROL_PARTS = frozenset({".git", ".gitmodules"})
_ORDER = (Zone.NONE, Zone.TREE, Zone.FORBIDDEN, Zone.CONTROL, Zone.OUTSIDE)


def zone_of(paths: Iterable[str], forbidden: Iterable[str] = ()) -> Zone:
    """The worst zone among `paths` as an agent wrote them. `forbidden` are the frozen plan's zones; those that are a
    path or a pattern (no spaces) count here, whole sentences are for people.
    """
    patterns = [zone for zone in forbidden if zone and not any(letter.isspace() for letter in zone)]
    zones = [_zone(path, patterns) for path in paths]
    return max(zones, key=_ORDER.index, default=Zone.NONE)


def _zone(path: str, patterns: list[str]) -> Zone:
    relative = INSIDE.sub("", path, count=1) if INSIDE.match(path) else path
    parts: list[str] = []
    for part in PurePosixPath(relative).parts:
        if part == "..":
            if not parts:
                return Zone.OUTSIDE
            parts.pop()
        else:
            parts.append(part)
    if parts[:1] == ["/"]:
        return Zone.OUTSIDE
    if any(part.casefold() in CONTROL_PARTS for part in parts):
        return Zone.CONTROL
    plain = "/".join(parts)
    if any(fnmatch.fnmatchcase(plain, p) or plain == p or plain.startswith(p.rstrip("/") + "/") for p in patterns):
        return Zone.FORBIDDEN
    return Zone.TREE
