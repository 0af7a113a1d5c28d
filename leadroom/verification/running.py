"""The process that runs a frozen plan: clean checkout, sandbox, one result per case. Nobody's word is taken for it."""

import asyncio
import logging
import random
import shutil
from pathlib import Path

from django.conf import settings
from django.db import close_old_connections

from leadroom.lib.clock import now
from leadroom.lib.crash import crash_point
from leadroom.lib.errors import Conflict, Fenced, LeadroomError
from leadroom.lib.leases import LEAVE_SECONDS, HoldEnd, HolderLock, hold, holder_lock, holder_mark
from leadroom.lib.shapes import clip
from leadroom.sandbox.registry import sweep
from leadroom.testplans.models import TestCase
from leadroom.verification import actions, seeding
from leadroom.verification.actions import Result
from leadroom.verification.bench import OUTPUT_LIMIT, Bench
from leadroom.verification.enums import Outcome, VerificationState
from leadroom.verification.evidence import Candidate, candidate_of, compare
from leadroom.verification.gates import REPEATS
from leadroom.verification.models import VerificationRun
from leadroom.worktrees.keeping import control_of

log = logging.getLogger(__name__)


def hold_verification(verification_id: int, generation: int) -> None:
    """Run one verification under this generation, then its seeded faults. Meant to be a process of its own."""
    verification = VerificationRun.objects.select_related("item__project", "plan", "hand_in").get(pk=verification_id)
    if verification.generation != generation:
        log.info("verification %s moved on to generation %s", verification_id, verification.generation)
        return
    name = f"verification-{verification_id}"
    try:
        lock = HolderLock(holder_lock(settings.HOME_DIR, name), wait_seconds=LEAVE_SECONDS)
    except Conflict as error:
        log.warning("%s", error)
        return

    def renew() -> None:
        close_old_connections()
        actions.renew(verification=verification, now=now())

    try:
        ended = asyncio.run(hold(_verify(verification, name), renew))
        if ended is HoldEnd.STOPPED:
            actions.take_back(verification=verification, now=now())
        elif ended is HoldEnd.DONE:
            _clear(verification, name)
            _seed_faults(verification, name)
    except Fenced as error:
        log.info("%s", error)
    finally:
        _clear(verification, name)
        lock.release()


def _clear(verification: VerificationRun, name: str) -> None:
    sweep(holder_mark(settings.HOME_DIR, name))
    shutil.rmtree(_tree_of(verification), ignore_errors=True)


def _seed_faults(verification: VerificationRun, name: str) -> None:
    """After the verdict, which nothing here can change any more; broken off it leaves no check."""
    verification.refresh_from_db()
    if verification.state != VerificationState.PASSED or not seeding.is_due(verification):
        return
    try:
        asyncio.run(hold(seeding.check(verification, holder_mark(settings.HOME_DIR, name)), lambda: None))
    except Exception:
        log.exception("the seeded faults of verification %s broke off", verification.pk)


async def _verify(verification: VerificationRun, name: str) -> None:
    tree = _tree_of(verification)
    try:
        shutil.rmtree(tree, ignore_errors=True)  # what a killed verification left
        control = await asyncio.to_thread(control_of, verification.item.project)
        candidate = await asyncio.to_thread(candidate_of, control, verification)
        refused = await asyncio.to_thread(compare, control, candidate)
        bench = Bench(tree, holder_mark(settings.HOME_DIR, name))
        results: dict[int, Result] = {}
        if not refused:
            await asyncio.to_thread(control.checkout_clean, tree, commit=candidate.laid_over)
            results = await _run_plan(verification, bench, candidate)
        crash_point("verification.before-finish")
        await asyncio.to_thread(
            actions.finish,
            verification=verification,
            results=results,
            refusals=[*refused, *bench.refusals],
            evidence=candidate.evidence,
            repeats=REPEATS[verification.item.risk] if results else 0,
            output=clip(bench.output, OUTPUT_LIMIT),
            now=now(),
        )
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


async def _run_plan(verification: VerificationRun, bench: Bench, candidate: Candidate) -> dict[int, Result]:
    """Every case once in the plan's order, then again, shuffled, as often as the item's risk asks for."""
    cases = await asyncio.to_thread(lambda: list(verification.plan.cases.all()))
    if setup := verification.item.project.setup_command:
        await bench.set_up(setup)
    results = await _run_all(bench, cases)
    for turn in range(REPEATS[verification.item.risk]):
        shuffled = list(cases)
        random.Random(f"{candidate.laid_over}{turn}").shuffle(shuffled)  # noqa: S311 - an order, not a secret
        again = await _run_all(bench, shuffled)
        results = {pk: _both(result, again[pk]) for pk, result in results.items()}
    return results


async def _run_all(bench: Bench, cases: list[TestCase]) -> dict[int, Result]:
    found = await bench.pytest([case.node_id for case in cases if case.node_id])
    return {case.pk: await bench.command(case.command) if case.command else found[case.node_id] for case in cases}


def _both(first: Result, again: Result) -> Result:
    """A case that passes once and fails once is flaky: by itself, or by the order it runs in."""
    if (first.outcome == Outcome.PASSED) == (again.outcome == Outcome.PASSED):
        return first
    failed = again if first.outcome == Outcome.PASSED else first
    words = f"It passed once and once it did not ({failed.outcome}), on the same files in another order.\n"
    return Result(Outcome.FLAKY, first.seconds, words + failed.message)
