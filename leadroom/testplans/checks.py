"""What a machine holds against a plan before anybody reads it: each finding has a place and a sentence."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from leadroom.requirements.models import Revision
from leadroom.testplans.enums import CasePath, Layer

CASE_LIMIT = 300
Case = Mapping[str, Any]
NODE_ID = re.compile(r"(?!-)(?!(.*/)?\.{1,2}/)[\w.-]+(/[\w.-]+)*\.py(::[\w\[\]\-.,= ]+)+", re.ASCII)
"""A path from the tree's root as pytest itself writes it, which cannot be taken for an option."""
_COUNTED = r"one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|hundred|thousand"
_LIMIT = re.compile(
    r"(?<![\w.\-/])\d[\d.,]*(?![\w/\-])"
    rf"|\b(?:at most|at least|up to|(?:more|less|fewer|longer|later) than|within) (?:{_COUNTED})\b",
    re.IGNORECASE,
)
"""A number that can be just missed: digits that are no part of a name, or a limit in words."""
_NO_LIMIT = re.compile(r"(?:exit (?:status|code)|status(?: code)?|HTTP|version|v)\s+\d[\d.]*", re.IGNORECASE)
"""Digits that name something."""
_RESTATING = (
    (
        re.compile(r"\b(?:results?|outputs?|return(?:ed)? values?|values?) of [`'\"]?[A-Za-z_][\w.]*\(", re.IGNORECASE),
        "takes its expected result from the code under test",
    ),
    (
        re.compile(r"\b(?:what(?:ever)?|as|like) the (?:code|implementation|function|method|program) "
                   r"(?:does|returns|computes|gives|produces)\b", re.IGNORECASE),
        "expects whatever the code does",
    ),
    (
        re.compile(r"\b(?:is|was|are|were|gets|been) called (?:once|twice|with|exactly|at least|\d+ times)\b"
                   r"|\bmock\w*\b.*\bcalled\b|\bassert_called", re.IGNORECASE),
        "checks that something is called, not what comes of it",
    ),
    (
        re.compile(r"\W*(?:it |the \w+ )?(?:works?|succeeds?|passes|(?:does not|doesn't) (?:crash|fail|raise)"
                   r"|(?:there is )?no (?:error|exception|crash)(?: is raised| occurs)?"
                   r"|runs without (?:an )?(?:error|exception|crash)\w*)(?: as expected| correctly)?\W*",
                   re.IGNORECASE),
        "names nothing that could be observed to be wrong",
    ),
)  # fmt: skip
"""Ways to expect nothing but the program itself. The last one must be all that is expected."""


@dataclass(frozen=True)
class PlanProblem:
    """One failed check: where (a case key, a criterion, a goal, or empty for the plan) and a sentence.

    `is_gap`: nothing that is there is wrong, something is missing. A person may edit on with gaps, not approve.
    """

    place: str
    sentence: str
    is_gap: bool = False


def plan_problems(body: Mapping[str, Any], revision: Revision) -> list[PlanProblem]:
    """Everything a machine can hold against the plan, in reading order."""
    cases = body["cases"]
    if not cases:
        return [PlanProblem("", "The plan has no cases, so it would accept anything.")]
    argued = _argued(body)
    return [
        *_size_and_ids(cases),
        *_case_problems(cases, set(revision.criteria)),
        *_unproven(cases, revision),
        *_layers(cases, argued),
        *_journeys(cases, revision, argued),
        *_boundaries(cases, revision, argued),
    ]


def _argued(body: Mapping[str, Any]) -> str:
    """What the plan says it does not cover, without case and hyphens."""
    text = " ".join(f"{row['what']} {row['why']}" for row in body["not_covered"])
    return text.casefold().replace("-", " ").replace("_", " ")


def _is_argued(key: str, argued: str) -> bool:
    return re.search(rf"\b{re.escape(key.casefold().replace('-', ' '))}\b", argued) is not None


def _size_and_ids(cases: list[Case]) -> Iterator[PlanProblem]:
    if len(cases) > CASE_LIMIT:
        yield PlanProblem("", f"{len(cases)} cases are more than anybody reviews; merge them to {CASE_LIMIT} at most.")
    for what, ids in (
        ("id", [c["id"] for c in cases]),
        ("node id", [c["node_id"] for c in cases if c["node_id"]]),
    ):
        for value, n in Counter(ids).items():
            if n > 1:
                yield PlanProblem(value, f"The {what} {value} is used by {n} cases; each case needs its own.")


