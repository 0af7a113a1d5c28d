"""The one door to git: a scrubbed environment, bounded processes, and GitPython's object reader inside both.

Nothing here trusts a repository. Configuration comes from one file of ours, hooks and helpers have nowhere to
come from, names are checked before they reach a command line, and every process has a time limit.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from leadroom.lib.errors import BadInput

# GitPython looks for git when imported; without git the house must still start so that `doctor` can say so
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
from git.cmd import Git
from git.repo import Repo

NO_COMMIT = "0" * 40
OUTPUT_LIMIT_BYTES = 64 * 1024 * 1024
SECONDS = 60.0  # for anything that does not move many objects
SECONDS_FOR_OBJECTS = 900.0  # a fetch, a checkout or a check of a large repository

_COMMIT_ID = re.compile(r"[0-9a-f]{40}")
_FORBIDDEN_IN_REF = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//")

# -c beats every file, also the configuration of the repository itself
_OVERRIDES = ("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false")

_CONFIGURATION = """\
# Written by Leadroom at every start; changes made here do not stay.
[safe]
\tdirectory = *
[core]
\thooksPath = /dev/null
\tfsmonitor = false
\tattributesFile = /dev/null
\texcludesFile = /dev/null
\tfsync = committed,reference
[gc]
\tauto = 0
[maintenance]
\tauto = false
[protocol]
\tallow = never
[protocol "file"]
\tallow = always
[protocol "ext"]
\tallow = never
[uploadpack]
\tallowAnySHA1InWant = true
[submodule]
\trecurse = false
[fetch]
\trecurseSubmodules = false
[init]
\tdefaultBranch = main
[user]
\tname = Leadroom
\temail = leadroom@leadroom.invalid
"""


class RepositoryProblem(BadInput):
    """A repository cannot be used as asked; the sentence says why, what was kept, and what to do."""


class GitFailed(RepositoryProblem):
    """A git process ended badly: its exit status (negative: killed) and what it said."""

    def __init__(self, sentence: str, *, status: int, detail: str) -> None:
        super().__init__(sentence)
        self.status, self.detail = status, detail


@dataclass(frozen=True)
class Answer:
    """What a git process wrote; `is_cut` when more came than the limit allowed and it was stopped."""

    status: int
    out: bytes
    is_cut: bool = False

    @property
    def text(self) -> str:
        """The output for people: UTF-8, other bytes as `\\xNN`, without the final newline."""
        return shown(self.out).rstrip("\n")


def shown(raw: bytes) -> str:
    """A name or text of git's as storable text; bytes that are not UTF-8 become `\\xNN`."""
    return raw.decode("utf-8", "backslashreplace")


def configuration_file() -> Path:
    """`<home>/gitconfig`, the only one our git reads; written (atomically) when missing or changed."""
    path = settings.HOME_DIR / "gitconfig"
    try:
        if path.read_text() == _CONFIGURATION:
            return path
    except (OSError, UnicodeDecodeError):
        pass  # missing or damaged: written anew below
    descriptor, draft = tempfile.mkstemp(prefix=".gitconfig-", dir=settings.HOME_DIR)
    with os.fdopen(descriptor, "w") as file:
        file.write(_CONFIGURATION)
    os.replace(draft, path)
    return path


