"""The process that holds one run: lock, heart, tree, loop; it leaves nothing behind."""

import asyncio
import logging
import os
import stat
from dataclasses import replace
from pathlib import Path

from asgiref.sync import SyncToAsync
from django.conf import settings
from django.db import close_old_connections

from leadroom.agents import holding
from leadroom.agents.models import Run
from leadroom.agents.queries import model_access
from leadroom.guardrails.enums import RoleAccess
from leadroom.guardrails.watch import SwitchWatch
from leadroom.lib.clock import now
from leadroom.lib.errors import Conflict, Fenced, LeadroomError
from leadroom.lib.leases import LEAVE_SECONDS, HoldEnd, HolderLock, hold, holder_lock, holder_mark
from leadroom.runners.base import Workplace
from leadroom.runners.builtin.loop import Session
from leadroom.runners.facts import access_of
from leadroom.sandbox.profiles import tree_profile
from leadroom.sandbox.registry import sweep
from leadroom.worktrees.git import clear_stale_locks
from leadroom.worktrees.keeping import open_tree

log = logging.getLogger(__name__)
HALTED = (
    "The read-only switch was pressed while the run was at work. What was under way has an unknown outcome; "
    "everything it had stored is kept."
)
STOPPED = "Leadroom was stopped while the run was at work. Its work is kept; resume it when you like."


def hold_run(run_id: int, generation: int) -> None:
    """Hold the run under this generation until it waits, ends, or is taken away. Meant to be a process of its own."""
    run = Run.objects.select_related("item__project", "agent").get(pk=run_id)
    if run.generation != generation:
        log.info("run %s moved on to generation %s", run_id, run.generation)
        return
    try:
        lock = HolderLock(holder_lock(settings.HOME_DIR, f"run-{run_id}"), wait_seconds=LEAVE_SECONDS)
    except Conflict as error:
        log.warning("%s", error)
        return
    mark = holder_mark(settings.HOME_DIR, f"run-{run_id}")
    sweep(mark)  # what a holder that died before us may have left

    watch = SwitchWatch(
        project_id=run.item.project_id, agent_id=run.agent_id, marker=mark, is_harmless=run.is_read_only
    )

    def renew() -> None:
        close_old_connections()
        holding.renew(run=run, now=now())

    try:
        if asyncio.run(hold(_work(run, watch), renew)) is HoldEnd.STOPPED:
            _give_up_politely(run, watch)
    finally:
        watch.stop()
        sweep(mark)
        lock.release()


def _give_up_politely(run: Run, watch: SwitchWatch) -> None:
    # a record that was being written when the work was put down is finished first, so that nothing comes after the end
    SyncToAsync.single_thread_executor.submit(lambda: None).result()
    try:
        if watch.has_halted:
            holding.halt(run=run, reason=HALTED, now=now())
        else:
            holding.lose(run=run, reason=STOPPED, now=now())
    except Fenced as error:
        log.info("%s", error)


async def _work(run: Run, watch: SwitchWatch) -> None:
    watch.start()  # not before signals are handled: it ends the work by one
    try:
        place = replace(await asyncio.to_thread(_prepare, run), watch=watch)
        access = await asyncio.to_thread(model_access, run.item.project, run.role)
        await asyncio.to_thread(_note_endpoint, run, access.model, access.base_url)
    except LeadroomError as error:
        if isinstance(error, Fenced):
            raise
        await asyncio.to_thread(holding.fail, run=run, reason=str(error), now=now())
        return
    except Exception as error:
        log.exception("run %s could not be prepared", run.pk)
        reason = (
            f"The run could not be prepared ({type(error).__name__}: {error}). "
            "Nothing was changed; resume it to try again."
        )
        await asyncio.to_thread(holding.fail, run=run, reason=reason, now=now())
        return
    try:
        await Session(place, access).hold()
    except (Fenced, asyncio.CancelledError):
        raise
    except Exception as error:
        log.exception("run %s broke", run.pk)
        reason = (
            f"Leadroom itself failed here ({type(error).__name__}: {error}). "
            "The work is kept; resume the run to try again."
        )
        await asyncio.to_thread(holding.fail, run=run, reason=reason, now=now())


def _prepare(run: Run) -> Workplace:
    access = access_of(run)
    if access is RoleAccess.NOTHING:
        return Workplace(run, None, None)
    worktree = open_tree(run=run, now=now())
    _clear_locks(worktree.path / ".git")
    profile = tree_profile(worktree.path, is_writable=access is RoleAccess.WRITE)
    return Workplace(run, worktree, profile)


def _clear_locks(git: Path) -> None:
    """Remove what a git that died with its holder left locked; we hold the run's lock, so nobody else works there."""
    if stat.S_ISDIR(os.lstat(git).st_mode):  # the sandbox refuses any other tree with a sentence
        for name in clear_stale_locks(git, max_age_seconds=0):
            log.warning("%s: a stale %s was removed", git.parent.name, name)


def _note_endpoint(run: Run, model: str, base_url: str) -> None:
    holding.append_events(run=run, lines=[], now=now(), model=model, endpoint_url=base_url)
