"""The environment profile tried for real: in the agents' sandbox, on the branch as it is; and what hangs on it."""

import asyncio
from typing import Any

import pytest

from leadroom.agents.actions import stop
from leadroom.lib.clock import now
from leadroom.lib.errors import Conflict, NotPermitted
from leadroom.pipeline import environments
from leadroom.pipeline.moves import start_again
from leadroom.pipeline.reconcile import reconcile
from leadroom.projects.actions import accept_readiness, begin_readiness, change_profile
from leadroom.projects.models import Project, ReadinessCheck
from leadroom.projects.queries import latest_readiness
from leadroom.reading.queries import waiting_for_lead
from leadroom.worktrees.keeping import control_of
from tests import factories as f
from tests.worktrees.repositories import UserRepository

pytestmark = pytest.mark.django_db
SERVER = "python -m http.server 8123 --bind 127.0.0.1"
ASK = "python -c \"import urllib.request as u; u.urlopen('http://127.0.0.1:8123/', timeout=2)\""
WHOLE: dict[str, Any] = {
    "kind": "cli", "setup_command": "echo ready > ready.txt", "start_command": "cat ready.txt", "health_command": "",
    "test_command": "test -f ready.txt", "tools": ["pytest", "debugger"],
}  # fmt: skip


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ids of the checks whose process would have been started."""
    pks: list[int] = []
    monkeypatch.setattr(environments, "start_program", lambda command, name, pk, generation: pks.append(pk))
    return pks


def profile(project: Project, **changes: Any) -> None:
    change_profile(project=project, by=f.human(f.lead_of(project)), now=now(), **{**WHOLE, **changes})


def attempt(project: Project, **changes: Any) -> dict[str, tuple[bool, str]]:
    """What a check of this profile finds: by name, whether it is well, and the sentence."""
    profile(project, **changes)
    check = begin_readiness(project=project, by=f.PIPELINE, now=now())
    environments.hold_check(check.pk)
    check.refresh_from_db()
    assert check.ended_at is not None
    assert not list((project.folder / "trees").glob("environment-*"))
    return {found["name"]: (found["is_ok"], found["sentence"]) for found in check.findings}


def test_a_whole_profile_is_ready(project: Project, source: UserRepository) -> None:
    found = attempt(project)
    assert [name for name, (is_ok, _) in found.items() if not is_ok] == []
    assert list(found) == ["set up", "pytest", "debugger", "start", "test"]
    check = latest_readiness(project)
    assert check is not None
    assert check.is_ready
    assert check.commit == control_of(project).head("main")


def test_what_an_agent_could_not_do_is_said(project: Project, source: UserRepository) -> None:
    found = attempt(
        project, setup_command="exit 3", start_command="no-such-program", tools=["fancy-tool"], test_command=""
    )
    assert found == {
        "test": (
            False, "The profile names no test command, so an agent could not tell whether the project still works.",
        ),
        "set up": (False, "The set-up command fails with status 3."),
        "fancy-tool": (False, "There is no fancy-tool in the sandbox."),
        "start": (False, "The start command fails with status 127."),
    }  # fmt: skip


def test_a_server_is_started_and_asked(project: Project, source: UserRepository) -> None:
    found = attempt(project, kind="api", start_command=SERVER, health_command=ASK)
    assert found["health"] == (True, "It starts and answers.")


def test_a_server_that_does_not_answer_is_told_from_one_that_ended(
    project: Project, source: UserRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "ANSWER_SECONDS", 1)
    deaf = attempt(project, kind="api", start_command="sleep 60", health_command="false")
    assert deaf["health"] == (False, "The server does not answer: the health command had no success within 1 s.")
    dead = attempt(project, kind="api", start_command="exit 1", health_command="false")
    assert dead["health"] == (False, "The server does not answer: it ended by itself after its start.")


def test_each_kind_needs_what_it_needs(project: Project) -> None:
    project.kind, project.test_command = "web", "pytest"
    assert [found["name"] for found in environments._unsaid(project)] == ["start", "health", "browser"]
    project.kind = "library"
    assert environments._unsaid(project) == []


def test_the_check_sees_nothing_of_the_host(project: Project, source: UserRepository) -> None:
    look = f"ls {project.folder} && ls {source.path}"
    found = attempt(project, test_command=look, start_command="python -c 'import os; assert len(os.environ) < 20'")
    assert not found["test"][0]
    assert found["start"][0]


def test_no_run_starts_before_the_environment_was_tried(project: Project, started: list[int]) -> None:
    profile(project)
    item = f.make_item(project)
    reconcile(item.pk)
    assert started == [latest_readiness(project).pk]  # type: ignore[union-attr]
    item.refresh_from_db()
    assert (item.problem, item.runs.count()) == ("", 0)
    reconcile(item.pk)
    assert len(started) == 1
    environments.hold_check(started[0])
    reconcile(item.pk)
    assert item.runs.count() == 1


def test_what_is_missing_is_a_card_until_a_person_accepts_it(project: Project, started: list[int]) -> None:
    profile(project, tools=["fancy-tool"])
    item = f.make_item(project)
    reconcile(item.pk)
    environments.hold_check(started[0])
    reconcile(item.pk)
    (card,) = waiting_for_lead([project.pk])
    assert "There is no fancy-tool in the sandbox." in card.why
    assert item.runs.count() == 0
    check = ReadinessCheck.objects.get()
    accept_readiness(check=check, reason="Not needed today.", by=f.human(f.lead_of(project)), now=now())
    reconcile(item.pk)
    assert item.runs.count() == 1
    assert waiting_for_lead([project.pk]) == []


def test_a_stopped_run_is_not_started_again_in_an_environment_that_fails(project: Project, started: list[int]) -> None:
    item = f.make_item(project)
    run = f.make_running_run(item)
    by = f.human(f.lead_of(project))
    stop(run=run, by=by, now=now())
    profile(project, tools=["fancy-tool"])
    with pytest.raises(Conflict, match="is being tried"):
        start_again(item=item, by=by, now=now())
    environments.hold_check(started[0])
    with pytest.raises(NotPermitted, match=r"There is no fancy-tool in the sandbox\."):
        start_again(item=item, by=by, now=now())
    assert item.runs.count() == 1
    accept_readiness(check=ReadinessCheck.objects.get(), reason="Not needed today.", by=by, now=now())
    start_again(item=item, by=by, now=now())
    assert item.runs.count() == 2


def test_a_check_whose_process_died_is_ended_and_said(
    project: Project, started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    profile(project)
    item = f.make_item(project)
    reconcile(item.pk)
    monkeypatch.setattr(environments, "UNHEARD_SECONDS", 0)
    reconcile(item.pk)
    (card,) = waiting_for_lead([project.pk])
    assert "The check broke off: its process is gone. Try again." in card.why
    environments.begin(project=project, by=f.human(f.lead_of(project)))
    assert len(started) == 2


def test_a_repository_that_is_gone_is_a_finding(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    Project.objects.filter(pk=project.pk).update(default_branch="no-such-branch")
    project.refresh_from_db()
    found = attempt(project)
    assert not found["check"][0]


def test_the_sandbox_is_asked_from_any_loop(project: Project, source: UserRepository) -> None:
    profile(project, kind="library", start_command="", tools=[], setup_command="", test_command="true")
    tree = project.folder / "trees" / "by-hand"
    control_of(project).checkout_clean(tree, commit=control_of(project).head("main"))
    found = asyncio.run(environments.try_profile(project, tree, marker="test"))
    assert [(one["name"], one["is_ok"]) for one in found] == [("test", True)]
