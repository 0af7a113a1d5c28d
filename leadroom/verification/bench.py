"""Runs tests and commands in one tree, each in a sandbox of its own, and believes only what the run itself sealed."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from leadroom.lib.errors import LeadroomError
from leadroom.lib.junitxml import SIZE_LIMIT
from leadroom.lib.shapes import storable
from leadroom.sandbox.process import Completed, run
from leadroom.sandbox.profiles import Mount, tree_profile
from leadroom.verification.actions import Result
from leadroom.verification.enums import Cheat, Outcome
from leadroom.verification.junit import read_results, strangers
from leadroom.verification.naming import Refusal
from leadroom.worktrees.git import scratch_folder

SETUP_SECONDS = 600.0
ALL_CASES_SECONDS = 900.0
ONE_CASE_SECONDS = 120.0
OUTPUT_LIMIT = 200_000
OUT = "/work/out"
PYTEST_OPTIONS = ("-q", "-p", "no:cacheprovider", "-o", "junit_family=xunit2", "--rootdir=.")
"""Results are named from the tree's root, also where a folder has a pytest.ini of its own."""
START_PYTEST = """
import hashlib, hmac, os, sys, pytest

def start(key, arguments, report, seal):
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    sys.path.insert(0, os.getcwd())
    status = int(pytest.main(arguments))
    sys.stdout.flush()
    sys.stderr.flush()
    if os.path.isfile(report):
        digest = hashlib.sha256(open(report, "rb").read()).hexdigest()
        with open(seal, "w") as file:
            file.write(hmac.new(key, f"{status} {digest}".encode(), "sha256").hexdigest())
    os._exit(status)

start(os.read(0, 64), sys.argv[3:], sys.argv[1], sys.argv[2])
"""
"""As `python -m pytest`, except that a pytest.py in the tree cannot take the runner's place, that nothing the tests
registered runs after the results are written, and that the results are sealed with a key no file or argument holds."""
_NOTHING_RAN = {4, 5}
"""pytest's exit status for usage errors (such as a node id that is not there) and for no tests."""


@dataclass(frozen=True)
class Report:
    """What one pytest process left: `xml` is None unless the process itself sealed it on its way out."""

    done: Completed
    xml: bytes | None
    is_forged: bool


