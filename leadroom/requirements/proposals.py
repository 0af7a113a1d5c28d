"""Whole proposals: a consistent choice for every ambiguity, put together when the agent offered none. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

_COLUMNS = (
    ("A", "As recommended", "What the agent would build without asking."),
    ("B", "The alternative", "The second candidate of each row: as plausible, differently weighted."),
    ("C", "The ambitious one", "The last candidate of each row: more now, less to change later."),
)


def assemble(ambiguities: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Up to three drafts as fields of requirements.models.Proposal; fewer when two would choose the same everywhere.

    A choice that contradicts one made in an earlier row gives way to the row's next candidate that does not.
    """
    if len(ambiguities) < 2:
        return []
    drafts: list[dict[str, Any]] = []
    for key, title, summary in _COLUMNS:
        choices: dict[str, int] = {}
        for ambiguity in ambiguities:
            choices[ambiguity["key"]] = _choose(ambiguity, _wanted(key, ambiguity), choices, ambiguities)
        if all(choices != draft["choices"] for draft in drafts):
            drafts.append({"key": key, "title": title, "summary": summary, "choices": choices, "is_assembled": True})
    return drafts


def _wanted(column: str, ambiguity: Mapping[str, Any]) -> int:
    count, recommended = len(ambiguity["candidates"]), int(ambiguity["recommended"])
    if column == "A":
        return recommended
    if column == "B":
        return 2 if recommended != 2 else 1
    return count


def _choose(
    ambiguity: Mapping[str, Any], wanted: int, made: Mapping[str, int], ambiguities: Sequence[Mapping[str, Any]]
) -> int:
    count = len(ambiguity["candidates"])
    for step in range(count):
        position = (wanted - 1 + step) % count + 1
        if not clashes({**made, ambiguity["key"]: position}, ambiguities):
            return position
    return wanted


def clashes(choices: Mapping[str, int], ambiguities: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Pairs such as ("A-001:2", "A-003:1") of chosen candidates that exclude each other."""
    found = []
    for ambiguity in ambiguities:
        position = choices.get(ambiguity["key"])
        if position is None or position > len(ambiguity["candidates"]):
            continue
        for other in ambiguity["candidates"][position - 1].get("conflicts", []):
            key, _, number = other.partition(":")
            if number.isdecimal() and choices.get(key) == int(number):
                found.append((f"{ambiguity['key']}:{position}", other))
    return found
