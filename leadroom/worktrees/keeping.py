"""Trees on disk: made for a run, committed inside the sandbox, brought home by ref."""

import datetime as dt

from asgiref.sync import sync_to_async
from django.conf import settings

from leadroom.agents.enums import Role
from leadroom.agents.models import Run
from leadroom.lib.actors import Actor, system
from leadroom.lib.clock import now as clock_now
from leadroom.lib.leases import holder_mark
from leadroom.projects.models import Project
from leadroom.worktrees.actions import move_head, register_tree
from leadroom.worktrees.control import ControlRepository
from leadroom.worktrees.enums import StitchState, WorktreeState
from leadroom.worktrees.models import Stitch, Worktree

NOTES_NAME = "keeper"


def control_of(project: Project) -> ControlRepository:
    """The project's control repository, made on first use. Raises RepositoryProblem when the source cannot be used."""
    return ControlRepository.create(project.control_path, source=project.source, branch=project.default_branch)


def open_tree(*, run: Run, now: dt.datetime) -> Worktree:
    """The run's tree, registered and on disk; a resumed run finds its own as it left it.

    A developer's later attempt starts from the head of the attempt before, unless that one was archived; a verifier's
    tree is the merge as it would ship.
    Raises RepositoryProblem.
    """
    project = run.item.project
    control = control_of(project)
    worktree = Worktree.objects.filter(run=run).first()
    if worktree is None:
        base = head = control.refresh(source=project.source, branch=project.default_branch).new
        if run.role == Role.DEVELOPER and (before := _attempt_before(run)) is not None:
            base, head = before.base, before.head
        if run.role == Role.VERIFIER and (shipped := _as_shipped(run)):
            base = head = shipped
        worktree = register_tree(run=run, base=base, head=head, by=system(NOTES_NAME), now=now)
    if not worktree.path.exists():
        control.create_tree(worktree.path, commit=worktree.head)
    return worktree


def _attempt_before(run: Run) -> Worktree | None:
    return (
        Worktree.objects.filter(run__item_id=run.item_id, run__role=run.role, run__lane=run.lane)
        .filter(run__attempt__lt=run.attempt)
        .exclude(state=WorktreeState.ARCHIVED)
        .order_by("-run__attempt")
        .first()
    )


def _as_shipped(run: Run) -> str:
    """The merge the item would ship as, empty when none was tried."""
    rows = Stitch.objects.filter(item_id=run.item_id).exclude(state=StitchState.ABORTED)
    return rows.values_list("trial", flat=True).first() or ""


async def commit_work(*, worktree: Worktree, message: str, by: Actor) -> None:
    """Commit what the tree holds and fetch it; an unchanged tree changes nothing. Raises RepositoryProblem."""
    control = await sync_to_async(control_of)(worktree.run.item.project)
    head = await control.commit_tree(
        worktree.path,
        message=message,
        ref=worktree.ref,
        base=worktree.base,
        marker=holder_mark(settings.HOME_DIR, f"run-{worktree.run_id}"),
    )
    await sync_to_async(move_head)(worktree=worktree, head=head, by=by, now=clock_now())
