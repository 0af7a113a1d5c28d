"""What changed between two plans, case by case."""

from collections.abc import Iterator
from dataclasses import dataclass

from leadroom.testplans.models import TestCase, TestPlan

_FIELDS = {
    "title": "title",
    "layer": "layer",
    "criteria": "criteria",
    "precondition": "precondition",
    "steps": "steps",
    "expected": "expected",
    "path": "path",
    "priority": "priority",
    "node_id": "how it is run",
    "command": "how it is run",
}


@dataclass(frozen=True)
class FieldChange:
    """One field of a case, before and after."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class CaseChange:
    """A case that was added, removed or changed (with the fields)."""

    key: str
    title: str
    kind: str
    word: str
    fields: tuple[FieldChange, ...] = ()


def case_changes(old: TestPlan, new: TestPlan) -> list[CaseChange]:
    """Cases of `new` that `old` lacks or has otherwise, then those that are gone. Both have cases at hand."""
    before = {case.key: case for case in old.cases.all()}
    after = {case.key: case for case in new.cases.all()}
    changes = []
    for key, case in after.items():
        if key not in before:
            changes.append(CaseChange(key, case.title, "added", "Added"))
        elif fields := tuple(_field_changes(before[key], case)):
            changes.append(CaseChange(key, case.title, "changed", "Changed", fields))
    changes += [CaseChange(key, case.title, "removed", "Removed") for key, case in before.items() if key not in after]
    return changes


def _field_changes(old: TestCase, new: TestCase) -> Iterator[FieldChange]:
    for name, word in _FIELDS.items():
        before, after = _text(getattr(old, name)), _text(getattr(new, name))
        if before != after:
            yield FieldChange(word, before, after)


def _text(value: object) -> str:
    return "\n".join(map(str, value)) if isinstance(value, list) else str(value)