def _case_problems(cases: list[Case], known: set[str]) -> Iterator[PlanProblem]:
    for case in cases:
        key = case["id"]
        for criterion in case["criteria"]:
            if criterion not in known:
                yield PlanProblem(key, f"{key} proves {criterion}, which the document does not have.")
        if not case["criteria"]:
            yield PlanProblem(key, f"{key} proves no criterion; link it or drop it.")
        if bool(case["node_id"]) == bool(case["command"]):
            yield PlanProblem(key, f"{key} needs either a pytest node id or a command, and only one of them.")
        elif case["node_id"] and not NODE_ID.fullmatch(case["node_id"]):
            yield PlanProblem(key, f"{key}: {case['node_id']!r} is not a pytest node id like tests/test_x.py::test_y.")
        if not case["expected"].strip():
            yield PlanProblem(key, f"{key} does not say what is expected.")
        elif fault := restates(case["expected"]):
            yield PlanProblem(key, f"{key} {fault}; work the expected result out from the document instead.")


def restates(expected: str) -> str:
    """How an expected result repeats the implementation instead of the requirement, or empty when it does not.

    A test that takes its oracle from the program under test cannot fail (Barr and others, "The Oracle Problem in
    Software Testing", IEEE TSE 2015, on derived oracles).
    """
    for pattern, fault in _RESTATING[:-1]:
        if pattern.search(expected):
            return fault
    pattern, fault = _RESTATING[-1]
    return fault if pattern.fullmatch(expected) else ""


def _unproven(cases: list[Case], revision: Revision) -> Iterator[PlanProblem]:
    proven = {criterion for case in cases for criterion in case["criteria"]}
    for criterion, text in revision.criteria.items():
        if criterion not in proven:
            yield PlanProblem(criterion, f"No case proves {criterion} ({text[:80]}).", is_gap=True)


def _layers(cases: list[Case], argued: str) -> Iterator[PlanProblem]:
    present = {case["layer"] for case in cases}
    for layer in Layer:
        if layer not in present and layer.label.casefold() not in argued:
            what = layer.label.lower()
            yield PlanProblem("", f"There is no {what} case, and `not_covered` does not argue why not.", is_gap=True)


def _journeys(cases: list[Case], revision: Revision, argued: str) -> Iterator[PlanProblem]:
    """A goal a person can reach is walked once to its end and once to a refusal."""
    walked = [case for case in cases if case["layer"] == Layer.END_TO_END]
    if not walked:
        return  # argued, or named by the check of layers
    for goal in revision.body["goals"]:
        own = {criterion["id"] for criterion in goal["criteria"]}
        paths = {case["path"] for case in walked if own & set(case["criteria"])}
        missing = [p.label.lower() for p in (CasePath.HAPPY, CasePath.ERROR) if p not in paths]
        if own and missing and not _is_argued(goal["id"], argued):
            what = " and no ".join(missing)
            yield PlanProblem(
                goal["id"],
                f"{goal['id']} ({goal['text'][:80]}) has no {what} from end to end; add a case, or name "
                f"{goal['id']} in `not_covered` with the reason.",
                is_gap=True,
            )


def _boundaries(cases: list[Case], revision: Revision, argued: str) -> Iterator[PlanProblem]:
    """A limit is tried at, before and after it (ISO/IEC/IEEE 29119-4, boundary value analysis)."""
    for criterion, text in revision.criteria.items():
        number = _LIMIT.search(_NO_LIMIT.sub("", text))
        if number is None or _is_argued(criterion, argued):
            continue
        tried = [c for c in cases if criterion in c["criteria"] and c["path"] == CasePath.BOUNDARY]
        if not any(
            re.search(r"\d", " ".join([c["title"], c["precondition"], *c["steps"], c["expected"]])) for c in tried
        ):
            yield PlanProblem(
                criterion,
                f"{criterion} has a limit (“{number.group(0).strip('.,')}”) but no boundary case names the values "
                f"around it; add one, or name {criterion} in `not_covered` with the reason.",
                is_gap=True,
            )


def _words(case: Case) -> str:
    return " ".join([case["title"], case["precondition"], *case["steps"], case["expected"]])
