"""A report's facts: the words of its title, exceptions, frames, paths, names, codes, numbers and labelled fields.

Nothing here looks at another report. Whoever changes what is extracted raises `VERSION`.
"""

import dataclasses
import functools
import hashlib
import re
from collections.abc import Iterable
from typing import Any

from leadroom.triage.engine import patterns as p

VERSION = 1
HEAD, TAIL = 16_000, 4_000
"""Characters of a body that are read, from its beginning and its end."""
TITLE_READ = 300
MOST = 24
"""Facts of one kind that are kept, in the order of the text."""
FIELDS = ("exceptions", "frames", "paths", "names", "codes", "numbers", "versions", "tests", "messages")
LABELS = {
    "test": "test", "failing test": "test", "error": "error", "error text": "error", "where": "where", "path": "path",
    "file": "path", "location": "where", "symbol": "symbol", "function": "symbol", "commit": "commit",
    "command": "command", "reproduce": "command", "reproduction": "command", "expected": "expected",
    "actual": "actual",
}  # fmt: skip


@dataclasses.dataclass(slots=True)
class Facts:
    """What was read from one report. Lists are without repetition, in the order of the text, lower case."""

    title: list[str] = dataclasses.field(default_factory=list)
    exceptions: list[str] = dataclasses.field(default_factory=list)
    frames: list[str] = dataclasses.field(default_factory=list)
    paths: list[str] = dataclasses.field(default_factory=list)
    names: list[str] = dataclasses.field(default_factory=list)
    codes: list[str] = dataclasses.field(default_factory=list)
    numbers: list[str] = dataclasses.field(default_factory=list)
    versions: list[str] = dataclasses.field(default_factory=list)
    tests: list[str] = dataclasses.field(default_factory=list)
    messages: list[str] = dataclasses.field(default_factory=list)
    title_numbers: list[str] = dataclasses.field(default_factory=list)
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    kind: str = ""
    words: int = 0
    is_placeholder: bool = False

    def plain(self) -> dict[str, Any]:
        """For a JSON column; what is empty is left out."""
        return {name: getattr(self, name) for name in self.__slots__ if getattr(self, name)}


def facts_from(plain: dict[str, Any]) -> Facts:
    """The inverse of `Facts.plain`."""
    return Facts(**plain)


def read_part(body: str) -> str:
    """The part of a body that is read."""
    return body if len(body) <= HEAD + TAIL else f"{body[:HEAD]}\n{body[-TAIL:]}"


def extract(title: str, body: str) -> Facts:
    """Facts of one report; any text at all is fine."""
    title, body = title[:TITLE_READ], read_part(body)
    text = p.STAMP.sub(" ", f"{title}\n{body}")
    labels = _labels(body)
    versions = _kept(p.VERSION.findall(text))
    names = [*p.DOTTED.findall(text), *p.SNAKE.findall(text), *p.CAMEL.findall(text), *p.FLAG.findall(text)]
    if labels.get("symbol"):
        names.insert(0, labels["symbol"])
    return Facts(
        title=title_words(title),
        exceptions=_kept(p.EXCEPTION.findall(text)),
        frames=_frames(text),
        paths=_kept([*(short_path(path) for path in p.PATH.findall(text)), *p.ROUTE.findall(text)]),
        names=_kept(names),
        codes=_kept([*p.CODE.findall(text), *(f"status {n}" for n in p.STATUS.findall(text)), *p.ISSUE.findall(text)]),
        numbers=_kept(p.NUMBER.findall(p.VERSION.sub(" ", text))),
        versions=versions,
        tests=_kept([*p.NODE.findall(text), *p.TEST.findall(text)]),
        messages=_kept(squeezed(next(filter(None, one))) for one in p.QUOTED.findall(text)),
        title_numbers=_kept([*p.NUMBER.findall(title), *p.VERSION.findall(title)]),
        labels=labels,
        kind=_kind(title, body),
        words=len(p.WORD.findall(body)),
        is_placeholder=bool(p.PLACEHOLDER.search(text)),
    )


def title_words(title: str) -> list[str]:
    """Words, numbers and operators of a title in order, lower case, unstemmed."""
    return [word.lower() for word in p.TITLE_TOKEN.findall(title[:TITLE_READ])]


def squeezed(text: str) -> str:
    """Lower case, one space between words, nothing around."""
    return " ".join(text.lower().split())


def same_text(title: str, body: str) -> str:
    """Digest that two reports share when they differ in nothing but white space."""
    text = f"{' '.join(title.split())}\n{' '.join(body.split())}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


@functools.lru_cache(maxsize=4096)
def short_path(path: str) -> str:
    """The last two parts of a path: trees lie in different folders, and a file name alone is too little."""
    return "/".join(path.strip("/").split("/")[-2:])


def _labels(body: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for label, value in p.LABEL.findall(body):
        name = LABELS.get(label.strip().lower())
        if name and name not in found:
            found[name] = squeezed(value.strip(" `*_"))[:300]
    error = p.ERROR_LINE.search(body)
    if error and "error" not in found:
        found["error"] = squeezed(error.group(1))[:300]
    test = p.NODE.search(found.get("command", ""))
    if test and "test" not in found:
        found["test"] = squeezed(test.group(0))
    where = found.pop("where", "")
    if where:
        place = re.match(r"`?([\w./\\-]+)(?::(\d{1,7}))?`?(?: in `?([\w.<>]+))?", where)
        if place:
            for name, value in zip(("path", "line", "symbol"), place.groups(), strict=True):
                if value:
                    found.setdefault(name, value)
    if "path" in found:
        path, _, line = found["path"].strip("`").partition(":")
        found["path"] = short_path(path)
        if line.isdecimal():
            found.setdefault("line", line)
    if "symbol" in found:
        found["symbol"] = found["symbol"].strip("`()")
    return found


def _frames(text: str) -> list[str]:
    java = [".".join(re.split(r"[./]", name)[-2:]) for name, _ in p.JAVA_FRAME.findall(text)]
    python = [f"{short_path(path)}:{name}" for path, name in p.PYTHON_FRAME.findall(text) + p.SHORT_FRAME.findall(text)]
    return _kept(java + python)


def _kind(title: str, body: str) -> str:
    """`bug`, `request` or empty when the words do not say."""
    if p.EXCEPTION.search(body) or p.BUG.search(title):
        return "bug"
    if p.REQUEST.search(title):
        return "request"
    return "bug" if p.BUG.search(body[:600]) else ""


def _kept(found: Iterable[str]) -> list[str]:
    unique = dict.fromkeys(one.strip(" .,:;`'\"").lower()[:160] for one in found)
    unique.pop("", None)
    return list(unique)[:MOST]
