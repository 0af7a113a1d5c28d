"""`read_file`: numbered lines of a file, or the listing of a folder."""

import os
import stat
from typing import Any

from .places import Refusal, answer, argument, decode, kind_of, lines_of, load, locate, shown

LINE_LIMIT = 2000
LISTING_LIMIT = 500
TEXT_LIMIT = 100_000


def list_folder(relative: str) -> dict[str, Any]:
    rows = []
    with os.scandir(os.path.join(".", relative)) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            facts = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(facts.st_mode):
                rows.append(shown(entry.name) + "/")
            elif stat.S_ISREG(facts.st_mode):
                rows.append(f"{shown(entry.name)}  ({facts.st_size:,} bytes)")
            else:
                rows.append(f"{shown(entry.name)}  ({kind_of(facts.st_mode)})")
    more = f"\n… and {len(rows) - LISTING_LIMIT:,} more entries" if len(rows) > LISTING_LIMIT else ""
    text = "\n".join(rows[:LISTING_LIMIT]) or "(empty folder)"
    return answer(text + more, [relative or "."])


def read(arguments: dict[str, Any]) -> dict[str, Any]:
    relative = locate(argument(arguments, "path", str))
    offset = max(1, argument(arguments, "offset", int, 1))
    limit = min(max(1, argument(arguments, "limit", int, LINE_LIMIT)), LINE_LIMIT)
    if os.path.isdir(os.path.join(".", relative)):
        return list_folder(relative)
    lines = lines_of(decode(load(relative)[0], relative, is_exact=False))
    if offset > max(1, len(lines)):
        raise Refusal(f"{shown(relative)} has {len(lines):,} lines; there is no line {offset:,}.")
    rows: list[str] = []
    size = 0
    for number, line in enumerate(lines[offset - 1 : offset - 1 + limit], offset):
        cut = line if len(line) <= LINE_LIMIT else f"{line[:LINE_LIMIT]}… (line cut, {len(line):,} characters)"
        size += len(cut) + 8
        if size > TEXT_LIMIT:
            break
        rows.append(f"{number:>6}\t{cut}")
    left = len(lines) - (offset - 1) - len(rows)
    if left > 0:
        rows.append(f"… {left:,} more lines; read on with offset {offset + len(rows)}.")
    return answer("\n".join(rows) or "(empty file)", [relative])
