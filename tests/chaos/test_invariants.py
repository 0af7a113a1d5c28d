"""The checker itself: on a sound house it is silent, and each kind of damage is named."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings

from leadroom.agents import holding
from leadroom.agents.actions import steer
from leadroom.agents.enums import EventKind, Role
from leadroom.agents.models import Run, RunEvent, RunMessage
from leadroom.ledger.actions import record
from leadroom.lib.clock import now
from leadroom.pipeline import placement
from leadroom.requirements.models import Ambiguity
from leadroom.triage.models import Report
from leadroom.worktrees.models import Worktree
from tests import factories
from tests.support.invariants import check_invariants
from tests.support.other_model_server import other_model_server
from tests.support.program import until
from tests.support.stage import KEY, Stage, end_everything, report, sandboxes_of, set_up_stage


@pytest.fixture
def stage(
    tmp_path: Path, transactional_db: None, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """One that is not checked at its end: the tests damage it."""
    built = set_up_stage(tmp_path, settings, monkeypatch)
    yield built
    end_everything(built.home)


@pytest.fixture
def worked(stage: Stage) -> Run:
    """A completed developer's run."""
    write = ("write_file", {"path": "a.txt", "text": "a\n"})
    with other_model_server([[write], [report()]], key=KEY) as model:
        stage.connect(model.url)
        return stage.perform(stage.queue(Role.DEVELOPER, "Write.", item=factories.make_aligned_item(stage.project)))


def _git(stage: Stage, *words: str) -> str:
    argv = ["git", "-C", str(stage.project.control_path), *words]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


def _change_pick(stage: Stage, run: Run) -> None:
    Ambiguity.objects.filter(item=run.item).update(picked=3)


def _repeat_effect(stage: Stage, run: Run) -> None:
    subject = f"agents.run:{run.pk}"
    record(by=factories.PIPELINE, now=now(), verb="agents.run.completed", subject=subject, item_id=run.item_id)


def _repeat_report(stage: Stage, run: Run) -> None:
    filed = Report.objects.get(run=run)
    filed.pk = None
    filed.save()


def _lose_line(stage: Stage, run: Run) -> None:
    RunEvent.objects.filter(run=run, kind=EventKind.TOOL_CALL).first().delete()


def _lose_result(stage: Stage, run: Run) -> None:
    message = RunMessage.objects.get(run=run, position=2)
    message.content = [{"type": "text", "text": "…"}]
    message.save()


def _move_branch(stage: Stage, run: Run) -> None:
    _git(stage, "update-ref", "refs/heads/main", Worktree.objects.get(run=run).head)


def _damage_object(stage: Stage, run: Run) -> None:
    blob = _git(stage, "rev-parse", "main:shop/prices.py")
    for path in (stage.project.control_path / "objects").rglob("*"):
        if path.is_file() and (path.parent.name + path.name == blob or path.suffix == ".pack"):
            path.chmod(0o600)
            path.write_bytes(b"damaged")


def _write_as_reader(stage: Stage, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(role=Role.PLANNER)
    Worktree.objects.filter(run=run).update(head="f" * 40)


DAMAGE: dict[str, tuple[Callable[[Stage, Run], None], str]] = {
    "a changed pick": (_change_pick, "(a) the decision on A-001 is not what the lead picked"),
    "an effect twice": (_repeat_effect, "(b) agents.run.completed happened 2 times"),
    "a report twice": (_repeat_report, "(b) run .* filed the same report twice"),
    "a lost line": (_lose_line, "(c) run .* says"),
    "a lost result": (_lose_result, "(b) run .* were answered by results"),
    "a moved branch": (_move_branch, "(e) shop: main holds .* which no merge row put there"),
    "a reader that wrote": (_write_as_reader, "(f) the planner of run .* only reads"),
    "a damaged object": (_damage_object, "(h) shop: "),
}


def test_a_sound_house_is_passed_in_silence(stage: Stage, worked: Run) -> None:
    check_invariants(stage.home)


@pytest.mark.parametrize("name", sorted(DAMAGE))
def test_damage_is_named(stage: Stage, worked: Run, name: str) -> None:
    damage, sentence = DAMAGE[name]
    damage(stage, worked)
    with pytest.raises(AssertionError, match=sentence.replace("(", r"\(", 1).replace(")", r"\)", 1)):
        check_invariants(stage.home)


def test_a_process_of_a_run_that_is_over_is_named(stage: Stage) -> None:
    with other_model_server([[("run_command", {"command": "sleep 300"})]], key=KEY) as model:
        stage.connect(model.url)
        run = stage.queue(Role.DEVELOPER, "Wait.")
        pid = stage.start(run)
        until(lambda: sandboxes_of(stage.home, f"run-{run.pk}"), what="a sandbox at work")
        check_invariants(stage.home)
        os.kill(pid, signal.SIGSTOP)  # else it would notice, and leave in time
        Run.objects.filter(pk=run.pk).update(state="WAITING")
        with pytest.raises(
            AssertionError, match=rf"\(d\) process .* holds what is not live: .* hold_run {run.pk}"
        ) as told:
            check_invariants(stage.home)
    assert f"of run-{run.pk} outlived it" in str(told.value)


def test_a_note_that_was_told_twice_is_named(stage: Stage) -> None:
    with other_model_server([["Hm."]], key=KEY) as model:
        stage.connect(model.url)
        run = stage.queue(Role.DEVELOPER, "Listen.")
        steer(run=run, text="A word.", by=stage.by, now=now())
        run = stage.perform(run)
    check_invariants(stage.home)
    stage.resume(run)
    run.refresh_from_db()
    run.generation = stage.claim(run)
    line = holding.Line(EventKind.PROMPT, {"text": "A word.", "author": "lead"}, now())
    holding.append_events(run=run, lines=[line], now=now())
    until(lambda: placement.reap(now() + placement.dt.timedelta(seconds=60)), what="a lost run")
    with pytest.raises(AssertionError, match=r"\(b\) run .* was told 3 things; the brief and 1 notes were to be told"):
        check_invariants(stage.home)
