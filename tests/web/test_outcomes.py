"""The outcomes page: figures with their definitions, filters, CSV, matches, one item's timeline."""

import csv
import datetime as dt
import io
import re

import pytest
from django.test import Client
from django.urls import reverse

from leadroom.lib.clock import now
from leadroom.outcomes import actions, gathering
from leadroom.outcomes.definitions import DEFINITIONS
from leadroom.outcomes.enums import Came
from leadroom.outcomes.models import IncidentMatch, ItemMeasure
from leadroom.outcomes.rules import Hint
from leadroom.projects.models import Project
from leadroom.web.outcomes.forms import Filters
from leadroom.web.outcomes.presenters import present_outcomes
from leadroom.worktrees.models import Stitch
from tests import factories as f
from tests.support.outcomes import incident_row, ship

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return f.make_project()


@pytest.fixture
def lead(project: Project) -> Client:
    client = Client()
    client.force_login(f.lead_of(project))
    return client


def shown(client: Client, query: str = "") -> str:
    answer = client.get(reverse("outcomes:index") + query)
    assert answer.status_code == 200
    return answer.content.decode()


def shipped(project: Project, **changes: object) -> None:
    """An item shipped just now, its figures as given."""
    item = ship(project)
    gathering.measure_next(now=f.NOW)
    ItemMeasure.objects.filter(item=item).update(shipped_at=now(), **changes)
    Stitch.objects.filter(item=item).update(merged_at=now() - dt.timedelta(hours=1))


def test_every_figure_says_what_it_counts(lead: Client, project: Project) -> None:
    shipped(project)
    html = shown(lead)
    anchors = set(re.findall(r'href="#(figure-[a-z0-9_]+)"', html))
    assert anchors == {one.anchor for one in DEFINITIONS.values()} - {"figure-ceiling", "figure-break_in"}
    gathering.advise(now=now())
    html = shown(lead)
    for one in DEFINITIONS.values():
        assert f'href="#{one.anchor}"' in html
        assert html.count(f'id="{one.anchor}"') == 1


def test_figures_carry_their_denominators_and_a_table_beside_each_plot(lead: Client, project: Project) -> None:
    shipped(project, unplanned=2, planned=5, human_seconds=7_200)
    html = shown(lead)
    assert "2 in 1 shipped item" in html
    assert "2 h in 1 shipped item" in html
    for key in ("interventions", "waiting", "cycle", "rework", "incidents", "attention", "cost"):
        panel = html[html.index(f'id="outcome-{key}"') :].split("</section>")[0]
        assert "<svg" in panel
        assert "<table" in panel
    lowered = html.lower()
    assert not [word for word in ("prompts", "lines of code", "threads") if word in lowered]


def test_an_empty_house_says_so(lead: Client) -> None:
    html = shown(lead)
    assert "no shipped items" in html
    assert "Nothing shipped yet" in html
    assert "No incidents" in html


def test_one_project_or_all_of_mine_and_nobody_elses(lead: Client, project: Project) -> None:
    second = f.make_project(f.lead_of(project), name="Second")
    theirs = f.make_project(name="Theirs")
    for one in (project, second, theirs):
        shipped(one, unplanned=1)
    assert "2 in 2 shipped items" in shown(lead)
    html = shown(lead, f"?project={second.slug}")
    assert "1 in 1 shipped item" in html
    assert "Theirs" not in html
    assert lead.get(reverse("outcomes:index"), {"project": theirs.slug}).status_code == 404


def test_weeks_are_chosen_and_nonsense_is_passed_over(lead: Client, project: Project) -> None:
    shipped(project)
    ItemMeasure.objects.update(shipped_at=now() - dt.timedelta(weeks=20))
    assert "no shipped items" in shown(lead)
    assert "in 1 shipped item" in shown(lead, "?weeks=26")
    assert "no shipped items" in shown(lead, "?weeks=²")


def test_the_csv_has_every_series_with_its_denominator_and_no_formulas(lead: Client, project: Project) -> None:
    shipped(project, unplanned=2)
    rows = [{"external_id": "S-1", "flow": "=cmd()", "p95_ms": 412.5, "at": now()}]
    by = f.human(f.lead_of(project))
    actions.keep_samples(project=project, rows=rows, came=Came.CSV, by=by, now=now())
    answer = lead.get(reverse("outcomes:export"), {"weeks": "4"})
    assert answer["Content-Type"].startswith("text/csv")
    table = list(csv.DictReader(io.StringIO(answer.content.decode())))
    last = [row for row in table if row["figure"] == "interventions" and row["series"] == "Unplanned"][-1]
    assert (last["value"], last["unit"], last["n"]) == ("2", "acts", "1")
    assert {row["series"] for row in table if row["figure"] == "p95"} == {"'=cmd()"}


def test_a_match_is_confirmed_on_the_page_and_counts(lead: Client, project: Project) -> None:
    shipped(project, paths=["evenly/money.py"])
    by = f.human(f.lead_of(project))
    rows = [incident_row("I-1", opened_at=now())]
    actions.keep_incidents(project=project, rows=rows, came=Came.CSV, by=by, now=now())
    match = IncidentMatch.objects.get()
    html = shown(lead)
    assert "0 in 1 merge" in html
    assert "1 suggestion nobody confirmed yet" in html
    assert "evenly/money.py" in html
    viewer = Client()
    viewer.force_login(f.make_viewer(project))
    url = reverse("outcomes:decide", args=[match.pk])
    assert viewer.post(url, {"to": "CONFIRMED"}).status_code == 403
    assert f"Only the lead of {project.name} decides this." in shown(viewer)
    assert "decides this" not in shown(lead)
    assert lead.post(url, {"to": "MAYBE"}).status_code == 422
    assert lead.post(url, {"to": "CONFIRMED"}).status_code == 302
    assert "1 in 1 merge" in shown(lead)