def environment(**extra: str) -> dict[str, str]:
    """The whole environment of a git process of ours; nothing of the caller's but PATH passes."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(settings.HOME_DIR / "run"),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(configuration_file()),
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",  # a missing object must not start a remote helper
        "GIT_ALLOW_PROTOCOL": "file",
        "GIT_LITERAL_PATHSPECS": "1",
        "GIT_EDITOR": ":",
        "GIT_PAGER": "cat",
        **extra,
    }


def run_git(
    arguments: Sequence[str],
    *,
    git_dir: Path | None = None,
    stdin: bytes = b"",
    ok: Sequence[int] = (0,),
    timeout_seconds: float = SECONDS,
    output_limit_bytes: int = OUTPUT_LIMIT_BYTES,
    may_cut: bool = False,
    with_errors: bool = False,
    extra_env: dict[str, str] | None = None,
) -> Answer:
    """Runs `git <arguments>` on `git_dir` (a repository of ours or a shadow, never a folder others write to).

    Returns the standard output (`with_errors`: the standard error among it). Raises GitFailed when the exit
    status is not in `ok`, when it takes longer than `timeout_seconds`, and, unless `may_cut`, when it writes
    more than `output_limit_bytes`. The process and its children are gone on return.
    """
    where = ("--git-dir", str(git_dir)) if git_dir is not None else ()
    argv = ["git", "--no-pager", *_OVERRIDES, *where, *arguments]
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as errors:
        source.write(stdin)
        source.seek(0)
        try:
            process = subprocess.Popen(
                argv,
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if with_errors else errors,
                env=environment(**(extra_env or {})),
                cwd=git_dir or settings.HOME_DIR / "run",
                start_new_session=True,
            )
        except OSError as error:
            raise GitFailed(
                f"git could not be started ({error.strerror}). Nothing was changed; run `manage.py doctor`.",
                status=-1,
                detail=str(error),
            ) from error
        out, is_late = _read_bounded(process, output_limit_bytes, timeout_seconds)
        status = process.returncode
        errors.seek(0)
        detail = _last_words(errors)
    is_cut = len(out) > output_limit_bytes
    if is_cut and may_cut:
        return Answer(0, out[:output_limit_bytes], is_cut=True)
    if is_late or is_cut or status not in ok:
        raise _failure(arguments, status, detail, timeout_seconds if is_late else None, is_cut)
    return Answer(status, out)


def _read_bounded(process: subprocess.Popen[bytes], limit: int, timeout_seconds: float) -> tuple[bytes, bool]:
    """At most `limit` + 1 bytes of output, and whether it ran out of time. Reaps the process."""
    late = threading.Event()

    def stop() -> None:
        late.set()
        _kill_group(process)

    timer = threading.Timer(timeout_seconds, stop)
    timer.daemon = True
    timer.start()
    try:
        assert process.stdout is not None  # noqa: S101 - for the type checker: opened with PIPE
        out = process.stdout.read(limit + 1)
        if len(out) > limit:
            _kill_group(process)
        process.wait()
    except BaseException:
        _kill_group(process)
        process.wait()
        raise
    finally:
        timer.cancel()
        if process.stdout is not None:
            process.stdout.close()
    return out, late.is_set()


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _last_words(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - 4000))
    lines = [line for line in shown(errors.read()).splitlines() if line.strip()]
    telling = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    return telling[0].removeprefix("fatal: ").removeprefix("error: ")[:300] if telling else ""


def _failure(arguments: Sequence[str], status: int, detail: str, late_after: float | None, is_cut: bool) -> GitFailed:
    verb = next(word for word in arguments if word != "-c" and "=" not in word)
    if late_after is not None:
        why = f"did not finish within {late_after:g} seconds"
    elif is_cut:
        why = "wrote more than Leadroom reads"
    else:
        why = f"failed: {detail}" if detail else f"failed with exit status {status}"
    return GitFailed(
        f"git {verb} {why}. Nothing was changed; look at the repository with git itself, then try again.",
        status=status,
        detail=detail,
    )


def fetch(origin: Path, what: str, *, into: Path, ref: str = "", options: Sequence[str] = ()) -> None:
    """Brings `what` (a full ref name or commit id) from a repository or bundle, as `ref` if one is given.

    No tags, no FETCH_HEAD, no clean-up afterwards; `options` go before the verb. Raises GitFailed.
    """
    arguments = [*options, "fetch", "--quiet", "--no-write-fetch-head", "--no-tags", "--no-auto-maintenance"]
    wanted = f"+{what}:{ref}" if ref else what
    run_git(
        [*arguments, "--no-recurse-submodules", "--", str(origin), wanted],
        git_dir=into,
        timeout_seconds=SECONDS_FOR_OBJECTS,
    )


def is_commit_id(text: str) -> bool:
    """Whether `text` is a full object id in lower case."""
    return _COMMIT_ID.fullmatch(text) is not None


def check_commit_id(text: str) -> str:
    """`text` if it is a full object id. Raises BadInput otherwise."""
    if not is_commit_id(text):
        raise BadInput(f"{text[:60]!r} is not a full commit id; nothing was changed.")
    return text


def is_ref_name(name: str) -> bool:
    """The rules of `git check-ref-format` for a full name that starts with `refs/`."""
    parts = name.split("/")
    return (
        name.startswith("refs/")
        and len(parts) >= 3
        and len(name.encode("utf-8", "replace")) <= 1000
        and not _FORBIDDEN_IN_REF.search(name)
        and not name.endswith(".")
        and all(part and not part.startswith(".") and not part.endswith(".lock") for part in parts)
        and not any("\ud800" <= character <= "\udfff" for character in name)
    )


def check_ref_name(name: str) -> str:
    """`name` if git allows it as a full ref name. Raises BadInput otherwise."""
    if not is_ref_name(name):
        raise BadInput(f"{name[:120]!r} is not a name git allows; nothing was changed, choose another name.")
    return name


def branch_ref(branch: str) -> str:
    """`refs/heads/<branch>`. Raises BadInput for a name git does not allow."""
    return check_ref_name(f"refs/heads/{branch}")


@contextlib.contextmanager
def scratch_folder(prefix: str) -> Iterator[Path]:
    """A private folder under `<home>/run`, gone afterwards with everything in it (links are not followed)."""
    parent = settings.HOME_DIR / "run"
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{prefix}-", dir=parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def clear_stale_locks(git_dir: Path, *, max_age_seconds: float) -> tuple[str, ...]:
    """Removes git's `*.lock` files older than that from a repository and returns their names inside it.

    Only for a caller who knows that no git process works there any more. Runs no git, follows no link.
    """
    removed = []
    for folder, _, files in os.walk(git_dir):
        for name in files:
            lock = Path(folder) / name
            with contextlib.suppress(FileNotFoundError):
                if name.endswith(".lock") and time.time() - lock.lstat().st_mtime >= max_age_seconds:
                    lock.unlink()
                    removed.append(str(lock.relative_to(git_dir)))
    return tuple(sorted(removed))


class _ScrubbedGit(Git):
    """GitPython's command wrapper held to our environment: it only ever starts its object reader."""

    def execute(  # type: ignore[override]  # of the many forms only the one the reader uses
        self, command: Any, istream: Any = None, *, as_process: bool = False, **_: Any
    ) -> Any:
        if not as_process or list(command[:2]) != [self.GIT_PYTHON_GIT_EXECUTABLE, "cat-file"]:
            raise NotImplementedError("GitPython only reads objects here; other git goes through run_git")
        process = subprocess.Popen(
            ["git", *_OVERRIDES, "--git-dir", str(self.working_dir), *command[1:]],
            stdin=istream,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
            cwd=self.working_dir,
        )
        return self.AutoInterrupt(process, command)


class _ControlRepo(Repo):
    GitCommandWrapperType = _ScrubbedGit


@contextlib.contextmanager
def open_objects(git_dir: Path) -> Iterator[Repo]:
    """GitPython's view of a bare repository of ours, for reading commits, trees and blobs; ended on exit."""
    with _ControlRepo(git_dir, expand_vars=False) as repository:
        yield repository
