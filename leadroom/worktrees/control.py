"""The control repository: Leadroom's own bare copy of a project, where every branch and merge of ours lives.

The user's repository is only read (and, by `publish`, given a ref); agents see the objects, read-only.
"""

import contextlib
import datetime as dt
import fcntl
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from leadroom.lib import clock
from leadroom.lib.errors import BadInput
from leadroom.worktrees import git, signing, source, trees
from leadroom.worktrees.git import RepositoryProblem, branch_ref, check_commit_id, run_git
from leadroom.worktrees.repository import BareRepository
from leadroom.worktrees.signing import SigningKey

COMMITTER = "Leadroom <leadroom@leadroom.invalid>"


@dataclass(frozen=True)
class Person:
    """Who signs off a merge, as its author line names them."""

    name: str
    email: str

    @property
    def line(self) -> str:
        """`Name <email>` without what the commit format reserves."""
        name = _plain(self.name) or "Someone"
        return f"{name} <{_plain(self.email).replace(' ', '')}>"


@dataclass(frozen=True)
class Refreshed:
    """Our branch before and after, and the user's commit (`source`); `is_diverged` when the two have gone
    separate ways, in which case nothing was moved."""

    moved: bool
    old: str
    new: str
    source: str
    is_diverged: bool


@dataclass(frozen=True)
class TrialMerge:
    """What merging would give. `tree` is the merged tree's id, None when not clean; `conflicts` are paths."""

    is_clean: bool
    tree: str | None
    conflicts: tuple[str, ...]
    is_fast_forward_possible: bool