def test_hostile_titles_are_text(lead: Client, project: Project) -> None:
    shipped(project)
    by = f.human(f.lead_of(project))
    rows = [incident_row("<i>1", title="<script>alert(1)</script>", opened_at=now())]
    actions.keep_incidents(project=project, rows=rows, came=Came.CSV, by=by, now=now())
    assert "<script>alert" not in shown(lead)


def test_an_items_timeline_has_three_lanes_and_a_table(lead: Client, project: Project) -> None:
    item = ship(project)
    html = lead.get(reverse("outcomes:item", args=[item.pk])).content.decode()
    for lane in ("Agent worked", "Waited for a human", "Waited for the machine"):
        assert lane in html
    open_item = f.make_item(project)
    assert "So far:" in lead.get(reverse("outcomes:item", args=[open_item.pk])).content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_queries_does_not_grow(
    lead: Client, project: Project, count: int, django_assert_num_queries
) -> None:
    for number in range(count):
        shipped(project, paths=["evenly/money.py"])
        by = f.human(f.lead_of(project))
        rows = [incident_row(f"I-{number}", opened_at=now())]
        actions.keep_incidents(project=project, rows=rows, came=Came.CSV, by=by, now=now())
    filters = Filters(12, None, [project.pk])
    with django_assert_num_queries(11):
        page = present_outcomes(filters, [], [project.pk], now=now())
    assert len(page.items) == count


def test_the_hint_stands_beside_the_ceiling_only_when_it_advises_another(lead: Client, project: Project) -> None:
    for word, suggested in (("stay", 2), ("up", 4)):
        hint = Hint(word, suggested, f"Try {suggested}: because.")
        actions.give_advice(ceiling=2, hint=hint, break_in="Too early.", facts={}, by=f.PIPELINE, now=f.NOW)
        bar = lead.get(reverse("room:topbar")).content.decode()
        assert ("try 4" in bar) is (word == "up")


class TestSources:
    def upload(self, client: Client, project: Project, text: str, kind: str = "ticket"):
        return client.post(reverse("outcomes:upload", args=[project.slug]), {"kind": kind, "text": text})

    def test_the_secret_is_shown_once(self, lead: Client, project: Project) -> None:
        answer = lead.post(reverse("outcomes:rotate", args=[project.slug]))
        assert answer.status_code == 201
        assert answer["Cache-Control"] == "no-store"
        secret = re.search(r"whsec_[A-Za-z0-9+/=]+", answer.content.decode())
        assert secret is not None
        assert secret[0] not in lead.get(reverse("outcomes:project", args=[project.slug])).content.decode()
        project.ingress.refresh_from_db()
        assert secret[0] not in project.ingress.sealed_secret

    def test_a_file_is_stored_twice_without_doubling(self, lead: Client, project: Project) -> None:
        text = "id,title,opened_at,tags\nT-1,Where is my cent?,2026-11-21T10:00:00Z,money;ui\n"
        for _ in range(2):
            file = io.BytesIO(text.encode())
            file.name = "tickets.csv"
            url = reverse("outcomes:upload", args=[project.slug])
            assert lead.post(url, {"kind": "ticket", "file": file}).status_code == 302
        assert project.tickets.get().tags == ["money", "ui"]

    def test_wrong_rows_come_back_with_numbers_and_reasons_and_the_text_stays(
        self, lead: Client, project: Project
    ) -> None:
        text = "id,title,opened_at\nT-1,Good,2026-11-21T10:00:00Z\nT-2,,2026-11-21T10:00:00Z\nT-3,x,soon\n"
        answer = self.upload(lead, project, text)
        html = answer.content.decode()
        assert answer.status_code == 422
        assert "Row 3: has no title." in html
        assert "Row 4: has the time &#x27;soon&#x27;" in html
        assert "T-1,Good" in html
        assert not project.tickets.exists()

    def test_wrong_columns_and_large_files(self, lead: Client, project: Project) -> None:
        assert "The header lacks title" in self.upload(lead, project, "id,opened_at\n1,2\n").content.decode()
        file = io.BytesIO(b"x" * (2 * 1024 * 1024 + 1))
        file.name = "big.csv"
        url = reverse("outcomes:upload", args=[project.slug])
        answer = lead.post(url, {"kind": "ticket", "file": file})
        assert answer.status_code == 422
        assert "2,097,152 is the limit" in answer.content.decode()
        assert self.upload(lead, project, "", "ticket").status_code == 422
        assert self.upload(lead, project, "x", "flood").status_code == 422

    def test_a_viewer_sees_and_stores_nothing(self, project: Project) -> None:
        viewer = Client()
        viewer.force_login(f.make_viewer(project))
        html = viewer.get(reverse("outcomes:project", args=[project.slug])).content.decode()
        assert "only its lead decides here" in html
        assert self.upload(viewer, project, "id\n").status_code == 403
        assert viewer.post(reverse("outcomes:rotate", args=[project.slug])).status_code == 403
