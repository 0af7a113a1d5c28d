"""A real rehearsal server for the session, and a real client to talk to it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import anthropic
import pytest

from leadroom.rehearsal.script import Library

ROOT = Path(__file__).parents[2]
ClientFactory = Callable[..., anthropic.AsyncAnthropic]


def start_server(*arguments: str) -> tuple[subprocess.Popen[str], str]:
    """Starts a server process on a free port; gives the process and its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "leadroom.rehearsal", "--port", "0", *arguments],
        cwd=ROOT,
        env={**os.environ, "REHEARSAL_PACE": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    prefix = "rehearsal listening on "
    if not line.startswith(prefix):
        process.kill()
        raise AssertionError(line + process.communicate()[1])
    return process, line.removeprefix(prefix).strip()


def stop_server(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Stops a server as a supervisor would; gives its exit status and what it wrote to stderr."""
    process.send_signal(signal.SIGTERM)
    try:
        _, errors = process.communicate(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return process.returncode, errors


@pytest.fixture(scope="session")
def rehearsal_url() -> Iterator[str]:
    """The URL of a server without pauses."""
    process, url = start_server("--pace", "0")
    yield url
    status, errors = stop_server(process)
    assert (status, errors) == (0, "")


@pytest.fixture
def client(rehearsal_url: str) -> ClientFactory:
    """Makes clients of the session's server; without retries of their own unless asked for."""

    def make(*, max_retries: int = 0, timeout: float = 20.0) -> anthropic.AsyncAnthropic:
        return anthropic.AsyncAnthropic(base_url=rehearsal_url, api_key="x", max_retries=max_retries, timeout=timeout)

    return make


@pytest.fixture(scope="session")
def library() -> Library:
    """The scripts that are shipped."""
    return Library()
