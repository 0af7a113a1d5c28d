"""Moves of trees and stitches."""

from django.db.models import TextChoices

from leadroom.lib.states import StateMachine, Turn


class WorktreeState(TextChoices):
    ACTIVE = "ACTIVE", "Active"
    STITCHED = "STITCHED", "Stitched"
    ARCHIVED = "ARCHIVED", "Archived"


WORKTREES = StateMachine(
    "working tree",
    WorktreeState,
    start=WorktreeState.ACTIVE,
    moves={
        WorktreeState.ACTIVE: (WorktreeState.STITCHED, WorktreeState.ARCHIVED),
        WorktreeState.STITCHED: (WorktreeState.ARCHIVED,),
        WorktreeState.ARCHIVED: (),
    },
    turns={
        WorktreeState.ACTIVE: Turn.AGENT,
        WorktreeState.STITCHED: Turn.MACHINE,
        WorktreeState.ARCHIVED: Turn.NOBODY,
    },
)


class StitchState(TextChoices):
    PENDING = "PENDING", "Being tried"
    CLEAN = "CLEAN", "Merges cleanly"
    CONFLICTED = "CONFLICTED", "Conflicts"
    SIGNED = "SIGNED", "Signed"
    MERGED = "MERGED", "Merged"
    ABORTED = "ABORTED", "Aborted"


STITCHES = StateMachine(
    "stitch",
    StitchState,
    start=StitchState.PENDING,
    moves={
        StitchState.PENDING: (StitchState.CLEAN, StitchState.CONFLICTED, StitchState.ABORTED),
        StitchState.CLEAN: (StitchState.SIGNED, StitchState.PENDING, StitchState.ABORTED),
        StitchState.CONFLICTED: (StitchState.PENDING, StitchState.ABORTED),
        StitchState.SIGNED: (StitchState.MERGED, StitchState.PENDING, StitchState.ABORTED),
        StitchState.MERGED: (),
        StitchState.ABORTED: (),
    },
    turns={
        StitchState.PENDING: Turn.MACHINE,
        StitchState.CLEAN: Turn.HUMAN,
        StitchState.CONFLICTED: Turn.HUMAN,
        StitchState.SIGNED: Turn.MACHINE,
        StitchState.MERGED: Turn.NOBODY,
        StitchState.ABORTED: Turn.NOBODY,
    },
)
