"""Putting work on this host, and taking it from the dead: every time is given, every process is real."""

import datetime as dt
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.db import connection

from leadroom.agents import holding
from leadroom.agents.enums import Role, RunState
from leadroom.agents.models import Run
from leadroom.lib.clock import now
from leadroom.lib.leases import HolderLock, boot_id, holder_lock
from leadroom.pipeline import placement
from leadroom.verification import actions
from leadroom.verification.enums import VerificationState
from leadroom.verification.models import VerificationRun
from tests import factories
from tests.support.other_model_server import other_model_server
from tests.support.program import is_alive, processes_of, until
from tests.support.stage import KEY, Stage, later, staged, wait_for_state

Started = list[tuple[str, str, int, int]]
HOLD = """
import sys, time
from pathlib import Path
from leadroom.lib.leases import HolderLock
lock = HolderLock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(300)
"""


@pytest.fixture
def stage(
    tmp_path: Path, transactional_db: None, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    settings.CEILING = 2
    with staged(tmp_path, settings, monkeypatch) as built:
        yield built


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """What would be started, where only the choice is of interest."""
    calls: Started = []
    monkeypatch.setattr(placement, "start_program", lambda *call: calls.append(call))
    return calls


@pytest.fixture
def hold(stage: Stage) -> Iterator[Callable[[str], None]]:
    """A live process that has the lock of `run-1`, and does nothing else."""
    processes = []

    def start(name: str) -> None:
        argv = [sys.executable, "-c", HOLD, str(holder_lock(stage.home, name))]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        processes.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def queued(stage: Stage, count: int) -> list[Run]:
    return [factories.make_run(stage.item(), Role.DEVELOPER) for _ in range(count)]


def held(stage: Stage, *, at: dt.datetime, host: str = "", boot: str = "") -> Run:
    """A run that was claimed at that moment, by nobody who lives."""
    (run,) = queued(stage, 1)
    holding.claim(
        run_id=run.pk, ceiling=99, host=host or placement.settings.HOST_NAME, boot_id=boot or boot_id(), now=at
    )
    run.refresh_from_db()
    return run


def asked(stage: Stage, count: int) -> list[VerificationRun]:
    """Queued verifications, each of an item of its own."""
    found = []
    for _ in range(count):
        plan = factories.make_frozen_plan(factories.make_aligned_item(stage.project))
        found.append(actions.request(item=plan.item, plan=plan, commit="c" * 40, by=factories.PIPELINE, now=now()))
    return found


def state_of(thing: Run | VerificationRun) -> str:
    thing.refresh_from_db()
    return thing.state


def test_no_more_runs_are_held_than_the_ceiling_allows_and_the_oldest_goes_first(
    stage: Stage, started: Started
) -> None:
    runs = queued(stage, 4)
    assert placement.place(now()) == 2
    assert [call[:3] for call in started] == [("hold_run", f"run-{run.pk}", run.pk) for run in runs[:2]]
    assert placement.place(now()) == 0
    holding.fail(run=Run.objects.get(pk=runs[0].pk), reason="over", now=now())
    assert placement.place(now()) == 1
    assert started[-1] == ("hold_run", f"run-{runs[2].pk}", runs[2].pk, 1)


def test_a_run_that_waits_for_a_person_takes_no_place_and_one_that_waits_for_a_limit_does(
    stage: Stage, started: Started
) -> None:
    first, second, _, _ = queued(stage, 4)
    placement.place(now())
    holding.wait(run=Run.objects.get(pk=first.pk), reason=holding.WaitReason.ANSWER, now=now())
    holding.limit(run=Run.objects.get(pk=second.pk), until=later(60), now=now())
    assert placement.place(now()) == 1
    assert placement.place(now()) == 0


def test_workers_that_place_at_the_same_time_start_everything_once(stage: Stage, started: Started) -> None:
    queued(stage, 6)
    asked(stage, 2)
    gate = threading.Barrier(4)

    def work() -> None:
        gate.wait(10)
        try:
            for _ in range(5):
                placement.place(now())
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    names = [call[1] for call in started]
    assert len(names) == len(set(names)) == 3
    assert sum(name.startswith("verification") for name in names) == 1


def test_while_another_process_of_this_host_places_nothing_is_placed(stage: Stage, started: Started) -> None:
    queued(stage, 1)
    other = HolderLock(stage.home / "run" / "placement.lock")
    assert placement.place(now()) == 0
    other.release()
    assert placement.place(now()) == 1


def test_verifications_are_run_one_at_a_time_beside_the_runs(stage: Stage, started: Started) -> None:
    first, second = asked(stage, 2)
    queued(stage, 2)
    assert placement.place(now()) == 3
    assert [call[0] for call in started] == ["hold_run", "hold_run", "hold_verification"]
    assert (state_of(first), state_of(second)) == (VerificationState.RUNNING, VerificationState.QUEUED)
    first.refresh_from_db()
    actions.break_off(verification=first, problem="over", now=now())
    assert placement.place(now()) == 1
    assert state_of(second) == VerificationState.RUNNING


def test_a_worker_that_died_between_claim_and_start_costs_some_seconds_and_no_work(
    stage: Stage, started: Started
) -> None:
    claimed = now()
    run, (verification,) = held(stage, at=claimed), asked(stage, 1)
    actions.claim(verification_id=verification.pk, host=placement.settings.HOST_NAME, now=claimed)
    assert placement.reap(claimed + dt.timedelta(seconds=10)) == 0  # a slow start is no death
    assert placement.reap(claimed + dt.timedelta(seconds=holding.START_SECONDS + 1)) == 2
    assert (state_of(run), state_of(verification)) == (RunState.LOST, VerificationState.QUEUED)
    assert run.failure == placement.LOST
    stage.resume(run)
    assert placement.place(now()) == 2
    assert {call[1]: call[3] for call in started} == {f"run-{run.pk}": 3, f"verification-{verification.pk}": 3}


def test_a_holder_that_lives_is_left_alone_however_long_it_could_not_write(
    stage: Stage, hold: Callable[[str], None]
) -> None:
    run, (verification,) = held(stage, at=now()), asked(stage, 1)
    actions.claim(verification_id=verification.pk, host=placement.settings.HOST_NAME, now=now())
    hold(f"run-{run.pk}")
    hold(f"verification-{verification.pk}")
    assert placement.reap(later(3 * 24 * 3_600)) == 0
    assert (state_of(run), state_of(verification)) == (RunState.RUNNING, VerificationState.RUNNING)


def test_only_a_long_silence_tells_that_another_host_is_dead(stage: Stage) -> None:
    claimed = now()
    run, (verification,) = held(stage, at=claimed, host="elsewhere"), asked(stage, 1)
    actions.claim(verification_id=verification.pk, host="elsewhere", now=claimed)
    silence = holding.START_SECONDS + holding.REMOTE_GRACE_SECONDS
    assert placement.reap(claimed + dt.timedelta(seconds=silence - 1)) == 0
    assert placement.reap(claimed + dt.timedelta(seconds=silence + 1)) == 2
    assert (state_of(run), state_of(verification)) == (RunState.LOST, VerificationState.QUEUED)


def test_after_a_restart_of_the_machine_the_sentence_says_so_and_nothing_restarts_by_itself(
    stage: Stage, started: Started
) -> None:
    run = held(stage, at=now(), boot="another-boot")
    assert placement.reap(later(holding.START_SECONDS + 1)) == 1
    assert state_of(run) == RunState.LOST
    assert run.failure == placement.REBOOTED
    assert placement.place(now()) == 0
    assert started == []


def test_what_nobody_holds_is_never_reaped(stage: Stage) -> None:
    (run,) = queued(stage, 1)
    waiting = held(stage, at=now())
    holding.wait(run=waiting, reason=holding.WaitReason.ANSWER, now=now())
    asked(stage, 1)
    assert placement.reap(later(365 * 24 * 3_600)) == 0
    assert (state_of(run), state_of(waiting)) == (RunState.QUEUED, RunState.WAITING)


def test_a_lost_run_is_reaped_once(stage: Stage) -> None:
    run = held(stage, at=now())
    assert [placement.reap(later(60)) for _ in range(3)] == [1, 0, 0]
    assert state_of(run) == RunState.LOST
    assert run.generation == 2


def test_a_placed_run_has_a_process_of_its_own_session_that_leaves_no_zombie(stage: Stage) -> None:
    with other_model_server([["I have nothing to say."]], key=KEY) as model:
        stage.connect(model.url)
        run = stage.queue(Role.REVIEWER, "Look.")
        placement.tick()
        pid = stage.holder(f"run-{run.pk}")
        assert os.getsid(pid) == pid != os.getsid(0)
        assert f"LEADROOM_HOME={stage.home}" in Path(f"/proc/{pid}/environ").read_bytes().decode()
        wait_for_state(run, RunState.FAILED)
        until(lambda: not Path(f"/proc/{pid}").exists(), what="its collected end")
    assert not processes_of(stage.home)
    assert not is_alive(pid)
