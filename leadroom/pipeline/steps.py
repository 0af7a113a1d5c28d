"""One function per stage: look at the facts and make at most one move. Run twice, the second does nothing."""

from collections.abc import Callable

from django.db import transaction

from leadroom.agents.actions import queue_run, resume
from leadroom.agents.enums import RUNS, Role, RunState, WaitReason
from leadroom.agents.models import Run
from leadroom.agents.queries import latest_run
from leadroom.agents.rules import DEVELOPER_ATTEMPTS
from leadroom.lib.actors import system
from leadroom.lib.clock import now
from leadroom.lib.errors import NotPermitted
from leadroom.lib.shapes import clip
from leadroom.pipeline import briefs, judging
from leadroom.pipeline.environments import require_operable
from leadroom.projects.actions import move_stage
from leadroom.projects.enums import Risk, Stage
from leadroom.projects.models import StageVisit, WorkItem
from leadroom.requirements.actions import begin, hand_over
from leadroom.requirements.enums import Confidence
from leadroom.requirements.queries import is_settled, latest_revision
from leadroom.skills.actions import keep_version
from leadroom.skills.queries import manifests_for
from leadroom.testplans import actions as plans
from leadroom.testplans.enums import PlanState, ReviewKind, ReviewVerdict
from leadroom.testplans.impact import impact_of
from leadroom.testplans.models import TestPlan
from leadroom.testplans.queries import current_plan, replaced_plan, review_rounds
from leadroom.testplans.rules import reviewers_wanted
from leadroom.triage.queries import to_fix
from leadroom.verification.actions import request as request_verification
from leadroom.verification.enums import VerificationState
from leadroom.verification.evidence import refusals_at_merge
from leadroom.verification.models import HandIn, VerificationRun
from leadroom.verification.queries import (
    failed_results,
    frozen_hand_in,
    is_only_flaky,
    is_verified,
    latest_verification,
    verification_of,
)
from leadroom.worktrees import joining
from leadroom.worktrees.actions import move_tree, open_stitch, reopen_trial
from leadroom.worktrees.anchors import anchor_head
from leadroom.worktrees.enums import StitchState, WorktreeState
from leadroom.worktrees.keeping import control_of
from leadroom.worktrees.models import Stitch, Worktree

BY = system("pipeline")
REVIEW_ROUNDS = 2
"""Times an agent may send a plan back before the lead sees it with the findings."""
REVIEWER_LANES = ("main", "second", "third")


def start_run(item: WorkItem, role: Role, brief: str, *, lane: str = "main") -> None:
    """Queue a run with the role's skills as they are now, and their versions on record."""
    manifests = manifests_for(role)
    versions = [keep_version(manifest=manifest, by=BY, now=now()) for manifest in manifests]
    queue_run(
        item=item,
        role=role,
        brief=brief,
        system_prompt=briefs.system_prompt(role, manifests),
        skills=versions,
        lane=lane,
        by=BY,
        now=now(),
    )


def _start(item: WorkItem, role: Role, brief: str, *, lane: str = "main") -> None:
    """As `start_run`, once the project's environment was tried; what an agent could not do there becomes a card."""
    require_operable(item.project)
    start_run(item, role, brief, lane=lane)


def align(item: WorkItem) -> bool:
    run, alignment = latest_run(item, Role.REQUIREMENTS), begin(item=item, by=BY, now=now())
    if run is None:
        _start(item, Role.REQUIREMENTS, briefs.for_requirements(item, 1, alignment))
        return True
    if run.state == RunState.WAITING and run.wait_reason == WaitReason.PICKS:
        if not is_settled(item, now()):
            return False
        with transaction.atomic():
            handed = hand_over(item=item, by=BY, now=now())
            resume(run=run, text=briefs.picks(item, fresh=handed), by=BY, now=now())
        return True
    revision = latest_revision(item)
    is_ready = revision is not None and revision.confidence != Confidence.LOW and not alignment.is_held
    if run.state == RunState.COMPLETED and is_ready and revision is not None:
        reason = f"document {revision.number} is {revision.confidence.lower()} confidence"
        move_stage(item=item, to=Stage.PLAN, reason=reason, by=BY, now=now())
        return True
    return False


