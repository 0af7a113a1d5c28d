"""What a machine holds against a plan before anybody reads it, each with its own sentence."""

from typing import Any

import pytest

from leadroom.lib.errors import BadInput
from leadroom.requirements.models import Revision
from leadroom.testplans.checks import CASE_LIMIT, plan_problems
from leadroom.testplans.rules import check_submit
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
    journeys = {"what": "An error path of G-001", "why": "There is none."}
    assert problems(cases=cases, not_covered=[journeys]) == [
        f"There is no {label} case, and `not_covered` does not argue why not."
    ]
    for word in (label, label.upper().replace(" ", "-"), layer):
        argument = {"what": "Layers", "why": f"{word} adds nothing here"}
        assert problems(cases=cases, not_covered=[journeys, argument]) == []


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


def test_a_goal_is_walked_to_its_end_and_to_a_refusal() -> None:
    document = Revision(body=f.document_shape())
    shape = f.plan_shape(not_covered=[])
    assert [(p.place, p.is_gap) for p in plan_problems(shape, document)] == [("G-001", True)]
    assert plan_problems(shape, document)[0].sentence == (
        "G-001 (Uneven parts add up.) has no error path from end to end; add a case, or name G-001 in `not_covered` "
        "with the reason."
    )
    refused = f.case_shape("E-002", "end_to_end", path="error")
    assert plan_problems({**shape, "cases": [*shape["cases"], refused]}, document) == []


def limited(text: str) -> Revision:
    criteria = [{"id": "AC-001", "text": text, "because": ["request"]}, {"id": "AC-002", "text": "x", "because": []}]
    return Revision(body=f.document_shape(goals=[{"id": "G-001", "text": "Limits.", "criteria": criteria}]))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("A share is a whole number from 1 to 999.", "1"),
        ("A refund is paid up to 24 hours before the start.", "24"),
        ("At most three people share a room.", "At most three"),
        ("A name has fewer than twelve letters.", "fewer than twelve"),
        ("It costs 19.99 or more.", "19.99"),
    ],
)
def test_a_limit_needs_a_boundary_case_that_names_values(text: str, number: str) -> None:
    document = limited(text)
    sentence = (
        f"AC-001 has a limit (“{number}”) but no boundary case names the values around it; add one, or name AC-001 in "
        "`not_covered` with the reason."
    )
    assert [p.sentence for p in plan_problems(f.plan_shape(), document)] == [sentence]
    around = f.case_shape("U-002", "unit", path="boundary", steps=["Try 23:59:59 and 24:00:00."])
    wordless = {**around, "steps": ["Try the limit."], "title": "The limit", "expected": "Refused."}
    base = f.plan_shape()
    assert plan_problems({**base, "cases": [*base["cases"], around]}, document) == []
    assert plan_problems({**base, "cases": [*base["cases"], wordless]}, document) != []
    argued = [*base["not_covered"], {"what": "The limit of ac-001", "why": "It is the store's own."}]
    assert plan_problems({**base, "not_covered": argued}, document) == []


@pytest.mark.parametrize(
    "text",
    ["Groups of version 0.4.0 still load.", "It fails with exit status 1.", "The file v2/list.json holds AC-003 too.",
     "It answers HTTP 404.", "The two are not allowed together."],
)  # fmt: skip
def test_digits_that_are_no_limit_ask_for_nothing(text: str) -> None:
    assert plan_problems(f.plan_shape(), limited(text)) == []


@pytest.mark.parametrize(
    ("expected", "fault"),
    [
        ("Equals the result of refund_for(booking).", "takes its expected result from the code under test"),
        ("The return value of `split(10)` is stored.", "takes its expected result from the code under test"),
        ("It is whatever the implementation returns.", "expects whatever the code does"),
        ("The refund service was called once.", "checks that something is called, not what comes of it"),
        ("The mocked store is called.", "checks that something is called, not what comes of it"),
        ("It works as expected.", "names nothing that could be observed to be wrong"),
        ("No exception is raised.", "names nothing that could be observed to be wrong"),
        ("Does not crash", "names nothing that could be observed to be wrong"),
    ],
)
def test_a_case_that_restates_the_implementation_is_refused(expected: str, fault: str) -> None:
    assert with_case(expected=expected) == [f"U-001 {fault}; work the expected result out from the document instead."]


@pytest.mark.parametrize(
    "expected",
    ["The file is called trip.json.", "3.34, 3.33 and 3.33.", "It fails and says that the archive cannot be written.",
     "The value of the stored field is 80.00.", "It works out 3.34 for Ana."],
)  # fmt: skip
def test_what_can_be_observed_is_taken(expected: str) -> None:
    assert with_case(expected=expected) == []
