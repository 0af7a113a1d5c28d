"""A model that plays every role of one small item, and does the sensible thing after any interruption.

What it says depends only on what its conversation already holds, so a resumed run goes on where it was.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests import factories
from tests.support.other_model_server import OtherModel, other_model_server
from tests.support.stage import KEY, report

Call = tuple[str, dict[str, Any]]

CODE = """def split(cents, shares):
    total = sum(shares.values())
    parts = {name: cents * share // total for name, share in shares.items()}
    parts[next(iter(shares))] += cents - sum(parts.values())
    return parts
"""
TESTS = """from shop.shares import split


def test_u_001():
    assert split(1000, {"ana": 2, "ben": 1, "cleo": 1}) == {"ana": 500, "ben": 250, "cleo": 250}


def test_i_001():
    assert sum(split(1000, {"ana": 1, "ben": 1, "cleo": 1}).values()) == 1000


def test_e_001():
    assert split(2, {"ana": 1, "ben": 1, "cleo": 1})["ana"] == 2
"""


def requirements(said: str) -> list[Call]:
    if "Stored as revision" in said:
        return [report(summary="The document is written.")]
    if "The lead decided" in said:
        return [("submit_document", factories.document_shape("A-001"))]
    risk = {"level": "standard", "reason": "One module."}
    return [("propose_ambiguities", {"risk": risk, "ambiguities": [factories.ambiguity_shape("A-001")]})]


def planner(said: str) -> list[Call]:
    if "Stored as plan" in said:
        return [report(summary="The plan is written.")]
    return [("read_file", {"path": "."}), ("submit_plan", factories.plan_shape())]


def reviewer(said: str) -> list[Call]:
    if "Your review is stored" in said:
        return [report(summary="The plan is reviewed.")]
    return [("submit_review", {"summary": "Complete.", "verdict": "approve", "findings": []})]


def verifier(said: str) -> list[Call]:
    if "Your verdicts are stored" in said:
        return [report(summary="Every criterion is met.")]
    word = {"answer": "YES", "file": "shop/shares.py:3", "behaviour": "Parts follow the shares, to the cent."}
    verdicts = [{"criterion": key, **word} for key in ("AC-001", "AC-002")]
    return [("submit_verdicts", {"summary": "Met.", "verdicts": verdicts})]


def developer(said: str) -> list[Call]:
    if "3 passed" in said:
        return [report(summary="Shares are split.")]
    if "Accepted: 3 of 3 cases" not in said and "frozen already" not in said:
        return [
            ("write_file", {"path": "tests/test_shares.py", "text": TESTS}),
            ("submit_tests", {"note": "Three cases of one function that is not there."}),
        ]
    return [
        ("set_phase", {"phase": "code", "note": "One module."}),
        ("write_file", {"path": "shop/shares.py", "text": CODE}),
        ("run_command", {"command": "python -m pytest -q tests/test_shares.py"}),
    ]


ROLES = {
    "submit_document": requirements,
    "submit_plan": planner,
    "submit_review": reviewer,
    "submit_verdicts": verifier,
    "run_command": developer,
}


def content_for(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The next turn of whoever is asked; the tools it was offered tell who that is."""
    (role,) = [ROLES[tool["name"]] for tool in body["tools"] if tool["name"] in ROLES]
    spoken = sum(message["role"] == "assistant" for message in body["messages"])
    calls = role(json.dumps(body["messages"]))
    return [
        {"type": "tool_use", "id": f"toolu_{spoken}_{position}", "name": name, "input": given}
        for position, (name, given) in enumerate(calls)
    ]


@contextmanager
def team() -> Iterator[OtherModel]:
    """The model's server, while the block runs."""
    with other_model_server([["unused"]], key=KEY) as model:
        model.content_for = content_for  # type: ignore[method-assign]
        yield model
