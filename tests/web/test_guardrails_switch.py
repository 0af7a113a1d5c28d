"""The Guardrails page and the master switch: what they say, who may press, and what a press answers."""

import json

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from leadroom.agents import holding
from leadroom.agents.enums import Role, RunState
from leadroom.agents.models import Run
from leadroom.guardrails import actions, flag, scopes
from leadroom.guardrails.enums import Lock, SwitchState
from leadroom.guardrails.models import Switch
from leadroom.projects.models import Project
from tests import factories as f

pytestmark = pytest.mark.django_db
HTMX = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def project() -> Project:
    return f.make_project()


def signed_in(user: object) -> Client:
    client = Client()
    client.force_login(user)  # type: ignore[arg-type]
    return client


@pytest.fixture
def admin() -> Client:
    return signed_in(f.make_user(is_superuser=True))


def press(client: Client, **fields: object) -> int:
    return client.post("/guardrails/press/", fields).status_code


def page(client: Client) -> str:
    return client.get("/guardrails/").content.decode()


def test_pressing_everything_locks_and_the_top_bar_never_says_more_than_is_proven(admin: Client) -> None:
    f.make_project()
    assert "Lock everything" in page(admin)
    answer = admin.post("/guardrails/press/", {"kind": "everything"}, **HTMX, HTTP_HX_TARGET="div#topbar-facts")
    assert "Read-only requested" in answer.content.decode()
    assert json.loads(answer["HX-Trigger"])["toast"]["kind"] == "ok"
    switch = Switch.objects.get()
    assert (switch.state, flag.read_flag().locks) == (SwitchState.REQUESTED, {"everything": Lock.READ_ONLY})
    by = {"by": f.PIPELINE, "now": f.NOW}
    actions.note_verification(switch=switch, is_enforced=True, checks=[], seconds=0.42, **by)
    assert "Verified read-only 09:00:00, 0.4 s" in page(admin)
    answer = admin.post(
        "/guardrails/release/",
        {"kind": "everything", "epoch": switch.epoch},
        **HTMX,
        HTTP_HX_TARGET="div#guardrails-board",
    )
    assert answer.status_code == 200
    assert flag.read_flag().locks == {}
    assert "Verified" not in page(admin)


def test_a_lead_may_stop_everything_and_only_an_administrator_opens_it(project: Project) -> None:
    lead, viewer, stranger = (signed_in(user) for user in (f.lead_of(project), f.make_viewer(project), f.make_user()))
    assert press(viewer, kind="everything") == press(stranger, kind="everything") == 403
    assert press(lead, kind="everything") == 302
    refused = lead.post("/guardrails/release/", {"kind": "everything", "epoch": 1})
    assert refused.status_code == 403
    assert "only an administrator unlocks it" in refused.content.decode()
    assert "only an administrator unlocks it" in page(lead)


def test_scopes_are_only_those_a_person_sees(project: Project) -> None:
    viewer, stranger = signed_in(f.make_viewer(project)), signed_in(f.make_user())
    agent = project.agents.first()
    assert agent is not None
    for kind, target in (("project", project.pk), ("agent", agent.pk)):
        assert press(stranger, kind=kind, target=target) == 404
        assert press(viewer, kind=kind, target=target) == 403
    assert not Switch.objects.exists()


@pytest.mark.parametrize("fields", [{}, {"kind": "agent"}, {"kind": "agent", "target": "²"}, {"kind": "planet"}])
def test_a_form_that_names_nothing_locks_nothing(admin: Client, fields: dict[str, str]) -> None:
    assert press(admin, **fields) in (404, 422)
    assert press(admin, kind="everything", level="unreadable") == 422
    assert not Switch.objects.exists()


def test_a_page_that_is_behind_unlocks_nothing(admin: Client) -> None:
    press(admin, kind="everything", level="paused")
    press(admin, kind="everything", level="read_only")
    assert admin.post("/guardrails/release/", {"kind": "everything", "epoch": "1"}).status_code == 409
    assert flag.read_flag().locks == {"everything": Lock.READ_ONLY}


def test_the_next_write_is_resolved_for_each_agent(project: Project) -> None:
    lead = signed_in(f.lead_of(project))
    developer = project.agents.get(role=Role.DEVELOPER)
    press(lead, kind="agent", target=developer.pk)
    shown = page(lead)
    row = shown.split(f'id="agent-{developer.pk}-row"')[1].split("</tr>")[0]
    assert "Refused" in row
    assert "by this agent" in row
    planner = project.agents.get(role=Role.PLANNER)
    assert "Goes through" in shown.split(f'id="agent-{planner.pk}-row"')[1].split("</tr>")[0]


def test_an_unreadable_flag_is_said_on_every_page_and_mended_by_a_press(admin: Client) -> None:
    flag.flag_path().write_text("nonsense")
    assert "Read-only: the flag cannot be read" in admin.get("/").content.decode()
    assert "cannot be read, so everything counts as read-only" in page(admin)
    press(admin, kind="everything")
    assert "cannot be read" not in page(admin)


def test_halted_runs_go_on_together_when_a_person_says_so(project: Project) -> None:
    lead = signed_in(f.lead_of(project))
    runs = [f.make_running_run(f.make_item(project), Role.DEVELOPER) for _ in range(2)]
    for run in runs:
        holding.halt(run=run, reason="The switch was pressed.", now=f.NOW)
    press(lead, kind="project", target=project.pk)
    form = {"kind": "project", "target": project.pk}
    assert lead.post("/guardrails/resume/", form).status_code == 423
    scope, who = scopes.of_project(project), f.human(f.lead_of(project))
    actions.release(scope=scope, seen_epoch=1, by=who, now=f.NOW)
    assert lead.post("/guardrails/resume/", form).status_code == 302
    assert set(Run.objects.values_list("state", flat=True)) == {RunState.QUEUED}


def test_more_projects_and_agents_cost_no_more_queries(
    admin: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    f.make_running_run(f.make_item(), Role.DEVELOPER)
    with django_assert_num_queries(26):
        page(admin)
    for _ in range(2):
        f.make_running_run(f.make_item(), Role.DEVELOPER)
    with django_assert_num_queries(26):
        page(admin)


def test_a_halted_run_explains_its_disabled_resume_and_can_be_asked(project: Project) -> None:
    run = f.make_running_run(f.make_item(project), Role.DEVELOPER)
    lead = signed_in(f.lead_of(project))
    press(lead, kind="project", target=project.pk)
    holding.halt(run=run, reason="The switch was pressed.", now=f.NOW)
    shown = lead.get(f"/runs/{run.pk}/").content.decode()
    assert "Evenly is read-only, set by" in shown
    assert "Ask it something, read-only" in shown
    assert lead.post(f"/runs/{run.pk}/retry/").status_code == 423
    assert lead.post(f"/runs/{run.pk}/ask/", {"text": "Where are cents rounded?"}).status_code == 302
    run.refresh_from_db()
    assert (run.state, run.is_read_only) == (RunState.QUEUED, True)
