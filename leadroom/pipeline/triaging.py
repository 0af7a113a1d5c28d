"""What the facts of the inbox mean: routine findings routed by rule, decisions carried out, merged work closed.

Asked by the tick, not by an item: a finding may have none. Run twice, the second does nothing.
"""

import datetime as dt
import logging
from collections.abc import Callable, Iterable
from functools import cache, partial

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from leadroom.agents.actions import steer
from leadroom.agents.enums import HELD, Role, RunState
from leadroom.agents.models import Run
from leadroom.agents.queries import latest_run
from leadroom.guardrails import bounds
from leadroom.guardrails.enums import Lock
from leadroom.guardrails.models import Policy
from leadroom.guardrails.queries import standing_lock
from leadroom.lib.actors import Actor, ActorKind, system
from leadroom.lib.errors import LeadroomError
from leadroom.lib.shapes import clip
from leadroom.pipeline import briefs
from leadroom.pipeline.moves import abort_stitch, drop
from leadroom.pipeline.steps import current_stitch
from leadroom.projects.actions import create_item, move_stage
from leadroom.projects.enums import STAGES, MemberRole, Stage
from leadroom.projects.models import Project, WorkItem
from leadroom.triage import actions, queries
from leadroom.triage.enums import FindingState, Route
from leadroom.triage.material import request_of, title_of_item
from leadroom.triage.models import Decision, Finding
from leadroom.triage.rules import automatic_route
from leadroom.worktrees.enums import StitchState
from leadroom.worktrees.models import Stitch

log = logging.getLogger(__name__)
BY = system("triage")
AT_ONCE = 100
"""Findings looked at in one tick; a flood waits a few ticks more."""
WEIGHED_ANEW = dt.timedelta(days=1)
"""Recency counts, so a priority is weighed again after a day."""


def look(now: dt.datetime) -> int:
    """Every move the facts call for; returns how many there were. What fails is logged and does not stop the others."""
    moves = 0
    for finding in queries.due_snoozes(now, AT_ONCE):
        moves += _tried(finding.pk, partial(actions.wake, finding=finding, by=BY, now=now))
    moves += _route_by_rule(queries.not_looked_at(AT_ONCE), now)
    undoable = now - dt.timedelta(seconds=settings.UNDO_SECONDS)
    for step, decisions in (
        (_carry_out, queries.to_carry_out(undoable)),
        (_settle, queries.to_settle()),
        (_withdraw, queries.to_withdraw()),
    ):
        for decision in decisions:
            moves += _tried(decision.finding_id, partial(step, decision, now))
    for finding in queries.weighed_before(now - WEIGHED_ANEW, AT_ONCE):
        _tried(finding.pk, partial(actions.reweigh, finding=finding, by=BY, now=now))
    return moves


def _tried(finding_id: int, move: Callable[[], object]) -> int:
    try:
        move()
    except LeadroomError as error:
        log.info("finding %s: %s", finding_id, error)
        return 0
    except Exception:
        log.exception("finding %s: a move broke", finding_id)
        return 0
    return 1


def _route_by_rule(findings: Iterable[Finding], now: dt.datetime) -> int:
    """Routine findings of agents that have trust left; the others wait for a person, and are not asked about again."""
    moves, passed = 0, []
    policy_of = cache(bounds.policy_of)
    trust_of = cache(lambda agent_id, project_id: bounds.trust_left_of(agent_id, policy_of(project_id), now=now))
    for finding in findings:
        policy, report = policy_of(finding.project_id), finding.report
        left = trust_of(report.run.agent_id, finding.project_id) if report else 0
        to = _by_rule(finding, policy, left)
        if to is None:
            passed.append(finding.pk)
            continue
        why = (
            f"By rule: the agent suggests it, {finding.priority} and {finding.worst_severity}, "
            f"{left} of {policy.trust_per_hour} of its trust left"
        )
        moves += _tried(finding.pk, partial(actions.route, finding=finding, to=to, by=BY, now=now, why=why))
    if passed:
        actions.pass_over(finding_ids=passed)
    return moves


def _by_rule(finding: Finding, policy: Policy, trust_left: int) -> Route | None:
    report = finding.report
    if report is None:
        return None
    return automatic_route(
        action=finding.suggested_action,
        priority=finding.priority,
        worst=finding.worst,
        is_regression=finding.is_regression,
        status=report.status,
        confidence=report.confidence,
        floor=policy.confidence_floor,
        trust_left=trust_left,
    )


