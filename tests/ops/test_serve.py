"""`manage.py serve`: the parts one by one, as a container or a service manager runs them."""

import contextlib
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.backend import program_environment
from tests.support.program import ROOT, until
from tests.support.services import free_port


@pytest.fixture
def env(tmp_path: Path) -> Iterator[dict[str, str]]:
    with program_environment(tmp_path / "home") as environment:
        yield {**environment, "LEADROOM_PORT": str(free_port())}


def serve(env: dict[str, str], part: str, output: Path) -> "subprocess.Popen[bytes]":
    argv = [sys.executable, "manage.py", "serve", part]
    with output.open("wb") as stream:
        return subprocess.Popen(argv, cwd=ROOT, env=env, stdout=stream, stderr=stream)


@contextlib.contextmanager
def ended(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def test_web_answers_and_ends_at_term(env: dict[str, str], tmp_path: Path) -> None:
    process = serve(env, "web", tmp_path / "out")

    def answers() -> bool:
        assert process.poll() is None, (tmp_path / "out").read_text()
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            url = f"http://127.0.0.1:{env['LEADROOM_PORT']}/healthz"
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == 200)
        return False

    with ended(process):
        until(answers, seconds=30, what="an answer of web")
    assert process.returncode == 0


def test_beat_keeps_its_schedule_in_the_data_folder(env: dict[str, str], tmp_path: Path) -> None:
    with ended(serve(env, "beat", tmp_path / "out")):
        run = tmp_path / "home" / "run"
        until(lambda: list(run.glob("beat-schedule*")), seconds=30, what="a schedule file")


def test_web_keeps_the_rules_of_up_about_addresses(env: dict[str, str], tmp_path: Path) -> None:
    process = serve({**env, "LEADROOM_HOST": "0.0.0.0"}, "web", tmp_path / "out")
    with ended(process):
        assert process.wait(30) == 1
    said = (tmp_path / "out").read_text()
    assert "createsuperuser" in said or "LEADROOM_PUBLIC_URL=https" in said or "migrate" in said
    assert "Traceback" not in said
