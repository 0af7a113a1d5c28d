"""What the installation needs, each tried for real, each with what to do."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis
from django.apps import apps
from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection

from leadroom.lib.errors import LeadroomError
from leadroom.ops.broker import find_broker
from leadroom.ops.database import pending_migrations
from leadroom.ops.instance import read_running
from leadroom.ops.launch import listen
from leadroom.sandbox.selftest import check_isolation

GIT_NEEDED = (2, 38)
DISK_NEEDED_BYTES = 500_000_000
CLOCK_SLACK_SECONDS = 300


@dataclass(frozen=True)
class Finding:
    """One check's answer: a sentence, and whether Leadroom can work without it."""

    name: str
    ok: bool
    text: str
    is_necessary: bool = True


def check_everything() -> list[Finding]:
    """Every check in the order in which a newcomer would mend them. A check that breaks is a failed check."""
    findings = []
    for check in CHECKS:
        try:
            findings.append(check())
        except (LeadroomError, OSError, subprocess.SubprocessError) as error:
            findings.append(Finding(check.__name__, False, str(error)))
    return findings


def python() -> Finding:
    version = sys.version.split()[0]
    if (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Finding("python", True, f"Python {version}")
    return Finding("python", False, f"Python {version}; use 3.11 to 3.13: make setup PYTHON=python3.12")


def git() -> Finding:
    if shutil.which("git") is None:
        return Finding("git", False, "git is missing; apt-get install git")
    said = subprocess.run(["git", "--version"], capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    numbers = tuple(int(number) for number in re.findall(r"\d+", said)[:2])
    if numbers >= GIT_NEEDED:
        return Finding("git", True, said)
    return Finding("git", False, f"{said}; 2.38 or newer is needed for trial merges: upgrade git")


def sandbox() -> Finding:
    isolation = check_isolation()
    return Finding("sandbox", isolation.level >= 1, isolation.reason)


def toolchain() -> Finding:
    interpreter = settings.TOOLCHAIN_DIR / "bin" / "python"
    cure = "make setup builds it, or set LEADROOM_TOOLCHAIN to an environment with pytest"
    if not interpreter.exists():
        return Finding("toolchain", False, f"{settings.TOOLCHAIN_DIR} has no Python for agents' tests; {cure}")
    argv = [str(interpreter), "-m", "pytest", "--version"]
    asked = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
    if asked.returncode:
        return Finding("toolchain", False, f"{interpreter} has no pytest; {cure}")
    return Finding("toolchain", True, f"{asked.stdout.strip()} in {settings.TOOLCHAIN_DIR}")


def home() -> Finding:
    with tempfile.NamedTemporaryFile(dir=settings.HOME_DIR, prefix=".doctor-") as probe:
        probe.write(b"x")
    free = shutil.disk_usage(settings.HOME_DIR).free
    text = f"{settings.HOME_DIR} can be written, {free / 1e9:.1f} GB free"
    if free < DISK_NEEDED_BYTES:
        return Finding("home", False, f"{text}; free some space, 0.5 GB is the least")
    return Finding("home", True, text)


def keys() -> Finding:
    path = settings.HOME_DIR / "secret.key"
    folder = settings.HOME_DIR / "keys"
    open_to_others = [str(p) for p in (path, folder) if p.exists() and p.stat().st_mode & 0o077]
    if open_to_others:
        return Finding("keys", False, f"others can read keys; chmod go-rwx {' '.join(open_to_others)}")
    return Finding("keys", True, f"the secret key and {folder} are this user's alone")


def database() -> Finding:
    try:
        tables = connection.introspection.table_names()
        pending = pending_migrations()
    except DatabaseError as error:
        cure = "check DATABASE_URL and that its server runs"
        return Finding("database", False, f"it cannot be used ({str(error).strip()}); {cure}")
    kind = connection.vendor
    if not tables:
        return Finding("database", True, f"{kind}, empty; the first start fills it")
    if pending:
        return Finding("database", False, f"{kind}, {pending} migrations missing; python manage.py migrate")
    return Finding("database", True, f"{kind}, all migrations applied")


def broker() -> Finding:
    is_embedded = not os.environ.get("REDIS_URL", "").strip()
    try:
        with redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2) as client:
            version = client.info("server")["redis_version"]
        return Finding("broker", True, f"answers at {_without_password(settings.REDIS_URL)} (version {version})")
    except redis.RedisError as error:
        if not is_embedded:
            where = _without_password(settings.REDIS_URL)
            return Finding("broker", False, f"{where} does not answer ({error}); check REDIS_URL and its server")
    return Finding("broker", True, f"{find_broker()} will be started by `manage.py up`")


def _without_password(url: str) -> str:
    return re.sub(r"(://[^:@/]*):[^@/]*@", r"\1:***@", url)


def address() -> Finding:
    if running := read_running(settings.HOME_DIR):
        return Finding("address", True, f"Leadroom runs on {running.url} (process {running.pid})")
    listen(settings.HOST, settings.PORT).close()
    return Finding("address", True, f"{settings.HOST}:{settings.PORT} is free")


def model() -> Finding:
    if settings.MODEL_KEY:
        return Finding("model", True, f"a key is set, for {settings.MODEL_URL}", is_necessary=False)
    try:
        endpoints = apps.get_model("agents", "Endpoint").objects.exclude(base_url__startswith="rehearsal:")
        count = endpoints.count()
    except DatabaseError:
        count = 0
    if count:
        return Finding("model", True, f"{count} endpoints in projects' settings", is_necessary=False)
    text = "no key yet, so only rehearsals can run; set ANTHROPIC_API_KEY or enter an endpoint in a project"
    return Finding("model", False, text, is_necessary=False)


def clock() -> Finding:
    known = (Path(__file__), settings.BASE_DIR, settings.HOME_DIR / "secret.key")
    behind = max(path.stat().st_mtime for path in known if path.exists()) - time.time()
    if behind > CLOCK_SLACK_SECONDS:
        text = f"it is {behind / 3600:.1f} hours behind this installation's own files; set it right"
        return Finding("clock", False, text)
    return Finding("clock", True, time.strftime("%Y-%m-%d %H:%M:%S %Z"))


def browser() -> Finding:
    found = shutil.which("chromium")
    text = found or "no chromium; only the tests need it: apt-get install chromium"
    return Finding("browser", found is not None, text, is_necessary=False)


CHECKS: tuple[Callable[[], Finding], ...] = (
    *(python, git, sandbox, toolchain, home, keys, database),
    *(broker, address, model, clock, browser),
)
