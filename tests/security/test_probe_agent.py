"""A probe in an agent's place: what it may not read or write is refused at level 1, and level 0 says that it is not."""

import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from leadroom.agents.enums import Role
from leadroom.guardrails import actions, scopes
from leadroom.guardrails.enums import Lock, SwitchState
from leadroom.lib.clock import now
from leadroom.pipeline import locking
from leadroom.runners import facts, gate
from leadroom.runners.base import ToolCall, Workplace
from leadroom.sandbox.profiles import tree_profile
from leadroom.sandbox.selftest import Check, Isolation
from leadroom.web.guardrails import presenters
from tests import factories as f

pytestmark = [pytest.mark.security, pytest.mark.django_db(transaction=True)]
NOWHERE = Isolation(0, (Check("starts", False, "A sandbox does not start here."),))


@dataclass(frozen=True)
class Scene:
    """A data folder with secrets, another project, a user's repository, a server; and the probe's own tree."""

    home: Path
    tree: Path
    port: int

    def attempts(self) -> dict[str, str]:
        """Name to a shell command that must fail; none of them harms anything outside this test's folder."""
        home, own = self.home, f"/work/trees/{self.tree.name}"
        project = "home/projects/a"
        reads = {
            "the database": "home/db.sqlite3",
            "the secret key": "home/secret.key",
            "the signing key": "home/keys/merge",
            "a log": "home/log/worker.log",
            "the switch": "home/switch.json",
            "another project": "home/projects/b/trees/t/x",
            "another run's tree": f"{project}/trees/run-2/x",
            "our refs": f"{project}/control.git/HEAD",
            "the user's repository": "user/shop/core.py",
            "a lock": "home/run/holders/run-1.lock",
        }
        writes = {
            "the switch": "home/switch.json",
            "the database": "home/db.sqlite3",
            "another run's tree": f"{project}/trees/run-2/x",
            "our refs": f"{project}/control.git/refs/heads/main",
            "the user's repository": "user/shop/core.py",
            "a new file beside its tree": f"{project}/trees/new",
        }
        inside = {"its own git configuration": ".git/config", "a hook of its own tree": ".git/hooks/pre-commit"}
        shell = f"python3 -c \"import socket; socket.create_connection(('127.0.0.1', {self.port}), 2)\""
        return {
            **{f"read {name}": f"cat {home.parent / path}" for name, path in reads.items()},
            **{f"write {name}": f"echo x > {home.parent / path}" for name, path in writes.items()},
            **{f"write {name}": f"echo x >> {own}/{path}" for name, path in inside.items()},
            "read the server's environment": "grep -a CANARY /proc/[0-9]*/environ",
            "reach the dashboard's port": shell,
            "write a program of the system": "echo x > /usr/bin/leadroom-probe",
            "write a kernel setting": "echo x > /proc/sys/kernel/core_pattern",
        }


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setenv("CANARY", "a variable of the server")
    for name in (
        "home/db.sqlite3", "home/secret.key", "home/keys/merge", "home/log/worker.log", "home/switch.json",
        "home/run/holders/run-1.lock", "home/projects/a/control.git/HEAD", "home/projects/b/trees/t/x",
        "home/projects/a/control.git/refs/heads/main", "home/projects/a/trees/run-2/x", "user/shop/core.py",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("secret")
    (tmp_path / "home/projects/a/control.git/objects").mkdir()
    tree = tmp_path / "home" / "projects" / "a" / "trees" / "run-1"
    subprocess.run(["git", "init", "-q", str(tree)], check=True)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield Scene(tmp_path / "home", tree, server.getsockname()[1])


def test_the_probe_is_refused_everywhere_at_level_one(scene: Scene) -> None:
    run = f.make_running_run(f.make_item(), Role.DEVELOPER)
    place = Workplace(run, None, tree_profile(scene.tree, is_writable=True))
    before = {path: path.read_bytes() for path in scene.home.parent.rglob("*") if path.is_file()}
    attempts, done = scene.attempts(), {}
    assert len(attempts) >= 20
    for number, (name, command) in enumerate(attempts.items()):
        call = ToolCall(f"call-{number}", "run_command", {"command": command, "timeout_seconds": 20})
        outcome = async_to_sync(gate.use_tool)(place, call)
        if not outcome.is_error:
            done[name] = outcome.text
    assert done == {}
    assert {path: path.read_bytes() for path in scene.home.parent.rglob("*") if path.is_file()} == before


def test_without_a_sandbox_the_same_attempts_succeed_which_is_what_level_zero_says(scene: Scene) -> None:
    """So nothing below level 1 is ever called enforced (RELIABILITY, Isolation levels)."""
    reads = {name: command for name, command in scene.attempts().items() if name.startswith("read the ")}
    reads.pop("read the server's environment")
    for command in reads.values():
        assert subprocess.run(["sh", "-c", command], capture_output=True, check=False).returncode == 0


def test_at_level_zero_nothing_runs_and_no_badge_says_enforced(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    for module in (facts, locking, presenters):
        monkeypatch.setattr(module, "check_isolation", lambda: NOWHERE)
    run = f.make_running_run(f.make_item(), Role.DEVELOPER)
    place = Workplace(run, None, tree_profile(scene.tree, is_writable=True))
    outcome = async_to_sync(gate.use_tool)(place, ToolCall("1", "run_command", {"command": "true"}))
    assert outcome.text.startswith("Not allowed: The sandbox does not work on this machine")
    user = f.make_user(is_superuser=True)
    switch = actions.press(scope=scopes.EVERYTHING, level=Lock.READ_ONLY, reason="", by=f.human(user), now=now())
    locking.settle(switch)
    assert switch.state == SwitchState.UNENFORCED
    client.force_login(user)
    page = client.get("/guardrails/").content.decode()
    assert "Isolation L0: not enforced" in page
    assert "Read-only not enforced" in page
    assert "Verified" not in page