@transaction.atomic
def _carry_out(decision: Decision, now: dt.datetime) -> None:
    """FIX: on the item if it is still at work, else as an item of its own. FOLLOW_UP: an item of its own."""
    project = decision.finding.project
    if standing_lock(project.pk) is not Lock.OPEN:
        return
    item = _item_of(decision.finding)
    if decision.route == Route.FIX and item is not None and _takes_more_work(item):
        run, outcome = _hand_to_developer(decision, item, now)
        _note(decision, item, is_new_item=False, run=run, outcome=outcome, now=now)
        return
    is_fix, material = decision.route == Route.FIX, queries.material_of(decision.finding)
    made = create_item(
        project=project,
        request=request_of(material, is_fix=is_fix, note=decision.note),
        title=title_of_item(material, is_fix=is_fix),
        stitch_owner=_owner(decision, item, project),
        by=_person(decision.actor_id, decision.actor_name),
        now=now,
    )
    _note(decision, made, is_new_item=True, run=None, outcome=f"Item {made.number} was made of it.", now=now)


def _note(
    decision: Decision, item: WorkItem, *, is_new_item: bool, run: Run | None, outcome: str, now: dt.datetime
) -> None:
    actions.note_effect(
        decision=decision,
        item=item,
        is_new_item=is_new_item,
        run_id=run.pk if run else None,
        outcome=outcome,
        by=BY,
        now=now,
    )


def _item_of(head: Finding) -> WorkItem | None:
    """The item whose run filed it, of the newest of the group that is still at work, else the head's own."""
    rows = WorkItem.objects.filter(reports__finding__root_id=head.pk).live().order_by("-pk")
    own = head.report.item if head.report else None
    return own if own is not None and not STAGES.is_final(own.stage) else rows.first() or own


def _takes_more_work(item: WorkItem) -> bool:
    stitch = current_stitch(item)
    is_joined = stitch is not None and stitch.state in (StitchState.SIGNED, StitchState.MERGED)
    return not STAGES.is_final(item.stage) and not is_joined


def _hand_to_developer(decision: Decision, item: WorkItem, now: dt.datetime) -> tuple[Run | None, str]:
    """A note to the run that is at work; finished work goes back to BUILD; else the brief will say it."""
    words = f"Finding {decision.finding_id} is to be fixed with it: {clip(decision.finding.title, 200)}"
    run = latest_run(item, Role.DEVELOPER)
    if item.stage == Stage.BUILD and run is not None and run.state in (*HELD, RunState.QUEUED, RunState.WAITING):
        text = f"{decision.actor_name} routed a finding to you. {words}\n\n{briefs.of_finding(decision)}"
        by = _person(decision.actor_id, decision.actor_name)
        steer(run=run, text=clip(text, 3_900), by=by, now=now)
        return run, f"The developer of item {item.number} was told while at work."
    if item.stage in (Stage.VERIFY, Stage.STITCH):
        reason = words + abort_stitch(item=item, reason=words, by=BY, now=now)
        move_stage(item=item, to=Stage.BUILD, reason=reason, by=BY, now=now)
        return None, f"Item {item.number} went back to its developer."
    return None, f"The developer of item {item.number} is told when its run starts."


@transaction.atomic
def _settle(decision: Decision, now: dt.datetime) -> None:
    """Merged work resolves the finding; an item that was dropped gives it back."""
    item, finding = decision.item, decision.finding
    if item is None:
        return
    is_current = finding.state == FindingState.ROUTED and finding.route == decision.route
    stitch = Stitch.objects.filter(item=item, state=StitchState.MERGED).order_by("-pk").first()
    if item.stage == Stage.DONE:
        outcome = f"Item {item.number} was merged{f' as {stitch.merge_commit[:10]}' if stitch else ''}."
        to = FindingState.RESOLVED
    else:
        outcome, to = f"Item {item.number} was dropped.", FindingState.REOPENED
    actions.note_settled(decision=decision, outcome=outcome, by=BY, now=now)
    if is_current:
        actions.set_state(finding=finding, state=to, by=BY, now=now, reason=outcome)


@transaction.atomic
def _withdraw(decision: Decision, now: dt.datetime) -> None:
    """An item that was made and has not left alignment is dropped again; what has begun goes on, and is named."""
    item = decision.item
    if item is not None and decision.is_new_item and item.stage == Stage.ALIGN:
        drop(item=item, by=_person(decision.undone_by_id, decision.undone_by_name), now=now)
        outcome = f"Taken back: item {item.number} was dropped again."
    elif item is not None:
        outcome = f"Taken back, but item {item.number} had begun with it and goes on; look there."
    else:
        outcome = "Taken back."
    actions.note_settled(decision=decision, outcome=outcome, by=BY, now=now)


def _person(user_id: str, name: str) -> Actor:
    """Whoever decided: what comes of it is done in their name."""
    return Actor(ActorKind.HUMAN, user_id, name)


def _owner(decision: Decision, item: WorkItem | None, project: Project) -> AbstractBaseUser:
    """Who signs the merge of the new item: whoever decided, else the owner of the item it came from, else the lead."""
    users = get_user_model().objects.filter(is_active=True)
    decider = users.filter(pk=int(decision.actor_id)).first() if decision.actor_id.isdecimal() else None
    if decider is not None:
        return decider
    if item is not None:
        return item.stitch_owner
    return project.memberships.filter(role=MemberRole.LEAD).select_related("user").order_by("pk")[0].user
