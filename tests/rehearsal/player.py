"""Plays a developer script against a plain folder: a tiny, unconfined executor of the machine tools.

It exists to prove that the scripts' edits apply and that their tests turn from red to green. It is no part
of the house: only scripts from this repository are ever given to it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leadroom.rehearsal.conversation import read_conversation
from leadroom.rehearsal.script import Library, ToolCall

HOUSE_TOOLS = {
    "set_phase", "propose_ambiguities", "ask_questions", "submit_document", "submit_plan", "submit_review",
    "submit_tests", "submit_verdicts", "ask", "report",
}  # fmt: skip


@dataclass
class Played:
    """What happened: every call with its result, in order."""

    calls: list[tuple[ToolCall, str]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)

    def of(self, name: str) -> list[dict[str, Any]]:
        """The inputs of all calls of one tool."""
        return [call.input for call, _ in self.calls if call.name == name]

    def results(self, name: str) -> list[str]:
        """The results of all calls of one tool."""
        return [result for call, result in self.calls if call.name == name]


def play(
    library: Library,
    script: str,
    tree: Path,
    *,
    recorded: list[str] | None = None,
    answer: str = "Yes.",
    brief: str = "Your brief.",
) -> Played:
    """Plays a script turn by turn until it reports. Tool failures are results, as in the house.

    With `recorded` no command is run; its results are given instead, one after the other.
    """
    commands = None if recorded is None else iter(recorded)
    played = Played(messages=[{"role": "user", "content": f"{brief}\n\n[[script:{script}]]"}])
    found = library.find(script)
    assert found is not None, script
    for _ in range(len(found.steps) + 1):
        turn = found.turn(read_conversation({"messages": played.messages}))
        asked: list[dict[str, Any]] = []
        given: list[dict[str, Any]] = []
        for call in turn.tools:
            if call.name == "run_command" and commands is not None:
                result = next(commands)
            else:
                result = execute(call, tree)
            number = f"toolu_{len(played.calls)}"
            asked.append({"type": "tool_use", "id": number, "name": call.name, "input": call.input})
            given.append({"type": "tool_result", "tool_use_id": number, "content": result})
            played.calls.append((call, result))
        played.messages.append({"role": "assistant", "content": [{"type": "text", "text": turn.text or "…"}, *asked]})
        if any(call.name == "report" for call in turn.tools):
            return played
        if any(call.name in ("ask", "ask_questions", "propose_ambiguities") for call in turn.tools):
            given.append({"type": "text", "text": answer})
        played.messages.append({"role": "user", "content": given or "Go on."})
    raise AssertionError(f"{script} never reports")


def execute(call: ToolCall, tree: Path) -> str:
    """One tool call. Failures come back as text that starts with `error:`."""
    if call.name == "submit_document":
        return "Stored as revision 1, 0f1e2d. Report next."
    if call.name in HOUSE_TOOLS:
        return "ok"
    if call.name == "run_command":
        return run(call.input["command"], tree)
    path = tree / call.input.get("path", ".")
    if call.name == "read_file":
        if path.is_dir():
            return "\n".join(sorted(inner.name for inner in path.iterdir())) or "empty"
        return path.read_text() if path.is_file() else f"error: there is no file {call.input['path']}"
    if call.name == "search_files":
        return _search(call.input, tree)
    if call.name == "write_file":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(call.input["text"])
        return "written"
    if call.name == "edit_file":
        return _edit(path, call.input)
    return f"error: there is no tool {call.name}"


def run(command: str, tree: Path) -> str:
    """A shell command in the tree, with this interpreter first on the path; pytest names every outcome."""
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tree),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_ADDOPTS": "-p no:cacheprovider -rA",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=tree,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return f"exit status {done.returncode}\n{done.stdout}{done.stderr}"


def _edit(path: Path, asked: dict[str, Any]) -> str:
    text = path.read_text()
    if text.count(asked["old_text"]) != 1:
        return f"error: old_text is found {text.count(asked['old_text'])} times in {asked['path']}"
    path.write_text(text.replace(asked["old_text"], asked["new_text"]))
    return "edited"


def _search(asked: dict[str, Any], tree: Path) -> str:
    pattern = re.compile(asked["pattern"])
    lines = [
        f"{file.relative_to(tree)}:{number}: {line}"
        for file in sorted((tree / asked.get("path", ".")).rglob(asked.get("glob", "*")))
        if file.is_file() and file.suffix in (".py", ".md", ".toml")
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    return "\n".join(lines) or "nothing found"