def plan(item: WorkItem) -> bool:
    current = current_plan(item)
    if current is None or current.state == PlanState.RETURNED:
        return _ask_planner(item, current)
    if current.state == PlanState.DRAFT:
        author = latest_run(item, Role.PLANNER)
        is_brought = current.run_id is None  # by a person, who is done with it
        if not is_brought and (author is None or author.state != RunState.COMPLETED):
            return False
        plans.open_agent_review(plan=current, by=BY, now=now())
        return True
    if current.state == PlanState.AGENT_REVIEW:
        return _after_agent_review(item, current)
    if current.state == PlanState.FROZEN:
        move_stage(item=item, to=Stage.BUILD, reason=_frozen_reason(item, current), by=BY, now=now())
        return True
    return False


def _frozen_reason(item: WorkItem, current: TestPlan) -> str:
    """Said in the stage's history, and to a developer whose earlier work met another plan."""
    before, reason = replaced_plan(item, current.revision), f"plan {current.number} is frozen"
    if before is None:
        return reason
    impact = impact_of(before.cases.all(), before.revision.body, current.revision.body)
    document = f"the lead's document {current.revision.number}"
    return f"{reason}; it replaces plan {before.number}, because {document} {impact.words}"


def _ask_planner(item: WorkItem, returned: TestPlan | None) -> bool:
    revision, author = latest_revision(item), latest_run(item, Role.PLANNER)
    if revision is None:
        return False
    is_idle = author is not None and RUNS.is_final(author.state)
    is_overtaken = author is not None and is_idle and author.queued_at < revision.created_at
    is_anothers = returned is not None and returned.run_id is None  # the lead's own, which the planner takes over
    is_due = (
        author is None
        or is_overtaken
        or (author.state == RunState.COMPLETED and returned is not None and returned.run_id == author.pk)
        or (is_anothers and is_idle and returned is not None and author.queued_at < returned.created_at)
    )
    if is_due:
        attempt, before = author.attempt + 1 if author else 1, replaced_plan(item, revision) if is_overtaken else None
        _start(item, Role.PLANNER, briefs.for_planner(item, attempt, revision, returned=returned, before=before))
    return is_due


def _after_agent_review(item: WorkItem, current: TestPlan) -> bool:
    """Each reviewer in a lane and session of its own, blind to the others; the plan goes on when all are in."""
    reviewers = {run.lane: run for run in Run.objects.filter(item=item, role=Role.REVIEWER).order_by("attempt")}
    lanes = REVIEWER_LANES[: reviewers_wanted(item)]
    reviews = [review for review in current.reviews.all() if review.kind == ReviewKind.AGENT]
    sent = {review.run_id for review in reviews}
    for lane in lanes:
        reviewer = reviewers.get(lane)
        if reviewer is not None and (reviewer.pk in sent or not RUNS.is_final(reviewer.state)):
            continue
        if reviewer is None or reviewer.queued_at < current.created_at:
            attempt = reviewer.attempt + 1 if reviewer else 1
            _start(item, Role.REVIEWER, briefs.for_reviewer(item, attempt, current, lane=lane), lane=lane)
            return True
    if len(reviews) < len(lanes) or any(reviewers[lane].state != RunState.COMPLETED for lane in lanes):
        return False
    wants_change = any(review.verdict == ReviewVerdict.CHANGE for review in reviews)
    if wants_change and review_rounds(item) <= REVIEW_ROUNDS:
        plans.return_to_author(plan=current, by=BY, now=now())
    elif not wants_change and item.risk == Risk.LIGHT:
        plans.freeze_light(plan=current, by=BY, now=now())
    else:
        plans.open_lead_review(plan=current, by=BY, now=now())
    return True


