"""Writes of working trees and stitches. What touches git on disk is in `keeping.py` and `joining.py`."""

import datetime as dt

from django.db import transaction

from leadroom.agents.models import Run
from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict
from leadroom.live.news import publish_item
from leadroom.projects.models import WorkItem
from leadroom.worktrees import rules
from leadroom.worktrees.enums import STITCHES, WORKTREES, StitchState, WorktreeState
from leadroom.worktrees.models import Stitch, Worktree


@transaction.atomic
def register_tree(*, run: Run, base: str, head: str, by: Actor, now: dt.datetime) -> Worktree:
    """The row of a run's tree; repeated calls return the first."""
    worktree, is_new = Worktree.objects.get_or_create(
        run=run, defaults={"name": f"run-{run.pk}", "base": base, "head": head, "created_at": now}
    )
    if is_new:
        _record_tree(worktree, "opened", by=by, now=now)
    return worktree


@transaction.atomic
def move_head(*, worktree: Worktree, head: str, by: Actor, now: dt.datetime) -> None:
    """A commit of the tree was fetched into the control repository."""
    if worktree.head == head:
        return
    worktree.head = head
    worktree.save(update_fields=["head"])
    _record_tree(worktree, "committed", by=by, now=now)
    publish_item(worktree.run.item_id, "commit")


@transaction.atomic
def move_tree(*, worktree: Worktree, to: WorktreeState, by: Actor, now: dt.datetime) -> None:
    """STITCHED after its merge, ARCHIVED when its work is not wanted. The files stay until swept."""
    WORKTREES.check_move(worktree.state, to)
    if not Worktree.objects.filter(pk=worktree.pk, state=worktree.state).update(state=to):
        raise Conflict("The working tree was moved on meanwhile; nothing was changed.")
    worktree.state = to
    _record_tree(worktree, to.lower(), by=by, now=now)


def _record_tree(worktree: Worktree, verb: str, *, by: Actor, now: dt.datetime) -> None:
    record(
        by=by,
        now=now,
        verb=f"worktrees.tree.{verb}",
        subject=f"worktrees.tree:{worktree.pk}",
        item_id=worktree.run.item_id,
        payload={"base": worktree.base, "head": worktree.head},
    )


def _move(stitch: Stitch, to: StitchState, **fields: object) -> None:
    STITCHES.check_move(stitch.state, to)
    if not Stitch.objects.filter(pk=stitch.pk, state=stitch.state).update(state=to, **fields):
        raise Conflict("The stitch moved on meanwhile; nothing was changed. Reload the page to see where it stands.")
    stitch.state = to
    for name, value in fields.items():
        setattr(stitch, name, value)


def _record(stitch: Stitch, verb: str, *, by: Actor, now: dt.datetime, **payload: object) -> None:
    record(
        by=by,
        now=now,
        verb=f"worktrees.stitch.{verb}",
        subject=f"worktrees.stitch:{stitch.pk}",
        item_id=stitch.item_id,
        payload={"commit": stitch.commit, "onto": stitch.onto, **payload},
    )
    publish_item(stitch.item_id, "stitch")


@transaction.atomic
def open_stitch(*, item: WorkItem, commit: str, by: Actor, now: dt.datetime) -> Stitch:
    """The stitch of a finished item at `commit`; one for another commit is set aside first."""
    current = Stitch.objects.filter(item=item).exclude(state=StitchState.ABORTED).first()
    if current is not None:
        if current.commit == commit:
            return current
        _move(current, StitchState.ABORTED)
        _record(current, "aborted", by=by, now=now, reason="a newer commit takes its place")
    stitch = Stitch.objects.create(item=item, commit=commit, created_at=now)
    _record(stitch, "opened", by=by, now=now)
    return stitch


@transaction.atomic
def keep_trial(
    *, stitch: Stitch, onto: str, tree: str, trial: str, conflicts: list[str], by: Actor, now: dt.datetime
) -> None:
    """PENDING → CLEAN or CONFLICTED with what the trial merge showed."""
    to = StitchState.CONFLICTED if conflicts else StitchState.CLEAN
    _move(stitch, to, onto=onto, tree=tree, trial=trial, conflicts=conflicts, tried_at=now, problem="")
    _record(stitch, "tried", by=by, now=now, conflicts=conflicts)


@transaction.atomic
def reopen_trial(*, stitch: Stitch, reason: str, by: Actor, now: dt.datetime) -> None:
    """Back to PENDING: the branch moved under the trial, so merge and verification are done anew."""
    _move(stitch, StitchState.PENDING, sentence="", signed_by=None, signed_at=None, problem=reason)
    _record(stitch, "reopened", by=by, now=now, reason=reason)


@transaction.atomic
def abort(*, stitch: Stitch, reason: str, by: Actor, now: dt.datetime) -> None:
    _move(stitch, StitchState.ABORTED, problem=reason)
    _record(stitch, "aborted", by=by, now=now, reason=reason)


@transaction.atomic
def sign(
    *,
    stitch: Stitch,
    sentence: str,
    seen_digest: str,
    is_verified: bool,
    user_id: int,
    by: Actor,
    now: dt.datetime,
) -> None:
    """CLEAN → SIGNED by the stitch owner with a sentence on the trade-offs.

    Raises NotPermitted (not the owner, not verified), BadInput (no sentence), Conflict (not the merge that was seen).
    """
    rules.check_sign(stitch, seen_digest=seen_digest, is_verified=is_verified, user_id=user_id, by=by)
    sentence = " ".join(sentence.split())
    if len(sentence) < rules.SENTENCE_MIN:
        raise BadInput("Sign with a sentence on what this merge trades off; nothing was signed.")
    if len(sentence) > rules.SENTENCE_MAX:
        raise BadInput(
            f"The sentence has {len(sentence)} characters; {rules.SENTENCE_MAX} is the limit. Nothing was signed."
        )
    _move(stitch, StitchState.SIGNED, sentence=sentence, signed_by_id=user_id, signed_at=now)
    _record(stitch, "signed", by=by, now=now, sentence=sentence, digest=seen_digest)


@transaction.atomic
def keep_merge(*, stitch: Stitch, merge_commit: str, by: Actor, now: dt.datetime) -> None:
    """SIGNED → MERGED: the branch stands on `merge_commit`."""
    _move(stitch, StitchState.MERGED, merge_commit=merge_commit, merged_at=now)
    _record(stitch, "merged", by=by, now=now, merge_commit=merge_commit)


@transaction.atomic
def keep_publication(*, stitch: Stitch, ref: str, problem: str, by: Actor, now: dt.datetime) -> None:
    """Where the merge went in the user's repository, or why it could not go where the project wants it."""
    stitch.published_ref, stitch.problem = ref, problem
    stitch.save(update_fields=["published_ref", "problem"])
    _record(stitch, "published", by=by, now=now, ref=ref, problem=problem)
