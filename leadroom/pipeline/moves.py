"""Moves of the lead that concern several rooms at once."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from leadroom.agents.actions import stop_open_runs
from leadroom.agents.enums import Role
from leadroom.agents.queries import latest_run, stopped_run
from leadroom.agents.rules import check_note
from leadroom.guardrails.queries import check_unlocked
from leadroom.lib.actors import Actor
from leadroom.lib.errors import Conflict, NotPermitted
from leadroom.pipeline import briefs, steps
from leadroom.pipeline.environments import require_operable
from leadroom.pipeline.placement import start_program
from leadroom.projects import rules
from leadroom.projects.actions import move_stage
from leadroom.projects.enums import STAGES, Stage
from leadroom.projects.models import WorkItem
from leadroom.requirements.actions import begin, hand_over
from leadroom.requirements.enums import Confidence
from leadroom.requirements.models import Ambiguity
from leadroom.requirements.queries import latest_revision
from leadroom.testplans.actions import submit
from leadroom.testplans.models import TestCase, TestPlan
from leadroom.testplans.queries import current_plan
from leadroom.testplans.rules import check_bring
from leadroom.verification.actions import ask_for_faults, exempt, pass_quarantined, thaw
from leadroom.verification.enums import ExemptionKind
from leadroom.verification.models import VerificationRun
from leadroom.verification.queries import frozen_hand_in, latest_verification
from leadroom.verification.running import are_faults_tried
from leadroom.worktrees import actions as worktrees
from leadroom.worktrees.enums import StitchState, WorktreeState
from leadroom.worktrees.models import Worktree


def check_send_back(item: WorkItem, *, by: Actor) -> None:
    """Raises NotPermitted with the sentence for the disabled button."""
    if not by.is_human:
        raise NotPermitted("Only a person sends work back.")
    if item.stage not in (Stage.VERIFY, Stage.STITCH):
        raise NotPermitted("There is no finished work to send back at this stage.")
    stitch = steps.current_stitch(item)
    if stitch is not None and stitch.state in (StitchState.SIGNED, StitchState.MERGED):
        raise NotPermitted("The merge is signed already; open a new item for what should change.")


@transaction.atomic
def send_back(*, item: WorkItem, text: str, by: Actor, now: dt.datetime) -> None:
    """Back to BUILD with the lead's words as the reason; a conflicted tree is set aside for one on the new base.

    Raises NotPermitted, BadInput.
    """
    check_send_back(item, by=by)
    check_note(text)
    check_unlocked(item.project_id, kept="nothing was sent back")
    text += abort_stitch(item=item, reason=text, by=by, now=now)
    move_stage(item=item, to=Stage.BUILD, reason=f"{by.name} sent it back: {text}", by=by, now=now)


def abort_stitch(*, item: WorkItem, reason: str, by: Actor, now: dt.datetime) -> str:
    """End the item's open stitch, if there is one; a tree that conflicted is set aside for one on the new base.

    Returns what the developer is told of it, else nothing.
    """
    stitch = steps.current_stitch(item)
    if stitch is None:
        return ""
    is_conflict = stitch.state == StitchState.CONFLICTED
    worktrees.abort(stitch=stitch, reason=reason, by=by, now=now)
    if not is_conflict:
        return ""
    for worktree in Worktree.objects.filter(run__item=item, head=stitch.commit, state=WorktreeState.ACTIVE):
        worktrees.move_tree(worktree=worktree, to=WorktreeState.ARCHIVED, by=by, now=now)
    _thaw(item, by=by, now=now)
    return (
        " (Your tree starts from the branch as it is now; the earlier work conflicted in: "
        + ", ".join(stitch.conflicts[:20])
        + ".)"
    )


def _thaw(item: WorkItem, *, by: Actor, now: dt.datetime) -> None:
    """Tests frozen on a base that the work leaves are handed in anew, and checked on the new one."""
    plan = current_plan(item)
    hand_in = frozen_hand_in(plan) if plan else None
    if hand_in is not None:
        thaw(hand_in=hand_in, reason="The work starts anew from the branch as it is now.", by=by, now=now)


@transaction.atomic
def quarantine(*, case: TestCase, reason: str, by: Actor, now: dt.datetime) -> None:
    """The lead sets a flaky case aside; a verification that failed by nothing else passes. Raises NotPermitted."""
    exempt(case=case, kind=ExemptionKind.QUARANTINE, reason=reason, by=by, now=now)
    verification = latest_verification(case.plan.item)
    if verification is not None and verification.plan_id == case.plan_id:
        pass_quarantined(verification=verification, by=by, now=now)


@transaction.atomic
def bring_plan(*, item: WorkItem, body: Mapping[str, Any], by: Actor, now: dt.datetime) -> TestPlan:
    """The lead's own plan where none stands yet: it takes the planner's place and goes to the agents' review.

    Raises NotPermitted, BadInput with what the machine checks found, Locked.
    """
    check_bring(item, current_plan(item), by=by)
    check_unlocked(item.project_id, kept="no plan was stored")
    revision = latest_revision(item)
    if revision is None:
        raise NotPermitted("There is no requirements document to plan from yet.")
    stop_open_runs(item=item, by=by, now=now)
    return submit(item=item, revision=revision, body=body, run_id=None, by=by, now=now)


def seed_faults_again(*, verification: VerificationRun, by: Actor, now: dt.datetime) -> None:
    """Have the seeded faults of work that passed tried once more, by a process of its own.

    Raises NotPermitted, Locked, and Conflict while they are being tried.
    """
    if are_faults_tried(verification):
        raise Conflict("The seeded faults are being tried now; the result appears by itself.")
    ask_for_faults(verification=verification, by=by, now=now)
    start_program("hold_faults", f"verification-{verification.pk}", verification.pk, 0)


def supply_missing(*, item: WorkItem, text: str, by: Actor, now: dt.datetime) -> None:
    """Queue the requirements agent again with what the lead adds to a LOW document.

    `text` may be empty when a deferred question was decided since. Raises NotPermitted, BadInput, and Conflict while
    the project's environment is being tried.
    """
    if not by.is_human:
        raise NotPermitted("Only a person supplies what the request lacks.")
    revision, run = latest_revision(item), latest_run(item, Role.REQUIREMENTS)
    if item.stage != Stage.ALIGN or revision is None or revision.confidence != Confidence.LOW:
        raise NotPermitted("The document does not wait for anything from you.")
    if text.strip() or not Ambiguity.objects.filter(item=item, handed_at=None).exclude(decided_by=None).exists():
        check_note(text)
    require_operable(item.project)  # outside the transaction: it may start a check in a process of its own
    with transaction.atomic():
        hand_over(item=item, by=by, now=now)
        attempt, alignment = run.attempt + 1 if run else 1, begin(item=item, by=by, now=now)
        brief = briefs.for_requirements(item, attempt, alignment, before=revision, supplied=text.strip())
        steps.start_run(item, Role.REQUIREMENTS, brief)


def start_again(*, item: WorkItem, by: Actor, now: dt.datetime) -> None:
    """After a person stopped a run: a new attempt of that role, in an environment that was tried.

    Raises NotPermitted, and Conflict while the environment is being tried.
    """
    if not by.is_human:
        raise NotPermitted("Only a person starts a stopped run again.")
    if STAGES.is_final(item.stage):
        raise NotPermitted(f"The item is {Stage(item.stage).label.lower()}; its runs stay stopped.")
    run = stopped_run(item)
    if run is None:
        raise NotPermitted("No run of this item was stopped.")
    check_unlocked(item.project_id, run.agent_id, kept="nothing was started")
    require_operable(item.project)
    steps.start_run(item, Role(run.role), run.brief, lane=run.lane)


@transaction.atomic
def drop(*, item: WorkItem, by: Actor, now: dt.datetime) -> None:
    """Stop what runs and drop the item; its trees and branches are kept. Raises NotPermitted."""
    rules.check_drop(item, by=by)
    stitch = steps.current_stitch(item)
    if stitch is not None and stitch.state in (StitchState.SIGNED, StitchState.MERGED):
        raise NotPermitted("The merge is signed already, so the item can no longer be dropped.")
    stop_open_runs(item=item, by=by, now=now)
    if stitch is not None:
        worktrees.abort(stitch=stitch, reason="dropped", by=by, now=now)
    move_stage(item=item, to=Stage.DROPPED, reason=f"dropped by {by.name}", by=by, now=now)
