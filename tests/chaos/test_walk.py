"""A whole item, from request to merge, while its processes are killed: it ends done, and nothing happened twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from django.conf import LazySettings

from leadroom.agents.enums import Role, RunState
from leadroom.agents.models import Run
from leadroom.guardrails.models import Claim
from leadroom.ledger.models import Entry
from leadroom.lib.clock import now
from leadroom.ops.children import dies_with_parent
from leadroom.projects.actions import create_item
from leadroom.projects.enums import Stage as ItemStage
from leadroom.projects.models import WorkItem
from leadroom.testplans.models import TestPlan
from leadroom.triage.models import Report
from leadroom.worktrees.models import Stitch
from leadroom.worktrees.repository import BareRepository
from tests.chaos.team import team
from tests.support.program import ROOT, processes_of, until
from tests.support.stage import Stage, staged

pytestmark = pytest.mark.chaos
SECONDS = 160.0


@pytest.fixture
def stage(
    tmp_path: Path, transactional_db: None, settings: LazySettings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    with staged(tmp_path, settings, monkeypatch) as built:
        yield built


class Walk:
    """The walker's process, started again whenever it died, and the item it walks."""

    def __init__(self, stage: Stage, points: Sequence[tuple[str, str]]) -> None:
        self.stage, self.deaths = stage, 0
        self.item = create_item(
            project=stage.project, request="Split by shares", stitch_owner=stage.lead, by=stage.by, now=now()
        )
        self._points = stage.home / "points"
        self._points.write_text("".join(f"{at} {point}\n" for at, point in points))
        self._log = stage.home / "walker.log"
        self._process = self._start()

    def _start(self) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as stream:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.walker"],
                cwd=ROOT,
                env={
                    **os.environ,
                    "DJANGO_SETTINGS_MODULE": "leadroom.settings",
                    "LEADROOM_HOME": str(self.stage.home),
                    "LEADROOM_PROCESS": "holder",
                },
                stdout=stream,
                stderr=stream,
                preexec_fn=dies_with_parent(),
            )

    @property
    def points_left(self) -> str:
        return self._points.read_text()

    def kill(self, dice: random.Random) -> None:
        """SIGKILL to the walker or to one of the holders."""
        with suppress(ProcessLookupError, IndexError):
            os.kill(dice.choice(sorted(processes_of(self.stage.home))), signal.SIGKILL)

    @property
    def stage_now(self) -> str:
        self.item.refresh_from_db(fields=["stage"])
        return self.item.stage

    def goes_on(self) -> bool:
        """False once the item is done; a walker that died is started again. Raises AssertionError when it gave up."""
        status = self._process.poll()
        if status is None:
            return True
        if status in (137, -signal.SIGKILL):
            self.deaths += 1
            self._points.write_text("".join(self._points.read_text().splitlines(keepends=True)[1:]))
            self._process = self._start()
            return True
        assert status == 0, self._log.read_text()[-4000:]
        return False

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def walking(stage: Stage, *points: tuple[str, str]) -> Iterator[Walk]:
    """A walk under way, on which processes die at these points, each once the item has come to its stage."""
    with team() as model:
        stage.connect(model.url)
        walk = Walk(stage, points)
        try:
            yield walk
        finally:
            walk.end()


def check_is_done_once(walk: Walk) -> None:
    """Done, with one of everything."""
    item = WorkItem.objects.get(pk=walk.item.pk)
    assert item.stage == ItemStage.DONE
    runs = list(Run.objects.filter(item=item))
    assert sorted(run.role for run in runs) == sorted(Role)
    assert {run.state for run in runs} == {RunState.COMPLETED}
    assert sorted(r.run_id for r in Report.objects.filter(item=item)) == sorted(run.pk for run in runs)
    assert sorted(Claim.objects.filter(item_id=item.pk, kind="report").values_list("run_id", flat=True)) == sorted(
        run.pk for run in runs
    )
    assert TestPlan.objects.get(item=item).state == "FROZEN"
    stitch = Stitch.objects.get(item=item)
    control = BareRepository(walk.stage.project.control_path)
    assert control.head("main") == stitch.merge_commit
    assert walk.stage.source.head(stitch.published_ref) == stitch.merge_commit
    until(lambda: not processes_of(walk.stage.home), what="an empty house")


# every place where a death would hurt, in the order an item passes them
POINTS = [
    (ItemStage.ALIGN, "placement.claimed:1"),
    (ItemStage.ALIGN, "runners.turn-stored:1"),
    (ItemStage.PLAN, "runners.tool-done:2"),
    (ItemStage.PLAN, "runners.results-stored:1"),
    (ItemStage.BUILD, "runners.tool-done:3"),
    (ItemStage.BUILD, "runners.before-complete:1"),
    (ItemStage.VERIFY, "verification.before-finish:1"),
    (ItemStage.STITCH, "worktrees.branch-moved:1"),
    (ItemStage.STITCH, "worktrees.published:1"),
]


def test_killed_at_every_point_in_turn_an_item_is_done_and_nothing_happened_twice(stage: Stage) -> None:
    deadline = time.monotonic() + SECONDS
    with walking(stage, *POINTS) as walk:
        while walk.goes_on():
            assert time.monotonic() < deadline, f"{walk.stage_now}, to come: {walk.points_left}"
            time.sleep(0.05)
    assert walk.points_left == ""
    assert walk.deaths == 3  # placement and both of the join; the others kill holders
    lost = Entry.objects.filter(verb="agents.run.lost").count()
    taken_back = Entry.objects.filter(verb="verification.run.taken_back").count()
    assert (lost, taken_back) == (6, 1)
    check_is_done_once(walk)


@pytest.mark.parametrize("seed", [7, 77])
def test_random_kills_of_any_process_lose_and_double_nothing(stage: Stage, seed: int) -> None:
    dice, deadline, kills = random.Random(seed), time.monotonic() + SECONDS, 0
    due = time.monotonic() + dice.uniform(0.5, 3)
    with walking(stage) as walk:
        while walk.goes_on():
            assert time.monotonic() < deadline, walk.stage_now
            if kills < 6 and time.monotonic() > due:
                walk.kill(dice)
                kills, due = kills + 1, time.monotonic() + dice.uniform(0.5, 3)
            time.sleep(0.05)
    assert kills >= 3
    check_is_done_once(walk)
