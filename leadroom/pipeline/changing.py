"""A change of the requirements document after it was settled: compared first, then stored, and planned anew."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from leadroom.agents.actions import stop_open_runs
from leadroom.agents.enums import HELD, Role, RunState
from leadroom.agents.models import Run
from leadroom.lib.actors import Actor
from leadroom.lib.digest import digest_of
from leadroom.lib.errors import Conflict, NotPermitted
from leadroom.lib.shapes import count_of
from leadroom.pipeline import steps
from leadroom.pipeline.moves import abort_stitch
from leadroom.projects.actions import move_stage
from leadroom.projects.enums import Stage
from leadroom.projects.models import WorkItem
from leadroom.requirements import actions, document_rules
from leadroom.requirements.actions.documents import read_change
from leadroom.requirements.models import Revision
from leadroom.requirements.queries import latest_revision
from leadroom.requirements.wording import Section, word_changes
from leadroom.testplans import actions as plans
from leadroom.testplans.enums import PlanState
from leadroom.testplans.impact import Impact, impact_of
from leadroom.testplans.models import TestPlan
from leadroom.testplans.queries import current_plan
from leadroom.worktrees.enums import StitchState


@dataclass(frozen=True)
class Comparison:
    """What a new text would change: in the document word by word, and in the plan that is in force, case by case.

    `digest` is that of the new content. `consequences` says in sentences what else happens.
    """

    before: Revision
    body: Mapping[str, Any]
    digest: str
    sections: list[Section]
    plan: TestPlan | None
    impact: Impact
    consequences: tuple[str, ...]

    @property
    def is_same(self) -> bool:
        return self.digest == self.before.digest


@dataclass(frozen=True)
class Seen:
    """Digests of what the person compared: the document before, the new content, the plan (empty without one)."""

    before: str
    after: str
    plan: str


def run_in_the_way(item: WorkItem) -> Run | None:
    """A run that is at work, or about to be, on the document as it is."""
    rows = Run.objects.filter(item=item, state__in=[*HELD, RunState.QUEUED]).select_related("agent")
    return rows.order_by("-pk").first()


def check_can_change(item: WorkItem, *, by: Actor) -> None:
    """Raises NotPermitted with the sentence for the disabled button."""
    document_rules.check_can_change(item, by=by)
    stitch = steps.current_stitch(item)
    if stitch is not None and stitch.state in (StitchState.SIGNED, StitchState.MERGED):
        raise NotPermitted("The merge is signed already; write a new item for what should change.")
    if latest_revision(item) is None:
        raise NotPermitted("The item has no document that could be changed.")
    if (run := run_in_the_way(item)) is not None:
        raise NotPermitted(
            f"The {Role(run.role).label.lower()} is at work on the document as it is. Stop its run first (its work is "
            "kept), then change the document."
        )


def compare(*, item: WorkItem, text: str, by: Actor) -> Comparison:
    """What `text` would change; writes nothing. Raises NotPermitted, BadInput, Conflict."""
    check_can_change(item, by=by)
    before, body, plan = latest_revision(item), read_change(item, text), current_plan(item)
    if before is None:
        raise NotPermitted("The item has no document that could be changed.")
    impact = impact_of(plan.cases.all() if plan else (), before.body, body)
    return Comparison(
        before=before,
        body=body,
        digest=digest_of(body),
        sections=word_changes(before.body, body),
        plan=plan,
        impact=impact,
        consequences=_consequences(item, plan),
    )


def _consequences(item: WorkItem, plan: TestPlan | None) -> tuple[str, ...]:
    said = []
    if plan is not None:
        what = "frozen plan" if plan.state == PlanState.FROZEN else "plan"
        said.append(f"The {what} {plan.number} is superseded; the test planner writes the next one, told what changed.")
    if item.stage != Stage.PLAN:
        said.append(
            f"The item goes back from {Stage(item.stage).label} to Plan. What was built is kept and built upon."
        )
    if waiting := Run.objects.filter(item=item, state__in=[RunState.WAITING, RunState.FAILED, RunState.LOST]).count():
        said.append(f"{count_of(waiting, 'run')} that waits or broke off is stopped for good.")
    if steps.current_stitch(item) is not None:
        said.append("The trial merge is given up, and its verification counts no more.")
    return tuple(said)


@transaction.atomic
def change_document(*, item: WorkItem, text: str, seen: Seen, by: Actor, now: dt.datetime) -> Revision:
    """Store the next revision, take the plan out of force and lead the item back to PLAN.

    `steps.plan` then asks the planner, which is told what changed. Raises NotPermitted, BadInput, and Conflict when
    something is not as it was compared; then nothing is stored.
    """
    check_can_change(item, by=by)
    plan = current_plan(item)
    if (plan.digest if plan else "") != seen.plan:
        raise Conflict("The test plan changed since you compared; nothing was stored. Compare again.")
    revision = actions.change_document(item=item, text=text, seen=seen.before, wanted=seen.after, by=by, now=now)
    reason = f"{by.name} changed the document: revision {revision.number}"
    stop_open_runs(item=item, by=by, now=now)
    abort_stitch(item=item, reason=reason, by=by, now=now)
    if plan is not None:
        plans.supersede(plan=plan, reason=reason, by=by, now=now)
    if item.stage != Stage.PLAN:
        move_stage(item=item, to=Stage.PLAN, reason=reason, by=by, now=now)
    return revision
