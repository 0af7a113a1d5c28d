"""Needs you: every kind of card leads to the very place and does what one press can do."""

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse

from leadroom.agents.enums import Role
from leadroom.reading.queries import waiting_for_lead
from leadroom.web.needs.presenters import Card, present_cards
from tests import factories

pytestmark = pytest.mark.django_db


def cards_of(project, user=None) -> dict[str, Card]:
    """The cards of a project by the first part of their id."""
    request = RequestFactory().get("/")
    request.user = user or factories.lead_of(project)
    return {card.id.split("-")[1]: card for card in present_cards(waiting_for_lead([project.pk]), request)}


def buttons(card: Card) -> dict[str, str]:
    """Label to address."""
    return {action.label: action.url or action.link for action in card.actions}


def test_picks_are_decided_on_their_page_or_taken_as_recommended():
    item = factories.make_item()
    rows = factories.make_ambiguities(item, 2)
    card = cards_of(item.project)["picks"]
    assert card.url == reverse("align:item", args=[item.pk])
    every = next(action for action in card.actions if action.key == "a")
    lead = Client()
    lead.force_login(factories.lead_of(item.project))
    answer = lead.post(every.url, every.fields, headers={"HX-Request": "true"})
    assert answer.status_code == 204
    for row in rows:
        row.refresh_from_db()
    assert [row.picked for row in rows] == [1, 1]


def test_a_critical_item_has_no_shortcut_and_says_why():
    item = factories.make_item(risk="critical")
    factories.make_ambiguities(item)
    refused = [action.reason for action in cards_of(item.project)["picks"].actions if action.reason]
    assert refused == ["This item is critical: decide each question on its own."]


def test_a_question_offers_its_options_as_keys():
    question = factories.make_question(factories.make_item())
    card = cards_of(question.run.item.project)["question"]
    answer = reverse("runs:answer", args=[question.pk])
    assert [(a.label, a.key, a.fields) for a in card.actions if a.url == answer] == [
        ("Yes", "1", {"text": "Yes"}),
        ("No", "2", {"text": "No"}),
    ]


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_stopped_run_is_resumed_or_stopped(is_lost):
    run = factories.make_stopped_run(factories.make_item(), is_lost=is_lost)
    card = cards_of(run.item.project)["run"]
    addresses = buttons(card).values()
    assert reverse("runs:retry", args=[run.pk]) in addresses
    assert reverse("runs:stop", args=[run.pk]) in addresses
    assert card.tone == "bad"


def test_a_plan_is_reviewed_and_a_document_completed():
    plan = factories.make_plan()
    assert buttons(cards_of(plan.item.project)["plan"]) == {"Review": reverse("plans:detail", args=[plan.pk])}
    item = factories.make_item()
    factories.make_document(item, confidence="LOW", missing=["Which currency?"])
    card = cards_of(item.project)["document"]
    assert "Which currency?" in card.why
    assert card.url == reverse("align:item", args=[item.pk]) + "#supply"


def test_a_stitch_is_signed_on_its_page_and_a_conflict_sent_back():
    clean, stuck = factories.make_stitch(), factories.make_stitch(conflicts=("a.py",))
    assert buttons(cards_of(clean.item.project)["stitch"]) == {
        "Look and sign": reverse("stitch:item", args=[clean.item_id])
    }
    card = cards_of(stuck.item.project)["stitch"]
    assert reverse("stitch:send_back", args=[stuck.item_id]) in buttons(card).values()
    assert card.tone == "bad"


def test_a_viewer_gets_no_button_that_would_be_refused():
    run = factories.make_stopped_run(factories.make_item())
    viewer = factories.make_viewer(run.item.project)
    card = cards_of(run.item.project, viewer)["run"]
    assert not any(action.url for action in card.actions)
    assert all("only its lead decides" in action.reason for action in card.actions)


def test_panel_and_page_show_the_same_cards_and_words_of_agents_are_harmless():
    item = factories.make_item(title="<i>Shares</i>")
    question = factories.make_question(item, Role.DEVELOPER, options=("<b>Yes</b>", "No"))
    lead = Client()
    lead.force_login(factories.lead_of(item.project))
    for name in ("needs:panel", "needs:all"):
        html = lead.get(reverse(name)).content.decode()
        assert f'id="card-question-{question.pk}"' in html
        assert "<b>Yes</b>" not in html
        assert "&lt;b&gt;Yes" in html
    assert "<html" not in lead.get(reverse("needs:panel")).content.decode()


def test_nothing_waits():
    lead = Client()
    lead.force_login(factories.make_user())
    assert "Nothing needs you" in lead.get(reverse("needs:all")).content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_queries_does_not_grow(count, django_assert_num_queries):
    project = factories.make_project()
    for _ in range(count):
        factories.make_ambiguities(factories.make_item(project), count)
        factories.make_question(factories.make_item(project))
        factories.make_stopped_run(factories.make_item(project))
        factories.make_plan(factories.make_aligned_item(project))
        factories.make_stitch(factories.make_aligned_item(project), conflicts=("a.py",))
    lead = Client()
    lead.force_login(factories.lead_of(project))
    lead.get(reverse("needs:all"))
    with django_assert_num_queries(23):
        lead.get(reverse("needs:all"))
