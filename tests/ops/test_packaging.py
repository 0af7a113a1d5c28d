"""What is said to people who install Leadroom agrees with what the code reads and runs."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
# set by Leadroom for its own processes, or by the tests
INTERNAL = {
    "LEADROOM_CRASH_AT",
    "LEADROOM_EVALUATION",
    "LEADROOM_PROCESS",
    "LEADROOM_REHEARSING",
    "LEADROOM_RUN",
    "LEADROOM_SUPERVISED",
    "LEADROOM_TEST_BACKEND",
}
READ = re.compile(r'"((?:LEADROOM|ANTHROPIC)_[A-Z_]+|REHEARSAL_PACE|DATABASE_URL|REDIS_URL)"')
RELAXED = {"seccomp=unconfined", "apparmor=unconfined", "systempaths=unconfined"}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def test_every_variable_that_is_read_is_documented_and_the_other_way_round() -> None:
    read = set()
    for path in (ROOT / "leadroom").rglob("*.py"):
        if "repository" not in path.parts:
            read |= set(READ.findall(path.read_text()))
    documented = set(re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert read - INTERNAL == documented - {"POSTGRES_PASSWORD"}


def test_all_parts_run_from_one_image_on_postgres_and_redis(services: dict[str, Any]) -> None:
    ours = {name: service for name, service in services.items() if service.get("image") == "leadroom"}
    assert set(ours) == {"migrate", "web", "worker", "beat", "rehearsal"}
    for service in ours.values():
        assert service["environment"]["DATABASE_URL"].startswith("postgres://")
        assert service["environment"]["REDIS_URL"].startswith("redis://")
    called = {service["command"][2] for service in ours.values() if "manage.py" in service["command"]}
    assert called <= set(get_commands())


def test_the_worker_listens_to_the_queue_of_its_own_name(services: dict[str, Any]) -> None:
    worker = services["worker"]
    assert worker["environment"]["LEADROOM_HOST_NAME"] == worker["hostname"]


def test_only_the_worker_gives_up_dockers_profiles(services: dict[str, Any]) -> None:
    relaxed = {name: set(service["security_opt"]) for name, service in services.items() if "security_opt" in service}
    assert relaxed == {"worker": RELAXED}
    assert not any("privileged" in service or "cap_add" in service for service in services.values())


def test_only_web_has_a_port_and_only_on_loopback(services: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in services.items() if "ports" in service}
    assert ports == {"web": ["127.0.0.1:8000:8000"]}


def test_redis_keeps_tasks(services: dict[str, Any]) -> None:
    command = " ".join(services["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command


def test_the_image_runs_as_an_ordinary_user_with_what_agents_need() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line.split()[1] for line in lines if line.startswith("USER ")] == ["leadroom"]
    text = "\n".join(lines)
    for package in ("bubblewrap", "git", "openssh-client"):
        assert package in text
    copied = {line.split()[1] for line in lines if line.startswith("COPY ") and len(line.split()) == 3}
    assert {"manage.py", "leadroom", "templates", "static", "skills"} <= copied
    assert all((ROOT / name).exists() for name in copied)
