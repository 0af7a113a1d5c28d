"""What a changed document touches in a plan."""

from typing import Any

from leadroom.testplans.impact import impact_of
from leadroom.testplans.models import TestCase
from tests import factories as f


def case(key: str, *criteria: str) -> TestCase:
    return TestCase(key=key, title=f"Case {key}", criteria=list(criteria))


def body(**criteria: str) -> dict[str, Any]:
    listed = [{"id": key.replace("_", "-"), "text": text, "because": ["request"]} for key, text in criteria.items()]
    return f.document_shape(goals=[{"id": "G-001", "text": "Parts add up.", "criteria": listed}])


def test_cases_are_touched_through_the_criteria_they_prove() -> None:
    old = body(AC_001="one", AC_002="two", AC_003="three")
    new = body(AC_003="three", AC_001="other", AC_004="four")
    cases = [case("U-001", "AC-001", "AC-003"), case("U-002", "AC-003"), case("E-001", "AC-001", "AC-002")]
    impact = impact_of(cases, old, new)
    assert (impact.changed, impact.removed, impact.added) == (("AC-001",), ("AC-002",), ("AC-004",))
    assert [(t.key, t.causes) for t in impact.touched] == [
        ("U-001", ("AC-001 changed",)),
        ("E-001", ("AC-001 changed", "AC-002 is gone")),
    ]
    assert impact.untouched == ("U-002",)
    assert impact.words == "changed AC-001, removed AC-002, added AC-004"


def test_other_parts_touch_no_case_by_themselves() -> None:
    old = body(AC_001="one")
    impact = impact_of([case("U-001", "AC-001")], old, {**old, "constraints": ["Old groups load twice."]})
    assert (impact.touched, impact.untouched, impact.words) == ((), ("U-001",), "changed no criterion")


def test_a_long_list_is_cut_in_words_and_nowhere_else() -> None:
    old = body(**{f"AC_{n:03}": "old" for n in range(1, 31)})
    new = body(**{f"AC_{n:03}": "new" for n in range(1, 31)})
    impact = impact_of([], old, new)
    assert len(impact.changed) == 30
    assert impact.words.startswith("changed AC-001 AC-002")
    assert impact.words.endswith("AC-012 and 18 more")
