"""`manage.py up` as a whole: real web, worker, beat, rehearsal and broker processes."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from leadroom.ops.holders import MARKER
from tests.support.backend import is_grown_up, program_environment
from tests.support.program import ROOT, Program, is_alive, processes_of, running_program, until

pytestmark = [pytest.mark.chaos]

HOLDER = """
import fcntl, json, os, signal, sys, time
path, is_stubborn = sys.argv[1], sys.argv[2] == "stubborn"
if is_stubborn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
stream = open(path, "w")
fcntl.flock(stream, fcntl.LOCK_EX)
stream.write(json.dumps({"pid": os.getpid()})); stream.flush()
print("held", flush=True)
time.sleep(120)
"""
ALWAYS = {"web", "worker", "beat", "rehearsal"}
CHILDREN = ALWAYS if is_grown_up() else {*ALWAYS, "broker"}


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """One program that the tests share; each leaves it as healthy as it was."""
    with running_program(tmp_path_factory.mktemp("up")) as running:
        yield running


@pytest.fixture
def own_program(tmp_path: Path) -> Iterator[Program]:
    with running_program(tmp_path) as running:
        yield running


def up(program: Program, **extra: str) -> "subprocess.CompletedProcess[str]":
    """A second `manage.py up`, which is expected to refuse."""
    return subprocess.run(
        [sys.executable, "manage.py", "up"],
        cwd=ROOT,
        env={**program.env, **extra},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@contextlib.contextmanager
def holder(home: Path, manners: str) -> Iterator[int]:
    """A process that holds a run's lock, as the holder of an agent does."""
    folder = home / "run" / "holders"
    folder.mkdir(exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder / "run-1.lock"), manners],
        env={"LEADROOM_HOME": str(home), MARKER: "1"},
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_every_part_runs_and_the_page_answers(program: Program) -> None:
    assert set(program.running()["children"]) == CHILDREN
    assert program.get("/healthz")[0] == 200
    until(lambda: "sign in" in program.said(), what="a sign-in link")
    assert f"web ready on {program.url}" in program.said()


def test_the_printed_link_signs_in_once(program: Program) -> None:
    until(lambda: "sign in" in program.said(), what="a sign-in link")
    line = next(line for line in program.said().splitlines() if line.startswith("sign in"))
    link = line.rpartition(" ")[2]
    jar = CookieJar()
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    with browser.open(link, timeout=10) as page:
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.read().decode())
    assert token is not None
    form = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1]}).encode()
    with browser.open(urllib.request.Request(link, form, {"Origin": program.url}), timeout=10) as room:
        assert room.status == 200
        assert "sign-in" not in room.url
    assert any(cookie.name.startswith("leadroom_session") for cookie in jar)
    with pytest.raises(urllib.error.HTTPError, match="410"):
        urllib.request.urlopen(link, timeout=10)


def test_a_second_start_says_who_runs(program: Program) -> None:
    refused = up(program)
    assert refused.returncode == 1
    assert f"process {program.running()['pid']} on port {program.port} since" in refused.stderr
    assert program.get("/healthz")[0] == 200


def test_a_taken_port_is_a_sentence_with_the_cure(program: Program, tmp_path: Path) -> None:
    refused = up(program, LEADROOM_HOME=str(tmp_path / "other"))
    assert refused.returncode == 1
    assert f"Port {program.port} on 127.0.0.1 is taken" in refused.stderr
    assert f"LEADROOM_PORT={program.port + 1}" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not processes_of(tmp_path / "other")


def test_an_address_others_can_reach_needs_tls(program: Program, tmp_path: Path) -> None:
    refused = up(program, LEADROOM_HOME=str(tmp_path / "other"), LEADROOM_HOST="0.0.0.0")
    assert refused.returncode == 1
    assert "LEADROOM_PUBLIC_URL=https://" in refused.stderr


def test_an_address_others_can_reach_needs_a_password(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with program_environment(home) as env:
        program = Program(home, env, output=tmp_path / "up.out")
        refused = up(program, LEADROOM_HOST="0.0.0.0", LEADROOM_PUBLIC_URL="https://leadroom.example")
    assert refused.returncode == 1
    assert "createsuperuser" in refused.stderr
    assert not processes_of(home)


@pytest.mark.parametrize("name", sorted(CHILDREN))
def test_a_killed_child_comes_back(program: Program, name: str) -> None:
    before = program.kill_child(name)
    until(lambda: program.child(name) not in (None, before), what=f"another {name}")
    if name == "web":
        program.wait_ready()
    assert program.get("/healthz")[0] == 200
    assert f"{name} stopped (killed by SIGKILL)" in program.said()


def test_requests_wait_while_web_restarts(program: Program) -> None:
    before = program.kill_child("web")
    until(lambda: not is_alive(before), what="the end of web")
    with contextlib.suppress(ConnectionResetError, urllib.error.URLError):
        # one that the dying process had already taken may break; the next is only slow
        program.get("/healthz", seconds=20)
    assert program.get("/healthz", seconds=20)[0] == 200


def test_ctrl_c_leaves_no_process(own_program: Program) -> None:
    with holder(own_program.home, "polite") as pid:
        own_program.send(signal.SIGINT)
        assert own_program.wait() == 0
        assert not is_alive(pid)
    assert processes_of(own_program.home) == {}
    assert not (own_program.home / "run" / "up.json").exists()
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", own_program.port))
    assert "Traceback" not in own_program.said()


def test_a_second_ctrl_c_stops_at_once(own_program: Program) -> None:
    with holder(own_program.home, "stubborn") as pid:
        own_program.send(signal.SIGINT)
        until(lambda: "stopping" in own_program.said(), what="the first signal's line")
        own_program.send(signal.SIGINT)
        assert own_program.wait(seconds=4) == 0
        assert not is_alive(pid)
    assert processes_of(own_program.home) == {}


def test_kill_9_of_the_supervisor_leaves_only_holders_and_it_starts_again(own_program: Program) -> None:
    with holder(own_program.home, "polite") as pid:
        own_program.send(signal.SIGKILL)
        own_program.wait()
        until(lambda: set(processes_of(own_program.home)) == {pid}, seconds=5, what="the end of all children")
        own_program.start()
        assert own_program.get("/healthz")[0] == 200
        assert is_alive(pid)
        os.kill(pid, signal.SIGKILL)
