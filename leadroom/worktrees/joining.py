"""The join in git: trial merge, signed merge, publication. Each step can be repeated after a crash."""

import datetime as dt

from django.db import transaction
from django.utils.text import slugify

from leadroom.guardrails.queries import check_unlocked
from leadroom.lib.actors import system
from leadroom.lib.crash import crash_point
from leadroom.lib.errors import Conflict
from leadroom.projects.enums import Publish
from leadroom.worktrees import actions
from leadroom.worktrees.control import ControlRepository, Person
from leadroom.worktrees.git import RepositoryProblem
from leadroom.worktrees.keeping import control_of
from leadroom.worktrees.models import Stitch
from leadroom.worktrees.publish import publish
from leadroom.worktrees.signing import merge_key

BY = system("stitcher")
LEADROOM = Person("Leadroom", "leadroom@localhost.invalid")


def try_merge(*, stitch: Stitch, now: dt.datetime) -> None:
    """Merge in the object store onto the branch as it is now; nobody's checkout or branch moves."""
    project = stitch.item.project
    control = control_of(project)
    onto = control.refresh(source=project.source, branch=project.default_branch).new
    trial = control.trial_merge(onto=onto, commit=stitch.commit)
    if not trial.is_clean or trial.tree is None:
        actions.keep_trial(stitch=stitch, onto=onto, tree="", trial="", conflicts=list(trial.conflicts), by=BY, now=now)
        return
    commit = control.create_merge(
        branch=project.default_branch,
        onto=onto,
        commit=stitch.commit,
        tree=trial.tree,
        message=f"Trial merge of item {stitch.item.number}",
        author=LEADROOM,
        key=merge_key(),
        now=stitch.created_at,
    )
    control.set_ref(f"refs/leadroom/trials/{stitch.item_id}", commit)
    actions.keep_trial(stitch=stitch, onto=onto, tree=trial.tree, trial=commit, conflicts=[], by=BY, now=now)


def merge_signed(*, stitch: Stitch, now: dt.datetime) -> None:
    """Move our branch to the signed merge by compare-and-swap. When the branch moved first, the trial starts over.

    Raises Locked.
    """
    project = stitch.item.project
    check_unlocked(project.pk, kept="nothing was merged")
    control = control_of(project)
    merge = control.create_merge(
        branch=project.default_branch,
        onto=stitch.onto,
        commit=stitch.commit,
        tree=stitch.tree,
        message=_message(stitch),
        author=_owner(stitch),
        key=merge_key(),
        now=stitch.signed_at,
    )
    # after a crash behind the swap it is there already, maybe with another item's merge on top
    if not control.is_ancestor(merge, control.head(project.default_branch)):
        try:
            with transaction.atomic():  # a switch pressed before keeps the branch where it is; one pressed now waits
                check_unlocked(project.pk, kept="nothing was merged")
                control.move_branch(project.default_branch, expected=stitch.onto, new=merge)
        except Conflict:
            actions.reopen_trial(
                stitch=stitch,
                reason="The branch moved before the merge; it is tried and verified again.",
                by=BY,
                now=now,
            )
            return
        crash_point("worktrees.branch-moved")
    actions.keep_merge(stitch=stitch, merge_commit=merge, by=BY, now=now)


def publish_merge(*, stitch: Stitch, now: dt.datetime) -> None:
    """Hand the merge to the user's repository as the project says, else as a branch `leadroom/…` with the reason.

    Raises Locked.
    """
    project, problem = stitch.item.project, ""
    check_unlocked(project.pk, kept="nothing was published")
    control = control_of(project)
    if project.publish == Publish.DEFAULT_BRANCH:
        try:
            theirs = control.resolve(f"refs/source/{project.default_branch}")  # where the user's branch was last seen
            ref = _publish(control, stitch, project.default_branch, expected=theirs)
            crash_point("worktrees.published")
            actions.keep_publication(stitch=stitch, ref=ref, problem="", by=BY, now=now)
            return
        except (RepositoryProblem, Conflict) as error:
            problem = str(error)
    try:
        ref = _publish(control, stitch, branch_name(stitch), expected=None)
        crash_point("worktrees.published")
    except (RepositoryProblem, Conflict) as error:
        actions.keep_publication(stitch=stitch, ref="", problem=str(error), by=BY, now=now)
        return
    actions.keep_publication(stitch=stitch, ref=ref, problem=problem, by=BY, now=now)


def branch_name(stitch: Stitch) -> str:
    """`leadroom/7-show-totals`: the branch of an item in the user's repository."""
    return f"leadroom/{stitch.item.number}-{slugify(stitch.item.title)[:40].strip('-') or 'item'}"


def _publish(control: ControlRepository, stitch: Stitch, branch: str, *, expected: str | None) -> str:
    def attempt() -> str:
        source = stitch.item.project.source
        return publish(control=control, source=source, commit=stitch.merge_commit, branch=branch, expected=expected).ref

    try:
        return attempt()
    except Conflict:
        return attempt()  # our own earlier try may have got through: then this one finds its ref in place


def _owner(stitch: Stitch) -> Person:
    owner = stitch.signed_by
    if owner is None:
        raise Conflict("Nobody signed this merge.")
    return Person(
        owner.get_full_name() or owner.get_username(),
        owner.email or f"{owner.get_username()}@leadroom.invalid",
    )


def _message(stitch: Stitch) -> str:
    item, owner = stitch.item, _owner(stitch)
    return (
        f"Merge item {item.number}: {item.title}\n\n{stitch.sentence}\n\n"
        f"Leadroom-Item: {item.project.slug}#{item.number}\n"
        f"Signed-off-by: {owner.name} <{owner.email}>\n"
    )