def build(item: WorkItem) -> bool:
    run, current = latest_run(item, Role.DEVELOPER), current_plan(item)
    if current is None:
        return False
    if run is None:
        _start(item, Role.DEVELOPER, briefs.for_developer(item, 1, current, findings=_findings(item)))
        return True
    is_of_earlier_visit = run.ended_at is not None and run.ended_at < item.stage_entered_at
    if not RUNS.is_final(run.state) or (run.state != RunState.COMPLETED and not is_of_earlier_visit):
        return False
    hand_in = frozen_hand_in(current)
    if is_of_earlier_visit:
        _start(item, Role.DEVELOPER, _brief_again(item, run, current, hand_in))
    elif hand_in is None:
        _start_for_tests(item, run, current)
    else:
        move_stage(item=item, to=Stage.VERIFY, reason=f"attempt {run.attempt} reported complete", by=BY, now=now())
    return True


def _start_for_tests(item: WorkItem, run: Run, current: TestPlan) -> None:
    """Work whose tests are not frozen: thawed, or finished by a version that did not ask for them."""
    if run.attempt >= DEVELOPER_ATTEMPTS:
        raise NotPermitted("The work is finished, but its tests were never accepted; send it back with a hint.")
    reason = "The work is there, but the plan's tests are not frozen."
    _start(
        item,
        Role.DEVELOPER,
        briefs.for_developer(item, run.attempt + 1, current, before=run, reason=reason, findings=_findings(item)),
    )


def _brief_again(item: WorkItem, run: Run, current: TestPlan, hand_in: HandIn | None) -> str:
    visit = StageVisit.objects.filter(item=item, stage=Stage.BUILD).order_by("-pk").first()
    verification = latest_verification(item)
    is_of_this_plan = verification is not None and verification.plan_id == current.pk
    failures = (
        failed_results(verification)
        if verification and is_of_this_plan and verification.state == VerificationState.FAILED
        else []
    )
    reason = visit.reason if visit else ""
    return briefs.for_developer(
        item,
        run.attempt + 1,
        current,
        before=run,
        reason=reason,
        failures=failures,
        has_frozen_tests=hand_in is not None,
        findings=_findings(item),
    )


def _findings(item: WorkItem) -> list[str]:
    return [briefs.of_finding(decision) for decision in to_fix(item.pk)]


def _developed(item: WorkItem) -> tuple[Run, Worktree] | None:
    run = latest_run(item, Role.DEVELOPER)
    worktree = Worktree.objects.filter(run=run).select_related("run__item__project").first() if run else None
    return (run, worktree) if run and worktree else None


def current_stitch(item: WorkItem) -> Stitch | None:
    rows = Stitch.objects.filter(item=item).exclude(state=StitchState.ABORTED)
    return rows.select_related("item__project", "item__stitch_owner", "signed_by").first()


def verify(item: WorkItem) -> bool:
    developed, current = _developed(item), current_plan(item)
    if developed is None or current is None:
        return False
    run, worktree = developed
    stitch = current_stitch(item)
    if stitch is None or stitch.commit != worktree.head:
        open_stitch(item=item, commit=worktree.head, by=BY, now=now())
        return True
    if stitch.state == StitchState.PENDING:
        joining.try_merge(stitch=stitch, now=now())
        return True
    if stitch.state == StitchState.CONFLICTED:
        reason = "the work conflicts with the branch; the stitch owner decides"
        move_stage(item=item, to=Stage.STITCH, reason=reason, by=BY, now=now())
        return True
    return _verify_trial(item, run, current, stitch)


