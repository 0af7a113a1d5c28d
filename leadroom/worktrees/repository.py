"""A bare repository of ours: what is in it, compared, checked, and its refs moved with care."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadroom.lib.errors import BadInput, Conflict
from leadroom.worktrees import changes, git, signing
from leadroom.worktrees.git import RepositoryProblem, branch_ref, check_commit_id, run_git

FILE_LIMIT_BYTES = 10 * 1024 * 1024
_LAID_OVER_AT = "1700000000 +0000"
"""Laid-over commits are written by mechanism: the same files give the same commit."""


@dataclass(frozen=True)
class TreeEntry:
    """A path of a commit as git keeps it: mode (`100644`, `100755`, `120000` link, `160000` submodule) and object."""

    mode: str
    blob: str

    def __str__(self) -> str:
        return f"{self.mode} {self.blob}"

    @classmethod
    def parse(cls, text: str) -> "TreeEntry":
        """The reverse of `str`."""
        mode, _, blob = text.partition(" ")
        return cls(mode, blob)


class BareRepository:
    """A bare repository nobody but Leadroom writes to. Commits are named by full ids."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def head(self, branch: str) -> str:
        """The commit our branch is at. Raises RepositoryProblem when there is no such branch."""
        commit = self.resolve(branch_ref(branch))
        if commit is None:
            raise RepositoryProblem(
                f"Leadroom's copy of the project has no branch {branch!r}. Nothing was changed; "
                "refresh the project from its repository."
            )
        return commit

    def resolve(self, ref: str) -> str | None:
        """The commit a full ref name (`refs/…`) or a full commit id stands for, None when there is none."""
        if not (git.is_commit_id(ref) or git.is_ref_name(ref)):
            return None
        arguments = ["rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"]
        answer = run_git(arguments, git_dir=self.path, ok=(0, 1, 128))
        return answer.text if answer.status == 0 and git.is_commit_id(answer.text) else None

    def is_ancestor(self, ancestor: str, commit: str) -> bool:
        """Whether `commit` contains `ancestor` (a commit contains itself). False when either is not here."""
        arguments = ["merge-base", "--is-ancestor", check_commit_id(ancestor), check_commit_id(commit)]
        return run_git(arguments, git_dir=self.path, ok=(0, 1, 128)).status == 0

    def merge_base(self, one: str, other: str) -> str | None:
        """The best common ancestor, None for unrelated histories."""
        arguments = ["merge-base", check_commit_id(one), check_commit_id(other)]
        answer = run_git(arguments, git_dir=self.path, ok=(0, 1))
        return answer.text if answer.status == 0 else None

    def changed_files(self, base: str, commit: str) -> tuple[changes.ChangedFile, ...]:
        """What differs from `base` to `commit`, renames found."""
        return changes.changed_files(self.path, check_commit_id(base), check_commit_id(commit))

    def diff(self, base: str, commit: str, *, limit_bytes: int = 400_000) -> str:
        """The unified diff from `base` to `commit`, cut after a whole line at the limit (and saying so)."""
        for name in (base, commit):
            check_commit_id(name)
        return changes.unified_diff(self.path, base, commit, limit_bytes=limit_bytes)

    def file_at(self, commit: str, path: str, *, limit_bytes: int = FILE_LIMIT_BYTES) -> bytes | None:
        """The file's content in that commit (a link's target for a link), None when there is no such file.

        Raises RepositoryProblem when it is larger than the limit.
        """
        with git.open_objects(self.path) as repository:
            blob = self._blob(repository, commit, path)
            if blob is None:
                return None
            if blob.size > limit_bytes:
                raise RepositoryProblem(
                    f"{path} has {blob.size:,} bytes, more than the {limit_bytes:,} Leadroom reads. "
                    "Nothing was changed; leave it out, or make it smaller."
                )
            return bytes(blob.data_stream.read())

    def blob_id(self, commit: str, path: str) -> str | None:
        """The git object id of the file in that commit, None when there is no such file."""
        with git.open_objects(self.path) as repository:
            blob = self._blob(repository, commit, path)
            return None if blob is None else str(blob.hexsha)

    def files_under(self, commit: str, folder: str) -> list[str]:
        """Paths of the files below a folder in that commit, sorted; empty when there is no such folder."""
        arguments = ["ls-tree", "-r", "-z", "--name-only", "--full-tree", check_commit_id(commit), "--", f"{folder}/"]
        return sorted(git.shown(name) for name in run_git(arguments, git_dir=self.path).out.split(b"\0") if name)

    def listing(self, commit: str) -> dict[str, TreeEntry]:
        """Every file of the commit by path; names that are not UTF-8 have their bytes as `\\xNN`."""
        answer = run_git(["ls-tree", "-r", "-z", "--full-tree", check_commit_id(commit)], git_dir=self.path)
        found = {}
        for line in answer.out.split(b"\0")[:-1]:
            details, _, path = line.partition(b"\t")
            mode, _, blob = details.decode().split()
            found[git.shown(path)] = TreeEntry(mode, blob)
        return found

    def text_of(self, entry: TreeEntry, *, limit_bytes: int = 400_000) -> str:
        """A file's text, cut at the limit; bytes that are not UTF-8 are replaced. Empty for a submodule."""
        if entry.mode == "160000":
            return ""
        arguments = ["cat-file", "blob", check_commit_id(entry.blob)]
        answer = run_git(arguments, git_dir=self.path, output_limit_bytes=limit_bytes, may_cut=True)
        return answer.out.decode("utf-8", "replace")

    def tree_id(self, commit: str) -> str:
        """The id of the commit's tree."""
        return run_git(["rev-parse", f"{check_commit_id(commit)}^{{tree}}"], git_dir=self.path).text

    def write_blob(self, content: bytes) -> str:
        """Keeps the content as an object and returns its id; nothing points to it yet."""
        return run_git(["hash-object", "-w", "--stdin"], git_dir=self.path, stdin=content).text

    def lay_over(self, commit: str, files: Mapping[str, TreeEntry | None]) -> str:
        """A commit like `commit` with these files in it (None: without), made in the object store alone.

        Nothing is written to any working tree, so no link in one can be followed. No ref points to the result;
        it is `commit` itself when nothing differs.
        """
        with git.scratch_folder("index") as folder:
            env = {"GIT_INDEX_FILE": str(folder / "index")}
            run_git(["read-tree", check_commit_id(commit)], git_dir=self.path, extra_env=env)
            lines = [
                f"{entry.mode} {entry.blob}\t{path}" if entry else f"0 {git.NO_COMMIT}\t{path}"
                for path, entry in sorted(files.items())
            ]
            stdin = b"".join(line.encode() + b"\0" for line in lines)
            arguments = ["update-index", "--replace", "-z", "--index-info"]
            run_git(arguments, git_dir=self.path, extra_env=env, stdin=stdin)
            tree = run_git(["write-tree"], git_dir=self.path, extra_env=env).text
        if tree == self.tree_id(commit):
            return commit
        dates = {"GIT_AUTHOR_DATE": _LAID_OVER_AT, "GIT_COMMITTER_DATE": _LAID_OVER_AT}
        arguments = ["commit-tree", tree, "-p", commit, "-m", "Frozen tests laid over"]
        return run_git(arguments, git_dir=self.path, extra_env=dates).text

    @staticmethod
    def _blob(repository: git.Repo, commit: str, path: str) -> Any:
        try:
            found = repository.commit(check_commit_id(commit)).tree / path
        except (KeyError, ValueError, UnicodeEncodeError):
            return None
        return found if found.type == "blob" else None

    def verify_commit(self, commit: str, *, allowed: Collection[bytes]) -> bool:
        """Whether the commit carries a valid signature of one of these keys (`signing.allowed_keys`)."""
        raw = run_git(["cat-file", "commit", check_commit_id(commit)], git_dir=self.path, ok=(0, 128))
        return raw.status == 0 and signing.is_signed_by(raw.out, allowed)

    def set_ref(self, ref: str, commit: str) -> None:
        """Points a ref of Leadroom's own (`refs/leadroom/…`) at a commit that is here."""
        if not ref.startswith("refs/leadroom/"):
            raise BadInput(f"{ref[:120]!r} is not one of Leadroom's own refs; nothing was changed.")
        self.require(commit, "commit")
        run_git(["update-ref", "--no-deref", git.check_ref_name(ref), commit], git_dir=self.path)

    def update_ref(self, ref: str, *, new: str, expected: str, why: str) -> None:
        """Moves a ref by compare-and-swap (`expected` NO_COMMIT: it must not exist). Raises Conflict."""
        reason = ("-m", f"leadroom: {why}")
        try:
            run_git(["update-ref", "--no-deref", *reason, ref, new, check_commit_id(expected)], git_dir=self.path)
        except git.GitFailed as error:
            current = self.resolve(ref)
            if current == (None if expected == git.NO_COMMIT else expected):
                raise
            raise Conflict(
                f"{ref.removeprefix('refs/heads/')} moved to {(current or 'nothing')[:10]} in the meantime. "
                "Nothing was changed; look at the new state and try again."
            ) from error

    def require(self, name: str, kind: str) -> None:
        """Raises RepositoryProblem unless `name` is the id of an object of that kind here."""
        answer = run_git(["cat-file", "-t", check_commit_id(name)], git_dir=self.path, ok=(0, 128))
        if answer.text != kind:
            raise RepositoryProblem(
                f"{name[:10]} is not a {kind} in Leadroom's copy of the project. Nothing was changed; "
                "refresh the project, then try again."
            )

    def fsck(self) -> tuple[str, ...]:
        """git's own check of every object and ref: the damage found, in git's words; empty when sound.

        What git dislikes in the content of a whole object (old histories have such) is not damage.
        """
        answer = run_git(
            ["fsck", "--full", "--no-dangling", "--no-progress", "--no-reflogs"],
            git_dir=self.path,
            ok=range(256),
            timeout_seconds=git.SECONDS_FOR_OBJECTS,
            with_errors=True,
        )
        harmless = ("notice:", "warning", "error in ")
        return tuple(line for line in answer.text.splitlines() if line and not line.startswith(harmless))

    def clear_stale_locks(self, *, max_age_seconds: float) -> tuple[str, ...]:
        """Removes lock files a killed git left; only for a caller who knows that no git works here."""
        return git.clear_stale_locks(self.path, max_age_seconds=max_age_seconds)
