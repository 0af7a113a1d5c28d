"""What changed between two versions of a requirements document, word by word."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Literal

Kind = Literal["same", "added", "removed"]
Run = tuple[Kind, str]

_WORD = re.compile(r"\S+[^\S\n]*|\s+")
"""A word with the space after it; line ends stand alone, so that a changed word leaves the lines as they are."""
WORK_LIMIT = 300_000
"""Pairs of words compared in one document; what is beyond is shown as replaced in one piece."""


@dataclass(frozen=True)
class Section:
    """A part of the document, such as `AC-002` or `Constraints`, as runs of words in reading order."""

    name: str
    runs: list[Run]

    @property
    def is_changed(self) -> bool:
        return any(kind != "same" for kind, _ in self.runs)


def word_changes(old_body: Mapping[str, Any], new_body: Mapping[str, Any]) -> list[Section]:
    """Every part of either body (fields of `submit_document`), in the order of the new one; what is gone comes last.

    Joining the runs that are not added gives the old text of a part, those not removed the new one. Time is bounded
    whatever the texts hold.
    """
    old, new = dict(_parts(old_body)), dict(_parts(new_body))
    names = [*new, *(name for name in old if name not in new)]
    sections, left = [], WORK_LIMIT
    for name in names:
        runs, work = _runs(old.get(name, ""), new.get(name, ""), left)
        left -= work
        sections.append(Section(name, runs))
    return sections


def _parts(body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Title", body["title"]
    yield "Confidence", body["confidence"]
    for goal in body["goals"]:
        yield goal["id"], goal["text"]
        for criterion in goal["criteria"]:
            yield criterion["id"], f"{criterion['text']}\n(because: {', '.join(criterion['because'])})"
    yield "Scope boundary", body["scope_boundary"]
    lists = {
        "Constraints": body.get("constraints", []),
        "Non-goals": body.get("non_goals", []),
        "Usage scenarios": [f"{s['persona']} — {s['text']}" for s in body.get("scenarios", [])],
        "Open questions": [f"{q['text']} ({q['state']})" for q in body.get("open_questions", [])],
        "Missing": body.get("missing", []),
    }
    for name, texts in lists.items():
        if texts:
            yield name, "\n".join(texts)


def _runs(old: str, new: str, limit: int) -> tuple[list[Run], int]:
    """The runs of one part, and how many pairs of words were compared for them."""
    if old == new:
        return ([("same", old)] if old else []), 0
    before, after = _WORD.findall(old), _WORD.findall(new)
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    middle = before[head : len(before) - tail], after[head : len(after) - tail]
    work = len(middle[0]) * len(middle[1])
    changes = _compared(*middle) if work <= limit else [("removed", middle[0]), ("added", middle[1])]
    pieces: list[tuple[Kind, Sequence[str]]] = [
        ("same", before[:head]),
        *changes,
        ("same", before[len(before) - tail :]),
    ]
    return [(kind, "".join(words)) for kind, words in pieces if words], work if work <= limit else 0


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many words both begin with."""
    count = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        count += 1
    return count


def _compared(before: list[str], after: list[str]) -> list[tuple[Kind, Sequence[str]]]:
    changes: list[tuple[Kind, Sequence[str]]] = []
    for tag, start, end, new_start, new_end in SequenceMatcher(None, before, after).get_opcodes():
        if tag == "equal":
            changes.append(("same", before[start:end]))
        else:
            changes += [("removed", before[start:end]), ("added", after[new_start:new_end])]
    return changes
