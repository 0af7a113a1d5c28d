"""The triage inbox: what runs reported, filtered, paged, read and unread."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from leadroom.triage.models import Report
from leadroom.web.triage import views
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def report() -> Report:
    return factories.make_report(severity="major", suggested_action="fix", summary="Rounding loses a cent.")


@pytest.fixture
def lead(report: Report) -> Client:
    client = Client()
    client.force_login(factories.lead_of(report.item.project))
    return client


def shown(lead: Client, query: str = "") -> str:
    answer = lead.get(reverse("triage:reports") + query)
    assert answer.status_code == 200
    return answer.content.decode()


def mark(lead: Client, report: Report, state: str, **headers: str):
    url = reverse("triage:mark", args=[report.pk])
    return lead.post(url, {"state": state, "query": "severity=major"}, headers={"HX-Request": "true", **headers})


def test_the_grid_counts_what_is_unread_and_filters(lead, report):
    factories.make_report(factories.make_item(report.item.project), summary="All is well.")
    html = shown(lead)
    assert "Rounding loses a cent." in html
    assert "All is well." in html
    cell = f'<a href="{reverse("triage:reports")}?severity=major&amp;action=fix">1</a>'
    assert cell in html
    html = shown(lead, "?severity=major&action=fix")
    assert "All is well." not in html
    assert 'aria-current="true"' in html
    assert "Nothing like this" in shown(lead, "?severity=critical")


def test_a_report_is_marked_read_and_unread_again_by_keys(lead, report):
    assert 'data-key="e"' in shown(lead)
    answer = mark(lead, report, "READ", **{"HX-Target": "div#triage-body"})
    html = answer.content.decode()
    assert json.loads(answer["HX-Trigger"])["toast"]["text"] == "Marked as read"
    assert 'id="triage-body"' in html
    assert "severity=major" in html
    assert 'data-key="m"' in html
    assert "Nothing like this" in shown(lead, "?show=unread")
    assert mark(lead, report, "UNREAD").status_code == 204
    assert "Rounding loses a cent." in shown(lead, "?show=unread")


def test_marking_twice_changes_nothing_and_nonsense_is_refused(lead, report):
    mark(lead, report, "READ")
    assert mark(lead, report, "READ").status_code == 204
    assert mark(lead, report, "BURNT").status_code == 422


def test_a_report_shows_every_field(lead, report):
    html = lead.get(reverse("triage:report", args=[report.pk])).content.decode()
    for words in (
        "Rounding loses a cent.",
        "A module for shares.",
        "34 green",
        "1 not run",
        "No case names a stranger.",
        "Show shares in balances.",
        "evenly/shares.py:31",
        "93 % sure",
    ):
        assert words in html
    assert reverse("runs:detail", args=[report.run_id]) in html


def test_pages_of_fifty_follow_one_another_without_holes(lead, report, monkeypatch):
    monkeypatch.setattr(views, "PAGE_SIZE", 2)
    others = [
        factories.make_report(factories.make_item(report.item.project), summary=f"Report number {n}.") for n in range(3)
    ]
    html = shown(lead)
    assert "Report number 2." in html
    assert "Report number 0." not in html
    assert f"?before={others[1].pk}" in html
    html = shown(lead, f"?before={others[1].pk}")
    assert "Report number 0." in html
    assert "Rounding loses a cent." in html
    assert "before=" not in html.split('id="triage-rows"')[1].split("</section>")[0].split("</ul>")[1]


@pytest.mark.parametrize("query", ["?before=x", "?before=²", "?before=" + "9" * 30, "?severity=%00&action=<b>"])
def test_a_bent_address_is_read_as_far_as_it_makes_sense(lead, query):
    assert "Rounding loses a cent." in shown(lead, query)


def test_viewers_read_and_strangers_see_nothing(report):
    viewer, stranger = Client(), Client()
    viewer.force_login(factories.make_viewer(report.item.project))
    stranger.force_login(factories.make_user())
    assert "Rounding loses a cent." in shown(viewer)
    assert mark(viewer, report, "READ").status_code == 403
    assert "No reports yet" in shown(stranger)
    assert stranger.get(reverse("triage:report", args=[report.pk])).status_code == 404
    assert mark(stranger, report, "READ").status_code == 404


def test_words_of_agents_cannot_act(lead, report):
    attack = '"><script>alert(1)</script>\u202e'
    evil = factories.make_report(
        factories.make_item(report.item.project),
        summary=attack,
        done=[attack],
        unsure=[attack],
        sources=[{"kind": attack[:40], "uri": attack, "note": attack}],
    )
    for html in (shown(lead), lead.get(reverse("triage:report", args=[evil.pk])).content.decode()):
        assert "<script>alert" not in html
        assert "\u202e" not in html
        assert "U+202E" in html


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_queries_does_not_grow(lead, report, count, django_assert_num_queries):
    for _ in range(count):
        factories.make_report(factories.make_item(report.item.project))
    url = reverse("triage:reports")
    lead.get(url)
    with django_assert_num_queries(22):
        lead.get(url)
