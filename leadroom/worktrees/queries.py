"""Reads of trees and stitches."""

from leadroom.projects.models import WorkItem
from leadroom.worktrees.enums import StitchState
from leadroom.worktrees.models import Stitch


def stitched_commit(item: WorkItem) -> str:
    """The developer's commit of the stitch that counts now, empty without one."""
    rows = Stitch.objects.filter(item=item).exclude(state=StitchState.ABORTED)
    return rows.values_list("commit", flat=True).first() or ""
