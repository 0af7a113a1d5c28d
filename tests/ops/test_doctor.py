import io
import json
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from leadroom.lib.errors import BadInput
from leadroom.ops import checks
from tests.support.services import free_port

pytestmark = pytest.mark.django_db


def doctor(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("doctor", *arguments, stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


@pytest.fixture(autouse=True)
def port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "PORT", free_port())


def test_this_machine_has_what_is_necessary() -> None:
    status, text = doctor("--json")
    answer = json.loads(text)
    assert {c["name"]: c["text"] for c in answer["checks"] if c["is_necessary"] and not c["ok"]} == {}
    assert (status, answer["ok"]) == (0, True)


def test_a_missing_toolchain_fails_with_the_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "TOOLCHAIN_DIR", tmp_path)
    status, text = doctor()
    assert status == 1
    assert "MISSING toolchain" in text
    assert "make setup" in text
    assert "to mend: toolchain" in text


def test_a_broker_that_does_not_answer_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"redis://user:hidden@127.0.0.1:{free_port()}/0"
    monkeypatch.setenv("REDIS_URL", url)
    monkeypatch.setattr(settings, "REDIS_URL", url)
    found = checks.broker()
    assert not found.ok
    assert "REDIS_URL" in found.text
    assert "hidden" not in found.text


def test_a_taken_port_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from leadroom.ops.launch import listen

    with listen("127.0.0.1", settings.PORT):
        found = next(f for f in checks.check_everything() if f.name == "address")
    assert not found.ok
    assert "LEADROOM_PORT=" in found.text


def test_an_old_git_is_not_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / "git"
    old.write_text("#!/bin/sh\necho git version 2.37.9\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not checks.git().ok
    assert "2.38" in checks.git().text
    old.unlink()
    assert "apt-get install git" in checks.git().text


def test_keys_that_others_can_read_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "HOME_DIR", tmp_path)
    (tmp_path / "secret.key").touch(mode=0o600)
    (tmp_path / "keys").mkdir(mode=0o700)
    assert checks.keys().ok
    (tmp_path / "secret.key").chmod(0o644)
    assert f"chmod go-rwx {tmp_path / 'secret.key'}" in checks.keys().text
    assert not checks.keys().ok


def test_missing_migrations_fail_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "pending_migrations", lambda: 2)
    assert not checks.database().ok
    assert "manage.py migrate" in checks.database().text


def test_a_model_key_is_welcome_but_not_necessary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "MODEL_KEY", "")
    without = checks.model()
    assert (without.ok, without.is_necessary) == (False, False)
    assert "ANTHROPIC_API_KEY" in without.text
    monkeypatch.setattr(settings, "MODEL_KEY", "k")
    assert checks.model().ok


def test_a_check_that_breaks_is_a_failed_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks() -> checks.Finding:
        raise BadInput("No broker was found.")

    monkeypatch.setattr(checks, "CHECKS", (breaks,))
    assert checks.check_everything() == [checks.Finding("breaks", False, "No broker was found.")]


def test_a_clock_behind_the_installation_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.clock().ok
    monkeypatch.setattr(checks.time, "time", lambda: 1_000_000_000.0)
    assert "hours behind" in checks.clock().text
