"""What a machine holds against a plan before anybody reads it, each with its own sentence."""

from typing import Any

import pytest

from leadroom.lib.errors import BadInput
from leadroom.requirements.models import Revision
from leadroom.testplans.rules import CASE_LIMIT, check_submit, plan_problems
from tests import factories as f

DOCUMENT = Revision(body=f.document_shape())


def problems(**changes: Any) -> list[str]:
    return [problem.sentence for problem in plan_problems(f.plan_shape(**changes), DOCUMENT)]


def with_case(**changes: Any) -> list[str]:
    case = f.case_shape("U-001", "unit", **changes)
    return problems(cases=[case, *f.plan_shape()["cases"][1:]])


def test_a_whole_plan_has_no_problem() -> None:
    assert problems() == []
    assert with_case(node_id="", command="python -m evenly --help") == []


def test_a_plan_without_cases_is_refused_at_once() -> None:
    assert problems(cases=[]) == ["The plan has no cases, so it would accept anything."]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"criteria": ["AC-404"]}, "U-001 proves AC-404, which the document does not have."),
        ({"criteria": []}, "U-001 proves no criterion; link it or drop it."),
        ({"node_id": ""}, "U-001 needs either a pytest node id or a command, and only one of them."),
        ({"command": "true"}, "U-001 needs either a pytest node id or a command, and only one of them."),
        ({"expected": " \n"}, "U-001 does not say what is expected."),
        ({"id": "I-001"}, "The id I-001 is used by 2 cases; each case needs its own."),
        (
            {"node_id": "tests/test_shares.py::test_i_001"},
            "The node id tests/test_shares.py::test_i_001 is used by 2 cases; each case needs its own.",
        ),
    ],
)
def test_what_is_wrong_with_a_case_is_said(changes: dict, sentence: str) -> None:
    assert with_case(**changes) == [sentence]


GOOD_NODES = [
    "test_x.py::test_y",
    "tests/test_x.py::test_y",
    "src/pkg-1/tests/test_x.py::TestA::test_y",
    "tests/test_x.py::TestA::TestB::test_y[1-two_3.5]",
    "tests/v1.2/test_x.py::test_y[a b, c=d]",
]
BAD_NODES = [
    "tests/test_x.py",
    "tests/test_x.txt::test_y",
    "/etc/test_x.py::test_y",
    "../other/test_x.py::test_y",
    "tests/../../test_x.py::test_y",
    "tests/../test_x.py::test_y",
    "./tests/test_x.py::test_y",
    "tests/./test_x.py::test_y",
    "tests//test_x.py::test_y",
    "-ptests.py::test_y",
    "--rootdir.py::x=/",
    "-c/work/tree/evil.py::x",
    "tests/test_x.py::test_y\n--collect-only",
    "tests/test_x.py::test_y; rm -rf /",
    "tests/test_x.py::$(id)",
    "tests/test_x.py::",
    "tests/tést_x.py::test_y",
    "-",
]


@pytest.mark.parametrize("node_id", GOOD_NODES)
def test_node_ids_as_pytest_writes_them_are_taken(node_id: str) -> None:
    assert with_case(node_id=node_id) == []


@pytest.mark.parametrize("node_id", BAD_NODES)
def test_what_is_no_node_id_or_could_be_an_option_is_refused(node_id: str) -> None:
    assert with_case(node_id=node_id) == [f"U-001: {node_id!r} is not a pytest node id like tests/test_x.py::test_y."]


def test_every_criterion_needs_a_case() -> None:
    cases = [{**case, "criteria": ["AC-001"]} for case in f.plan_shape()["cases"]]
    assert problems(cases=cases) == ["No case proves AC-002 (No cent is lost.)."]


@pytest.mark.parametrize(
    ("layer", "label"), [("unit", "unit"), ("integration", "integration"), ("end_to_end", "end to end")]
)
def test_a_layer_is_there_or_its_absence_is_argued(layer: str, label: str) -> None:
    cases = [case for case in f.plan_shape()["cases"] if case["layer"] != layer]
    assert problems(cases=cases, not_covered=[]) == [
        f"There is no {label} case, and `not_covered` does not argue why not."
    ]
    for word in (label, label.upper().replace(" ", "-"), layer):
        assert problems(cases=cases, not_covered=[{"what": "Layers", "why": f"{word} adds nothing here"}]) == []


def test_more_cases_than_anybody_reviews_are_refused() -> None:
    cases = [f.case_shape(f"U-{n:03}", ("unit", "integration", "end_to_end")[n % 3]) for n in range(CASE_LIMIT + 1)]
    assert problems(cases=cases) == ["301 cases are more than anybody reviews; merge them to 300 at most."]
    assert problems(cases=cases[1:]) == []


def test_the_planner_hears_of_everything_at_once_but_not_of_endless_lists() -> None:
    with pytest.raises(BadInput) as caught:
        check_submit(f.plan_shape(cases=[f.case_shape("U-001", "unit", criteria=[], expected="")]), DOCUMENT)
    assert str(caught.value).splitlines() == [
        "6 machine checks failed; nothing was stored.",
        "- U-001 proves no criterion; link it or drop it.",
        "- U-001 does not say what is expected.",
        "- No case proves AC-001 (Parts follow the shares.).",
        "- No case proves AC-002 (No cent is lost.).",
        "- There is no integration case, and `not_covered` does not argue why not.",
        "- There is no end to end case, and `not_covered` does not argue why not.",
    ]
    with pytest.raises(BadInput) as caught:
        check_submit(f.plan_shape(cases=[f.case_shape(f"U-{n}", "unit", criteria=[]) for n in range(90)]), DOCUMENT)
    assert len(str(caught.value).splitlines()) == 41
