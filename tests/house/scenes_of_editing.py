"""Scenes of what people do to a plan before they send their review."""

from leadroom.testplans import actions as testplans
from leadroom.testplans.changes import without_case
from tests import factories as f
from tests.house.scenes import Ready, lead, scene


@scene("testplans.edit", "testplans.plan.edited")
def _() -> Ready:
    plan = f.make_plan()
    given = {"what": "U-001 dropped", "seen_digest": plan.digest, "user_id": f.lead_of(plan.item.project).pk}
    return lambda: testplans.edit(plan=plan, body=without_case(plan.body, "U-001"), **given, **lead(plan))


@scene("testplans.keep_reading")
def _() -> Ready:
    plan = f.make_plan()
    user_id = f.lead_of(plan.item.project).pk
    return lambda: testplans.keep_reading(plan=plan, user_id=user_id, draft={}, now=f.NOW)
