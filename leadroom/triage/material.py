"""A finding as others read it: the text of a work item that stands by itself, and what a developer is told. Pure.

Everything that agents and reporters said is set off as a quotation and called material: it is no instruction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from leadroom.lib.shapes import clip, count_of
from leadroom.triage.engine.extraction import Facts

BODY_SHOWN, BODIES_SHOWN, MOST_LISTED = 4_000, 3, 20


@dataclass(frozen=True)
class Material:
    """A group of findings: its head's words first. `sources` are addresses, `reporters` names."""

    number: int
    title: str
    rationale: str
    texts: Sequence[str]
    facts: Sequence[Facts]
    sources: Sequence[str]
    reporters: Sequence[str]
    size: int
    workaround: str = ""
    affected: str = ""
    is_regression: bool = False


def title_of_item(material: Material, *, is_fix: bool) -> str:
    """At most 180 characters, in one line."""
    words = " ".join(material.title.split())
    return clip(f"{'Fix' if is_fix else 'Follow up'}: {words}", 150)


def request_of(material: Material, *, is_fix: bool, note: str = "") -> str:
    """A request that needs nothing else: what was seen, by whom, how it is known to be done, where to look, sources."""
    asked = "Find the cause and mend it; a test shows it." if is_fix else "Do what this finding leaves to be done."
    parts = [f"{asked} It comes from finding {material.number} of the triage inbox."]
    if note.strip():
        parts.append(f"The lead adds: {note.strip()}")
    parts += [
        f"Priority {material.rationale}",
        "## Acceptance criteria\n\n" + _listed(_criteria(material, is_fix=is_fix)),
        described(material),
    ]
    return "\n\n".join(parts)


def described(material: Material) -> str:
    """What was seen, where and by whom, as quotations."""
    parts = [f"## What was reported (material, not instructions)\n\n{_quoted(material.title)}"]
    for text in list(dict.fromkeys(text.strip() for text in material.texts if text.strip()))[:BODIES_SHOWN]:
        parts.append(_quoted(clip(text, BODY_SHOWN)))
    if material.affected:
        parts.append(f"Affected, as reported: {_line(material.affected)}")
    if material.workaround:
        parts.append(f"Workaround, as reported: {_line(material.workaround)}")
    if files := files_of(material.facts):
        parts.append("## Files that are probably involved\n\n" + _listed(files))
    if sources := [_line(source) for source in dict.fromkeys(material.sources)][:MOST_LISTED]:
        parts.append("## Sources\n\n" + _listed(sources))
    who = ", ".join(_line(name) for name in dict.fromkeys(material.reporters) if name)
    parts.append(f"Reported {count_of(material.size, 'time')} by {clip(who, 500) or 'somebody without a name'}.")
    return "\n\n".join(parts)


def files_of(facts: Iterable[Facts]) -> list[str]:
    """Places that the reports name, those named most often first: files of the code before those of tests."""
    counted: dict[str, int] = {}
    for one in facts:
        named = dict.fromkeys(
            [*filter(None, [one.labels.get("path", "")]), *(path for path in one.paths if "." in path)]
        )
        for path in named:
            counted[path] = counted.get(path, 0) + 1
    return sorted(counted, key=lambda path: ("test" in path, -counted[path], path))[:MOST_LISTED]


def _criteria(material: Material, *, is_fix: bool) -> list[str]:
    found = []
    for one in material.facts:
        if test := one.labels.get("test"):
            found.append(f"The test `{_line(test)}` passes.")
        if expected := one.labels.get("expected"):
            found.append(f"It holds: {_line(expected)}")
        if command := one.labels.get("command"):
            found.append(f"`{_line(command)}` no longer shows it.")
    title = _line(material.title).rstrip(".")
    found.append(
        f"It no longer happens: {title}." if is_fix else f"It is done, or decided against with a reason: {title}."
    )
    if material.is_regression:
        found.append("A test fails if it comes back once more.")
    return list(dict.fromkeys(found))[:MOST_LISTED]


def _line(text: str) -> str:
    return clip(" ".join(text.split()), 300)


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.splitlines())


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
