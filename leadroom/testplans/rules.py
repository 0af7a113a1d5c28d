"""Machine checks of a plan, and who may freeze or return it."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.lib.shapes import count_of
from leadroom.projects.enums import Risk, Stage
from leadroom.requirements.models import Revision
from leadroom.testplans.enums import PLANS, Layer, PlanState
from leadroom.testplans.models import TestPlan

CASE_LIMIT = 300
BLIND_SPOTS = {
    "boundaries": "Are the boundaries complete?",
    "error_paths": "Are the error paths covered?",
    "intent": "Do the tests say what should happen, rather than what the code does?",
}
"""What plans of critical items are looked over for, by hand (PRODUCT, risk table)."""
_NODE_ID = re.compile(r"(?!-)(?!(.*/)?\.{1,2}/)[\w.-]+(/[\w.-]+)*\.py(::[\w\[\]\-.,= ]+)+", re.ASCII)
"""A path from the tree's root as pytest itself writes it, which cannot be taken for an option."""


@dataclass(frozen=True)
class PlanProblem:
    """One failed machine check: where (a case key, a criterion, or empty for the plan) and a sentence."""

    place: str
    sentence: str


def plan_problems(body: Mapping[str, Any], revision: Revision) -> list[PlanProblem]:
    """Everything a machine can hold against a plan before anyone reads it (PRODUCT section 4), in reading order."""
    cases = body["cases"]
    if not cases:
        return [PlanProblem("", "The plan has no cases, so it would accept anything.")]
    problems = [*_size_and_ids(cases), *_case_problems(cases, set(revision.criteria))]
    proven = {criterion for case in cases for criterion in case["criteria"]}
    problems += [
        PlanProblem(criterion, f"No case proves {criterion} ({text[:80]}).")
        for criterion, text in revision.criteria.items()
        if criterion not in proven
    ]
    argued = (
        " ".join(f"{n['what']} {n['why']}" for n in body["not_covered"]).casefold().replace("-", " ").replace("_", " ")
    )
    present = {case["layer"] for case in cases}
    problems += [
        PlanProblem("", f"There is no {layer.label.lower()} case, and `not_covered` does not argue why not.")
        for layer in Layer
        if layer not in present and layer.label.casefold() not in argued
    ]
    return problems


def _size_and_ids(cases: list[Mapping[str, Any]]) -> Iterable[PlanProblem]:
    if len(cases) > CASE_LIMIT:
        yield PlanProblem("", f"{len(cases)} cases are more than anybody reviews; merge them to {CASE_LIMIT} at most.")
    for what, ids in (
        ("id", [c["id"] for c in cases]),
        ("node id", [c["node_id"] for c in cases if c["node_id"]]),
    ):
        for value, n in Counter(ids).items():
            if n > 1:
                yield PlanProblem(value, f"The {what} {value} is used by {n} cases; each case needs its own.")


def _case_problems(cases: list[Mapping[str, Any]], known: set[str]) -> Iterable[PlanProblem]:
    for case in cases:
        key = case["id"]
        for criterion in case["criteria"]:
            if criterion not in known:
                yield PlanProblem(key, f"{key} proves {criterion}, which the document does not have.")
        if not case["criteria"]:
            yield PlanProblem(key, f"{key} proves no criterion; link it or drop it.")
        if bool(case["node_id"]) == bool(case["command"]):
            yield PlanProblem(key, f"{key} needs either a pytest node id or a command, and only one of them.")
        elif case["node_id"] and not _NODE_ID.fullmatch(case["node_id"]):
            yield PlanProblem(key, f"{key}: {case['node_id']!r} is not a pytest node id like tests/test_x.py::test_y.")
        if not case["expected"].strip():
            yield PlanProblem(key, f"{key} does not say what is expected.")


def check_submit(body: Mapping[str, Any], revision: Revision) -> None:
    """Raises BadInput listing every machine finding, so that the planner mends all of them at once."""
    if problems := plan_problems(body, revision):
        listed = "\n".join(f"- {problem.sentence}" for problem in problems[:40])
        raise BadInput(f"{count_of(len(problems), 'machine check')} failed; nothing was stored.\n{listed}")


def check_review(plan: TestPlan, *, reviewer_run_id: int) -> None:
    """An agent reviews once, in AGENT_REVIEW, and never what its own session wrote."""
    if plan.state != PlanState.AGENT_REVIEW:
        raise NotPermitted(f"The plan is {PlanState(plan.state).label.lower()}; it takes no agent review now.")
    if plan.run_id == reviewer_run_id:
        raise NotPermitted("A reviewer is never the session that wrote the plan.")


def check_lead_review(plan: TestPlan, *, seen_digest: str, by: Actor) -> None:
    """Raises NotPermitted, or Conflict when the plan is not the one that was read."""
    if not by.is_human:
        raise NotPermitted("Only a person reviews in the lead's place.")
    if plan.state != PlanState.LEAD_REVIEW:
        raise NotPermitted(f"The plan is {PlanState(plan.state).label.lower()}; it does not wait for you.")
    if plan.item.stage != Stage.PLAN:
        raise NotPermitted(f"The item is at {Stage(plan.item.stage).label.lower()}, so its plan is not reviewed now.")
    if plan.digest != seen_digest:
        raise Conflict(
            "The plan changed since you opened it; your verdicts are kept in the form. Read the new one first."
        )


def check_blind_spots(plan: TestPlan, ticked: Collection[str]) -> None:
    """A critical plan is approved only with every blind spot looked at. Raises BadInput naming the first left."""
    left = [question for name, question in BLIND_SPOTS.items() if name not in ticked]
    if plan.item.risk == Risk.CRITICAL and left:
        more = f", and {count_of(len(left) - 1, 'more question')}" if len(left) > 1 else ""
        raise BadInput(f"This item is critical: tick “{left[0]}”{more} before you approve. Nothing was sent.")


def check_freeze_by_mechanism(plan: TestPlan) -> None:
    """Light items freeze on the agent's approval alone (PRODUCT, risk table)."""
    if plan.item.risk != Risk.LIGHT:
        raise NotPermitted("Only a light item's plan is frozen without a person.")
    PLANS.check_move(plan.state, PlanState.FROZEN)
