"""Handing a merge to the user's repository: objects and one ref, never its checkout, index, HEAD or hooks."""

from dataclasses import dataclass
from pathlib import Path

from leadroom.lib.errors import BadInput, Conflict
from leadroom.worktrees import git
from leadroom.worktrees.control import ControlRepository
from leadroom.worktrees.git import RepositoryProblem, branch_ref, check_commit_id, run_git
from leadroom.worktrees.source import Location, branches_of, checked_out, locate, shadow_of

PREFIX = "leadroom/"


class BranchInUse(RepositoryProblem):
    """The branch is checked out somewhere; moving it would make that checkout look changed."""


@dataclass(frozen=True)
class Published:
    """The full ref in the user's repository that is now at the commit."""

    ref: str
    is_default_branch: bool


def publish(*, control: ControlRepository, source: Path, commit: str, branch: str, expected: str | None) -> Published:
    """Gives the user's repository `commit` as `branch`: `leadroom/…`, or the branch the project works on.

    `expected` is the commit the branch is thought to be at, None for a branch that is not there yet; the ref
    moves by compare-and-swap. Repeating a call whose outcome is unknown is safe. Runs no hook of theirs.
    Raises Conflict when the branch is elsewhere, BranchInUse when a checkout uses it, RepositoryProblem when
    it cannot be written, BadInput for any other branch.
    """
    ref = branch_ref(branch)
    check_commit_id(commit)
    if control.resolve(commit) is None:
        raise RepositoryProblem(
            f"{commit[:10]} is not in Leadroom's copy of the project. Nothing was changed; merge again."
        )
    is_default = branch == control.default_branch
    if not is_default and not branch.startswith(PREFIX):
        raise BadInput(
            f"Leadroom publishes only to branches that start with {PREFIX} and to {control.default_branch}, "
            f"not to {branch}; nothing was changed."
        )
    location = locate(source)
    with shadow_of(location) as shadow:
        branches = branches_of(shadow)
        if branches.get(ref) == commit:
            return Published(ref, is_default)
        _check_can_move(control, location, ref, branches, commit=commit, expected=expected, is_default=is_default)
        _move(control, shadow, location, ref, commit=commit, expected=expected)
        if branches_of(shadow).get(ref) != commit:
            raise Conflict(
                f"{branch} was moved by somebody else right after it was published. "
                "The merge is kept in Leadroom; look at the branch, then publish again."
            )
    return Published(ref, is_default)


def _check_can_move(
    control: ControlRepository,
    location: Location,
    ref: str,
    branches: dict[str, str],
    *,
    commit: str,
    expected: str | None,
    is_default: bool,
) -> None:
    name, current = ref.removeprefix("refs/heads/"), branches.get(ref)
    if current != expected:
        raise Conflict(
            f"{name} in {location.path} is at {(current or 'no commit')[:10]}, "
            f"not at {(expected or 'none')[:10]}. Nothing was changed; "
            "bring the new commits in and merge again."
        )
    if is_default and (expected is None or not control.is_ancestor(expected, commit)):
        raise Conflict(
            f"{name} has commits this merge does not contain. Nothing was changed; "
            "bring the new commits in and merge again."
        )
    if user := checked_out(location).get(ref):
        raise BranchInUse(
            f"{name} is checked out in {user}, and Leadroom never changes a checkout. Nothing was changed; "
            f"publish as a branch that starts with {PREFIX}, or check out another branch there first."
        )
    for other in branches:
        if ref.startswith(f"{other}/") or other.startswith(f"{ref}/"):
            raise RepositoryProblem(
                f"{location.path} has a branch {other.removeprefix('refs/heads/')}, "
                f"so git cannot have {name} as well. Nothing was changed; "
                "rename that branch, then publish again."
            )


def _check_places(location: Location, ref: str) -> None:
    """What is about to be written must lie in the repository itself, not behind a link."""
    for top in ("objects", ref, f"logs/{ref}"):
        place = location.common_dir
        for part in top.split("/"):
            place = place / part
            if place.is_symlink():
                raise RepositoryProblem(
                    f"{place} is a link, so publishing would write outside the repository. "
                    "Nothing was changed; replace the link by what it points to."
                )


def _move(
    control: ControlRepository,
    shadow: Path,
    location: Location,
    ref: str,
    *,
    commit: str,
    expected: str | None,
) -> None:
    _check_places(location, ref)
    arguments = ["update-ref", "--no-deref", "-m", "leadroom: published", ref, commit]
    try:
        git.fetch(control.path, commit, into=shadow)
        run_git([*arguments, expected or git.NO_COMMIT], git_dir=shadow)
    except git.GitFailed as error:
        if branches_of(shadow).get(ref) != expected:
            raise Conflict(
                f"{ref.removeprefix('refs/heads/')} moved while it was being published. "
                "Nothing of it was overwritten; bring the new commits in and merge again."
            ) from error
        raise RepositoryProblem(
            f"{location.path} could not be written ({error.detail or 'git gave no reason'}). "
            "No branch was moved; mend what is named, then publish again."
        ) from error
