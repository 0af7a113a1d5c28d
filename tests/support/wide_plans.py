"""Plans as wide as a real item's, for what is measured and for browsers."""

from typing import Any

from leadroom.projects.models import Project
from leadroom.testplans.actions import open_agent_review, open_lead_review, send_review, submit_review
from leadroom.testplans.enums import CaseMark, ReviewVerdict
from leadroom.testplans.models import TestPlan
from tests import factories as f

LAYERS = ("unit", "integration", "end_to_end")
PATHS = ("happy", "error", "boundary")


def wide_cases(count: int) -> list[dict[str, Any]]:
    """So many cases over all layers and paths, each with three steps."""
    return [
        f.case_shape(
            f"{LAYERS[n % 3][0].upper()}-{n:03}",
            LAYERS[n % 3],
            title=f"A bill split by shares comes out even, variant {n}",
            steps=[f"Start a group of {n + 2}.", f"Split {n}.00 by 1, {n}, 1.", "Show the balances."],
            expected=f"Nobody pays more than {n}.34, and the parts add up to {n}.00.",
            flow=f"from a bill to the payments, {n // 9}" if n % 3 == 2 else "",
            path=PATHS[n // 3 % 3],
        )
        for n in range(count)
    ]


def make_wide_plan(project: Project, *, count: int = 30, risk: str = "standard", reviewers: int = 1) -> TestPlan:
    """A plan that waits for the lead, read by so many agents, each with two findings."""
    plan = f.submit_plan(f.make_aligned_item(project, risk=risk), cases=wide_cases(count), not_covered=[])
    _read(plan, reviewers)
    return plan


def _read(plan: TestPlan, reviewers: int) -> None:
    open_agent_review(plan=plan, by=f.PIPELINE, now=f.NOW)
    keys = [case.key for case in plan.cases.all()]
    for n in range(reviewers):
        finding = {"kind": "hole", "severity": "major", "text": f"Reviewer {n + 1} misses fewer cents than people."}
        body = {
            "summary": f"Reviewer {n + 1}: every criterion has a case, two remarks.",
            "verdict": "approve",
            "findings": [{**finding, "case": keys[n]}, {**finding, "case": ""}],
        }
        submit_review(plan=plan, body=body, run_id=900_200 + 10 * plan.pk + n, by=f.PIPELINE, now=f.NOW)
    open_lead_review(plan=plan, by=f.PIPELINE, now=f.NOW)


def make_wide_round(plan: TestPlan) -> TestPlan:
    """The plan after it: the first one sent back, one case changed, read again by as many agents."""
    count, readers = plan.cases.count(), plan.reviews.count()
    lead = f.lead_of(plan.item.project)
    first = plan.cases.all()[0].key
    send_review(
        plan=plan,
        verdict=ReviewVerdict.CHANGE,
        marks=[(first, CaseMark.CHANGE, "Name the parts.")],
        summary="Nearly.",
        seen_digest=plan.digest,
        user_id=lead.pk,
        by=f.human(lead),
        now=f.NOW,
    )
    cases = wide_cases(count)
    cases[0]["expected"] = "Nobody pays anything, and nothing is left."
    answers = [{"finding": f"F-{n}", "text": "It is refused before."} for n in range(1, 2 * readers + 1)]
    newer = f.submit_plan(plan.item, run_id=900_003, cases=cases, not_covered=[], answers=answers)
    _read(newer, readers)
    return newer
