"""`manage.py freeze`: by scope, without a database, and never to open anything."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError

from leadroom.agents.enums import Role
from leadroom.guardrails import actions, flag, queries
from leadroom.guardrails.enums import Lock, SwitchState
from leadroom.guardrails.models import Switch
from leadroom.sandbox.selftest import Check, Isolation
from tests import factories as f

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_project_and_an_agent_are_locked_and_proven(capsys: pytest.CaptureFixture) -> None:
    project = f.make_project()
    agent = project.agents.get(role=Role.DEVELOPER)
    call_command("freeze", "--project", project.slug, "--json")
    call_command("freeze", "--agent", str(agent.pk), "--pause", "--json")
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["scope"], one["level"], one["state"]) for one in said] == [
        (f"project:{project.pk}", "read_only", "VERIFIED"),
        (f"agent:{agent.pk}", "paused", "VERIFIED"),
    ]


@pytest.mark.parametrize("words", [("--project", "nowhere"), ("--agent", "999")])
def test_what_is_not_there_locks_nothing(words: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match="There is no"):
        call_command("freeze", *words)
    assert not Switch.objects.exists()


def test_without_a_database_everything_is_locked_by_the_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def fail(**given: object) -> None:
        raise OperationalError("could not connect to server")

    with monkeypatch.context() as patch:
        patch.setattr(actions, "press", fail)
        with pytest.raises(SystemExit) as left:
            call_command("freeze", "--all")
        with pytest.raises(CommandError, match="use --all, which needs no database"):
            call_command("freeze", "--project", f.make_project().slug)
    assert left.value.code == 2
    assert "by the flag file" in capsys.readouterr().out
    assert flag.read_flag().locks == {"everything": Lock.READ_ONLY}
    assert queries.standing_lock(1, 1) is Lock.READ_ONLY


def test_without_isolation_it_says_not_enforced_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    nowhere = Isolation(0, (Check("starts", False, "A sandbox does not start here."),))
    monkeypatch.setattr("leadroom.pipeline.locking.check_isolation", lambda: nowhere)
    with pytest.raises(SystemExit) as left:
        call_command("freeze", "--all")
    assert left.value.code == 2
    assert "NOT ENFORCED" in capsys.readouterr().out
    assert Switch.objects.get().state == SwitchState.UNENFORCED


def test_no_option_opens_anything() -> None:
    for word in ("--off", "--release", "--unlock"):
        with pytest.raises(CommandError):
            call_command("freeze", "--all", word)
