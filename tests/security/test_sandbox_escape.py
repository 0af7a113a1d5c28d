"""A hostile program in a sandbox tries to read, reach, change or kill what is outside. Nothing may work."""

import asyncio
import contextlib
import hashlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from leadroom.sandbox import seccomp
from leadroom.sandbox.process import run
from leadroom.sandbox.profiles import Mount, tree_profile
from leadroom.sandbox.toolchain import current_toolchain
from tests.sandbox.conftest import make_tree

pytestmark = pytest.mark.security

PROBE = Path(__file__).with_name("sandbox_probe.py")
SECRETS = (
    "secret.key", "db.sqlite3", "keys/id_ed25519", "keys", "gitconfig", "run/holders/run-42.lock",
    "log/web.log", "projects/other/trees/run-9/private.py", "projects/other/control.git/HEAD", "projects",
    "projects/demo/trees/run-2/hello.txt", "projects/demo/control.git/config",
    "projects/demo/control.git/refs",
)  # fmt: skip
SYSTEM_SECRETS = ("/etc/shadow", "/etc/ssl/private", "/var/log", "/var/lib", "/boot")
CONTROL = (
    "read secret.key", "read keys/id_ed25519 through a link", "read projects/other/trees/run-9/private.py",
    "find a variable of the host", "see a process of the host", "reach the dashboard", "reach the broker",
    "reach an abstract socket", "see /sys", "gain a capability", "write a hook",
)  # fmt: skip


def digest_of_tree(folder: Path) -> str:
    content = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        content.update(f"{path}:{path.lstat().st_mode}".encode())
        if path.is_file() and not path.is_symlink():
            content.update(path.read_bytes())
    return content.hexdigest()


@contextlib.contextmanager
def servers(socket_folder: Path) -> Iterator[dict[str, Any]]:
    """A TCP, a path and an abstract unix server, all willing to answer."""
    abstract = f"leadroom-test-{os.getpid()}"
    with contextlib.ExitStack() as stack:
        tcp = stack.enter_context(socket.socket())
        tcp.bind(("127.0.0.1", 0))
        broker = stack.enter_context(socket.socket(socket.AF_UNIX))
        broker.bind(str(socket_folder / "b.sock"))
        hidden = stack.enter_context(socket.socket(socket.AF_UNIX))
        hidden.bind("\0" + abstract)
        for server in (tcp, broker, hidden):
            server.listen(64)
        yield {"port": tcp.getsockname()[1], "broker": str(socket_folder / "b.sock"), "abstract": abstract}


def make_home(home: Path) -> Path:
    """A data folder with something worth stealing; returns the tree the hostile program gets."""
    tree = make_tree(home / "projects" / "demo")
    shutil.copytree(tree, tree.parent / "run-2")
    shutil.copytree(home / "projects" / "demo", home / "projects" / "other")
    shutil.copytree(tree, home / "projects" / "other" / "trees" / "run-9")
    for name in SECRETS:
        path = home / name
        if not path.suffix and path.is_dir():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() and name != "keys":
            path.write_text("secret")
    return tree


def targets(home: Path, tree: Path, *, is_inside: bool) -> dict[str, Any]:
    control = "/work/control.git" if is_inside else str(home / "projects/demo/control.git")
    place = "/work/trees/run-1" if is_inside else str(tree)
    secrets = {name: str(home / name) for name in SECRETS}
    secrets |= {path: path for path in SYSTEM_SECRETS if os.path.exists(path)}
    secrets |= {f"~/{path.name}": str(path) for path in Path.home().iterdir() if path.is_file()}
    secrets |= {"the real secret.key": str(settings.HOME_DIR / "secret.key")}
    secrets |= {"the program": str(settings.BASE_DIR / "tests")}
    column = 0 if platform.machine() == "x86_64" else 1
    disk = os.stat("/dev").st_dev
    return {
        "secrets": secrets,
        "untouchable": {
            "a hook": f"{place}/.git/hooks/pre-commit",
            "git's configuration": f"{place}/.git/config",
            "the alternates": f"{place}/.git/objects/info/alternates",
            "the shared objects": f"{control}/objects/planted",
            "beside the shared objects": f"{control}/config",
            "beside the tree": "/work/trees/planted",
            "a program": "/usr/bin/planted",
            "/etc/passwd": "/etc/passwd",
            "the root folder": "/planted",
            "the kernel's core pattern": "/proc/sys/kernel/core_pattern",
            "the kernel's trigger": "/proc/sysrq-trigger",
            "its own protection": "/proc/self/oom_score_adj",
            "the toolchain's Python": current_toolchain().python,
        },
        "project": str(home / "projects" / "other"),
        "disk": [os.major(disk), os.minor(disk)],
        "keyctl": seccomp.REFUSED["keyctl"][column],
        "finit_module": seccomp.REFUSED["finit_module"][column],
    }


