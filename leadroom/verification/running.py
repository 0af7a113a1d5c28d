"""The process that runs a frozen plan: clean checkout, sandbox, one result per case. Nobody's word is taken for it."""

import asyncio
import logging
import shutil
from pathlib import Path

from django.conf import settings
from django.db import close_old_connections

from leadroom.guardrails.watch import SwitchWatch
from leadroom.lib.clock import now
from leadroom.lib.crash import crash_point
from leadroom.lib.errors import Conflict, Fenced, LeadroomError
from leadroom.lib.leases import LEAVE_SECONDS, HoldEnd, HolderLock, hold, holder_lock, holder_mark, is_held
from leadroom.lib.shapes import clip
from leadroom.sandbox.registry import sweep
from leadroom.verification import actions, seeding
from leadroom.verification.bench import OUTPUT_LIMIT
from leadroom.verification.enums import VerificationState
from leadroom.verification.evidence import candidate_of
from leadroom.verification.examining import examine
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

    mark = holder_mark(settings.HOME_DIR, name)
    watch = SwitchWatch(project_id=verification.item.project_id, agent_id=None, marker=mark)

    def renew() -> None:
        close_old_connections()
        actions.renew(verification=verification, now=now())

    try:
        ended = asyncio.run(hold(_verify(verification, name, watch), renew))
        if ended is HoldEnd.STOPPED:
            actions.take_back(verification=verification, now=now())
        elif ended is HoldEnd.DONE:
            _clear(verification, name)
            _seed_faults(verification, name, watch)
    except Fenced as error:
        log.info("%s", error)
    finally:
        watch.stop()
        _clear(verification, name)
        lock.release()


def _clear(verification: VerificationRun, name: str) -> None:
    sweep(holder_mark(settings.HOME_DIR, name))
    shutil.rmtree(_tree_of(verification), ignore_errors=True)


def _seed_faults(verification: VerificationRun, name: str, watch: SwitchWatch) -> None:
    """After the verdict, which nothing here can change any more. A stop of Leadroom keeps what was tried until then."""
    verified = VerificationRun.objects.select_related("item__project", "plan", "hand_in").get(pk=verification.pk)
    if verified.state != VerificationState.PASSED or not seeding.is_due(verified):
        return
    try:
        check = seeding.Check(verified, holder_mark(settings.HOME_DIR, name))
        ended = asyncio.run(hold(check.run(), lambda: None))
        if ended is HoldEnd.STOPPED and not watch.has_halted:  # under the read-only switch nothing more is written
            check.keep_what_was_tried("Leadroom was stopped meanwhile.")
    except Exception as error:
        log.exception("the seeded faults of verification %s broke off", verification.pk)
        note = f"They broke off ({type(error).__name__}: {error}), so nothing is known of what the plan would miss."
        actions.keep_faults(verification=verified, faults=[], possible=0, seconds=0.0, note=note, now=now())


def are_faults_tried(verification: VerificationRun) -> bool:
    """Whether a process is at the seeded faults of this verification now."""
    return is_held(holder_lock(settings.HOME_DIR, f"verification-{verification.pk}"))


def hold_faults(verification_id: int) -> None:
    """Try the seeded faults of a verification once more. Meant to be a process of its own."""
    verification = VerificationRun.objects.select_related("item__project").get(pk=verification_id)
    name = f"verification-{verification_id}"
    try:
        lock = HolderLock(holder_lock(settings.HOME_DIR, name))
    except Conflict as error:
        log.warning("%s", error)
        return
    mark = holder_mark(settings.HOME_DIR, name)
    watch = SwitchWatch(project_id=verification.item.project_id, agent_id=None, marker=mark)
    watch.start()
    try:
        _seed_faults(verification, name, watch)
    finally:
        watch.stop()
        sweep(mark)
        lock.release()


async def _verify(verification: VerificationRun, name: str, watch: SwitchWatch) -> None:
    watch.start()  # not before signals are handled: it ends the work by one, and the verification is queued again
    tree = _tree_of(verification)
    try:
        shutil.rmtree(tree, ignore_errors=True)  # what a killed verification left
        control = await asyncio.to_thread(control_of, verification.item.project)
        candidate = await asyncio.to_thread(candidate_of, control, verification)
        cases = await asyncio.to_thread(lambda: list(verification.plan.cases.all()))
        examined = await examine(
            control,
            candidate,
            cases,
            tree=tree,
            marker=holder_mark(settings.HOME_DIR, name),
            setup_command=verification.item.project.setup_command,
            repeats=REPEATS[verification.item.risk],
        )
        crash_point("verification.before-finish")
        await asyncio.to_thread(
            actions.finish,
            verification=verification,
            results={case.pk: examined.results[case.key] for case in cases if case.key in examined.results},
            refusals=examined.refusals,
            evidence=candidate.evidence,
            repeats=examined.repeats,
            output=clip(examined.output, OUTPUT_LIMIT),
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
