"""The switch after it was pressed: what does not freeze by itself is ended, then the scope is proven still."""

import contextlib
import json
import logging
import os
import signal
import time

from django.conf import settings

from leadroom.agents import holding
from leadroom.agents.enums import HELD
from leadroom.agents.models import Agent
from leadroom.guardrails import actions, flag, scopes
from leadroom.guardrails.enums import Lock, ScopeKind, SwitchState
from leadroom.guardrails.models import Switch
from leadroom.guardrails.queries import engaged, locks_in_database
from leadroom.guardrails.scopes import Scope
from leadroom.lib.actors import system
from leadroom.lib.clock import now as clock_now
from leadroom.lib.errors import Conflict, Fenced
from leadroom.lib.leases import HolderLock, holder_lock, holder_mark, is_held
from leadroom.live.news import publish
from leadroom.pipeline import hosts, proof
from leadroom.projects.models import Project
from leadroom.reading.locks import PROOF_WITHIN
from leadroom.sandbox.registry import sweep
from leadroom.sandbox.selftest import check_isolation
from leadroom.verification import actions as verifications

log = logging.getLogger(__name__)
BY = system("switch")
SWEEP_SECONDS = 0.5
GRACE_SECONDS = 2.0
"""What a holder gets to put its work down by itself: then its sandboxes are ended from outside, then the holder."""
HUNG = "The read-only switch was pressed and the run's own process did not answer, so it was ended from outside."
_seen: dict[tuple[int, int], float] = {}
_late: set[tuple[int, int]] = set()
_doubtful: set[tuple[str, int]] = set()


def tick() -> None:
    """Once a second, and whenever a run was halted: settle the flag, then prove what is not proven yet."""
    for switch in engaged().filter(state=SwitchState.REQUESTED):
        proof.look_here(switch)
    try:
        lock = HolderLock(settings.HOME_DIR / "run" / "switching.lock")
    except Conflict:
        return  # another process of this host is at it
    try:
        settle_flag()
        for switch in engaged().filter(state=SwitchState.REQUESTED):
            settle(switch)
    finally:
        lock.release()


def settle(switch: Switch) -> bool:
    """End what the switch covers and has not ended itself, look, and note what was seen. True once it is proven."""
    first = _seen.setdefault((switch.pk, switch.epoch), time.monotonic())
    waited = time.monotonic() - first
    if waited > PROOF_WITHIN.total_seconds() and (switch.pk, switch.epoch) not in _late:
        _late.add((switch.pk, switch.epoch))
        publish("room", "lock", switch.pk)
    if switch.level == Lock.READ_ONLY and waited > GRACE_SECONDS:
        end_what_is_left(switch)
    elif switch.level == Lock.READ_ONLY and waited > SWEEP_SECONDS:
        for run in proof.runs_of(switch).filter(state__in=HELD, is_read_only=False, host=settings.HOST_NAME):
            sweep(holder_mark(settings.HOME_DIR, f"run-{run.pk}"))
    isolation = check_isolation()
    if isolation.level < 1:
        rows = [{"name": "isolation", "ok": False, "sentence": f"Level 0: the switch is a request. {isolation.reason}"}]
        return _note(switch, rows, is_enforced=False)
    findings = proof.prove(switch)
    if all(finding.ok for finding in findings):
        hosts.forget_looks(switch)
        return _note(switch, proof.as_rows(findings), is_enforced=True)
    actions.note_checks(switch=switch, checks=proof.as_rows(findings), by=BY, now=clock_now())
    return False


def _note(switch: Switch, rows: list[dict[str, object]], *, is_enforced: bool) -> bool:
    moment = clock_now()
    seconds = max(0.0, (moment - switch.set_at).total_seconds()) if switch.set_at else 0.0
    return actions.note_verification(
        switch=switch, is_enforced=is_enforced, checks=rows, seconds=seconds, by=BY, now=moment
    )


def end_what_is_left(switch: Switch) -> None:
    """Kill sandboxes and holders of the scope on this host, and halt their runs."""
    for run in proof.runs_of(switch).filter(state__in=HELD, is_read_only=False, host=settings.HOST_NAME):
        end_processes(f"run-{run.pk}")
        with contextlib.suppress(Fenced):
            holding.halt(run=run, reason=HUNG, now=clock_now())
    for verification in proof.verifications_of(switch).filter(host=settings.HOST_NAME):
        with contextlib.suppress(Fenced):  # first fenced, so that what a killed test leaves is no verdict
            verifications.take_back(verification=verification, now=clock_now())
        end_processes(f"verification-{verification.pk}")
    for name in proof.seeding_of(switch):
        end_processes(name)


def end_processes(name: str) -> None:
    """SIGKILL to the holder `name` (`run-42`) of this data folder and to all its sandboxes."""
    sweep(holder_mark(settings.HOME_DIR, name))
    path = holder_lock(settings.HOME_DIR, name)
    if is_held(path):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            pid = int(json.loads(path.read_text())["pid"])
            if pid > 1 and pid != os.getpid():
                os.kill(pid, signal.SIGKILL)
    sweep(holder_mark(settings.HOME_DIR, name))


def end_everything() -> int:
    """What the command line does when nothing else answers: every holder of this data folder. Returns how many."""
    names = [path.stem for path in (settings.HOME_DIR / "run" / "holders").glob("*.lock")]
    held = [name for name in names if is_held(holder_lock(settings.HOME_DIR, name))]
    for name in names:
        end_processes(name)
    return len(held)


def settle_flag() -> None:
    """File and database say the same: what only one of them locks, or locks more, is locked so in the other.

    A lock that only the file has is adopted when it is found at two looks: the first may fall between a person's
    opening in the database and in the file.
    """
    try:
        found = flag.read_flag()
    except flag.FlagUnreadable as error:
        log.error("everything counts as read-only: %s", error)
        return
    stored = locks_in_database()
    for key, level in stored.items():
        if flag.strongest(found.locks.get(key, Lock.OPEN), level) != found.locks.get(key):
            flag.engage(key, level)
    ahead = {
        key: level
        for key, level in found.locks.items()
        if flag.STRENGTH[stored.get(key, Lock.OPEN)] < flag.STRENGTH[level]
    }
    doubtful = {(key, found.writes) for key in ahead}
    for key, level in ahead.items():
        if (key, found.writes) in _doubtful and (scope := scope_of(key)) is not None:
            reason = "The flag file says so; it was set while the database did not answer."
            actions.press(scope=scope, level=level, reason=reason, by=BY, now=clock_now())
    _doubtful.clear()
    _doubtful.update(doubtful)


def scope_of(key: str) -> Scope | None:
    """The scope a key of the flag file means, None when there is no such project or agent any more."""
    kind, _, target = key.partition(":")
    if kind == ScopeKind.EVERYTHING:
        return scopes.EVERYTHING
    if not target.isdigit():
        return None
    if kind == ScopeKind.PROJECT:
        project = Project.objects.filter(pk=int(target)).first()
        return scopes.of_project(project) if project else None
    agent = Agent.objects.select_related("project").filter(pk=int(target)).first()
    return scopes.of_agent(agent.pk, agent.name, agent.project) if agent else None
