"""Which rule, if any, makes two reports the same without being asked. The model orders, the guard has the last word."""

import dataclasses
from collections.abc import Mapping

from leadroom.triage.engine.extraction import Facts, short_path, title_words
from leadroom.triage.engine.guard import Text, same_test, says_little, vetoes

FEWEST_ERROR_WORDS = 4
"""Words, numbers and operators of an error that can tell one failure from another; `assert False` cannot."""
DAYS_TOGETHER = 7.0
"""Days within which one test failing with one telling error is one failure, if nothing speaks against it."""


@dataclasses.dataclass(frozen=True)
class Ranked:
    """A finding by its probability of being the same."""

    finding_id: int
    root_id: int
    probability: float


def in_order(found: list[Ranked]) -> list[Ranked]:
    """Most probable first; equal ones older first."""
    return sorted(found, key=lambda one: (-one.probability, one.finding_id))


def best_of_groups(found: list[Ranked]) -> list[Ranked]:
    """The best finding of each group, in order: a group takes one place however many members it has."""
    best: dict[int, Ranked] = {}
    for one in in_order(found):
        best.setdefault(one.root_id, one)
    return list(best.values())


def rule_of(
    new: Text, old: Text, *, is_same_text: bool, probability: float, days: float, thresholds: Mapping[str, float]
) -> tuple[str, list[str]]:
    """(name of the rule that links the two or nothing, what speaks against).

    `verbatim`: nothing differs but white space. `fields`: test and error agree, and so do place, commit or time.
    `model`: the probability is above the bar and nothing in the text speaks against.
    """
    if is_same_text:
        little = says_little(new) or new.facts.is_placeholder
        return ("", ["The text is too general to tell."]) if little else ("verbatim", [])
    agree = fields_agree(new.facts, old.facts, days)
    against = vetoes(new, old, fields_agree=agree)
    if against:
        return "", against
    if agree and probability >= thresholds["fields"]:
        return "fields", []
    return ("model" if probability >= thresholds["link"] else ""), []


def fields_agree(new: Facts, old: Facts, days: float) -> bool:
    """Whether both name the same test and the same error, at the same line of the code or the same commit.

    One commit gives one outcome of a test. Without it and without a line the test and a telling error are enough only
    for `DAYS_TOGETHER`: later another fault may break the same test with the same words. A line of the test itself
    says nothing of the cause.
    """
    a, b = new.labels, old.labels
    if not a.get("test") or not b.get("test") or not same_test(a["test"], b["test"]):
        return False
    if not a.get("error") or a["error"] != b.get("error"):
        return False
    if days <= DAYS_TOGETHER and len(set(title_words(a["error"]))) >= FEWEST_ERROR_WORDS:
        return True
    if a.get("commit") and a["commit"] == b.get("commit"):
        return True
    is_of_test = bool(a.get("path")) and a["path"] in short_path(a["test"].split("::")[0])
    return not is_of_test and all(a.get(name) and a[name] == b.get(name) for name in ("path", "line", "symbol"))
