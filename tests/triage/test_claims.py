"""What a report claims against what Leadroom recorded itself."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from leadroom.runners.faults import faults_of
from leadroom.runners.shapes import ReportShape
from leadroom.triage.claims import Record, contradictions
from tests import factories as f

GREEN = {"tests": {"green": 12, "red": 0, "not_run": 0}}


def faults(body: Any) -> list[str]:
    """What the gate tells an agent whose report cannot be read."""
    with pytest.raises(ValidationError) as told:
        ReportShape.model_validate(body)
    return faults_of(told.value)


def found(body: dict[str, Any], record: Record) -> list[str]:
    return [one["sentence"] for one in contradictions(body, record)]


@pytest.mark.parametrize(
    ("body", "record", "sentences"),
    [
        (GREEN, Record(), []),
        (GREEN, Record(commands=3, verification=5, cases=9), []),
        (GREEN, Record(commands=0), ["It counts 12 green tests, but the run ran no command at all."]),
        (
            GREEN,
            Record(verification=5, cases=9, failed=("U-001", "U-004")),
            [
                "It says that 12 tests are green and none is red; in verification 5 of the same work 2 of 9 cases did "
                "not pass: U-001, U-004."
            ],
        ),
        (
            GREEN,
            Record(verification=5, cases=9, refusals=("A frozen test was changed.",)),
            [
                "It says that 12 tests are green; verification 5 of the same work was refused: "
                "A frozen test was changed."
            ],
        ),
        ({"tests": {"green": 3, "red": 1, "not_run": 0}}, Record(verification=5, cases=9, failed=("U-001",)), []),
        ({"changed": ["./a.py", "b/"]}, Record(changed=frozenset({"a.py", "b/c.py"})), []),
        (
            {"changed": ["a.py", "gone.py"]},
            Record(changed=frozenset({"a.py", "more.py"})),
            [
                "It says that it changed gone.py; in its tree that is as it was.",
                "Its tree also changes more.py, which the report does not name.",
            ],
        ),
        (
            {"changed": ["a.py"]},
            Record(),
            ["It says that it changed a.py; the run has no working tree it could change."],
        ),
        ({"changed": []}, Record(changed=frozenset({"a.py"})), []),
    ],
)
def test_contradictions_are_sentences(body: dict[str, Any], record: Record, sentences: list[str]) -> None:
    assert found(body, record) == sentences


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
        max_leaves=12,
    )
)
def test_whatever_comes_in_as_a_report_is_refused_in_words(body: Any) -> None:
    assert faults(body)


def test_every_missing_and_wrong_field_is_named_at_once() -> None:
    body = f.report_shape(status="BLOCKED", confidence=65, colour="red", sources=[{}] * 30, changed=[1] * 30)
    del body["summary"], body["tests"], body["unsure"]
    lines = faults(body)
    for field in ("summary", "tests", "unsure", "confidence", "colour", "sources", "changed", "needs"):
        assert any(line.startswith(field) for line in lines), field
    assert lines[0] == "summary: Field required"
    assert "sources: and 57 more" in lines


def test_red_and_complete_is_told_with_the_rest() -> None:
    body = f.report_shape(severity="awful", tests={"green": 1, "red": 2, "not_run": 0})
    severity, tests = faults(body)
    assert severity.startswith("severity: ")
    assert tests.startswith("tests: COMPLETE with red tests is a contradiction")


def test_a_whole_report_is_read_as_it_is() -> None:
    assert ReportShape.model_validate(f.report_shape(changed=["a.py"])).model_dump()["changed"] == ["a.py"]
