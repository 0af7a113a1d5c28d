"""Working trees for agents, and the way their work comes back.

A tree borrows the control repository's objects through a relative path, so the data folder can be moved and
the same path holds inside the sandbox. Once an agent has been in a tree, git touches it only in the sandbox;
what comes out is a bundle, checked in a scratch repository before any of it enters the control repository.
"""

import asyncio
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leadroom.lib.errors import BadInput, Conflict
from leadroom.sandbox import process
from leadroom.sandbox.profiles import Mount, Profile, tree_profile
from leadroom.worktrees import git
from leadroom.worktrees.git import RepositoryProblem, check_commit_id, run_git, scratch_folder
from leadroom.worktrees.repository import BareRepository

BLOB_LIMIT_BYTES = 50 * 1024 * 1024
BUNDLE_LIMIT_BYTES = 300 * 1024 * 1024
_OUT = "/work/out"
_CONFIGURATION = """\
[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogAllRefUpdates = true
\thooksPath = /dev/null
\tfsmonitor = false
\tautocrlf = false
\t# inside the sandbox every file seems to have another owner; without these git would read them all again
\tcheckStat = minimal
\ttrustctime = false
[user]
\tname = Leadroom agent
\temail = agent@leadroom.invalid
[commit]
\tgpgSign = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
"""
# what running tests leaves behind must not become part of anybody's commit
_EXCLUDED = """\
__pycache__/
*.py[cod]
.pytest_cache/
.mypy_cache/
.ruff_cache/
.hypothesis/
.coverage
"""
_IN_SANDBOX = (
    "git",
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false"),
    *("-c", "gc.auto=0", "-c", "commit.gpgSign=false"),
    *("-c", "user.name=Leadroom agent", "-c", "user.email=agent@leadroom.invalid"),
)


