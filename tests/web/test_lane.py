"""The lane in the browser: the queue with its reasons, what agents have, and firing what is loaded."""

import pytest
from django.test import Client
from django.urls import reverse

from leadroom.projects.models import Project
from leadroom.requirements.actions import hold
from leadroom.requirements.models import Alignment
from tests import factories as f
from tests.support.aligned import make_loaded_item
from tests.support.snapshot import changed_tables, snapshot

pytestmark = pytest.mark.django_db
LANE, FIRE = "/align/queue/", "/align/fire/"


@pytest.fixture
def project(client: Client) -> Project:
    project = f.make_project()
    client.force_login(f.lead_of(project))
    return project


def value_of(item) -> str:
    return f"{item.pk}:{item.revisions.order_by('-number')[0].digest}"


def page(client: Client, query: str = "", **headers: str) -> str:
    answer = client.get(LANE + query, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


class TestTheQueue:
    def test_every_item_stands_in_one_list_with_the_reason_for_its_place(
        self, client: Client, project: Project
    ) -> None:
        first = f.make_item(project, title="First asked")
        f.make_ambiguities(first, 2)
        second = f.make_item(project, title="Second asked")
        f.make_ambiguities(second, 1)
        grave = f.make_item(project, title="Grave", risk="critical")
        f.make_ambiguities(grave, 1)
        f.make_item(project, title="With its agent")
        make_loaded_item(project, title="Ready to go")
        html = page(client)
        order = ["Grave", "critical comes first", "First asked", "waits longest", "Second asked", "came later"]
        order += ["Ready to go", "Fire selected"] if html.index("Fire selected") > html.index("Ready to go") else []
        places = [html.index(words) for words in order]
        assert places == sorted(places)
        for title in ("Grave", "First asked", "Second asked", "With its agent", "Ready to go"):
            assert html.count(f">{title}</a>") == 1
        assert "Pick 2 answers." in html

    def test_the_rail_leads_to_the_first_and_without_one_to_the_lane(self, client: Client, project: Project) -> None:
        make_loaded_item(project, title="Ready to go")
        assert "Ready to go" in client.get("/align/").content.decode()
        item = f.make_item(project)
        f.make_ambiguities(item, 1)
        assert client.get("/align/").headers["Location"] == f"/align/{item.pk}/"
        assert "Align the first" in page(client)

    def test_an_empty_lane_says_what_comes_here(self, client: Client, project: Project) -> None:
        assert "Nothing to align" in page(client)

    def test_of_strangers_nothing_is_shown(self, client: Client, project: Project) -> None:
        make_loaded_item(title="Somebody's")
        assert "Somebody" not in page(client)

    def test_more_items_cost_no_more_queries(
        self, client: Client, project: Project, django_assert_max_num_queries
    ) -> None:
        def fill() -> None:
            make_loaded_item(project)
            f.make_ambiguities(f.make_item(project), 1)
            f.make_item(project)

        fill()
        with django_assert_max_num_queries(60) as counted:
            page(client)
        for _ in range(3):
            fill()
        with django_assert_max_num_queries(len(counted)):
            page(client)


class TestFiring:
    def test_what_is_ticked_goes_and_the_rest_stays(self, client: Client, project: Project) -> None:
        one, two, three = (make_loaded_item(project) for _ in range(3))
        answer = client.post(FIRE, {"item": [value_of(one), value_of(three)]}, headers={"HX-Request": "true"})
        assert answer.status_code == 204
        assert "Fired: 2 items on the way" in answer.headers["HX-Trigger"]
        assert set(Alignment.objects.filter(is_held=True).values_list("item_id", flat=True)) == {two.pk}
        assert Alignment.objects.filter(fired_at__isnull=False).count() == 2

    def test_the_lane_shows_it_at_once(self, client: Client, project: Project) -> None:
        item = make_loaded_item(project)
        headers = {"HX-Request": "true", "HX-Target": "div#lane"}
        answer = client.post(FIRE, {"item": value_of(item)}, headers=headers)
        html = answer.content.decode()
        assert html.strip().startswith('<div id="lane"')
        assert 'id="lane-loaded"' not in html
        assert f'id="lane-{item.pk}"' in html

    def test_a_document_that_changed_since_fires_nothing(self, client: Client, project: Project) -> None:
        one, two = make_loaded_item(project), make_loaded_item(project, title="The other")
        seen = [value_of(one), value_of(two)]
        f.make_document(two, title="Split by weights")
        before = snapshot()
        answer = client.post(FIRE, {"item": seen})
        assert answer.status_code == 409
        assert "The document of “The other” changed since you saw it; nothing was fired" in answer.content.decode()
        assert changed_tables(before) == {}

    @pytest.mark.parametrize(
        ("value", "status", "words"),
        [
            ([], 422, "No item was selected, so none was fired"),
            (["x"], 422, "does not say which document you saw"),
            (["1"], 422, "does not say which document you saw"),
            (["²:sha256:x"], 422, "does not say which document you saw"),
            ([f"{'9' * 18}:sha256:x"], 404, ""),
        ],
    )
    def test_what_the_form_cannot_mean(
        self, client: Client, project: Project, value: list[str], status: int, words: str
    ) -> None:
        make_loaded_item(project)
        answer = client.post(FIRE, {"item": value})
        assert answer.status_code == status
        assert words in answer.content.decode()
        assert Alignment.objects.get().is_held

    def test_neither_a_stranger_nor_a_viewer_fires(self, client: Client, project: Project) -> None:
        mine, theirs = make_loaded_item(project), make_loaded_item()
        assert client.post(FIRE, {"item": [value_of(mine), value_of(theirs)]}).status_code == 404
        client.force_login(f.make_viewer(project))
        html = page(client)
        assert "You may look at these items, but not fire them" in html
        assert client.post(FIRE, {"item": value_of(mine)}).status_code == 403
        assert Alignment.objects.filter(is_held=True).count() == 2

    def test_a_tick_survives_news_as_long_as_it_means_the_same(self, client: Client, project: Project) -> None:
        item = make_loaded_item(project)
        ticked = f'value="{value_of(item)}" checked'
        assert '" checked' not in page(client)
        query = f"?item={value_of(item)}"
        region = page(client, query, **{"HX-Request": "true"})
        assert region.strip().startswith('<div id="lane"')
        assert ticked in region
        f.make_document(item, title="Split by weights")
        assert '" checked' not in page(client, query, **{"HX-Request": "true"})

    def test_load_and_let_go_from_the_lane(self, client: Client, project: Project) -> None:
        item = f.make_item(project)
        f.make_ambiguities(item, 1)
        client.post(reverse("align:hold", args=[item.pk]), {"hold": "1"})
        html = page(client)
        assert "It will be loaded." in html
        assert 'name="hold" value="0"' in html
        hold(item=item, is_held=False, by=f.human(f.lead_of(project)), now=f.NOW)
        assert "It will be loaded." not in page(client)
