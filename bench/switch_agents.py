"""The agents of bench/switch.py, each kind in a process of its own: `python bench/switch_agents.py real|simulated`."""

import asyncio
import contextlib
import sys
import time
from typing import Any

EACH_MS, SIMULATED_MS, APART_SECONDS = 2, 500, 0.4
WRITER = """
import os, sys, time
pause, git = float(sys.argv[1]) / 1000, sys.argv[2] == "git"
def write(name):
    places = [name + ".txt"] + ([".git/refs/leadroom/" + name] if git else [])
    while True:
        for place in places:
            with open(place, "w") as file:
                file.write("%040d" % time.time_ns())
        time.sleep(pause)
if git:
    os.makedirs(".git/refs/leadroom", exist_ok=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        write("daemon")
    os._exit(0)
write("child")
"""


def become_django() -> None:
    import logging

    import django

    django.setup()
    logging.disable(logging.WARNING)  # there is no broker to hear of anything


def hold_real() -> None:
    """For each line `run generation` on stdin hold that run as Leadroom does; says when it left."""
    become_django()
    from leadroom.runners import holder

    holder.Session = Writer  # type: ignore[assignment,misc]
    print("ready", flush=True)
    for line in sys.stdin:
        run_id, generation = map(int, line.split())
        holder.hold_run(run_id, generation)
        print("left", flush=True)


class Writer:
    """A session that has no model: it only writes, everywhere an agent can."""

    def __init__(self, place: Any, access: Any) -> None:
        self.place = place

    async def hold(self) -> None:
        await asyncio.gather(write_files(self.place, EACH_MS, "git"), self.use_tools())

    async def use_tools(self) -> None:
        from leadroom.runners.base import ToolCall
        from leadroom.runners.gate import use_tool

        phases, number = ("design", "tests", "code"), 0
        while True:
            number += 1
            given = {"phase": phases[number % 3], "note": str(time.time_ns())}
            await use_tool(self.place, ToolCall(f"call-{number}", "set_phase", given))
            await asyncio.sleep(EACH_MS / 1000)


async def write_files(place: Any, pause_ms: int, git: str) -> None:
    from leadroom.sandbox.process import run
    from leadroom.sandbox.profiles import tree_profile

    profile = tree_profile(place.worktree.path, is_writable=True, is_git_writable=True)
    await run(
        profile, ["python", "-I", "-S", "-c", WRITER, str(pause_ms), git], timeout_seconds=3600, marker=place.marker
    )


def hold_simulated() -> None:
    """For each line of run numbers hold those, all in this process; says when all left."""
    become_django()
    from leadroom.sandbox.selftest import check_isolation

    check_isolation()
    print("ready", flush=True)
    for line in sys.stdin:
        hold_many([int(word) for word in line.split()])
        print("left", flush=True)


def hold_many(ids: list[int]) -> None:
    from django.conf import settings

    from leadroom.agents import holding
    from leadroom.agents.models import Run
    from leadroom.guardrails.watch import SwitchWatch
    from leadroom.lib.clock import now
    from leadroom.lib.errors import Fenced
    from leadroom.lib.leases import HolderLock, hold, holder_lock
    from leadroom.runners.holder import HALTED, _prepare
    from leadroom.sandbox.registry import sweep

    runs = list(Run.objects.select_related("item__project", "agent").filter(pk__in=ids))
    places = [_prepare(run) for run in runs]
    held = [HolderLock(holder_lock(settings.HOME_DIR, f"run-{run.pk}"), wait_seconds=3) for run in runs]
    watches = [
        SwitchWatch(project_id=place.run.item.project_id, agent_id=place.run.agent_id, marker=place.marker)
        for place in places
    ]

    async def begin(number: int, place: Any) -> None:
        await asyncio.sleep(number * APART_SECONDS)  # 200 interpreters at once would start for minutes
        await write_files(place, SIMULATED_MS, "plain")

    async def work() -> None:
        for watch in watches:
            watch.start()
        await asyncio.gather(*(begin(*numbered) for numbered in enumerate(places)))

    asyncio.run(hold(work(), lambda: None))
    for place, watch, lock in zip(places, watches, held, strict=True):
        with contextlib.suppress(Fenced):
            holding.halt(run=place.run, reason=HALTED, now=now())
        watch.stop()
        sweep(place.marker)
        lock.release()


if __name__ == "__main__":
    {"real": hold_real, "simulated": hold_simulated}[sys.argv[1]]()
