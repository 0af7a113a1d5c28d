"""The room: every item at a glance, in three views, within a fixed number of queries."""

import re
from typing import Any

import pytest
from django.test import Client

from leadroom.agents import holding
from leadroom.agents.enums import EventKind, Phase, Role
from leadroom.agents.models import Endpoint
from leadroom.guardrails.actions import press
from leadroom.guardrails.enums import Lock
from leadroom.guardrails.scopes import of_agent
from leadroom.pipeline.moves import drop
from leadroom.projects.models import Project, WorkItem
from leadroom.sandbox import selftest
from tests import factories as f

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>\u202e"


@pytest.fixture
def project(client: Client) -> Project:
    project = f.make_project()
    client.force_login(f.lead_of(project))
    return project


def get(client: Client, path: str = "/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def strip_of(html: str, item: WorkItem) -> str:
    found = re.search(rf'<article class="strip" id="strip-{item.pk}".*?</article>', html, re.DOTALL)
    assert found is not None
    return found.group()


def column_of(html: str, key: str) -> str:
    found = re.search(rf'<section class="stage[^>]*id="stage-{key}".*?</section>', html, re.DOTALL)
    assert found is not None
    return found.group()


def test_a_strip_says_who_is_waited_for_and_for_what(client: Client, project: Project) -> None:
    item = f.make_item(project, risk="critical")
    f.make_ambiguities(item, 3)
    strip = strip_of(get(client), item)
    assert 'data-turn="human"' in strip
    assert "Pick 3 answers." in strip
    assert "0 of 3 decided" in strip
    assert "Critical" in strip
    assert f'href="/items/{item.pk}/"' in strip


def test_a_run_at_work_shows_its_evidence(client: Client, project: Project) -> None:
    item = f.make_frozen_plan(f.make_aligned_item(project)).item
    run = f.make_running_run(item, Role.DEVELOPER)
    line = holding.Line(EventKind.MESSAGE, {"text": "Writing the rule of shares"}, f.NOW)
    holding.append_events(run=run, lines=[line], now=f.NOW, phase=Phase.CODE, input_tokens=41_000, output_tokens=1_200)
    strip = strip_of(get(client), item)
    assert "last event <time" in strip
    assert "Writing the rule of shares" in strip
    assert 'data-step="now"><span>Code: now' in strip
    assert "42.2k tok" in strip
    assert 'data-turn="agent"' in strip


def test_strips_stand_in_their_stage(client: Client, project: Project) -> None:
    align, plan = f.make_item(project), f.make_plan(f.make_aligned_item(project)).item
    html = get(client)
    assert f'id="strip-{align.pk}"' in column_of(html, "align")
    assert f'id="strip-{plan.pk}"' in column_of(html, "plan")
    assert "is-empty" in column_of(html, "build")


def test_groups_put_what_needs_the_lead_first(client: Client, project: Project) -> None:
    idle, asking = f.make_item(project), f.make_question(f.make_item(project)).run.item
    html = get(client, "/?view=groups")
    assert html.index(f'id="strip-{asking.pk}"') < html.index(f'id="strip-{idle.pk}"')
    assert html.index('id="group-needs_you"') < html.index('id="group-idle"')
    assert 'id="group-working"' not in html


def test_the_table_says_the_next_move(client: Client, project: Project) -> None:
    item = f.make_question(f.make_item(project)).run.item
    html = get(client, "/?view=table")
    row = re.search(rf'<tr id="strip-{item.pk}".*?</tr>', html, re.DOTALL)
    assert row is not None
    assert "Your turn: May I rename it?" in row.group()


def test_news_fetches_the_same_board_in_the_same_view(client: Client, project: Project) -> None:
    f.make_item(project)
    page = get(client, "/?view=groups&density=compact")
    link = re.search(r'id="board" data-live="room" hx-get="([^"]+)"', page)
    assert link is not None
    fragment = get(client, link.group(1).replace("&amp;", "&"))
    assert fragment.strip().startswith('<div class="board-wrap" id="board"')
    assert "group-idle" in fragment
    assert 'data-density="compact"' in fragment
    assert "<html" not in fragment


def test_an_unknown_view_is_the_usual_one(client: Client, project: Project) -> None:
    f.make_item(project)
    assert 'id="stage-align"' in get(client, "/?view=%3Cscript%3E")


def test_an_empty_room_offers_the_first_request(client: Client, project: Project) -> None:
    html = get(client)
    assert "Write the first request" in html
    assert 'data-key="n"' in html


def test_strangers_see_nothing_of_it(client: Client, project: Project) -> None:
    item = f.make_item(project)
    client.force_login(f.make_user())
    assert f"strip-{item.pk}" not in get(client)


def test_hostile_words_are_shown_as_words(client: Client, project: Project) -> None:
    item = f.make_item(project, title=HOSTILE)
    run = f.make_running_run(item)
    holding.append_events(run=run, lines=[holding.Line(EventKind.MESSAGE, {"text": HOSTILE}, f.NOW)], now=f.NOW)
    for view in ("stages", "table"):
        html = get(client, f"/?view={view}")
        assert "<script>alert" not in html
        assert "\u202e" not in html


def test_finished_items_stay_for_a_while_with_what_came_of_them(client: Client, project: Project) -> None:
    item = f.make_item(project)
    drop(item=item, by=f.human(f.lead_of(project)), now=f.NOW)
    assert "Dropped" in strip_of(column_of(get(client), "done"), item)


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_queries_does_not_grow(
    client: Client, project: Project, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        f.make_ambiguities(f.make_item(project), 2)
        f.make_question(f.make_item(project))
        f.make_running_run(f.make_item(project), Role.DEVELOPER)
    client.get("/room/strips/")
    with django_assert_num_queries(23):
        client.get("/room/strips/")


def test_the_checklist_is_checked_for_real(client: Client, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "leadroom.web.room.checklist.check_isolation",
        lambda: selftest.Isolation(0, (selftest.Check("network", False, "A server of the host answered."),)),
    )
    html = get(client)
    assert "A server of the host answered." in html
    assert "Evenly is connected." in html
    assert "Set ANTHROPIC_API_KEY" in html
    Endpoint.objects.create(project=project, role="", base_url="https://models.example", model="good-one")
    assert "good-one is connected." in get(client)


def test_the_checklist_goes_away_when_all_holds_or_when_told(
    client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadroom.web.room.checklist.check_isolation", lambda: selftest.Isolation(1, ()))
    assert "Getting started" in get(client)
    client.post("/room/dismiss/")
    assert "Getting started" not in get(client)
    other = Client()
    other.force_login(f.lead_of(project))
    Endpoint.objects.create(project=project, role="", base_url="rehearsal:", model="rehearsal")
    f.make_frozen_plan(f.make_aligned_item(project))
    assert "Read-only pressed once" in get(other)
    agent = project.agents.get(role=Role.REVIEWER)
    scope = of_agent(agent.pk, agent.name, project)
    press(scope=scope, level=Lock.PAUSED, reason="A drill", by=f.human(f.lead_of(project)), now=f.NOW)
    assert "Getting started" not in get(other)
