"""Holders as real processes: killed, stopped, doubled and replaced."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from leadroom.agents.actions import answer, steer, stop
from leadroom.agents.enums import Role, RunState
from leadroom.agents.models import Elicitation, Run, RunNote
from leadroom.lib import crash
from leadroom.lib.clock import now
from leadroom.lib.leases import HolderLock, holder_lock, holder_mark, is_held
from leadroom.pipeline import placement
from leadroom.sandbox.registry import sweep
from leadroom.testplans.models import Review
from leadroom.triage.models import Report
from tests.runners.scenes import check_key_is_kept, queue_review
from tests.support.other_model_server import Turn, other_model_server
from tests.support.program import is_alive, processes_of, until
from tests.support.stage import (
    KEY,
    Rehearsal,
    Stage,
    events_of,
    kill,
    later,
    messages_of,
    report,
    sandboxes_of,
    texts_of,
    wait_for_event,
    wait_for_state,
)

UNKNOWN = "Outcome unknown: the process was interrupted while this call was under way."
SLEEP: Turn = ["Patience.", ("run_command", {"command": "echo begun > begun.txt; sleep 300"})]
WORK: Turn = [("write_file", {"path": "done.txt", "text": "done\n"})]


def lose_by(run: Run, seconds: float = 5.0) -> None:
    """The house notices, at a moment so much later, that the holder is dead."""

    def is_lost() -> bool:
        placement.reap(later(seconds))
        run.refresh_from_db()
        return run.state == RunState.LOST

    until(is_lost, seconds=2, what="a lost run")  # the kernel may still be closing the dead process's files


def test_a_killed_holder_is_noticed_within_five_seconds(stage: Stage, rehearsal: Rehearsal) -> None:
    stage.connect(rehearsal.url)
    run = queue_review(stage, "[[fault:stall seconds=60]]")
    pid = stage.start(run)
    wait_for_event(run, "message")
    began = time.monotonic()
    kill(pid)

    def is_lost() -> bool:
        placement.reap(now())
        run.refresh_from_db()
        return run.state == RunState.LOST

    until(is_lost, seconds=10, what="a lost run")
    assert time.monotonic() - began < 5
    assert run.failure == placement.LOST
    assert texts_of(run, "state")[-1] == placement.LOST


def test_killed_in_mid_stream_the_turn_is_asked_for_again_and_done_once(stage: Stage, rehearsal: Rehearsal) -> None:
    stage.connect(rehearsal.url)
    run = queue_review(stage, "[[fault:stall seconds=60 times=1 turn=0]]")
    pid = stage.start(run)
    wait_for_event(run, "message")
    kill(pid)
    assert len(messages_of(run)) == 1
    lose_by(run)
    stage.resume(run)
    stage.start(run)
    wait_for_state(run, RunState.COMPLETED)
    assert UNKNOWN not in json.dumps(messages_of(run))
    assert (Review.objects.count(), Report.objects.count()) == (1, 1)
    check_key_is_kept(stage)


def test_killed_in_mid_tool_its_sandbox_dies_and_the_agent_is_told_once_that_the_outcome_is_unknown(
    stage: Stage,
) -> None:
    with other_model_server([SLEEP, WORK, [report()]], key=KEY) as model:
        stage.connect(model.url)
        run = stage.queue(Role.DEVELOPER, "Wait.")
        pid = stage.start(run)
        until((stage.project.folder / "trees" / f"run-{run.pk}" / "begun.txt").exists, seconds=40, what="a begun tool")
        kill(pid)
        until(lambda: not sandboxes_of(stage.home, f"run-{run.pk}"), seconds=2, what="an empty house")
        lose_by(run)
        stage.resume(run)
        stage.start(run)
        wait_for_state(run, RunState.COMPLETED)
    assert json.dumps(messages_of(run)).count(UNKNOWN) == 1
    assert sum(text.startswith(UNKNOWN) for text in texts_of(run, "notice")) == 1
    assert len(model.requests) == 3


def test_a_sandbox_that_lost_its_holder_while_it_was_made_is_ended_with_the_run(stage: Stage) -> None:
    """bubblewrap binds its life to its starter's a few milliseconds after it was started."""
    with other_model_server([SLEEP], key=KEY) as model:
        stage.connect(model.url)
        run = stage.queue(Role.DEVELOPER, "Wait.")
        pid = stage.start(run)
        deadline = time.monotonic() + 40
        while not sandboxes_of(stage.home, f"run-{run.pk}"):
            assert time.monotonic() < deadline
        os.kill(pid, signal.SIGKILL)  # most of the time, as soon as this is too soon for it
        until(lambda: not is_alive(pid), what="its end")
        lose_by(run)
    assert not sandboxes_of(stage.home, f"run-{run.pk}")


