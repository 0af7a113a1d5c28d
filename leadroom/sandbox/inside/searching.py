"""`search_files`: a regular expression over the tree's text files, in bounded time."""

import errno
import fnmatch
import os
import re
import signal
import stat
from collections.abc import Iterator
from typing import Any

from .places import READ_LIMIT, Refusal, answer, argument, decode, lines_of, load, locate, shown

HIT_LIMIT = 200
COUNT_LIMIT = 5_000
HIT_WIDTH = 300
SEARCH_SECONDS = 10


def candidates(relative: str, glob: str) -> Iterator[str]:
    """Regular files below `relative` in a steady order, without git's own."""
    patterns = {glob, glob.replace("**/", "")} if glob else {"*"}
    if os.path.isfile(os.path.join(".", relative)):
        yield relative
        return
    for folder, folders, files in os.walk(os.path.join(".", relative)):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(files):
            path = os.path.normpath(os.path.join(folder, name))
            is_wanted = any(fnmatch.fnmatchcase(path, each) or fnmatch.fnmatchcase(name, each) for each in patterns)
            if name != ".git" and is_wanted and stat.S_ISREG(os.lstat(path).st_mode):
                yield path


class OutOfTime(Exception):
    """The alarm of a search rang."""


def ring(*_: object) -> None:
    raise OutOfTime


class Search:
    """Hits so far, kept outside the loop so that an alarm loses none of them."""

    def __init__(self, pattern: "re.Pattern[str]") -> None:
        self.pattern = pattern
        self.rows: list[str] = []
        self.paths: list[str] = []
        self.count = 0
        self.too_big = 0

    def look_into(self, path: str) -> None:
        try:
            if os.lstat(path).st_size > READ_LIMIT:
                self.too_big += 1
                return
            text = decode(load(path)[0], path, is_exact=False)
        except (Refusal, OSError):
            return
        for number, line in enumerate(lines_of(text), 1):
            if self.count < COUNT_LIMIT and (hit := self.pattern.search(line)):
                self.count += 1
                if len(self.rows) < HIT_LIMIT:
                    start = max(0, hit.start() - HIT_WIDTH // 2) if len(line) > HIT_WIDTH else 0
                    self.rows.append(f"{shown(path)}:{number}: {line[start : start + HIT_WIDTH].rstrip()}")
                    if path not in self.paths[-1:]:
                        self.paths.append(path)


def search(arguments: dict[str, Any]) -> dict[str, Any]:
    wanted = argument(arguments, "pattern", str)
    relative = locate(argument(arguments, "path", str, "."))
    glob = argument(arguments, "glob", str, "")
    if not os.path.lexists(os.path.join(".", relative)):
        raise FileNotFoundError(errno.ENOENT, "", relative)
    signal.signal(signal.SIGALRM, ring)
    signal.alarm(SEARCH_SECONDS)
    is_late = False
    try:
        found = Search(re.compile(wanted))
    except (re.error, OverflowError, RecursionError) as error:
        raise Refusal(f"`pattern` is not a valid regular expression: {error}.") from None
    except OutOfTime:
        raise Refusal("`pattern` takes too long to compile; use a simpler one.") from None
    try:
        for path in candidates(relative, glob):
            if found.count >= COUNT_LIMIT:
                break
            found.look_into(path)
    except OutOfTime:
        is_late = True
    signal.alarm(0)
    rows = found.rows or ([] if is_late else ["No line matches."])
    if found.count > len(found.rows):
        least = "at least " if found.count >= COUNT_LIMIT else ""
        more = found.count - len(found.rows)
        rows.append(f"… {least}{more:,} more matching lines; narrow the pattern, path or glob.")
    if found.too_big:
        rows.append(f"({found.too_big:,} files over {READ_LIMIT:,} bytes were not searched)")
    if is_late:
        rows.append(f"The search was stopped after {SEARCH_SECONDS} s; use a simpler pattern or a narrower path.")
    return {**answer("\n".join(rows), found.paths[:50]), "is_error": is_late}