def create_tree(control: BareRepository, tree: Path, *, commit: str) -> None:
    """Makes a working tree at `<project>/trees/<name>` with `commit` checked out on a branch `work`.

    Whole or not at all. No filter, hook or submodule of the repository is run; there is no remote.
    Raises BadInput for another place, Conflict when something is there already, RepositoryProblem when the
    commit is not in the control repository or cannot be checked out.
    """
    if tree.parent != control.path.parent / "trees" or tree.name.startswith("."):
        raise BadInput(f"{tree} is not a place for a working tree of this project; nothing was changed.")
    if os.path.lexists(tree):
        raise Conflict(f"A working tree {tree.name} exists already. It was left as it is; use another name.")
    if control.resolve(check_commit_id(commit)) is None:
        raise RepositoryProblem(
            f"{commit[:10]} is not in Leadroom's copy of the project. Nothing was changed; refresh the project first."
        )
    tree.parent.mkdir(mode=0o700, exist_ok=True)
    draft = tree.with_name(f".{tree.name}.incoming")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        _fill(draft, control, commit)
        os.rename(draft, tree)
    except OSError as error:
        raise RepositoryProblem(
            f"The working tree {tree.name} could not be written ({error.strerror}). Nothing was kept of it; "
            "look at the disk's free space, then try again."
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _fill(draft: Path, control: BareRepository, commit: str) -> None:
    run_git(["init", "--quiet", "--template=", "--initial-branch=work", str(draft)])
    git_dir = draft / ".git"
    (git_dir / "config").write_text(_CONFIGURATION)
    for name, text in {
        "objects/info/alternates": os.path.relpath(control.path / "objects", git_dir / "objects") + "\n",
        "info/exclude": _EXCLUDED,
    }.items():
        (git_dir / name).parent.mkdir(exist_ok=True)
        (git_dir / name).write_text(text)
    run_git(["update-ref", "refs/heads/work", commit], git_dir=git_dir)
    run_git(
        ["read-tree", "--reset", "-u", commit],
        git_dir=git_dir,
        extra_env={"GIT_WORK_TREE": str(draft)},
        timeout_seconds=git.SECONDS_FOR_OBJECTS,
    )


async def commit_tree(
    control: BareRepository, tree: Path, *, message: str, ref: str, base: str, marker: str = ""
) -> str:
    """Commits everything in the tree (inside the sandbox) and brings it into the control repository as `ref`.

    `ref` is one of Leadroom's own, such as `refs/leadroom/runs/42`; `marker` is the sandbox registry's.
    Returns the commit; the tree's present one when nothing changed. Safe to repeat after a crash anywhere.
    Raises RepositoryProblem, with the tree's files and the control repository as they were, when the work
    does not build on `base`, brings a new submodule, a file above 50 MiB, or objects git thinks dangerous;
    BadInput for a bad message, ref or tree.
    """
    if not message.strip():
        raise BadInput("A commit needs a message; nothing was changed.")
    if not ref.startswith("refs/leadroom/"):
        raise BadInput(f"{ref[:120]!r} is not one of Leadroom's own refs; nothing was changed.")
    git.check_ref_name(ref)
    check_commit_id(base)
    with scratch_folder("bundle") as out:
        extra = (Mount(out, _OUT, is_writable=True),)
        profile = tree_profile(tree, is_writable=True, is_git_writable=True, extra=extra)
        confined = _ConfinedGit(profile, tree.name, marker)
        commit = await confined.commit_all(message)
        if await asyncio.to_thread(control.resolve, commit) is None:
            await confined.run("bundle", "create", f"{_OUT}/tree.bundle", "HEAD", f"^{base}")
            bundle = out / "tree.bundle"
            await asyncio.to_thread(_bring_in, control, bundle, commit=commit, base=base, ref=ref)
        else:
            await asyncio.to_thread(_check_descent, control, base, commit)
            await asyncio.to_thread(control.set_ref, ref, commit)
    return commit


@dataclass(frozen=True)
class _ConfinedGit:
    """git as it may run in a tree an agent has been in: inside the sandbox, and believed in nothing."""

    profile: Profile
    name: str
    marker: str

    async def commit_all(self, message: str) -> str:
        """Commits what differs, if anything does, and returns HEAD."""
        await self.run("add", "--all", "--", ".")
        staged = await self.run("diff", "--cached", "--quiet", "--no-ext-diff", "--no-textconv", ok=(0, 1))
        if staged.exit_status == 1:
            text = message.replace("\0", "").encode("utf-8", "replace")
            await self.run("commit", "--quiet", "--no-verify", "--cleanup=whitespace", "--file=-", stdin=text)
        answer = await self.run("rev-parse", "--verify", "HEAD")
        found = re.findall(rb"^[0-9a-f]{40}$", answer.output, re.MULTILINE)
        if len(found) != 1:
            raise _not_committed(self.name, "its HEAD cannot be read")
        return bytes(found[0]).decode()

    async def run(self, *arguments: str, stdin: bytes = b"", ok: Sequence[int] = (0,)) -> process.Completed:
        """One git command; raises RepositoryProblem when it ends badly or not at all."""
        answer = await process.run(
            self.profile, (*_IN_SANDBOX, *arguments), stdin=stdin, timeout_seconds=300, marker=self.marker
        )
        if answer.is_timed_out:
            raise _not_committed(self.name, f"git {arguments[0]} did not end within five minutes")
        if answer.exit_status not in ok:
            lines = git.shown(answer.output).splitlines()
            words = [line[:300] for line in lines if line.startswith(("fatal:", "error:"))]
            words.append(f"git {arguments[0]} ended with exit status {answer.exit_status}")
            raise _not_committed(self.name, words[0])
        return answer


def _not_committed(name: str, why: str) -> RepositoryProblem:
    return RepositoryProblem(
        f"The work in the tree {name} could not be committed: {why}. The tree's files were left as they are; "
        "mend what is named, then try again."
    )


def _bring_in(control: BareRepository, bundle: Path, *, commit: str, base: str, ref: str) -> None:
    """Unpacks the bundle beside the control repository, judges it, and only then lets it in."""
    if bundle.is_symlink() or not bundle.is_file() or bundle.stat().st_size > BUNDLE_LIMIT_BYTES:
        raise _refused(f"it is larger than {BUNDLE_LIMIT_BYTES // 1024**2} MB or was not delivered")
    with scratch_folder("incoming") as folder:
        unpacked = _beside(control, folder / "unpacked.git", base)
        judged = _beside(control, folder / "judged.git", base)
        try:
            git.fetch(bundle, "HEAD", into=unpacked.path, ref="refs/heads/incoming")
            # git 2.39 checks what it fetches from a repository, but not what it fetches from a bundle
            checks = ("-c", "fetch.fsckObjects=true", "-c", f"fetch.fsck.skipList={_known(judged, base)}")
            git.fetch(unpacked.path, commit, into=judged.path, ref="refs/heads/incoming", options=checks)
        except git.GitFailed as error:
            raise _refused(f"git does not accept its objects ({error.detail})") from error
        _check_descent(judged, base, commit)
        _check_new_objects(judged, base, commit)
        git.fetch(judged.path, commit, into=control.path, ref=ref)


def _beside(control: BareRepository, path: Path, base: str) -> BareRepository:
    """An empty repository that knows the control repository's objects, with `base` as its one branch."""
    run_git(["init", "--quiet", "--bare", "--template=", str(path)])
    (path / "objects" / "info" / "alternates").write_text(f"{control.path / 'objects'}\n")
    run_git(["update-ref", "refs/heads/base", base], git_dir=path)
    return BareRepository(path)


def _known(judged: BareRepository, base: str) -> str:
    """Lists the files git looks into that the project brought itself: not for the agent to answer for.

    The name is relative to the repository, where git runs: git would split a longer path at a space.
    """
    listing = run_git(["ls-tree", "-r", "-z", base], git_dir=judged.path).out.split(b"\0")
    entries = [entry.partition(b"\t") for entry in listing]
    names = (b".gitmodules", b".gitattributes")
    blobs = {details.split()[2] for details, _, path in entries if path.rpartition(b"/")[2].lower() in names}
    (judged.path / "known-objects").write_bytes(b"".join(blob + b"\n" for blob in sorted(blobs)))
    return "known-objects"


def _check_descent(repository: BareRepository, base: str, commit: str) -> None:
    if not repository.is_ancestor(base, commit):
        raise _refused(f"it does not build on {base[:10]}, the commit the work started from")


def _check_new_objects(repository: BareRepository, base: str, commit: str) -> None:
    for change in repository.changed_files(base, commit):
        if change.mode == "160000" and change.old_mode != "160000":
            raise _refused(f"{change.path} is a repository inside the tree; remove its .git folder")
    wanted = ["rev-list", "--objects", "--no-object-names", commit, f"^{base}"]
    listing = run_git(wanted, git_dir=repository.path).out
    batch = ["cat-file", "--batch-check=%(objecttype) %(objectsize)"]
    sizes = run_git(batch, git_dir=repository.path, stdin=listing)
    for line in sizes.out.splitlines():
        kind, size = line.split()
        if kind == b"blob" and int(size) > BLOB_LIMIT_BYTES:
            megabytes = int(size) / 1024**2
            raise _refused(f"a new file has {megabytes:,.0f} MB and the limit is 50; take it out of the work")


def _refused(why: str) -> RepositoryProblem:
    return RepositoryProblem(
        f"The work in this tree was not taken over: {why}. The tree's files were left as they are "
        "and nothing else was changed."
    )
