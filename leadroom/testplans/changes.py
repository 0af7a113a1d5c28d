"""Bodies of plans compared and changed, case by case. A body has the fields of the tool `submit_plan`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from leadroom.lib.digest import digest_of
from leadroom.lib.errors import BadInput

Body = Mapping[str, Any]
_CASE_WORDS = {
    "title": "title",
    "layer": "layer",
    "criteria": "criteria",
    "precondition": "precondition",
    "steps": "steps",
    "expected": "expected",
    "flow": "flow",
    "path": "path",
    "priority": "priority",
    "node_id": "how it is run",
    "command": "how it is run",
    "holds_before": "holds before the change",
}
_PLAN_WORDS = {
    "summary": "summary",
    "forbidden_zones": "hands off",
    "failure_modes": "may fail by",
    "environment": "needs",
    "not_covered": "not covered",
}


@dataclass(frozen=True)
class FieldChange:
    """One field, before and after."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class CaseChange:
    """A case that was added, removed or changed (with the fields); `key` is empty for the plan's own fields."""

    key: str
    title: str
    kind: str
    word: str
    fields: tuple[FieldChange, ...] = ()


def case_digest(case: Body) -> str:
    """What a verdict on a case binds to; fields that an older plan does not have count as left out."""
    return digest_of({"flow": "", "holds_before": False, **case})


def cases_of(body: Body) -> dict[str, Body]:
    """Key to case, in the plan's order."""
    return {case["id"]: case for case in body["cases"]}


def case_changes(old: Body, new: Body) -> list[CaseChange]:
    """The plan's own fields first, then cases of `new` that `old` lacks or has otherwise, then those that are gone."""
    before, after = cases_of(old), cases_of(new)
    changes = []
    if own := tuple(_field_changes(old, new, _PLAN_WORDS)):
        changes.append(CaseChange("", "The plan itself", "changed", "Changed", own))
    for key, case in after.items():
        if key not in before:
            changes.append(CaseChange(key, case["title"], "added", "Added"))
        elif fields := tuple(_field_changes(before[key], case, _CASE_WORDS)):
            changes.append(CaseChange(key, case["title"], "changed", "Changed", fields))
    gone = [(key, case) for key, case in before.items() if key not in after]
    return changes + [CaseChange(key, case["title"], "removed", "Removed") for key, case in gone]


def _field_changes(old: Body, new: Body, words: Mapping[str, str]) -> Iterator[FieldChange]:
    for name, word in words.items():
        before, after = _text(old.get(name, "")), _text(new.get(name, ""))
        if before != after:
            yield FieldChange(word, before, after)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, Mapping):
        return ": ".join(map(str, value.values()))
    return "\n".join(map(_text, value)) if isinstance(value, list | tuple) else str(value)


def with_case(body: Body, case: Body, *, at: str = "") -> dict[str, Any]:
    """The body with `case` in the place of the case `at`, or at the end of its layer. Raises BadInput."""
    cases = list(body["cases"])
    if at:
        places = [n for n, known in enumerate(cases) if known["id"] == at]
        if not places:
            raise BadInput(f"The plan has no case {at} any more; nothing was changed. Reload the plan.")
        cases[places[0]] = case
    else:
        same = [n for n, known in enumerate(cases) if known["layer"] == case["layer"]]
        cases.insert(same[-1] + 1 if same else len(cases), case)
    return {**body, "cases": cases}


def without_case(body: Body, key: str) -> dict[str, Any]:
    """The body without the case. Raises BadInput when there is none of that key."""
    left = [case for case in body["cases"] if case["id"] != key]
    if len(left) == len(body["cases"]):
        raise BadInput(f"The plan has no case {key} any more; nothing was changed. Reload the plan.")
    return {**body, "cases": left}


def free_key(body: Body, layer: str) -> str:
    """The next unused id of a layer, as planners number them: U-004, I-002, E-003."""
    letter, used = {"unit": "U", "integration": "I", "end_to_end": "E"}[layer], set(cases_of(body))
    return next(key for n in range(1, len(used) + 2) if (key := f"{letter}-{n:03}") not in used)


def is_settled(case_key: str, old: Body, new: Body) -> bool:
    """Whether a finding on that case (empty: on the plan) was worked in.

    It was when the case itself changed or went, or when a new case proves one of its criteria.
    """
    changes = case_changes(old, new)
    if not case_key:
        return bool(changes)
    if any(change.key == case_key for change in changes):
        return True
    before, after = cases_of(old), cases_of(new)
    proven = set(before[case_key]["criteria"]) if case_key in before else set()
    return any(change.kind == "added" and proven & set(after[change.key]["criteria"]) for change in changes)