@dataclass
class Bench:
    """One tree to run things in. `output` is what they printed; `refusals` what they did instead of being tested."""

    tree: Path
    marker: str
    output: str = ""
    refusals: list[Refusal] = field(default_factory=list)

    async def run(
        self, argv: list[str], seconds: float, *mounts: Mount, stdin: bytes = b"", shown: str = ""
    ) -> Completed:
        profile = tree_profile(self.tree, is_writable=True, extra=mounts)
        done = await run(
            profile,
            argv,
            stdin=stdin,
            timeout_seconds=seconds,
            output_limit_bytes=OUTPUT_LIMIT,
            marker=self.marker,
        )
        ended = f"(stopped after {seconds:g} s)\n" if done.is_timed_out else ""
        if len(self.output) < OUTPUT_LIMIT:
            self.output += f"$ {shown or ' '.join(argv)}\n{_text(done)}\n{ended}"
        return done

    async def set_up(self, command: str) -> None:
        """The project's set-up command. Raises LeadroomError with its last words when it fails."""
        done = await self.run(["sh", "-c", command], SETUP_SECONDS)
        if done.exit_status:
            tail = _text(done)[-600:]
            raise LeadroomError(
                f"The project's set-up command failed with status {done.exit_status}: {tail} Mend it in the project's "
                "settings, then run the verification again."
            )

    async def report(self, arguments: list[str], seconds: float) -> Report:
        """One pytest process and its JUnit XML, which counts only with the seal of this very process."""
        key = secrets.token_hex(32).encode()
        with scratch_folder("verification") as out:  # nothing an earlier run left can pass for this one's results
            report, seal = f"{OUT}/junit.xml", f"{OUT}/seal"
            options = [*PYTEST_OPTIONS, f"--junitxml={report}", *arguments]
            argv = ["python", "-I", "-c", START_PYTEST, report, seal, *options]
            shown = "python -m pytest " + " ".join(options)
            mount = Mount(out, OUT, is_writable=True)
            done = await self.run(argv, seconds, mount, stdin=key, shown=shown)
            xml, sealed = _read_file(out / "junit.xml", SIZE_LIMIT + 1), _read_file(out / "seal", 100)
        if xml is None:
            return Report(done, None, is_forged=False)
        said = f"{done.exit_status} {hashlib.sha256(xml).hexdigest()}".encode()
        is_whole = sealed is not None and hmac.compare_digest(
            sealed, hmac.new(key, said, "sha256").hexdigest().encode()
        )
        return Report(done, xml if is_whole else None, is_forged=not is_whole)

    async def pytest(self, nodes: list[str]) -> dict[str, Result]:
        """All nodes in one go; those that went unreported once more, each alone, so that one cannot hide another."""
        if not nodes:
            return {}
        found = await self._pytest(nodes, ALL_CASES_SECONDS) if len(nodes) > 1 else {}
        for node in nodes:
            if node not in found:
                found |= await self._pytest([node], ONE_CASE_SECONDS)
            if node not in found:
                found[node] = Result(Outcome.MISSING, 0.0, "The test was not found, or its file could not be imported.")
        return found

    async def _pytest(self, nodes: list[str], seconds: float) -> dict[str, Result]:
        report = await self.report(nodes, seconds)
        done, is_alone = report.done, len(nodes) == 1
        if done.is_timed_out:
            return _all(nodes, Outcome.ERROR, f"Did not end within {seconds:g} s.") if is_alone else {}
        if report.xml is None:
            return self._unsealed(nodes, report)
        try:
            found = read_results(report.xml, nodes)
            unasked = strangers(report.xml, nodes)
        except ValueError as error:
            return _all(nodes, Outcome.ERROR, f"Its results cannot be used: {error}.")
        if unasked:
            sentence = f"The results list {unasked[0]!r}, which nobody asked for."
            self._refuse(Cheat.FORGED_RESULTS, sentence)
            return _all(nodes, Outcome.ERROR, sentence)
        if done.exit_status not in (0, 1, *_NOTHING_RAN):
            return _all(nodes, Outcome.ERROR, f"The test process ended with status {done.exit_status}.")
        if done.exit_status == 0 or any(r.outcome != Outcome.PASSED for r in found.values()):
            return found
        return {} if done.exit_status in _NOTHING_RAN else _unreported(nodes, done)

    def _unsealed(self, nodes: list[str], report: Report) -> dict[str, Result]:
        """A process that left before pytest was done. Of several cases each is asked again, alone, to find which."""
        status = report.done.exit_status
        if report.is_forged:
            sentence = "A results file was there that the test run did not seal, so the code under test wrote it."
            self._refuse(Cheat.FORGED_RESULTS, sentence)
            return _all(nodes, Outcome.ERROR, sentence)
        if len(nodes) > 1:
            return {}
        if status in (0, 5):
            sentence = (
                f"{nodes[0]}: the test process ended with status {status} before pytest was done, without a result."
            )
            self._refuse(Cheat.PROCESS_EXIT, sentence)
            return _all(nodes, Outcome.ERROR, sentence)
        return _unreported(nodes, report.done)

    def _refuse(self, cheat: Cheat, sentence: str) -> None:
        if all(refusal.cheat != cheat for refusal in self.refusals):
            self.refusals.append(Refusal(cheat, "", sentence))

    async def command(self, command: str) -> Result:
        """A case that is a command: passed when it ends with status 0."""
        done = await self.run(["sh", "-c", command], ONE_CASE_SECONDS)
        tail = _text(done)[-4_000:]
        if done.is_timed_out:
            return Result(Outcome.ERROR, done.seconds, f"Did not end within {ONE_CASE_SECONDS:g} s.\n{tail}")
        return Result(Outcome.FAILED if done.exit_status else Outcome.PASSED, done.seconds, tail)


def _read_file(path: Path, limit: int) -> bytes | None:
    """The file a sandbox left, at most `limit` bytes; None when it is no plain file."""
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        return file.read(limit)


def _text(done: Completed) -> str:
    return storable(done.output.decode(errors="replace"))


def _all(nodes: Iterable[str], outcome: Outcome, message: str) -> dict[str, Result]:
    return {node: Result(outcome, 0.0, message) for node in nodes}


def _unreported(nodes: list[str], done: Completed) -> dict[str, Result]:
    """A process that reports nothing proves nothing; alone, it is named as the error it is."""
    if len(nodes) > 1 or done.exit_status in _NOTHING_RAN:
        return {}
    tail = _text(done)[-2_000:]
    return _all(nodes, Outcome.ERROR, f"The test process ended with status {done.exit_status} and no result.\n{tail}")
