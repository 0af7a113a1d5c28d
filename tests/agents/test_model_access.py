"""Which model a role speaks to, and that keys stay secret."""

import json

import pytest
from pytest_django import Settings

from leadroom.agents.actions import seat_agents, set_endpoint
from leadroom.agents.models import Agent, Endpoint
from leadroom.agents.queries import model_access
from leadroom.ledger.models import Entry
from leadroom.lib.errors import BadInput
from leadroom.projects.models import Project
from tests import factories as f
from tests.support.refusals import refused, refused_without_effect
from tests.support.snapshot import snapshot

pytestmark = pytest.mark.django_db
KEY = "sk-ant-canary-5d1f"


@pytest.fixture
def project() -> Project:
    return f.make_project()


def connect(project: Project, role: str = "", **changes: object) -> Endpoint:
    given: dict = {"base_url": "https://models.example", "model": "m-1", "key": KEY, **changes}
    return set_endpoint(project=project, role=role, by=f.human(f.lead_of(project)), now=f.NOW, **given)


def test_the_role_goes_before_the_project_and_the_project_before_the_environment(
    project: Project, settings: Settings
) -> None:
    settings.MODEL_KEY, settings.MODEL_URL, settings.MODEL_NAME = "sk-env", "https://env.example", "m-env"
    assert (model_access(project, "planner").model, model_access(project, "planner").key) == ("m-env", "sk-env")
    connect(project)
    assert model_access(project, "planner").base_url == "https://models.example"
    connect(project, "planner", base_url="http://127.0.0.1:9/", model="m-2", key="")
    access = model_access(project, "planner")
    assert (access.base_url, access.model, access.key) == ("http://127.0.0.1:9", "m-2", "")
    assert model_access(project, "developer").key == KEY
    assert model_access(f.make_project(), "planner").model == "m-env"


def test_without_any_model_the_cure_is_said(project: Project, settings: Settings) -> None:
    settings.MODEL_KEY = ""
    with refused(BadInput, "No model is connected. Set ANTHROPIC_API_KEY"):
        model_access(project, "planner")


def test_the_rehearsal_is_found_only_while_it_runs(project: Project, settings: Settings) -> None:
    connect(project, base_url="rehearsal:", model="rehearsal", key=None)
    settings.REHEARSAL_URL = ""
    with refused(BadInput, "The rehearsal server is not running; start Leadroom with `manage.py up`, then resume."):
        model_access(project, "planner")
    settings.REHEARSAL_URL = "http://127.0.0.1:7"
    assert model_access(project, "planner").base_url == "http://127.0.0.1:7"


def test_a_key_sealed_by_another_installation_says_what_to_do(project: Project, settings: Settings) -> None:
    connect(project)
    settings.SECRET_KEY = "another" * 8
    with refused(BadInput, "enter the key again in the project's settings"):
        model_access(project, "planner")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"base_url": "models.example"}, "The address must start with https:// or http://"),
        ({"base_url": "file:///etc/passwd"}, "The address must start with"),
        ({"base_url": "  "}, "The address must start with"),
        ({"model": " "}, "Name the model the server should use"),
    ],
)
def test_what_is_no_endpoint_changes_nothing(project: Project, changes: dict, words: str) -> None:
    connect(project)
    with refused_without_effect(BadInput, words):
        connect(project, **changes)


def test_a_key_is_kept_changed_and_taken_away(project: Project) -> None:
    connect(project)
    connect(project, model="m-3", key=None)
    assert (model_access(project, "planner").model, model_access(project, "planner").key) == ("m-3", KEY)
    connect(project, key="sk-other")
    assert model_access(project, "planner").key == "sk-other"
    connect(project, key="")
    assert model_access(project, "planner").key == ""
    changes = [entry.payload["key_changed"] for entry in Entry.objects.filter(verb="agents.endpoint.set")]
    assert changes == [True, False, True, True]
    assert Endpoint.objects.count() == 1


def test_the_key_is_in_no_table_no_ledger_and_no_repr(project: Project) -> None:
    endpoint = connect(project)
    access = model_access(project, "planner")
    assert access.key == KEY
    every = json.dumps(snapshot(), default=str) + repr(access) + f"{access}" + repr(vars(endpoint))
    assert KEY not in every
    assert "canary" not in every


def test_every_role_has_a_seat_however_often_they_are_made(project: Project) -> None:
    Agent.objects.filter(role="reviewer").delete()
    seat_agents(project=project, by=f.PIPELINE, now=f.NOW)
    assert sorted(Agent.objects.filter(project=project).values_list("role", flat=True)) == [
        "developer",
        "planner",
        "requirements",
        "reviewer",
        "verifier",
    ]
