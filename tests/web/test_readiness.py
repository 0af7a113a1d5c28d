"""A project's environment on its page: what it is, what an agent could not do, and who accepts it."""

import pytest
from django.test import Client
from django.urls import reverse

from leadroom.pipeline import environments
from leadroom.projects.actions import change_profile, end_readiness
from leadroom.projects.models import Project, ReadinessCheck
from tests import factories as f

pytestmark = pytest.mark.django_db
FORM = {
    "kind": "cli", "setup_command": "make ready", "start_command": "shop --help", "health_command": "",
    "test_command": "pytest", "tools": "pytest, debugger",
}  # fmt: skip


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ids of the checks whose process would have been started."""
    pks: list[int] = []
    monkeypatch.setattr(environments, "start_program", lambda command, name, pk, generation: pks.append(pk))
    return pks


def signed_in(project: Project) -> Client:
    client = Client()
    client.force_login(f.lead_of(project))
    return client


def post(client: Client, project: Project, verb: str, **data: str):
    return client.post(reverse(f"projects:{verb}", args=[project.slug]), data)


def shown(client: Client, project: Project) -> str:
    return client.get(reverse("projects:detail", args=[project.slug])).content.decode()


def test_a_project_is_described_and_tried_at_once(started: list[int]) -> None:
    project = f.make_project()
    client = signed_in(project)
    assert "Say what kind of project it is" in shown(client, project)
    assert post(client, project, "change_profile", **FORM).status_code == 302
    project.refresh_from_db()
    assert (project.kind, project.tools, project.test_command) == ("cli", ["pytest", "debugger"], "pytest")
    assert started == [ReadinessCheck.objects.get().pk]
    assert "runs wait for the result" in shown(client, project)


def test_what_is_missing_is_shown_and_accepted_with_a_reason(started: list[int]) -> None:
    project = f.make_project()
    client = signed_in(project)
    post(client, project, "change_profile", **FORM)
    check = ReadinessCheck.objects.get()
    sentence = "There is no debugger in the sandbox."
    missing = {"name": "debugger", "is_ok": False, "sentence": sentence, "output": "<b>gone</b>\x1b[31m"}
    end_readiness(check=check, commit="a" * 40, findings=[missing], by=f.PIPELINE, now=f.NOW)
    html = shown(client, project)
    assert sentence in html
    assert "&lt;b&gt;gone" in html
    assert "No run starts before this is mended" in html
    assert post(client, project, "accept_readiness", reason=" ").status_code == 422
    assert post(client, project, "accept_readiness", reason="Nobody debugs.").status_code == 302
    assert "accepts what is missing: Nobody debugs." in shown(client, project)


def test_one_trial_at_a_time(started: list[int]) -> None:
    project = f.make_project()
    client = signed_in(project)
    post(client, project, "change_profile", **FORM)
    assert post(client, project, "check_readiness").status_code == 409
    assert len(started) == 1


@pytest.mark.parametrize("data", [{"kind": "spaceship"}, {"tools": "$(id)"}, {"start_command": "x" * 2_001}])
def test_a_profile_that_cannot_be_is_refused(started: list[int], data: dict[str, str]) -> None:
    project = f.make_project()
    answer = post(signed_in(project), project, "change_profile", **{**FORM, **data})
    assert answer.status_code == 422
    project.refresh_from_db()
    assert (project.kind, started) == ("", [])


def test_a_viewer_sees_it_and_decides_nothing(started: list[int]) -> None:
    project = f.make_project()
    change_profile(project=project, by=f.PIPELINE, now=f.NOW, **{**FORM, "tools": []})
    viewer = Client()
    viewer.force_login(f.make_viewer(project))
    assert "only its lead decides here" in shown(viewer, project)
    for name in ("change_profile", "check_readiness", "accept_readiness"):
        assert post(viewer, project, name, **FORM).status_code == 403
    assert started == []


def test_the_numbers_of_reviewers_are_a_setting() -> None:
    project = f.make_project()
    client = signed_in(project)
    settings = {"name": "Evenly", "publish": "branch", "reviewers_light": "0", "reviewers_critical": "3"}
    assert post(client, project, "change", **settings).status_code == 302
    project.refresh_from_db()
    assert project.plan_reviewers == {"light": 0, "critical": 3}
    assert post(client, project, "change", **{**settings, "reviewers_critical": "0"}).status_code == 422
