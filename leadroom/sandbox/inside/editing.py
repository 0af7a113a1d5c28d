"""`edit_file` and `write_file`: one exact replacement, or a whole file; both answer with a difference."""

import bisect
import difflib
import itertools
import os
import re
import stat
from collections.abc import Iterator
from typing import Any

from .places import (
    READ_LIMIT,
    Refusal,
    answer,
    argument,
    decode,
    kind_of,
    lines_of,
    load,
    locate,
    shown,
    store,
)

COUNT_LIMIT = 5_000
DIFF_LIMIT = 20_000
DIFF_LINES = 8_000
CLOSE_LINES = 5_000


def unified(old: str, new: str, relative: str, *, is_new: bool = False) -> str:
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    name = shown(relative)
    head = f"--- {'/dev/null' if is_new else 'a/' + name}\n+++ b/{name}\n"
    if not is_new and len(before) + len(after) > DIFF_LINES:
        same = next((n for n, (a, b) in enumerate(itertools.zip_longest(before, after)) if a != b), 0)
        counts = f"{len(before):,} lines became {len(after):,}"
        return f"{head}@@ {counts}, too many to compare; they differ from line {same + 1:,} @@\n"
    rows = list(difflib.unified_diff(before, after, "", "", n=3))[2:]
    body = "".join(row if row.endswith("\n") else row + "\n\\ No newline at end of file\n" for row in rows)
    if len(body) > DIFF_LIMIT:
        kept = body[:DIFF_LIMIT].rpartition("\n")[0] + "\n"
        return f"{head}{kept}… {len(body) - len(kept):,} more characters of this difference are left out\n"
    return head + body


def nearest(text: str, wanted: str) -> str:
    """Where the file has something like the first line that was looked for."""
    lines = lines_of(text)[:CLOSE_LINES]
    key = next((line.strip() for line in wanted.split("\n") if line.strip()), "")[:200]
    if not key:
        return ""
    places = [number for number, line in enumerate(lines, 1) if line.strip() == key][:3]
    if not places:
        stripped = {line.strip()[:200]: number for number, line in reversed(list(enumerate(lines, 1)))}
        places = sorted(stripped[near] for near in difflib.get_close_matches(key, stripped, 3, 0.6))
    rows = [f"\n  line {number}: {lines[number - 1][:200]}" for number in places]
    return f" The nearest lines are:{''.join(rows)}" if rows else ""


def starts_of(text: str, wanted: str) -> Iterator[int]:
    position = text.find(wanted)
    while position >= 0:
        yield position
        position = text.find(wanted, position + len(wanted))


def edit(arguments: dict[str, Any]) -> dict[str, Any]:
    relative = locate(argument(arguments, "path", str))
    old, new = argument(arguments, "old_text", str), argument(arguments, "new_text", str)
    is_all = argument(arguments, "replace_all", bool, False)
    if not old:
        raise Refusal("`old_text` is empty; say which text is to be replaced, or use write_file.")
    if old == new:
        raise Refusal("`old_text` and `new_text` are the same; nothing was changed.")
    content, mode = load(relative)
    text = decode(content, relative, is_exact=True)
    if old not in text and "\r\n" in text and "\r" not in old + new:
        old, new = old.replace("\n", "\r\n"), new.replace("\n", "\r\n")
    starts = list(itertools.islice(starts_of(text, old), COUNT_LIMIT + 1))
    name = shown(relative)
    if not starts:
        raise Refusal(
            f"`old_text` is not in {name}; nothing was changed. It must match exactly, blanks included."
            f"{nearest(text, old)}"
        )
    if len(starts) > 1 and not is_all:
        breaks = [match.start() for match in re.finditer("\n", text)]
        numbers = ", ".join(str(bisect.bisect_left(breaks, start) + 1) for start in starts[:10])
        raise Refusal(
            f"`old_text` is in {name} {len(starts)} times (lines {numbers}); nothing was changed. "
            "Give more of the surrounding text, or set replace_all."
        )
    changed = text.replace(old, new)
    store(relative, changed.encode(), mode)
    times = "once" if len(starts) == 1 else f"{text.count(old):,} times"
    return answer(f"Replaced {times} in {name}.", [relative], unified(text, changed, relative))


def write(arguments: dict[str, Any]) -> dict[str, Any]:
    relative = locate(argument(arguments, "path", str))
    text = argument(arguments, "text", str)
    content = text.encode()
    if len(content) > READ_LIMIT:
        raise Refusal(f"`text` has {len(content):,} bytes; write_file takes up to {READ_LIMIT:,}.")
    if not relative or os.path.isdir(relative):
        raise Refusal(f"{shown(relative) or 'The tree itself'} is a folder; name a file.")
    name = shown(relative)
    if not os.path.lexists(relative):
        store(relative, content, 0o644)
        return answer(f"Created {name} ({len(content):,} bytes).", [relative], unified("", text, relative, is_new=True))
    facts = os.lstat(relative)
    if not stat.S_ISREG(facts.st_mode):
        raise Refusal(f"{name} is not a regular file but a {kind_of(facts.st_mode)}; it is not replaced.")
    try:
        before = decode(load(relative)[0], relative, is_exact=True)
    except Refusal:
        before = None
    store(relative, content, stat.S_IMODE(facts.st_mode))
    if before is None:
        return answer(f"Replaced {name}, which was not readable text ({len(content):,} bytes).", [relative])
    return answer(f"Wrote {name} ({len(content):,} bytes).", [relative], unified(before, text, relative))