def _verify_trial(item: WorkItem, run: Run, current: TestPlan, stitch: Stitch) -> bool:
    verification = verification_of(item, stitch.trial)
    if verification is None:
        hand_in = frozen_hand_in(current)
        if hand_in is None:
            reason = "The plan's tests are not frozen any more; they are handed in anew."
            move_stage(item=item, to=Stage.BUILD, reason=reason, by=BY, now=now())
            return True
        request_verification(
            item=item,
            plan=current,
            commit=stitch.trial,
            hand_in=hand_in,
            work=stitch.commit,
            onto=stitch.onto,
            by=BY,
            now=now(),
        )
        return True
    has_attempts = run.attempt < DEVELOPER_ATTEMPTS
    if is_verified(item, stitch.trial):
        return _after_judging(item, stitch, current, has_attempts=has_attempts)
    if verification.state == VerificationState.FAILED and has_attempts and not is_only_flaky(verification):
        move_stage(item=item, to=Stage.BUILD, reason=_why_failed(verification), by=BY, now=now())
        return True
    return False


def _why_failed(verification: VerificationRun) -> str:
    if verification.refusals:
        named = " ".join(refusal["sentence"] for refusal in verification.refusals[:5])
        return clip(f"The work was refused, because the frozen tests were bent. {named}", 450)
    failed = ", ".join(result.case.key for result in failed_results(verification)[:8])
    return f"The frozen plan did not pass on the merged tree: {failed or 'no case ran'}."


def _after_judging(item: WorkItem, stitch: Stitch, current: TestPlan, *, has_attempts: bool) -> bool:
    """Verified work goes on once the verifier has spoken; a criterion it does not find sends it back."""
    brief = judging.brief_if_due(item, stitch)
    if brief is not None:
        _start(item, Role.VERIFIER, brief)
        return True
    if not judging.is_judged(item, stitch):
        return False
    missing = judging.reason_to_send_back(item, stitch, current)
    if missing and has_attempts:
        move_stage(item=item, to=Stage.BUILD, reason=missing, by=BY, now=now())
    else:
        reason = "every frozen case passed on the merged tree"
        move_stage(item=item, to=Stage.STITCH, reason=reason, by=BY, now=now())
    return True


def stitch(item: WorkItem) -> bool:
    current = current_stitch(item)
    if current is None or current.state == StitchState.PENDING:
        move_stage(item=item, to=Stage.VERIFY, reason="the branch moved: merged and verified anew", by=BY, now=now())
        return True
    if current.state == StitchState.CLEAN:
        if _is_stale(current) or not is_verified(item, current.trial):
            reopen_trial(
                stitch=current,
                reason="Another item was merged first; this one is tried and verified again.",
                by=BY,
                now=now(),
            )
            return True
        return False
    if current.state == StitchState.SIGNED:
        _merge(item, current)
        return True
    if current.state == StitchState.MERGED:
        return _finish(item, current)
    return False


def _merge(item: WorkItem, current: Stitch) -> None:
    """The frozen files are compared once more, on the very objects that are merged."""
    verification = verification_of(item, current.trial)
    refused = refusals_at_merge(control_of(item.project), verification) if verification else []
    if refused:
        raise NotPermitted(f"Nothing was merged: {refused[0].sentence} Send it back, or drop the item.")
    joining.merge_signed(stitch=current, now=now())


def _is_stale(current: Stitch) -> bool:
    merged = Stitch.objects.filter(item__project_id=current.item.project_id, state=StitchState.MERGED)
    return merged.filter(merged_at__gt=current.tried_at).exclude(merge_commit=current.onto).exists()


def _finish(item: WorkItem, current: Stitch) -> bool:
    if not current.published_ref and not current.problem:
        joining.publish_merge(stitch=current, now=now())
        anchor_head(now=now())
        return True
    for worktree in Worktree.objects.filter(run__item=item, state=WorktreeState.ACTIVE):
        home = WorktreeState.STITCHED if worktree.head == current.commit else WorktreeState.ARCHIVED
        move_tree(worktree=worktree, to=home, by=BY, now=now())
    move_stage(item=item, to=Stage.DONE, reason=f"merged as {current.merge_commit[:10]}", by=BY, now=now())
    return True


STEPS: dict[str, Callable[[WorkItem], bool]] = {
    Stage.ALIGN: align,
    Stage.PLAN: plan,
    Stage.BUILD: build,
    Stage.VERIFY: verify,
    Stage.STITCH: stitch,
}
