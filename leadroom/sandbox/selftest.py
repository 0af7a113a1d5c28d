"""Trying the sandbox for real: what must be impossible inside is attempted inside."""

import json
import os
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from django.conf import settings

from leadroom.lib.errors import LeadroomError
from leadroom.sandbox.bwrap import launch
from leadroom.sandbox.profiles import ROOT, Mount, Profile, base_environment
from leadroom.sandbox.toolchain import current_toolchain

NAMESPACES = ("user", "pid", "net", "mnt", "ipc", "uts")
TIMEOUT_SECONDS = 10.0
PROBE = """
import json, os, socket, sys
asked = json.loads(sys.argv[1])
def attempt(action):
    try:
        action()
    except OSError as error:
        return error.errno or -1
    return 0
def connect():
    socket.create_connection(("127.0.0.1", asked["port"]), 1).close()
def variables():
    with open("/proc/1/environ", "rb") as other:
        pairs = other.read().decode(errors="replace").split("\\0")
    return sorted({*os.environ, *(pair.partition("=")[0] for pair in pairs if pair)})
print(json.dumps({
    "secret": attempt(lambda: os.close(os.open(asked["secret"], os.O_RDONLY))),
    "write": attempt(lambda: os.close(os.open("canary", os.O_WRONLY))),
    "system": attempt(lambda: os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))),
    "network": attempt(connect),
    "namespaces": {name: os.readlink("/proc/self/ns/" + name) for name in asked["namespaces"]},
    "processes": sum(name.isdigit() for name in os.listdir("/proc")),
    "variables": variables(),
    "uid": os.getuid(),
}))
"""
EROFS = 30
SET_BY_PROGRAMS = {"PWD", "LC_CTYPE"}  # bubblewrap and Python themselves
CURE = (
    "Install bubblewrap (`apt-get install bubblewrap`) and let this user make namespaces: "
    "`sysctl kernel.unprivileged_userns_clone=1`, on Ubuntu "
    "`sysctl kernel.apparmor_restrict_unprivileged_userns=0`, in a container start it with "
    "`--security-opt seccomp=unconfined --security-opt systempaths=unconfined`."
)


@dataclass(frozen=True)
class Check:
    """One attempt: `ok` when the sandbox held, `reason` a sentence on what was seen."""

    name: str
    ok: bool
    reason: str


@dataclass(frozen=True)
class Isolation:
    """Level 1 when every check held, else 0: then nothing may run."""

    level: Literal[0, 1]
    checks: tuple[Check, ...]

    @property
    def reason(self) -> str:
        """A sentence for a human: what failed and what to do, or that all held."""
        if failed := [check.reason for check in self.checks if not check.ok]:
            return f"Nothing may run without a sandbox, and this machine's does not hold: {failed[0]} {CURE}"
        return "Commands run in a sandbox of their own (level 1)."


_held: Isolation | None = None


def _try_inside(folder: Path, port: int) -> tuple[dict[str, Any] | None, str]:
    """The probe's findings, or None and what bubblewrap said."""
    shown = folder / "shown"
    asked = {"secret": str(folder / "secret"), "port": port, "namespaces": NAMESPACES}
    place = f"{ROOT}/probe"
    profile = Profile((Mount(shown, place),), place, False, base_environment(is_writable=False))
    command = [current_toolchain().python, "-I", "-S", "-c", PROBE, json.dumps(asked)]
    with launch(profile, command) as plan:
        answer = subprocess.run(
            plan.argv, env=plan.env, pass_fds=plan.pass_fds, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=TIMEOUT_SECONDS, check=False, cwd="/",
        )  # fmt: skip
    try:
        return json.loads(answer.stdout), ""
    except ValueError:
        return None, answer.stderr.decode(errors="replace").strip()[:300]


def _judge(found: dict[str, Any]) -> tuple[Check, ...]:
    theirs = found["namespaces"]
    shared = [name for name in NAMESPACES if theirs[name] == os.readlink(f"/proc/self/ns/{name}")]
    strange = set(found["variables"]) - set(base_environment(is_writable=False)) - SET_BY_PROGRAMS
    write, count = found["write"], found["processes"]
    rows = (
        (
            "files",
            found["secret"] != 0,
            "Files of the host are not there.",
            "A file of the host could be read.",
        ),
        (
            "read_only",
            write == EROFS,
            "A read-only mount refuses writes.",
            f"A write there gave error {write}.",
        ),
        ("kernel", found["system"] != 0, "Kernel settings are closed.", "A kernel setting could be changed."),
        ("network", found["network"] != 0, "No server can be reached.", "A server of the host answered."),
        (
            "namespaces",
            not shared,
            "All namespaces are its own.",
            f"Shared with the host: {', '.join(shared)}.",
        ),
        ("processes", count <= 3, "No other process can be seen.", f"{count} processes can be seen."),
        (
            "environment",
            not strange,
            "No variable of the host is there.",
            f"Seen: {', '.join(sorted(strange))}.",
        ),
        ("user", found["uid"] != 0, "Commands do not run as uid 0.", "Commands run as uid 0."),
    )
    started = Check("starts", True, "A sandbox starts.")
    return (started, *(Check(name, ok, held if ok else failed) for name, ok, held, failed in rows))


def _attempt() -> tuple[Check, ...]:
    run_folder = settings.HOME_DIR / "run"
    run_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="selftest-", dir=run_folder) as name, socket.socket() as server:
        folder = Path(name)
        (folder / "shown").mkdir()
        (folder / "shown" / "canary").write_text("unchanged")
        (folder / "secret").write_text("secret")
        server.bind(("127.0.0.1", 0))
        server.listen()
        found, said = _try_inside(folder, server.getsockname()[1])
    if found is None:
        return (Check("starts", False, f"A sandbox does not start ({said})."),)
    return _judge(found)


def is_proven() -> bool:
    """Whether this process has already seen the sandbox hold, so that `check_isolation` answers at once."""
    return _held is not None


def check_isolation() -> Isolation:
    """Tries a sandbox in earnest, once per process when it holds; a failure is tried anew at the next call.

    Never raises: whatever goes wrong is a failed check with its reason. Takes some 30 ms the first time.
    """
    global _held
    if _held is not None:
        return _held
    try:
        checks = _attempt()
    except (LeadroomError, OSError, subprocess.SubprocessError, KeyError, TypeError) as error:
        checks = (Check("starts", False, f"A sandbox does not start ({error})."),)
    isolation = Isolation(1 if all(check.ok for check in checks) else 0, checks)
    if isolation.level:
        _held = isolation
    return isolation
