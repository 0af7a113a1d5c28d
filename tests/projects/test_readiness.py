"""The environment profile: what it says, when a result counts, and who may accept what is missing."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.projects import actions
from leadroom.projects.models import Project, ReadinessCheck
from leadroom.projects.queries import latest_readiness
from leadroom.projects.rules import check_operable
from tests import factories as f
from tests.support.refusals import refused_without_effect

pytestmark = pytest.mark.django_db
PROFILE = {
    "kind": "cli", "setup_command": "make ready", "start_command": "shop --help", "health_command": "",
    "test_command": "pytest", "tools": ["pytest", "debugger"],
}  # fmt: skip
GOOD = {"name": "start", "is_ok": True, "sentence": "The program starts.", "output": ""}
BAD = {"name": "debugger", "is_ok": False, "sentence": "There is no debugger in the sandbox.", "output": ""}


def profiled(**changes: Any) -> Project:
    project = f.make_project()
    actions.change_profile(project=project, by=f.human(f.lead_of(project)), now=f.NOW, **{**PROFILE, **changes})
    return project


def tried(project: Project, *findings: dict[str, Any]) -> ReadinessCheck:
    check = actions.begin_readiness(project=project, by=f.PIPELINE, now=f.NOW)
    actions.end_readiness(check=check, commit="a" * 40, findings=list(findings), by=f.PIPELINE, now=f.NOW)
    check.refresh_from_db()
    return check


def test_a_project_that_does_not_say_what_it_is_is_left_alone() -> None:
    check_operable(f.make_project(), None)


def test_a_ready_environment_lets_runs_start() -> None:
    project = profiled()
    check = tried(project, GOOD)
    assert check.is_ready
    check_operable(project, latest_readiness(project))


def test_what_an_agent_could_not_do_stops_runs_by_name() -> None:
    project = profiled()
    check = tried(project, GOOD, BAD)
    with pytest.raises(NotPermitted, match=r"No run starts: an agent could not work.* There is no debugger"):
        check_operable(project, check)


def test_a_check_that_found_nothing_at_all_is_no_promise() -> None:
    assert not tried(profiled()).is_ready


@pytest.mark.parametrize(
    "change", [{"kind": "api"}, {"setup_command": "x"}, {"tools": ["node"]}, {"test_command": "x"}]
)
def test_a_result_counts_for_the_profile_it_was_made_of(change: dict[str, Any]) -> None:
    project = profiled()
    check = tried(project, GOOD)
    actions.change_profile(project=project, by=f.PIPELINE, now=f.NOW, **{**PROFILE, **change})
    with pytest.raises(Conflict, match="is being tried"):
        check_operable(project, check)


def test_a_person_accepts_what_is_missing_with_a_reason() -> None:
    project = profiled()
    check = tried(project, BAD)
    lead = f.human(f.lead_of(project))
    with refused_without_effect(BadInput, "Say why agents may work without"):
        actions.accept_readiness(check=check, reason="  ", by=lead, now=f.NOW)
    with refused_without_effect(NotPermitted, "Only a person accepts"):
        actions.accept_readiness(check=check, reason="Fine.", by=f.PIPELINE, now=f.NOW)
    actions.accept_readiness(check=check, reason="Nobody debugs here.", by=lead, now=f.NOW)
    check_operable(project, latest_readiness(project))
    with refused_without_effect(NotPermitted, "accepted already"):
        actions.accept_readiness(check=check, reason="Again.", by=lead, now=f.NOW)


def test_one_check_at_a_time_and_its_first_end_stays() -> None:
    project = profiled()
    check = actions.begin_readiness(project=project, by=f.PIPELINE, now=f.NOW)
    with refused_without_effect(Conflict, "being tried already"):
        actions.begin_readiness(project=project, by=f.PIPELINE, now=f.NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        ReadinessCheck.objects.create(project=project, profile_digest="x", started_at=f.NOW)
    actions.end_readiness(check=check, commit="", findings=[GOOD], by=f.PIPELINE, now=f.NOW)
    with refused_without_effect(Conflict, "its first result stays"):
        actions.end_readiness(check=check, commit="", findings=[BAD], by=f.PIPELINE, now=f.NOW)


@pytest.mark.parametrize("tool", ["-rf", "a b", "$(id)", "../x", "", "é", "x" * 41])
def test_a_tool_is_a_name_and_nothing_else(tool: str) -> None:
    project = profiled()
    with refused_without_effect(BadInput, "is not the name of a program"):
        actions.change_profile(project=project, by=f.PIPELINE, now=f.NOW, **{**PROFILE, "tools": [tool]})
