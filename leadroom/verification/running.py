"""The process that runs a frozen plan: clean checkout, sandbox, one result per case. Nobody's word is taken for it."""

import asyncio
import logging
import shutil
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.db import close_old_connections

from leadroom.guardrails.watch import SwitchWatch
from leadroom.lib.clock import now
from leadroom.lib.crash import crash_point
from leadroom.lib.errors import Conflict, Fenced, LeadroomError
from leadroom.lib.leases import LEAVE_SECONDS, HoldEnd, HolderLock, hold, holder_lock, holder_mark
from leadroom.lib.shapes import clip, storable
from leadroom.sandbox.process import Completed, run
from leadroom.sandbox.profiles import Mount, tree_profile
from leadroom.sandbox.registry import sweep
from leadroom.testplans.models import TestCase
from leadroom.verification import actions
from leadroom.verification.actions import Result
from leadroom.verification.enums import Outcome
from leadroom.verification.junit import SIZE_LIMIT, read_results
from leadroom.verification.models import VerificationRun
from leadroom.worktrees.git import scratch_folder
from leadroom.worktrees.keeping import control_of

log = logging.getLogger(__name__)
SETUP_SECONDS = 600.0
ALL_CASES_SECONDS = 900.0
ONE_CASE_SECONDS = 120.0
OUTPUT_LIMIT = 200_000
OUT = "/work/out"
PYTEST_OPTIONS = ("-q", "-p", "no:cacheprovider", "-o", "junit_family=xunit2", "--rootdir=.")
"""Results are named from the tree's root, also where a folder has a pytest.ini of its own."""
START_PYTEST = "import os, sys, pytest; sys.path.insert(0, os.getcwd()); sys.exit(pytest.main(sys.argv[1:]))"
"""As `python -m pytest`, except that a pytest.py in the tree cannot take the runner's place."""
_NOTHING_RAN = {4, 5}
"""pytest's exit status for usage errors (such as a node id that is not there) and for no tests."""


def hold_verification(verification_id: int, generation: int) -> None:
    """Run one verification under this generation. Meant to be a process of its own."""
    verification = VerificationRun.objects.select_related("item__project", "plan").get(pk=verification_id)
    if verification.generation != generation:
        log.info("verification %s moved on to generation %s", verification_id, verification.generation)
        return
    name = f"verification-{verification_id}"
    try:
        lock = HolderLock(holder_lock(settings.HOME_DIR, name), wait_seconds=LEAVE_SECONDS)
    except Conflict as error:
        log.warning("%s", error)
        return

    mark = holder_mark(settings.HOME_DIR, name)
    watch = SwitchWatch(project_id=verification.item.project_id, agent_id=None, marker=mark)

    def renew() -> None:
        close_old_connections()
        actions.renew(verification=verification, now=now())

    try:
        if asyncio.run(hold(_verify(verification, name, watch), renew)) is HoldEnd.STOPPED:
            actions.take_back(verification=verification, now=now())
    except Fenced as error:
        log.info("%s", error)
    finally:
        watch.stop()
        sweep(mark)
        shutil.rmtree(_tree_of(verification), ignore_errors=True)
        lock.release()


async def _verify(verification: VerificationRun, name: str, watch: SwitchWatch) -> None:
    watch.start()  # not before signals are handled: it ends the work by one, and the verification is queued again
    tree = _tree_of(verification)
    try:
        shutil.rmtree(tree, ignore_errors=True)  # what a killed verification left
        control = await asyncio.to_thread(control_of, verification.item.project)
        await asyncio.to_thread(control.checkout_clean, tree, commit=verification.commit)
        results, output = await _run_plan(verification, tree, name)
        crash_point("verification.before-finish")
        await asyncio.to_thread(actions.finish, verification=verification, results=results, output=output, now=now())
    except Fenced:
        raise
    except LeadroomError as error:
        await asyncio.to_thread(actions.break_off, verification=verification, problem=str(error), now=now())
    except Exception as error:
        log.exception("verification %s broke", verification.pk)
        problem = f"Leadroom itself failed here ({type(error).__name__}: {error}). Nothing was merged; run it again."
        await asyncio.to_thread(actions.break_off, verification=verification, problem=problem, now=now())


