"""Who may submit, review, edit, freeze or return a plan."""

from collections.abc import Collection, Mapping
from typing import Any

from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.lib.shapes import clip, count_of
from leadroom.projects.enums import Risk, Stage
from leadroom.projects.models import Project, WorkItem
from leadroom.requirements.models import Revision
from leadroom.testplans.changes import cases_of, is_settled
from leadroom.testplans.checks import plan_problems
from leadroom.testplans.enums import PLANS, CaseMark, PlanState
from leadroom.testplans.models import CaseVerdict, TestPlan

BLIND_SPOTS = {
    "boundaries": "Are the boundaries complete?",
    "error_paths": "Are the error paths covered?",
    "intent": "Do the tests say what should happen, rather than what the code does?",
}
"""What plans of critical items are looked over for, by hand (PRODUCT, risk table)."""
REVIEWERS: dict[str, int] = {Risk.LIGHT: 1, Risk.STANDARD: 1, Risk.CRITICAL: 2}
"""Independent reviews before a plan goes on, where the project says nothing else."""
MOST_REVIEWERS = 3


def reviewers_wanted(item: WorkItem) -> int:
    """How many agents review the item's plan, each in a session of its own."""
    return reviewers_of(item.project, item.risk)


def reviewers_of(project: Project, risk: str) -> int:
    """How many agents review a plan of this risk. None is possible for light items only."""
    wanted = project.plan_reviewers.get(risk, REVIEWERS[risk])
    return min(max(int(wanted), 0 if risk == Risk.LIGHT else 1), MOST_REVIEWERS)


def check_submit(body: Mapping[str, Any], revision: Revision) -> None:
    """Raises BadInput listing every machine finding, so that the planner mends all of them at once."""
    if problems := plan_problems(body, revision):
        listed = "\n".join(f"- {problem.sentence}" for problem in problems[:40])
        raise BadInput(f"{count_of(len(problems), 'machine check')} failed; nothing was stored.\n{listed}")


def check_answers(plan: TestPlan, body: Mapping[str, Any], answers: Mapping[str, str]) -> None:
    """The author of a plan that came back works each finding in or answers it. Raises BadInput with those left."""
    findings = findings_of(plan)
    if unknown := sorted(set(answers) - set(findings)):
        raise BadInput(f"The plan that came back has no finding {unknown[0]!r}; nothing was stored. Use the ids given.")
    left = [
        f"- {label} on {mark.case.key if mark.case else 'the plan'}: {clip(mark.comment, 200) or mark.mark}"
        for label, mark in findings.items()
        if label not in answers and not is_settled(mark.case.key if mark.case else "", plan.body, body)
    ]
    if left:
        raise BadInput(
            f"{count_of(len(left), 'finding')} neither worked in nor answered; nothing was stored. Change the case, "
            "or say in `answers` why not:\n" + "\n".join(left)
        )


def findings_of(plan: TestPlan) -> dict[str, CaseVerdict]:
    """F-1, F-2 …: everything reviewers and the lead ask of the plan's author, in reading order."""
    marks = [mark for review in plan.reviews.all() for mark in review.marks.all()]
    asked = [mark for mark in marks if mark.kind or mark.mark in (CaseMark.CHANGE, CaseMark.DROP)]
    return {f"F-{n}": mark for n, mark in enumerate(asked, 1)}


def check_review(plan: TestPlan, *, reviewer_run_id: int) -> None:
    """An agent reviews once, in AGENT_REVIEW, and never what its own session wrote."""
    if plan.state != PlanState.AGENT_REVIEW:
        raise NotPermitted(f"The plan is {PlanState(plan.state).label.lower()}; it takes no agent review now.")
    if plan.run_id == reviewer_run_id:
        raise NotPermitted("A reviewer is never the session that wrote the plan.")


def check_lead_review(plan: TestPlan, *, seen_digest: str, by: Actor) -> None:
    """Raises NotPermitted, or Conflict when the plan is not the one that was read."""
    check_can_decide(plan, by=by)
    if plan.digest != seen_digest:
        raise Conflict(
            "The plan changed since you opened it; your verdicts are kept in the form. Read the new one first."
        )


def check_can_decide(plan: TestPlan, *, by: Actor) -> None:
    """A person reviews or edits a plan that waits for one, while its item is being planned. Raises NotPermitted."""
    if not by.is_human:
        raise NotPermitted("Only a person reviews in the lead's place.")
    if plan.state != PlanState.LEAD_REVIEW:
        raise NotPermitted(f"The plan is {PlanState(plan.state).label.lower()}; it does not wait for you.")
    if plan.item.stage != Stage.PLAN:
        raise NotPermitted(f"The item is at {Stage(plan.item.stage).label.lower()}, so its plan is not reviewed now.")


def check_bring(item: WorkItem, current: TestPlan | None, *, by: Actor) -> None:
    """A person brings a plan of their own where none stands yet. Raises NotPermitted."""
    if not by.is_human:
        raise NotPermitted("Only a person brings a plan of their own.")
    if item.stage != Stage.PLAN:
        raise NotPermitted(f"The item is at {Stage(item.stage).label.lower()}; it takes no test plan now.")
    if current is not None:
        raise NotPermitted(f"The item has plan {current.number} already; open it and import there.")


def check_edit(plan: TestPlan, body: Mapping[str, Any]) -> None:
    """An edit may leave a gap to be filled by the next one; what it brings in must be right. Raises BadInput."""
    known = plan_problems(plan.body, plan.revision)
    wrong = [problem for problem in plan_problems(body, plan.revision) if not problem.is_gap and problem not in known]
    if wrong:
        raise BadInput(" ".join([*(problem.sentence for problem in wrong[:5]), "Nothing was changed."]))


def check_can_approve(plan: TestPlan, marks: Mapping[str, str], ticked: Collection[str]) -> None:
    """No failed machine check; for a critical item also every case and every blind spot looked at. Raises BadInput."""
    if problems := plan_problems(plan.body, plan.revision):
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise BadInput(
            f"A machine check fails: {problems[0].sentence}{more} Edit the plan or send it back. Nothing was sent."
        )
    if plan.item.risk != Risk.CRITICAL:
        return
    left = [key for key in cases_of(plan.body) if marks.get(key) != CaseMark.APPROVE]
    if left:
        named = ", ".join(left[:6]) + (" …" if len(left) > 6 else "")
        raise BadInput(
            f"This item is critical: its plan is approved case by case, and {named} "
            f"{'has' if len(left) == 1 else 'have'} no approval yet. Nothing was sent."
        )
    check_blind_spots(plan, ticked)


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
