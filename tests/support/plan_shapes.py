"""Plans and cases as the tool `submit_plan` has them, and the marks that approve one."""

from typing import Any

from leadroom.testplans.models import TestPlan


def case_shape(key: str, layer: str, **changes: Any) -> dict[str, Any]:
    """One case as the tool `submit_plan` has it."""
    return {
        "id": key,
        "layer": layer,
        "title": f"Parts add up in {key}",
        "criteria": ["AC-001", "AC-002"],
        "precondition": "A group of three.",
        "steps": ["Split 10.00 by 1, 1, 1."],
        "expected": "3.34, 3.33 and 3.33.",
        "path": "happy",
        "priority": "must",
        "node_id": f"tests/test_shares.py::test_{key.replace('-', '_').lower()}",
        "command": "",
        **changes,
    }


def plan_shape(**changes: Any) -> dict[str, Any]:
    """A plan of three cases that passes every machine check."""
    return {
        "summary": "Three cases over two criteria.",
        "cases": [
            case_shape("U-001", "unit"),
            case_shape("I-001", "integration"),
            case_shape("E-001", "end_to_end"),
        ],
        "forbidden_zones": ["evenly/settle.py"],
        "failure_modes": ["Each part is rounded by itself."],
        "environment": "Python 3.11 and pytest.",
        "not_covered": [
            {"what": "Amounts above a million", "why": "They are refused before."},
            {"what": "An error path of G-001", "why": "What is refused is a rule of its own."},
        ],
        **changes,
    }


def approvals(plan: TestPlan) -> list[tuple[str, str, str]]:
    """Every case approved, as a review of a critical plan needs it."""
    return [(case.key, "approve", "") for case in plan.cases.all()]
