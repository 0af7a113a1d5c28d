"""Alignment in the browser: what is shown, who decides, and that nobody decides twice."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from leadroom.projects.models import WorkItem
from leadroom.requirements.actions import hand_over
from leadroom.requirements.models import Ambiguity
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def item() -> WorkItem:
    return factories.make_item()


@pytest.fixture
def lead(item: WorkItem) -> Client:
    client = Client()
    client.force_login(factories.lead_of(item.project))
    return client


def pick(lead: Client, ambiguity: Ambiguity, **data: str):
    data = {"seen": ambiguity.digest, **data}
    return lead.post(reverse("align:pick", args=[ambiguity.pk]), data, headers={"HX-Request": "true"})


def toast(answer) -> str:
    return json.loads(answer["HX-Trigger"])["toast"]["text"]


def shown(lead: Client, item: WorkItem) -> str:
    answer = lead.get(reverse("align:item", args=[item.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_question_shows_its_candidates_with_keys_and_the_recommendation(lead, item):
    factories.make_ambiguities(item, 1)
    html = shown(lead, item)
    for words in (
        "Who pays the odd cent of A-001?",
        "The payer of A-001",
        "If wrong",
        "evenly/group.py:10",
        "88 % sure",
    ):
        assert words in html
    for key in ("1", "2", "3", "o", "a"):
        assert f'data-key="{key}"' in html
    assert html.count("recommended</span>") == 1
    assert "0 of 1 decided" in html
    assert "Split an expense by shares" in html


def test_a_pick_is_one_post_with_an_undo(lead, item):
    first, _ = factories.make_ambiguities(item, 2)
    answer = pick(lead, first, picked="2")
    assert answer.status_code == 204
    assert json.loads(answer["HX-Trigger"])["toast"]["undo_url"] == reverse("align:reopen", args=[first.pk])
    html = shown(lead, item)
    assert "1 of 2 decided" in html
    assert "candidate 2" in html
    lead.post(reverse("align:reopen", args=[first.pk]))
    assert "0 of 2 decided" in shown(lead, item)


def test_a_pick_from_the_page_answers_with_the_region(lead, item):
    first, _ = factories.make_ambiguities(item, 2)
    url, target = reverse("align:pick", args=[first.pk]), f"div#align-{item.pk}-body"
    answer = lead.post(url, {"seen": first.digest, "picked": "1"}, headers={"HX-Request": "true", "HX-Target": target})
    html = answer.content.decode()
    assert answer.status_code == 200
    assert f'id="align-{item.pk}-body"' in html
    assert "as recommended" in html
    assert "<html" not in html


def test_own_words_are_kept_verbatim_and_shown_harmless(lead, item):
    first, _ = factories.make_ambiguities(item, 2)
    assert pick(lead, first, own_answer="<b>Both</b>, in turn").status_code == 204
    assert "&lt;b&gt;Both&lt;/b&gt;, in turn" in shown(lead, item)


def test_the_second_of_two_tabs_is_told_that_it_was_decided(lead, item):
    first, _ = factories.make_ambiguities(item, 2)
    pick(lead, first, picked="1")
    answer = pick(lead, first, picked="2")
    assert answer.status_code == 409
    assert "decided meanwhile" in toast(answer)
    first.refresh_from_db()
    assert first.picked == 1


def test_a_question_that_changed_since_it_was_seen_is_not_decided(lead, item):
    first, _ = factories.make_ambiguities(item, 2)
    answer = pick(lead, first, picked="1", seen="sha256:another")
    assert answer.status_code == 409
    assert "changed since you saw" in toast(answer)


@pytest.mark.parametrize(
    "data", [{}, {"picked": "1", "own_answer": "x"}, {"picked": "9"}, {"picked": "²"}, {"seen": ""}]
)
def test_half_an_answer_decides_nothing(lead, item, data):
    first, _ = factories.make_ambiguities(item, 2)
    answer = pick(lead, first, **data)
    assert answer.status_code == 422
    assert "nothing was decided" in toast(answer)


def test_what_was_handed_over_cannot_be_taken_back(lead, item):
    (only,) = factories.make_ambiguities(item, 1)
    answer = pick(lead, only, picked="1")
    assert toast(answer) == "A-001 decided; that was the last one"
    assert "All decided." in shown(lead, item)
    hand_over(item=item, by=factories.PIPELINE, now=factories.NOW)
    html = shown(lead, item)
    assert "All decided." not in html
    assert "handed to the agent, which works with them" in html
    assert lead.post(reverse("align:reopen", args=[only.pk])).status_code == 403


def test_all_recommended_at_once_with_what_was_seen(lead, item):
    rows = factories.make_ambiguities(item, 3)
    url = reverse("align:pick_all", args=[item.pk])
    stale = {f"seen-{row.key}": row.digest for row in rows[:2]}
    answer = lead.post(url, stale, headers={"HX-Request": "true"})
    assert answer.status_code == 409
    assert "appeared after you opened" in toast(answer)
    answer = lead.post(url, {f"seen-{row.key}": row.digest for row in rows}, headers={"HX-Request": "true"})
    assert toast(answer).startswith("3 recommendations taken")
    assert "3 of 3 decided" in shown(lead, item)


def test_a_critical_item_is_decided_one_by_one():
    item = factories.make_item(risk="critical")
    rows = factories.make_ambiguities(item, 2)
    lead = Client()
    lead.force_login(factories.lead_of(item.project))
    html = shown(lead, item)
    sentence = "This item is critical: decide each question on its own."
    assert f'aria-disabled="true" data-reason="{sentence}" data-key="a"' in html
    answer = lead.post(
        reverse("align:pick_all", args=[item.pk]),
        {f"seen-{row.key}": row.digest for row in rows},
        headers={"HX-Request": "true"},
    )
    assert (answer.status_code, toast(answer)) == (403, sentence)


def test_a_viewer_sees_but_does_not_decide(item):
    first, _ = factories.make_ambiguities(item, 2)
    lead = Client()
    lead.force_login(factories.make_viewer(item.project))
    html = shown(lead, item)
    assert "only its lead decides here" in html
    assert 'name="picked"' not in html
    assert pick(lead, first, picked="1").status_code == 403


def test_a_stranger_does_not_even_learn_that_it_is_there(item):
    first, _ = factories.make_ambiguities(item, 2)
    lead = Client()
    lead.force_login(factories.make_user())
    for url in (reverse("align:item", args=[item.pk]), reverse("align:item", args=[999_999])):
        assert lead.get(url).status_code == 404
    assert pick(lead, first, picked="1").status_code == 404
    assert lead.get(reverse("align:queue")).status_code == 200


def test_the_document_is_shown_with_what_caused_each_criterion(lead):
    item = factories.make_aligned_item()
    lead.force_login(factories.lead_of(item.project))
    html = shown(lead, item)
    for words in (
        "AC-002",
        "No cent is lost.",
        'href="#ambiguity-A-001"',
        "Percentages.",
        "Ana, who books",
        "Alignment is over",
    ):
        assert words in html
    assert item.revisions.get().digest[7:19] in html
    assert "Take back" in html
    assert 'data-key="1"' not in html


def test_a_low_document_asks_for_words(lead, item):
    factories.make_document(item, confidence="LOW", missing=["Which currency?"])
    html = shown(lead, item)
    assert "Which currency?" in html
    assert 'id="supply"' in html
    assert "Say what is missing" in html


def test_what_is_missing_goes_to_the_agent_once(lead, item):
    factories.finish_run(factories.make_running_run(item))
    factories.make_document(item, confidence="LOW", missing=["Which currency?"])
    url = reverse("align:supply", args=[item.pk])
    assert lead.post(url, {"text": " "}, headers={"HX-Request": "true"}).status_code == 422
    answer = lead.post(url, {"text": "Euros and yen."}, headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == reverse("align:item", args=[item.pk])
    assert "Euros and yen." in item.runs.get(attempt=2).brief
    assert 'id="supply"' not in shown(lead, item)
    assert lead.post(url, {"text": "And francs."}, headers={"HX-Request": "true"}).status_code in (403, 409)


def test_the_queue_opens_what_presses_most(lead, item):
    factories.make_ambiguities(item, 1)
    pressing = factories.make_item(item.project, text="Delete a group", risk="critical")
    factories.make_ambiguities(pressing, 1)
    assert lead.get(reverse("align:queue"))["Location"] == reverse("align:item", args=[pressing.pk])
    html = shown(lead, item)
    assert html.index("Delete a group") < html.index("1 open")
    assert "critical, 1 open" in html


def test_an_empty_queue_says_so(lead, item):
    assert "No question for you right now" in lead.get(reverse("align:queue")).content.decode()
    WorkItem.objects.all().delete()
    assert "Nothing to align" in lead.get(reverse("align:queue")).content.decode()


def test_words_of_agents_cannot_act(lead, item):
    attack = '"><script>alert(1)</script>\u202e'
    factories.make_ambiguities(item, 1, question=attack, why=attack)
    factories.make_document(item, title=attack, constraints=[attack], scope_boundary=attack)
    html = shown(lead, item)
    assert "<script>alert" not in html
    assert "\u202e" not in html
    assert html.count("U+202E") > 4


@pytest.mark.parametrize("count", [2, 12, 60])
def test_the_number_of_queries_does_not_grow(lead, item, count, django_assert_num_queries):
    other = factories.make_item(item.project)
    factories.make_ambiguities(other, 2)
    factories.make_ambiguities(item, count)
    url = reverse("align:item", args=[item.pk])
    lead.get(url)
    with django_assert_num_queries(QUERIES):
        lead.get(url)


QUERIES = 36
