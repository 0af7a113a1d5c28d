"""`run`: what comes back, what is bounded, and that nothing survives."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from leadroom.lib.errors import BadInput, LeadroomError, NotPermitted
from leadroom.sandbox import process
from leadroom.sandbox.process import Completed, run
from leadroom.sandbox.profiles import Mount, Profile, tree_profile
from leadroom.sandbox.registry import kill_tree, sweep
from leadroom.sandbox.selftest import Check, Isolation


def do(tree: Path, script: str, *, timeout: float = 20, is_writable: bool = True, **options: object) -> Completed:
    profile = tree_profile(tree, is_writable=is_writable)
    return asyncio.run(run(profile, ["sh", "-c", script], timeout_seconds=timeout, **options))  # type: ignore[arg-type]


def processes_with(token: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and token.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


def wait_for(condition: Callable[[], bool], seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return condition()


def test_a_command_gets_stdin_and_gives_status_and_both_streams(tree: Path) -> None:
    done = do(tree, "cat; echo err >&2; exit 7", stdin=b"x" * 300_000, output_limit_bytes=400_000)
    assert done.exit_status == 7
    assert done.output == b"x" * 300_000 + b"err\n"
    assert not done.is_timed_out
    assert not done.is_truncated


def test_a_command_that_ignores_a_large_stdin_is_no_error(tree: Path) -> None:
    assert do(tree, "exit 0", stdin=b"x" * 3_000_000).exit_status == 0


def test_a_missing_program_is_status_127(tree: Path) -> None:
    profile = tree_profile(tree, is_writable=False)
    done = asyncio.run(run(profile, ["no-such-program"], timeout_seconds=5))
    assert done.exit_status == 127
    assert b"no-such-program" in done.output


def test_a_sandbox_that_cannot_be_made_is_an_error_and_not_a_result(tmp_path: Path) -> None:
    profile = Profile((Mount(tmp_path / "gone", "/work/gone"),), "/", False, {})
    with pytest.raises(LeadroomError, match="could not be made"):
        asyncio.run(run(profile, ["true"], timeout_seconds=5))


def test_a_zero_byte_in_a_command_is_refused(tree: Path) -> None:
    with pytest.raises(BadInput, match="zero byte"):
        asyncio.run(run(tree_profile(tree, is_writable=False), ["echo", "a\0b"], timeout_seconds=5))


def test_huge_output_keeps_head_and_tail_in_bounded_memory(tree: Path) -> None:
    script = "echo START; head -c 50000000 /dev/zero | tr '\\0' x; echo; echo END"
    before = int(Path("/proc/self/statm").read_text().split()[1])
    done = do(tree, script, output_limit_bytes=10_000)
    grown = (int(Path("/proc/self/statm").read_text().split()[1]) - before) * os.sysconf("SC_PAGE_SIZE")
    assert done.output.startswith(b"START\n")
    assert done.output.endswith(b"END\n")
    assert b"49,990,011 of 50,000,011 bytes of output were cut" in done.output
    assert done.is_truncated
    assert len(done.output) < 11_000
    assert grown < 20_000_000


def test_a_timeout_kills_also_a_daemon_that_left_its_session(tree: Path) -> None:
    done = do(tree, "setsid sleep 4711.25 & trap '' TERM; sleep 4711.25", timeout=0.5)
    assert done.is_timed_out
    assert done.exit_status == 128 + signal.SIGKILL
    assert done.seconds < 4
    assert processes_with("4711.25") == []


def test_a_daemon_does_not_survive_the_end_of_its_command(tree: Path) -> None:
    done = do(tree, "setsid sh -c 'exec >/dev/null 2>&1 </dev/null; sleep 4712.25' & sleep 0.1; echo over")
    assert done.output == b"over\n"
    assert processes_with("4712.25") == []


def test_a_daemon_that_holds_the_output_open_does_not_hold_up_the_result(tree: Path) -> None:
    done = do(tree, "setsid sleep 4713.25 & echo over")
    assert done.output == b"over\n"
    assert done.seconds < 4
    assert processes_with("4713.25") == []


def test_cancelling_leaves_nothing(tree: Path) -> None:
    async def scenario() -> None:
        profile = tree_profile(tree, is_writable=False)
        task = asyncio.create_task(run(profile, ["sleep", "4714.25"], timeout_seconds=60))
        while not processes_with("4714.25"):
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert processes_with("4714.25") == []

    asyncio.run(scenario())


def test_cancelling_at_any_moment_of_the_start_leaves_nothing_and_no_descriptor(tree: Path) -> None:
    async def scenario() -> None:
        profile = tree_profile(tree, is_writable=False)
        await run(profile, ["true"], timeout_seconds=5)
        open_before = len(os.listdir("/proc/self/fd"))
        for step in range(25):
            task = asyncio.create_task(run(profile, ["sleep", "4715.25"], timeout_seconds=60))
            await asyncio.sleep(step * 0.0004)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert processes_with("4715.25") == []
        assert len(os.listdir("/proc/self/fd")) == open_before

    asyncio.run(scenario())


def test_many_processes_are_stopped_and_reaped(tree: Path) -> None:
    script = "i=0; while [ $i -lt 300 ]; do sleep 4716.25 & i=$((i+1)); done; wait"
    done = do(tree, script, timeout=30, process_limit=64)
    assert done.exit_status != 0
    assert not done.is_timed_out
    assert processes_with("4716.25") == []


def test_files_cannot_grow_without_end(tree: Path) -> None:
    done = do(tree, "ulimit -f; ulimit -n; ulimit -c", is_writable=False)
    blocks, files, core = done.output.split()
    assert int(blocks) * 512 <= 2 * 1024**3
    assert int(files) <= 4096
    assert core == b"0"


def test_nothing_lies_in_tmp_from_the_call_before(tree: Path) -> None:
    assert do(tree, "echo left > /tmp/file; echo left > $HOME/file").exit_status == 0
    assert do(tree, "test ! -e /tmp/file && test ! -e /tmp/home/file").exit_status == 0


def test_without_isolation_nothing_runs(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Isolation(0, (Check("starts", False, "A sandbox does not start."),))
    monkeypatch.setattr(process, "is_proven", lambda: False)
    monkeypatch.setattr(process, "check_isolation", lambda: broken)
    with pytest.raises(NotPermitted, match="apt-get install bubblewrap"):
        do(tree, "echo ran > /work/trees/run-1/ran")
    assert not (tree / "ran").exists()


HOLDER = """
import asyncio, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "leadroom.settings"
from pathlib import Path
from leadroom.sandbox.process import run
from leadroom.sandbox.profiles import tree_profile
profile = tree_profile(Path(sys.argv[1]), is_writable=True)
asyncio.run(run(profile, ["sleep", sys.argv[2]], timeout_seconds=60))
"""


def test_a_killed_holder_takes_its_sandbox_with_it(tree: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tree), "4717.25"])

    def sleepers() -> list[int]:
        return [pid for pid in processes_with("sleep\0004717.25") if pid != holder.pid]

    try:
        assert wait_for(lambda: len(sleepers()) >= 3, 15)  # bubblewrap, its init, and the command
    finally:
        holder.kill()
        holder.wait()
    assert wait_for(lambda: sleepers() == [], 1.0)


def test_kill_tree_ends_one_sandbox_by_the_pid_given_at_its_start(tree: Path) -> None:
    async def scenario() -> Completed:
        pids: list[int] = []
        profile = tree_profile(tree, is_writable=False)
        task = asyncio.create_task(run(profile, ["sleep", "4718.25"], timeout_seconds=60, on_start=pids.append))
        while not processes_with("4718.25"):
            await asyncio.sleep(0.01)
        assert kill_tree(pids[0]) >= 1
        done = await task
        assert kill_tree(pids[0]) == 0
        return done

    done = asyncio.run(scenario())
    assert done.exit_status == 128 + signal.SIGKILL
    assert not done.is_timed_out
    assert processes_with("4718.25") == []


def test_kill_tree_leaves_strangers_alone() -> None:
    stranger = subprocess.Popen(["sleep", "30"])
    try:
        assert kill_tree(stranger.pid) == 0
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_sweep_ends_the_sandboxes_of_one_run_and_no_others(tree: Path) -> None:
    async def scenario() -> None:
        profile = tree_profile(tree, is_writable=False)
        ours = [
            asyncio.create_task(run(profile, ["sleep", "4719.25"], timeout_seconds=60, marker="t-run-1"))
            for _ in range(2)
        ]
        other = asyncio.create_task(run(profile, ["sleep", "4720.25"], timeout_seconds=60, marker="t-run-11"))
        while len(processes_with("4719.25")) < 2 or not processes_with("4720.25"):
            await asyncio.sleep(0.01)
        assert sweep("t-run-1") >= 2
        for done in await asyncio.gather(*ours):
            assert done.exit_status == 128 + signal.SIGKILL
        assert processes_with("4719.25") == []
        assert processes_with("4720.25") != []
        assert sweep("t-run-1") == 0
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)

    asyncio.run(scenario())
    with pytest.raises(BadInput):
        sweep("")
