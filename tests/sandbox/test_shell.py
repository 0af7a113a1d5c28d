"""`run_shell`: the text an agent reads after a command."""

import asyncio
from pathlib import Path

import pytest

from leadroom.sandbox.files import ToolOutcome
from leadroom.sandbox.profiles import tree_profile
from leadroom.sandbox.shell import NETWORK_SENTENCE, run_shell


def shell(tree: Path, command: str, timeout: float = 20) -> ToolOutcome:
    return asyncio.run(run_shell(tree_profile(tree, is_writable=True), command, timeout))


def test_the_last_line_is_the_exit_status(tree: Path) -> None:
    assert shell(tree, "echo out; echo err >&2") == ToolOutcome(False, "out\nerr\nExit status: 0")
    assert shell(tree, "exit 3") == ToolOutcome(True, "Exit status: 3")


def test_a_network_failure_is_explained(tree: Path) -> None:
    script = "python3 -c 'import socket; socket.create_connection((\"192.0.2.1\", 80), 3)'"
    direct = shell(tree, script)
    assert direct.is_error
    assert direct.text.splitlines()[-2:] == [NETWORK_SENTENCE, "Exit status: 1"]
    named = shell(tree, script.replace("192.0.2.1", "example.com"))
    assert NETWORK_SENTENCE in named.text
    assert NETWORK_SENTENCE not in shell(tree, "false").text


def test_a_timeout_is_told_with_what_was_printed(tree: Path) -> None:
    outcome = shell(tree, "echo begun; sleep 30", timeout=0.4)
    assert outcome.is_error
    assert outcome.text.startswith("begun\nStopped after 0.4 s")


@pytest.mark.parametrize("command", ["", "a\0b", "x" * 200_000, "\ud800"])
def test_a_command_no_shell_can_take_is_an_error_outcome(tree: Path, command: str) -> None:
    outcome = shell(tree, command)
    assert outcome.is_error
    assert "nothing was run" in outcome.text


def test_output_that_is_not_text_is_shown_anyway(tree: Path) -> None:
    assert shell(tree, "printf 'a\\377b'").text == "a\ufffdb\nExit status: 0"