def _tree_of(verification: VerificationRun) -> Path:
    return verification.item.project.folder / "trees" / f"verification-{verification.pk}"


async def _run_plan(verification: VerificationRun, tree: Path, name: str) -> tuple[dict[int, Result], str]:
    cases = await asyncio.to_thread(lambda: list(verification.plan.cases.all()))
    bench = _Bench(tree, holder_mark(settings.HOME_DIR, name))
    if setup := verification.item.project.setup_command:
        await bench.set_up(setup)
    found = await bench.pytest([case.node_id for case in cases if case.node_id])
    results = {case.pk: await bench.command(case) if case.command else found[case.node_id] for case in cases}
    return results, clip(bench.output, OUTPUT_LIMIT)


class _Bench:
    """Runs things in one tree, each in a sandbox of its own, and keeps what they printed."""

    def __init__(self, tree: Path, marker: str) -> None:
        self._tree, self._marker = tree, marker
        self.output = ""

    async def _run(self, argv: list[str], seconds: float, *mounts: Mount) -> Completed:
        profile = tree_profile(self._tree, is_writable=True, extra=mounts)
        done = await run(profile, argv, timeout_seconds=seconds, output_limit_bytes=OUTPUT_LIMIT, marker=self._marker)
        self.output += f"$ {' '.join(argv)}\n{_text(done)}\n"
        if done.is_timed_out:
            self.output += f"(stopped after {seconds:g} s)\n"
        return done

    async def set_up(self, command: str) -> None:
        done = await self._run(["sh", "-c", command], SETUP_SECONDS)
        if done.exit_status:
            tail = _text(done)[-600:]
            raise LeadroomError(
                f"The project's set-up command failed with status {done.exit_status}: {tail} Mend it in the project's "
                "settings, then run the verification again."
            )

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
        argv = ["python", "-I", "-c", START_PYTEST, *PYTEST_OPTIONS, f"--junitxml={OUT}/junit.xml", *nodes]
        with scratch_folder("verification") as out:  # nothing an earlier run left can pass for this one's results
            done = await self._run(argv, seconds, Mount(out, OUT, is_writable=True))
            xml = _read_report(out / "junit.xml")
        if done.is_timed_out:
            return _all(nodes, Outcome.ERROR, f"Did not end within {seconds:g} s.") if len(nodes) == 1 else {}
        if xml is None:
            return _unreported(nodes, done)
        try:
            found = read_results(xml, nodes)
        except ValueError as error:
            return _all(nodes, Outcome.ERROR, f"Its results cannot be used: {error}.")
        if done.exit_status not in (0, 1, *_NOTHING_RAN):
            return _all(nodes, Outcome.ERROR, f"The test process ended with status {done.exit_status}.")
        if done.exit_status == 0 or any(r.outcome != Outcome.PASSED for r in found.values()):
            return found
        return {} if done.exit_status in _NOTHING_RAN else _unreported(nodes, done)

    async def command(self, case: TestCase) -> Result:
        done = await self._run(["sh", "-c", case.command], ONE_CASE_SECONDS)
        tail = _text(done)[-4_000:]
        if done.is_timed_out:
            return Result(Outcome.ERROR, done.seconds, f"Did not end within {ONE_CASE_SECONDS:g} s.\n{tail}")
        return Result(Outcome.FAILED if done.exit_status else Outcome.PASSED, done.seconds, tail)


def _read_report(path: Path) -> bytes | None:
    """The file a sandbox left, a byte more than is accepted at most; None when it is no plain file."""
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        return file.read(SIZE_LIMIT + 1)


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