class ControlRepository(BareRepository):
    """A project's bare repository at `<home>/projects/<slug>/control.git`."""

    @classmethod
    def create(cls, path: Path, *, source: Path, branch: str) -> "ControlRepository":
        """Makes the repository with the history of one branch of the user's, and nothing else of it.

        Whole or not at all: called again after a crash, or twice at once, it ends in the same repository.
        Raises RepositoryProblem when the source or the branch cannot be used.
        """
        ref = branch_ref(branch)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone_in(path.parent):
            made = cls(path)
            if not path.exists():
                draft = path.with_name(f".{path.name}.incoming")
                shutil.rmtree(draft, ignore_errors=True)
                run_git(["init", "--quiet", "--bare", "--template=", str(draft)])
                fresh = cls(draft)
                commit = fresh._fetch_source(source, branch)
                fresh.update_ref(ref, new=commit, expected=git.NO_COMMIT, why="created")
                run_git(["symbolic-ref", "HEAD", ref], git_dir=draft)
                os.rename(draft, path)
            elif made.resolve(ref) is None:
                commit = made._fetch_source(source, branch)
                made.update_ref(ref, new=commit, expected=git.NO_COMMIT, why="created")
        return made

    @property
    def default_branch(self) -> str:
        """The short name of the branch the repository was made for."""
        head = source.head_of(self.path)
        return head.removeprefix("ref: refs/heads/")

    def refresh(self, *, source: Path, branch: str) -> Refreshed:
        """Brings in what the user committed on their branch; ours follows when that is a plain fast-forward.

        `refs/source/<branch>` always follows. Raises RepositoryProblem when the branch is gone from the
        source, Conflict when our branch moved meanwhile.
        """
        theirs = self._fetch_source(source, branch)
        ours = self.head(branch)
        if theirs == ours or self.is_ancestor(theirs, ours):
            return Refreshed(False, ours, ours, theirs, is_diverged=False)
        if not self.is_ancestor(ours, theirs):
            return Refreshed(False, ours, ours, theirs, is_diverged=True)
        self.move_branch(branch, expected=ours, new=theirs)
        return Refreshed(True, ours, theirs, theirs, is_diverged=False)

    def _fetch_source(self, path: Path, branch: str) -> str:
        location = source.locate(path)
        ours = git.check_ref_name(f"refs/source/{branch}")
        with source.shadow_of(location) as shadow:
            theirs = source.branches_of(shadow).get(branch_ref(branch))
            if theirs is None:
                raise RepositoryProblem(
                    f"{location.path} has no branch {branch!r}. Nothing was changed; "
                    "make the branch there or choose another one."
                )
            git.fetch(shadow, theirs, into=self.path, ref=ours)
        return theirs

    def create_tree(self, tree: Path, *, commit: str) -> None:
        """A working tree at `<project>/trees/<name>`, branch `work` at `commit`; see trees.create_tree."""
        trees.create_tree(self, tree, commit=commit)

    def checkout_clean(self, directory: Path, *, commit: str) -> None:
        """A tree like any other, for verification: exactly what `commit` holds."""
        trees.create_tree(self, directory, commit=commit)

    async def commit_tree(self, tree: Path, *, message: str, ref: str, base: str, marker: str = "") -> str:
        """Commits the tree's files inside the sandbox and takes the commit over; see trees.commit_tree."""
        return await trees.commit_tree(self, tree, message=message, ref=ref, base=base, marker=marker)

    def trial_merge(self, *, onto: str, commit: str) -> TrialMerge:
        """Merges in the object store only: no working tree, no ref.

        Raises RepositoryProblem for histories that have nothing in common.
        """
        can_fast_forward = self.is_ancestor(check_commit_id(onto), check_commit_id(commit))
        if self.merge_base(onto, commit) is None:
            raise RepositoryProblem(
                "The two histories have no commit in common, so they cannot be merged. Nothing was changed; "
                "start the work again from the project's branch."
            )
        answer = run_git(
            ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", onto, commit],
            git_dir=self.path,
            ok=(0, 1),
            timeout_seconds=300,
        )
        tree, *names = answer.out.split(b"\0")
        conflicts = tuple(dict.fromkeys(git.shown(name) for name in names if name))
        if answer.status:
            return TrialMerge(False, None, conflicts, can_fast_forward)
        return TrialMerge(True, tree.decode().strip(), (), can_fast_forward)

    def create_merge(
        self,
        *,
        branch: str,
        onto: str,
        commit: str,
        tree: str,
        message: str,
        author: Person,
        key: SigningKey,
        now: dt.datetime | None = None,
    ) -> str:
        """Writes the signed merge of `commit` into `branch` at `onto` and returns its id; moves no ref.

        `tree` comes from `trial_merge`. The same arguments and time give the same commit. Raises
        RepositoryProblem when a parent or the tree is not here, BadInput for an empty message.
        """
        branch_ref(branch)
        text = message.replace("\0", "").strip()
        if not text:
            raise BadInput("A merge needs a message; nothing was changed.")
        for name, kind in ((tree, "tree"), (onto, "commit"), (commit, "commit")):
            self.require(name, kind)
        stamp = f"{int((now or clock.now()).timestamp())} +0000"
        lines = [
            f"tree {tree}",
            f"parent {onto}",
            f"parent {commit}",
            f"author {author.line} {stamp}",
            f"committer {COMMITTER} {stamp}",
        ]
        raw = ("\n".join(lines) + f"\n\n{text}\n").encode("utf-8", "replace")
        signed = signing.with_signature(raw, key)
        arguments = ["hash-object", "-t", "commit", "-w", "--stdin"]
        return run_git(arguments, git_dir=self.path, stdin=signed).text

    def move_branch(self, branch: str, *, expected: str, new: str) -> None:
        """Moves our branch from `expected` to `new`, a descendant, by compare-and-swap.

        Raises Conflict when the branch is elsewhere by now, RepositoryProblem when `new` would drop commits.
        """
        ref = branch_ref(branch)
        self.require(new, "commit")
        if not self.is_ancestor(expected, new):
            raise RepositoryProblem(
                f"{new[:10]} does not contain what {branch} has now, so moving it would lose commits. "
                "Nothing was changed; merge onto the branch first."
            )
        self.update_ref(ref, new=new, expected=expected, why="merged")


def _plain(text: str) -> str:
    kept = "".join(character for character in text if character.isprintable() and character not in "<>")
    return " ".join(kept.split()).strip(".,:;'\"\\")[:200]


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Holds the folder's lock; the kernel lets go of it when the process dies."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
