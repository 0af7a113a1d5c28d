"""What a change of the requirements document touches in a test plan: cases by the criteria they prove. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from leadroom.testplans.models import TestCase

CRITERIA_NAMED = 12


@dataclass(frozen=True)
class Touched:
    """A case and why it cannot stay as it is, such as `AC-002 changed`."""

    key: str
    title: str
    causes: tuple[str, ...]


@dataclass(frozen=True)
class Impact:
    """Ids of criteria by what became of them; cases the change touches, and keys of those it leaves alone."""

    changed: tuple[str, ...]
    removed: tuple[str, ...]
    added: tuple[str, ...]
    touched: tuple[Touched, ...]
    untouched: tuple[str, ...]

    @property
    def words(self) -> str:
        """`changed AC-002, added AC-003`, or that no criterion changed."""
        kinds = (("changed", self.changed), ("removed", self.removed), ("added", self.added))
        said = [f"{kind} {_listed(ids)}" for kind, ids in kinds if ids]
        return ", ".join(said) or "changed no criterion"


def _listed(ids: tuple[str, ...]) -> str:
    more = f" and {len(ids) - CRITERIA_NAMED} more" if len(ids) > CRITERIA_NAMED else ""
    return " ".join(ids[:CRITERIA_NAMED]) + more


def criteria_of(body: Mapping[str, Any]) -> dict[str, str]:
    """Criterion id to its text, in the order of a document's `body`."""
    return {criterion["id"]: criterion["text"] for goal in body["goals"] for criterion in goal["criteria"]}


def impact_of(cases: Iterable[TestCase], old: Mapping[str, Any], new: Mapping[str, Any]) -> Impact:
    """`old` and `new` are bodies of the document. A criterion with the same text is unchanged, wherever it stands."""
    before, after = criteria_of(old), criteria_of(new)
    causes = {key: f"{key} changed" for key, text in after.items() if key in before and before[key] != text}
    causes |= {key: f"{key} is gone" for key in before if key not in after}
    touched, untouched = [], []
    for case in cases:
        why = tuple(causes[key] for key in case.criteria if key in causes)
        if why:
            touched.append(Touched(case.key, case.title, why))
        else:
            untouched.append(case.key)
    return Impact(
        changed=tuple(key for key in after if key in causes),
        removed=tuple(key for key in before if key not in after),
        added=tuple(key for key in after if key not in before),
        touched=tuple(touched),
        untouched=tuple(untouched),
    )