@pytest.fixture(scope="module")
def scene() -> Iterator[dict[str, Any]]:
    """The findings of the probe in a writable and in a read-only sandbox, and of the control outside."""
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lr-escape-")))
        tree = make_home(home)
        net = stack.enter_context(servers(home))
        canary, token = "canary-7f3b", "86399.75"
        victim = subprocess.Popen(["sleep", token], env={"SECRET": canary})
        stack.callback(victim.wait)
        stack.callback(victim.kill)
        known = {**net, "canary": canary, "token": token, "pid": victim.pid}
        before = digest_of_tree(home / "projects")
        found = {
            is_writable: probe_inside(tree, targets(home, tree, is_inside=True) | known, is_writable=is_writable)
            for is_writable in (False, True)
        }
        after = digest_of_tree(home / "projects")
        outside = targets(home, tree, is_inside=False) | known | {"only": CONTROL}
        control = subprocess.run(
            [sys.executable, "-I", str(PROBE), json.dumps(outside)], cwd=tree, capture_output=True, check=True
        )
        yield {
            "read-only": found[False],
            "writable": found[True],
            "control": json.loads(control.stdout),
            "is_untouched": before == after,
            "is_victim_alive": victim.poll() is None,
        }


def probe_inside(tree: Path, known: dict[str, Any], *, is_writable: bool) -> dict[str, str]:
    extra = (Mount(PROBE, "/work/probe.py"),)
    profile = tree_profile(tree, is_writable=is_writable, extra=extra)
    command = [current_toolchain().python, "-I", "/work/probe.py", json.dumps(known)]
    done = asyncio.run(run(profile, command, timeout_seconds=60))
    assert done.exit_status == 0, done.output.decode()
    return dict(json.loads(done.output))


@pytest.mark.parametrize("kind", ["read-only", "writable"])
def test_no_attempt_succeeds(scene: dict[str, Any], kind: str) -> None:
    findings = scene[kind]
    assert len(findings) >= 60
    assert [name for name, outcome in findings.items() if outcome == "DONE"] == []


def test_the_same_attempts_succeed_outside(scene: dict[str, Any]) -> None:
    """Else the probe would prove nothing."""
    refused = {name: outcome for name, outcome in scene["control"].items() if outcome != "DONE"}
    if os.geteuid() != 0:
        refused.pop("gain a capability", None)
    assert refused == {}


def test_nothing_outside_changed_and_the_victim_lives(scene: dict[str, Any]) -> None:
    assert scene["is_untouched"]
    assert scene["is_victim_alive"]


def test_killing_everything_in_reach_stays_inside(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "projects" / "demo")
    with subprocess.Popen(["sleep", "60"]) as bystander:
        profile = tree_profile(tree, is_writable=True)
        asyncio.run(run(profile, ["sh", "-c", "kill -9 -1; kill -9 1; kill -9 0"], timeout_seconds=20))
        assert bystander.poll() is None
        bystander.kill()


def test_one_sandbox_does_not_see_another(tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "projects" / "demo")

    async def scenario() -> bytes:
        profile = tree_profile(tree, is_writable=False)
        other = asyncio.create_task(run(profile, ["sh", "-c", "echo x > /tmp/shared; sleep 30"], timeout_seconds=60))
        await asyncio.sleep(0)
        done = await run(profile, ["sh", "-c", "ls /tmp /dev/shm; ls /proc | grep -c '^[0-9]'"], timeout_seconds=20)
        other.cancel()
        await asyncio.gather(other, return_exceptions=True)
        return done.output

    lines = asyncio.run(scenario()).decode().split()
    assert "shared" not in lines
    assert int(lines[-1]) <= 5
