"""The read-only switch against real holders: frozen, killed, proven still, asked read-only, and let go by a person."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from django.core.management import call_command

from leadroom.agents.actions import ask_read_only
from leadroom.agents.enums import Role, RunState
from leadroom.agents.models import Run
from leadroom.guardrails import actions, flag, scopes
from leadroom.guardrails.enums import Lock, SwitchState
from leadroom.guardrails.models import Switch
from leadroom.guardrails.scopes import Scope
from leadroom.ledger.models import Entry
from leadroom.lib.clock import now
from leadroom.lib.errors import Locked
from leadroom.pipeline import locking, placement
from leadroom.runners.builtin.loop import UNKNOWN_OUTCOME
from tests.support.other_model_server import Turn, other_model_server
from tests.support.program import is_alive, until
from tests.support.stage import (
    KEY,
    Stage,
    events_of,
    messages_of,
    report,
    sandboxes_of,
    texts_of,
    wait_for_state,
)

COUNT = "n=0; (setsid sh -c 'while :; do date +%s%N >> daemon.txt; sleep 0.01; done' &) ; while :; do n=$((n+1)); "
BUSY: Turn = ["At work.", ("run_command", {"command": COUNT + "echo $n > count.txt; sleep 0.01; done"})]


def press(scope: Scope, stage: Stage, level: Lock = Lock.READ_ONLY) -> Switch:
    return actions.press(scope=scope, level=level, reason="", by=stage.by, now=now())


def prove(switch: Switch, *, seconds: float = 10) -> Switch:
    def is_proven() -> bool:
        locking.tick()
        switch.refresh_from_db()
        return switch.state == SwitchState.VERIFIED

    until(is_proven, seconds=seconds, what="a proof")
    return switch


def tree_of(stage: Stage, run: Run) -> Path:
    return stage.project.folder / "trees" / f"run-{run.pk}"


def start_busy(stage: Stage) -> tuple[Run, int]:
    run = stage.queue(Role.DEVELOPER, "Work on and on.")
    pid = stage.start(run)
    until((tree_of(stage, run) / "daemon.txt").exists, seconds=40, what="an agent at work")
    return run, pid


def test_one_press_stops_an_agent_in_mid_write_and_is_proven_without_it(stage: Stage) -> None:
    with other_model_server([BUSY, ["Looked."], [report()]], key=KEY) as model:
        stage.connect(model.url)
        run, pid = start_busy(stage)
        switch = prove(press(scopes.of_project(stage.project), stage))
        wait_for_state(run, RunState.HALTED)
        until(lambda: not is_alive(pid), what="the holder's end")
        assert not sandboxes_of(stage.home, f"run-{run.pk}")
        still = {name: (tree_of(stage, run) / name).read_bytes() for name in ("count.txt", "daemon.txt")}
        time.sleep(0.3)
        assert {name: (tree_of(stage, run) / name).read_bytes() for name in still} == still
        assert all(check["ok"] for check in switch.checks)
        assert {check["name"] for check in switch.checks} >= {"holders", "processes", "canary", "digests", "events"}
        assert switch.verified_at is not None
        # what was under way is shown as unknown, and the agent is told so when a person lets it go on
        ended = [event for event in events_of(run) if event.kind == "tool_result"]
        assert [event.payload["text"] for event in ended] == [UNKNOWN_OUTCOME]
        with pytest.raises(Locked, match="Shop is read-only"):
            stage.resume(run)
        actions.release(scope=scopes.of_project(stage.project), seen_epoch=switch.epoch, by=stage.by, now=now())
        placement.place(now())
        run.refresh_from_db()
        assert run.state == RunState.HALTED  # nobody is resumed by unlocking
        stage.resume(run)
        stage.start(run)
        until(lambda: UNKNOWN_OUTCOME in json.dumps(messages_of(run)), seconds=20, what="the agent told")


def test_a_hung_holder_is_ended_from_outside(stage: Stage) -> None:
    with other_model_server([BUSY], key=KEY) as model:
        stage.connect(model.url)
        run, pid = start_busy(stage)
        os.kill(pid, signal.SIGSTOP)
        prove(press(scopes.EVERYTHING, stage))
        run.refresh_from_db()
        assert run.state == RunState.HALTED
        assert run.failure == locking.HUNG
        until(lambda: not is_alive(pid), what="the holder's end")
        assert not sandboxes_of(stage.home, f"run-{run.pk}")


def test_a_pause_freezes_and_goes_on_exactly_where_it_stood(stage: Stage) -> None:
    with other_model_server([BUSY], key=KEY) as model:
        stage.connect(model.url)
        run, _ = start_busy(stage)
        agent = scopes.of_agent(run.agent_id, run.agent.name, stage.project)
        switch = prove(press(agent, stage, Lock.PAUSED))
        before = (tree_of(stage, run) / "daemon.txt").read_bytes()
        time.sleep(0.2)
        assert (tree_of(stage, run) / "daemon.txt").read_bytes() == before
        run.refresh_from_db()
        assert run.state == RunState.RUNNING
        actions.release(scope=agent, seen_epoch=switch.epoch, by=stage.by, now=now())
        until(lambda: (tree_of(stage, run) / "daemon.txt").read_bytes() != before, what="work that goes on")
        prove(press(scopes.EVERYTHING, stage))
        wait_for_state(run, RunState.HALTED)


def test_a_halted_agent_answers_without_being_able_to_write(stage: Stage) -> None:
    write: Turn = [("run_command", {"command": "echo x > written.txt"}), ("write_file", {"path": "w.txt", "text": "x"})]
    with other_model_server([BUSY, write, ["The cents are rounded in core.py."]], key=KEY) as model:
        stage.connect(model.url)
        run, _ = start_busy(stage)
        prove(press(scopes.EVERYTHING, stage))
        wait_for_state(run, RunState.HALTED)
        ask_read_only(run=run, text="Where are cents rounded?", by=stage.by, now=now())
        run.refresh_from_db()
        stage.start(run)
        wait_for_state(run, RunState.HALTED)
        assert texts_of(run, "message")[-1] == "The cents are rounded in core.py."
        refused = [event.payload["text"] for event in events_of(run) if event.kind == "tool_result"][-2:]
        assert all(text.startswith("Not allowed: Read-only") for text in refused)
        assert not list(tree_of(stage, run).glob("w*.txt"))
        assert not run.is_read_only


def test_an_unreadable_flag_stops_what_runs(stage: Stage) -> None:
    with other_model_server([BUSY], key=KEY) as model:
        stage.connect(model.url)
        run, _ = start_busy(stage)
        flag.flag_path().write_text("{ not what Leadroom wrote")
        wait_for_state(run, RunState.HALTED)
        assert not sandboxes_of(stage.home, f"run-{run.pk}")
        flag.flag_path().unlink()


def test_the_command_line_stops_everything_when_nothing_else_runs(stage: Stage, capsys: pytest.CaptureFixture) -> None:
    """Here neither web, worker nor broker is up."""
    with other_model_server([BUSY], key=KEY) as model:
        stage.connect(model.url)
        run, pid = start_busy(stage)
        call_command("freeze", "--all", "--json", reason="A drill")
        said = json.loads(capsys.readouterr().out)
        assert (said["state"], said["scope"], said["level"]) == ("VERIFIED", "everything", "read_only")
        wait_for_state(run, RunState.HALTED)
        until(lambda: not is_alive(pid), what="the holder's end")
        entry = Entry.objects.get(verb="guardrails.switch.locked")
        assert entry.payload["reason"] == "A drill"
        assert entry.actor_name.endswith("at the command line")


def test_what_is_queued_stays_queued_and_starts_when_unlocked(stage: Stage) -> None:
    with other_model_server([[report()]], key=KEY) as model:
        stage.connect(model.url)
        switch = press(scopes.EVERYTHING, stage)
        run = stage.queue(Role.DEVELOPER, "Later.")
        placement.place(now())
        run.refresh_from_db()
        assert (run.state, run.generation) == (RunState.QUEUED, 0)
        actions.release(scope=scopes.EVERYTHING, seen_epoch=switch.epoch, by=stage.by, now=now())
        placement.place(now())
        run.refresh_from_db()
        assert run.state == RunState.RUNNING
        stage.holder(f"run-{run.pk}")
        prove(press(scopes.EVERYTHING, stage))
