"""Scenes of test plans, verification, the stitch and triage."""

from leadroom.testplans import actions as testplans
from leadroom.testplans.enums import ReviewVerdict
from leadroom.testplans.models import TestPlan
from leadroom.triage import actions as triage
from leadroom.triage.enums import ReportState
from leadroom.verification import actions as verification
from leadroom.verification.actions import Result
from leadroom.verification.enums import Outcome
from leadroom.verification.models import VerificationRun
from leadroom.worktrees import actions as worktrees
from leadroom.worktrees.enums import WorktreeState
from leadroom.worktrees.models import Stitch, Worktree
from tests import factories as f
from tests.house.scenes import WHO, Ready, held, lead, scene


@scene("testplans.submit", "testplans.plan.submitted")
def _() -> Ready:
    item = f.make_aligned_item()
    return lambda: f.submit_plan(item)


@scene("testplans.open_agent_review", "testplans.plan.review_opened")
def _() -> Ready:
    plan = f.submit_plan(f.make_aligned_item())
    return lambda: testplans.open_agent_review(plan=plan, **WHO)


def in_agent_review(**item: str) -> TestPlan:
    plan = f.submit_plan(f.make_aligned_item(**item))
    testplans.open_agent_review(plan=plan, **WHO)
    return plan


@scene("testplans.submit_review", "testplans.plan.reviewed")
def _() -> Ready:
    plan = in_agent_review()
    body = {"summary": "x", "verdict": "approve", "findings": []}
    return lambda: testplans.submit_review(plan=plan, body=body, run_id=7, **WHO)


@scene("testplans.return_to_author", "testplans.plan.returned")
def _() -> Ready:
    plan = in_agent_review()
    return lambda: testplans.return_to_author(plan=plan, **WHO)


@scene("testplans.open_lead_review", "testplans.plan.handed_to_lead")
def _() -> Ready:
    plan = in_agent_review()
    return lambda: testplans.open_lead_review(plan=plan, **WHO)


@scene("testplans.freeze_light", "testplans.plan.frozen")
def _() -> Ready:
    plan = in_agent_review(risk="light")
    return lambda: testplans.freeze_light(plan=plan, **WHO)


@scene("testplans.send_review", "testplans.plan.frozen")
def _() -> Ready:
    plan = f.make_plan()
    given = {"marks": [], "summary": "", "seen_digest": plan.digest, "user_id": f.lead_of(plan.item.project).pk}
    return lambda: testplans.send_review(plan=plan, verdict=ReviewVerdict.APPROVE, **given, **lead(plan))


@scene("verification.request", "verification.run.queued")
def _() -> Ready:
    plan = f.make_frozen_plan()
    return lambda: verification.request(item=plan.item, plan=plan, commit="c" * 40, **WHO)


def queued_verification() -> VerificationRun:
    plan = f.make_frozen_plan()
    return verification.request(item=plan.item, plan=plan, commit="c" * 40, **WHO)


def held_verification() -> VerificationRun:
    found = queued_verification()
    verification.claim(verification_id=found.pk, host="h", now=f.NOW)
    found.refresh_from_db()
    return found


@scene("verification.claim", "verification.run.started")
def _() -> Ready:
    found = queued_verification()
    return lambda: verification.claim(verification_id=found.pk, host="h", now=f.NOW)


@scene("verification.renew")
def _() -> Ready:
    found = held_verification()
    return lambda: verification.renew(verification=found, now=f.NOW)


@scene("verification.finish", "verification.run.passed")
def _() -> Ready:
    found = held_verification()
    results = {case.pk: Result(Outcome.PASSED, 0, "") for case in found.plan.cases.all()}
    return lambda: verification.finish(verification=found, results=results, output="", now=f.NOW)


@scene("verification.break_off", "verification.run.errored")
def _() -> Ready:
    found = held_verification()
    return lambda: verification.break_off(verification=found, problem="x", now=f.NOW)


@scene("verification.take_back", "verification.run.taken_back")
def _() -> Ready:
    found = held_verification()
    return lambda: verification.take_back(verification=found, now=f.NOW)


@scene("verification.requeue", "verification.run.requeued")
def _() -> Ready:
    found = held_verification()
    verification.break_off(verification=found, problem="x", now=f.NOW)
    found.refresh_from_db()
    return lambda: verification.requeue(verification=found, **lead(found))


@scene("worktrees.register_tree", "worktrees.tree.opened")
def _() -> Ready:
    run = held()
    return lambda: worktrees.register_tree(run=run, base="a" * 40, head="a" * 40, **WHO)


def tree() -> Worktree:
    return worktrees.register_tree(run=held(), base="a" * 40, head="a" * 40, **WHO)


@scene("worktrees.move_head", "worktrees.tree.committed")
def _() -> Ready:
    found = tree()
    return lambda: worktrees.move_head(worktree=found, head="b" * 40, **WHO)


@scene("worktrees.move_tree", "worktrees.tree.archived")
def _() -> Ready:
    found = tree()
    return lambda: worktrees.move_tree(worktree=found, to=WorktreeState.ARCHIVED, **WHO)


@scene("worktrees.open_stitch", "worktrees.stitch.opened")
def _() -> Ready:
    item = f.make_item()
    return lambda: worktrees.open_stitch(item=item, commit="c" * 40, **WHO)


@scene("worktrees.keep_trial", "worktrees.stitch.tried")
def _() -> Ready:
    stitch = worktrees.open_stitch(item=f.make_item(), commit="c" * 40, **WHO)
    return lambda: worktrees.keep_trial(stitch=stitch, onto="", tree="", trial="", conflicts=[], **WHO)


@scene("worktrees.reopen_trial", "worktrees.stitch.reopened")
def _() -> Ready:
    stitch = f.make_stitch()
    return lambda: worktrees.reopen_trial(stitch=stitch, reason="x", **WHO)


@scene("worktrees.abort", "worktrees.stitch.aborted")
def _() -> Ready:
    stitch = f.make_stitch()
    return lambda: worktrees.abort(stitch=stitch, reason="x", **WHO)


def signing(stitch: Stitch) -> Ready:
    given = {"sentence": "It is what we want.", "is_verified": True, "user_id": stitch.item.stitch_owner_id}
    return lambda: worktrees.sign(stitch=stitch, seen_digest=stitch.digest, **given, **lead(stitch))


@scene("worktrees.sign", "worktrees.stitch.signed")
def _() -> Ready:
    return signing(f.make_stitch())


@scene("worktrees.keep_merge", "worktrees.stitch.merged")
def _() -> Ready:
    stitch = f.make_stitch()
    signing(stitch)()
    return lambda: worktrees.keep_merge(stitch=stitch, merge_commit="e" * 40, **WHO)


@scene("worktrees.keep_publication", "worktrees.stitch.published")
def _() -> Ready:
    stitch = f.make_stitch()
    return lambda: worktrees.keep_publication(stitch=stitch, ref="refs/heads/x", problem="", **WHO)


@scene("triage.file_report", "triage.report.filed")
def _() -> Ready:
    run = held()
    return lambda: triage.file_report(run=run, body=f.report_shape(), **WHO)


@scene("triage.mark", "triage.report.marked_read")
def _() -> Ready:
    report = f.make_report()
    return lambda: triage.mark(report=report, state=ReportState.READ, **lead(report))