def test_a_dead_holder_here_costs_nothing_to_a_run_of_the_same_number_elsewhere(stage: Stage, tmp_path: Path) -> None:
    with other_model_server([SLEEP], key=KEY) as model:
        stage.connect(model.url)
        run = stage.queue(Role.DEVELOPER, "Wait.")
        pid = stage.start(run)
        until(lambda: sandboxes_of(stage.home, f"run-{run.pk}"), what="a sandbox at work")
        sweep(holder_mark(tmp_path / "another home", f"run-{run.pk}"))
        assert sandboxes_of(stage.home, f"run-{run.pk}")
        assert is_alive(pid)
        run.refresh_from_db()
        stop(run=run, by=stage.by, now=now())
        until(lambda: not is_alive(pid), what="its end")


# after the turn of the report was stored, after the report was filed, after its result was stored, before the last word
LAST_MOMENTS = ["runners.turn-stored:2", "runners.tool-done:2", "runners.results-stored:2", "runners.before-complete:1"]


@pytest.mark.parametrize("point", LAST_MOMENTS)
def test_killed_around_its_report_a_run_ends_completed_with_one_report(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    with other_model_server([WORK, [report()]], key=KEY) as model:
        stage.connect(model.url)
        run = stage.queue(Role.DEVELOPER, "Work.")
        monkeypatch.setenv("LEADROOM_CRASH_AT", point)
        pid = stage.start(run)
        until(lambda: not is_alive(pid), seconds=40, what="the crash")
        monkeypatch.delenv("LEADROOM_CRASH_AT")
        run.refresh_from_db()
        assert run.state == RunState.RUNNING
        lose_by(run)
        stage.resume(run)
        stage.start(run)
        wait_for_state(run, RunState.COMPLETED)
    assert Report.objects.filter(run=run).count() == 1
    until(lambda: not is_held(holder_lock(stage.home, f"run-{run.pk}")), what="a released lock")


def test_a_holder_that_is_told_to_stop_puts_the_work_down_politely(stage: Stage) -> None:
    with other_model_server([SLEEP, WORK, [report()]], key=KEY) as model:
        stage.connect(model.url)
        run = stage.queue(Role.DEVELOPER, "Wait.")
        pid = stage.start(run)
        until(lambda: sandboxes_of(stage.home, f"run-{run.pk}"), what="a sandbox at work")
        wait_for_event(run, "message", words="Patience")
        os.kill(pid, signal.SIGTERM)
        wait_for_state(run, RunState.LOST, seconds=5)
        until(lambda: not is_alive(pid), seconds=5, what="its end")
        assert not sandboxes_of(stage.home, f"run-{run.pk}")
        assert (
            run.failure == "Leadroom was stopped while the run was at work. Its work is kept; resume it when you like."
        )
        stage.resume(run)
        stage.start(run)
        wait_for_state(run, RunState.COMPLETED)


def test_a_run_the_lead_stops_is_gone_at_once_and_stays_stopped(stage: Stage) -> None:
    with other_model_server([SLEEP], key=KEY) as model:
        stage.connect(model.url)
        run = stage.queue(Role.DEVELOPER, "Wait.")
        pid = stage.start(run)
        until(lambda: sandboxes_of(stage.home, f"run-{run.pk}"), what="a sandbox at work")
        run.refresh_from_db()
        began = time.monotonic()
        stop(run=run, by=stage.by, now=now())
        until(lambda: not is_alive(pid) and not sandboxes_of(stage.home, f"run-{run.pk}"), what="silence")
        assert time.monotonic() - began < 3  # two seconds on a machine that is not busy with other tests
    run.refresh_from_db()
    assert run.state == RunState.CANCELLED
    assert texts_of(run, "state")[-1] == f"Stopped by {stage.lead.get_username()}"
    assert placement.reap(later(60)) == 0


def test_a_second_holder_of_a_run_leaves_without_a_word(stage: Stage) -> None:
    with other_model_server([SLEEP], key=KEY) as model:
        stage.connect(model.url)
        run = stage.queue(Role.DEVELOPER, "Wait.")
        first = stage.start(run)
        run.refresh_from_db()
        placement.start_program("hold_run", "second", run.pk, run.generation)
        until(lambda: "is held by another process already" in stage.log("second"), seconds=40, what="its refusal")
        until(lambda: set(processes_of(stage.home)) == {first}, what="one holder")
        wait_for_event(run, "tool_call")
        assert len(model.requests) == 1
        stop(run=run, by=stage.by, now=now())
        until(lambda: not is_alive(first), what="its end")


@pytest.mark.parametrize("is_ended", [False, True])
def test_a_holder_of_an_earlier_generation_does_nothing(stage: Stage, is_ended: bool) -> None:
    with other_model_server([WORK, [report()]], key=KEY) as model:
        stage.connect(model.url)
        run = stage.queue(Role.DEVELOPER, "Work.")
        if is_ended:
            generation = stage.perform(run).generation
        else:
            generation = stage.claim(run)
            placement.reap(later(60))
        lines, asked = len(events_of(run)), len(model.requests)
        placement.start_program("hold_run", "stale", run.pk, generation)
        until(lambda: not processes_of(stage.home), seconds=40, what="its end")
        assert len(model.requests) == asked
    run.refresh_from_db()
    assert run.state == (RunState.COMPLETED if is_ended else RunState.LOST)
    assert len(events_of(run)) == lines
    assert "Traceback" not in stage.log("stale")


def test_a_successor_waits_for_a_holder_that_is_just_leaving(stage: Stage) -> None:
    with other_model_server([WORK, [report()]], key=KEY) as model:
        stage.connect(model.url)
        run = stage.queue(Role.DEVELOPER, "Work.")
        leaving = HolderLock(holder_lock(stage.home, f"run-{run.pk}"))
        placement.start_program("hold_run", f"run-{run.pk}", run.pk, stage.claim(run))
        until(lambda: processes_of(stage.home), what="a successor")
        until(lambda: _waits_for_lock(stage), seconds=40, what="a successor at the lock")
        leaving.release()
        wait_for_state(run, RunState.COMPLETED)


def _waits_for_lock(stage: Stage) -> bool:
    """Whether a process has the lock file open without having got it."""
    for pid in processes_of(stage.home):
        for entry in os.scandir(f"/proc/{pid}/fd"):
            try:
                if os.readlink(entry.path).endswith(".lock"):
                    return True
            except OSError:
                continue
    return False


def test_words_from_the_lead_arrive_once_and_in_order(stage: Stage) -> None:
    pause: Turn = [("run_command", {"command": "while [ ! -e go.txt ]; do sleep 0.05; done"})]
    with other_model_server([pause, WORK, [report()]], key=KEY) as model:
        stage.connect(model.url)
        run = stage.queue(Role.DEVELOPER, "Wait.")
        steer(run=run, text="First word.", by=stage.by, now=now())
        stage.start(run)
        wait_for_event(run, "tool_call", words="go.txt")
        run.refresh_from_db()
        for word in ("Second word.", "Third word."):
            steer(run=run, text=word, by=stage.by, now=now())
        (stage.project.folder / "trees" / f"run-{run.pk}" / "go.txt").touch()
        wait_for_state(run, RunState.COMPLETED)
    assert texts_of(run, "prompt")[1:] == ["First word.", "Second word.", "Third word."]
    first, second, _ = (json.dumps(request["messages"][-1]) for request in model.requests)
    assert "First word." in first
    assert "Second word.\\n\\nThird word." in second
    said = json.dumps(messages_of(run))
    assert [said.count(word) for word in ("First word.", "Second word.", "Third word.")] == [1, 1, 1]
    assert not RunNote.objects.filter(run=run, delivered_at=None).exists()


def test_a_waiting_run_has_no_process_and_goes_on_after_the_answer(stage: Stage) -> None:
    ask: Turn = [("ask", {"question": "May I?", "why": "It is yours.", "recommendation": "Yes", "options": []})]
    with other_model_server([ask, WORK, [report()]], key=KEY) as model:
        stage.connect(model.url)
        run = stage.queue(Role.DEVELOPER, "Ask.")
        pid = stage.start(run)
        wait_for_state(run, RunState.WAITING)
        until(lambda: not is_alive(pid), what="its end")
        assert not processes_of(stage.home)
        assert placement.reap(later(3_600)) == 0
        question = Elicitation.objects.get(run=run)
        answer(elicitation=question, text="You may.", user_id=stage.lead.pk, by=stage.by, now=now())
        stage.start(run)
        wait_for_state(run, RunState.COMPLETED)


def test_a_run_that_waits_for_a_rate_limit_can_be_killed_and_resumed(stage: Stage, rehearsal: Rehearsal) -> None:
    stage.connect(rehearsal.url)
    run = queue_review(stage, "[[fault:429 times=1 turn=0 retry_after=60]]")
    pid = stage.start(run)
    wait_for_state(run, RunState.LIMITED)
    assert run.limited_until is not None
    kill(pid)
    lose_by(run)
    assert run.limited_until is None
    stage.resume(run)
    stage.start(run)
    wait_for_state(run, RunState.COMPLETED)


def test_a_crash_point_ends_a_process_at_the_pass_that_was_named_and_is_free_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    died: list[int] = []
    monkeypatch.setattr(os, "_exit", died.append)
    crash.crash_point("tests.here")
    monkeypatch.setenv("LEADROOM_CRASH_AT", "tests.here:2")
    crash.crash_point("tests.elsewhere")
    crash.crash_point("tests.here")
    assert died == []
    crash.crash_point("tests.here")
    assert died == [crash.STATUS]
    crash.crash_point("tests.here")
    assert died == [crash.STATUS]
