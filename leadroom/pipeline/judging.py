"""The verifier's turn at VERIFY: asked once per finished work, its findings shown, a NO on a must sent back."""

from leadroom.agents.enums import Role, RunState
from leadroom.agents.queries import latest_run
from leadroom.pipeline import briefs
from leadroom.projects.models import WorkItem
from leadroom.requirements.queries import latest_revision
from leadroom.testplans.models import TestPlan
from leadroom.verification.enums import Answer
from leadroom.verification.gates import applies
from leadroom.verification.queries import must_criteria, verdicts_of
from leadroom.worktrees.keeping import control_of
from leadroom.worktrees.models import Stitch


def brief_if_due(item: WorkItem, stitch: Stitch) -> str | None:
    """The brief of the verifier to start; None when the gate is skipped, or when one is asked or has answered.

    It judges the developer's commit: when only the branch moves, its word stands.
    """
    if not applies("verifier", item.risk) or verdicts_of(item, stitch.commit):
        return None
    verifier, revision = latest_run(item, Role.VERIFIER), latest_revision(item)
    if revision is None or (verifier is not None and verifier.state != RunState.COMPLETED):
        return None
    if verifier is not None and verifier.queued_at >= stitch.created_at:
        return None
    diff = control_of(item.project).diff(stitch.onto, stitch.trial, limit_bytes=briefs.DIFF_SHOWN)
    return briefs.for_verifier(item, verifier.attempt + 1 if verifier else 1, revision, diff)


def is_judged(item: WorkItem, stitch: Stitch) -> bool:
    """Whether the gate is behind the work: skipped, or answered by a verifier that has ended."""
    if not applies("verifier", item.risk):
        return True
    verifier = latest_run(item, Role.VERIFIER)
    has_ended = verifier is not None and verifier.state == RunState.COMPLETED
    return has_ended and bool(verdicts_of(item, stitch.commit))


def reason_to_send_back(item: WorkItem, stitch: Stitch, plan: TestPlan) -> str:
    """What the verifier does not find at all among the criteria a must case proves; empty when nothing."""
    if not applies("verifier", item.risk):
        return ""
    must = must_criteria(plan)
    rows = [row for row in verdicts_of(item, stitch.commit) if row.answer == Answer.NO and row.criterion in must]
    said = "; ".join(f"{row.criterion}: {row.behaviour}" for row in rows)
    return f"The verifier does not find these criteria met: {said}"[:480] if rows else ""
