"""Putting queued work on this host, and noticing work whose process died."""

import datetime as dt
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from django.conf import settings

from leadroom.agents import holding
from leadroom.agents import queries as runs
from leadroom.lib.clock import now as clock_now
from leadroom.lib.crash import crash_point
from leadroom.lib.errors import Conflict, Fenced
from leadroom.lib.leases import HolderLock, boot_id, holder_lock, holder_mark, is_held
from leadroom.pipeline import locking
from leadroom.sandbox.registry import sweep
from leadroom.verification import actions as verifications
from leadroom.verification import queries as verification_queries

log = logging.getLogger(__name__)
VERIFICATIONS_AT_ONCE = 1
UNHEARD_SECONDS = 2
"""After two heartbeats missed its lock is looked at: on this host that tells death before the lease runs out."""
LOST = "The process that held this run ended without a word. Its work is kept up to its last stored message."
REBOOTED = "The machine was restarted while this run was at work. Its work is kept; nothing restarts by itself."


def place(now: dt.datetime) -> int:
    """Start holders for queued runs and verifications as far as there is room. Returns how many were started.

    One process of this host places at a time; another that comes meanwhile leaves it to that one.
    """
    try:
        lock = HolderLock(settings.HOME_DIR / "run" / "placement.lock")
    except Conflict:
        return 0
    try:
        return _place(now)
    finally:
        lock.release()


def _place(now: dt.datetime) -> int:
    started = 0
    free = settings.CEILING - runs.running_count()
    for run in runs.next_queued(max(free, 0)):
        generation = holding.claim(
            run_id=run.pk, ceiling=settings.CEILING, host=settings.HOST_NAME, boot_id=boot_id(), now=now
        )
        if generation is not None:
            crash_point("placement.claimed")
            start_program("hold_run", f"run-{run.pk}", run.pk, generation)
            started += 1
    room = VERIFICATIONS_AT_ONCE - verification_queries.running_count()
    for pk in verification_queries.queued_ids(max(room, 0)):
        generation = verifications.claim(verification_id=pk, host=settings.HOST_NAME, now=now)
        if generation is not None:
            crash_point("placement.claimed")
            start_program("hold_verification", f"verification-{pk}", pk, generation)
            started += 1
    return started


def start_program(command: str, name: str, *words: object) -> None:
    """Start `manage.py <command> <words>` in a session of its own: it outlives the worker that starts it."""
    path: Path = settings.HOME_DIR / "log" / f"{name}.log"
    with path.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), command, *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, "LEADROOM_PROCESS": "holder", "LEADROOM_HOME": str(settings.HOME_DIR)},
        )
    threading.Thread(target=process.wait, name=f"reap-{name}", daemon=True).start()  # leaves no zombie


def reap(now: dt.datetime) -> int:
    """Take runs and verifications from dead processes. Returns how many.

    On this host death is certain (the kernel released the lock); from another host only a long silence tells.
    """
    reaped, unheard = 0, now + dt.timedelta(seconds=holding.LEASE_SECONDS - UNHEARD_SECONDS)
    for run in runs.expired_runs(unheard):
        name = f"run-{run.pk}"
        if reason := _death(run.host, run.boot_id, name, run.lease_expires_at, now):
            reaped += _take(name, run.host, partial(holding.lose, run=run, reason=reason, now=now))
    for verification in verification_queries.expired(unheard):
        name = f"verification-{verification.pk}"
        if _death(verification.host, "", name, verification.lease_expires_at, now):
            reaped += _take(
                name, verification.host, partial(verifications.take_back, verification=verification, now=now)
            )
    return reaped


def _take(name: str, host: str, move: Callable[[], None]) -> bool:
    """Make the move that takes work from a dead holder. False when it moved on meanwhile.

    A bubblewrap that lost its starter before it was set up waits for ever, so what is left here is ended first.
    """
    if host == settings.HOST_NAME:
        sweep(holder_mark(settings.HOME_DIR, name))
    try:
        move()
    except Fenced as error:
        log.info("%s", error)
        return False
    return True


def _death(host: str, boot: str, name: str, expired_at: dt.datetime | None, now: dt.datetime) -> str:
    """Why the holder must be dead, or empty while it may live."""
    if host != settings.HOST_NAME:
        silence = (now - expired_at).total_seconds() if expired_at else 0
        return LOST if silence > holding.REMOTE_GRACE_SECONDS else ""
    if boot and boot != boot_id():
        return REBOOTED
    return "" if is_held(holder_lock(settings.HOME_DIR, name)) else LOST


def tick() -> None:
    """Once a second: prove what the switch locked, notice deaths, fill free places."""
    locking.tick()
    moment = clock_now()
    reap(moment)
    place(moment)
