"""What is urgent, as pages show it: quiet time says what still asks, a session says where it is and how grave."""

import datetime as dt

import pytest
from django.test import Client
from time_machine import TimeMachineFixture

from leadroom.agents import holding
from leadroom.agents.enums import FailureCause, Role
from leadroom.guardrails import actions as guardrails
from leadroom.guardrails import scopes
from leadroom.guardrails.enums import Lock
from leadroom.projects.models import Project
from leadroom.triage import actions as triage
from tests import factories as f
from tests.support.quiet import always_quiet
from tests.support.sittings import TUESDAY, file_reports, hours_for, reader

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def tuesday(time_machine: TimeMachineFixture) -> TimeMachineFixture:
    time_machine.move_to(TUESDAY, tick=False)
    return time_machine


def seen(user, address: str, **form) -> str:
    client = Client()
    client.force_login(user)
    answer = client.post(address, form, follow=True) if form else client.get(address)
    return " ".join(answer.content.decode().split())


def press(project: Project) -> None:
    """A read-only lock that a minute later nobody has proven."""
    at = TUESDAY - dt.timedelta(minutes=1)
    scope = scopes.of_project(project)
    guardrails.press(scope=scope, level=Lock.READ_ONLY, reason="", by=f.human(f.lead_of(project)), now=at)


def test_the_page_of_cards_says_in_quiet_time_what_still_asks() -> None:
    user = reader()
    always_quiet(user)
    project = user.memberships.get().project
    f.make_question(f.make_item(project))
    assert "nothing here is urgent; the rest asks you afterwards" in seen(user, "/needs/")
    run = f.make_running_run(f.make_item(project), Role.DEVELOPER)
    holding.fail(run=run, reason="402", now=TUESDAY, cause=FailureCause.SPEND_CAP)
    press(project)
    page = seen(user, "/needs/")
    assert "only the first 2 cannot wait" in page
    assert "The developer cannot go on: the spend cap is reached" in page
    assert f"Read-only is not holding: the whole {project.name}" in page


def test_a_session_says_where_a_lock_is_and_how_grave() -> None:
    user = reader()
    hours_for(user)
    project = user.memberships.get().project
    press(project)
    title = "Jobs stop after Redis fails over"
    triage.bring_in(project_id=project.pk, title=title, body="", severity="minor", by=f.PIPELINE, now=TUESDAY)
    before = seen(user, "/session/")
    assert before.count(f'<span class="faint nowrap">{project.name}</span>') == 2
    page = seen(user, "/session/start/", go="1")
    head = page[page.index('<span class="tag">lock</span>') : page.index('class="session-ask"')]
    assert project.name in head
    assert "Critical" in head
    assert "Minor" not in head


def test_what_our_record_says_against_a_report_is_read_with_it() -> None:
    user = reader()
    hours_for(user)
    (report,) = file_reports(user, 1)
    found = [{"about": "tests", "sentence": "It counts 34 green tests, but the run ran no command at all."}]
    triage.note_comparison(report=report, found=found, verification=0, by=f.PIPELINE, now=TUESDAY)
    assert "Our own record says otherwise" in seen(user, "/session/start/", go="1")
