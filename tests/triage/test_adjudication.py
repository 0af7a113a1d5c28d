"""The second opinion: closed answers, quotes that are checked, both orders, a budget, and never a link."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pytest_django import Settings

from leadroom.agents.actions import set_endpoint
from leadroom.guardrails.actions import press
from leadroom.guardrails.enums import Lock
from leadroom.guardrails.scopes import of_project
from leadroom.ledger.models import Entry
from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.pipeline.adjudicating import adjudicate, adjudicate_all
from leadroom.projects.models import Project
from leadroom.triage import actions
from leadroom.triage.adjudication import Opinion, Pair, Said, agreed, question, read_answers
from leadroom.triage.models import Adjudication, CannotLink, Finding, Link, Shelf
from tests import factories as f
from tests.support.other_model_server import other_model_server
from tests.support.refusals import refused_without_effect
from tests.support.stage import recorded_rehearsal

PAIR = Pair(
    ("Jobs stop once Redis fails over", "The worker is stuck in brpop of queue/worker.py."),
    ("Queue worker hangs after Redis reconnect", "After a failover queue/worker.py blocks in brpop."),
)
SAME = {
    "pair": 1,
    "answer": "SAME",
    "first_quote": "stuck in  brpop",
    "second_quote": "blocks in brpop",
    "why": "Both block in brpop.",
}


def answered(is_swapped: bool = False, **changes: Any) -> Opinion:
    return read_answers({"answers": [{**SAME, **changes}]}, [PAIR], is_swapped=is_swapped)[0]


def test_an_answer_counts_when_both_quotes_stand_where_they_are_said_to() -> None:
    assert answered() == Opinion(Said.SAME, "stuck in  brpop", "blocks in brpop", "Both block in brpop.")
    turned = answered(is_swapped=True, first_quote="blocks in brpop", second_quote="stuck in brpop")
    assert (turned.newer_quote, turned.older_quote) == ("stuck in brpop", "blocks in brpop")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"first_quote": "blocks in brpop"}, "What it quotes does not stand in the newer report."),
        ({"second_quote": "in"}, "What it quotes does not stand in the older report."),
        ({"second_quote": ""}, "What it quotes does not stand in the older report."),
        ({"answer": "YES"}, "Its answer is none of the four there are."),
        ({"pair": 2}, "It gave no answer for this pair."),
    ],
)
def test_what_cannot_count_is_no_answer_and_says_why(changes: dict[str, Any], why: str) -> None:
    assert answered(**changes) == Opinion(Said.UNSURE, why=why)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda x: st.lists(x, max_size=3) | st.dictionaries(st.text(max_size=5), x, max_size=3),
        max_leaves=9,
    )
)
def test_whatever_comes_back_is_an_opinion(given_back: Any) -> None:
    for answer in (given_back, {"answers": given_back}, {"answers": [given_back]}):
        assert [one.said for one in read_answers(answer, [PAIR, PAIR], is_swapped=False)] == [Said.UNSURE] * 2


def test_only_what_is_said_in_both_orders_counts() -> None:
    same, other, unsure = (
        Opinion(Said.SAME, "a", "b"),
        Opinion(Said.DIFFERENT, "a", "b"),
        Opinion(Said.UNSURE, why="No."),
    )
    assert agreed(same, Opinion(Said.SAME, "c", "d")) == same
    assert agreed(same, other).said is Said.UNSURE
    assert "Same problem and Different problems" in agreed(same, other).why
    assert agreed(unsure, same).why == "Asked twice, it was once unsure. No."


def test_the_question_turns_pairs_and_their_order_round() -> None:
    other = Pair(("a", ""), ("b", ""))
    first, second = question([PAIR, other], is_swapped=True).splitlines()
    assert first == 'pair 2: {"first": {"title": "b", "text": ""}, "second": {"title": "a", "text": ""}}'
    assert second.startswith('pair 1: {"first": {"title": "Queue worker hangs')
    assert len({PAIR.digest, other.digest, Pair(PAIR.older, PAIR.newer).digest}) == 3


def suggested(project: Project, number: int = 0) -> Link:
    for hours, (title, body) in enumerate((PAIR.older, PAIR.newer)):
        actions.bring_in(
            project_id=project.pk,
            title=title,
            body=f"{body} {number or ''}".strip(),
            severity="minor",
            by=f.PIPELINE,
            now=f.NOW + dt.timedelta(hours=hours + number),
        )
    return Link.objects.order_by("pk")[0]


def switched_on(project: Project, asks: int = 10) -> Shelf:
    by = f.human(f.lead_of(project))
    return actions.set_adjudication(project=project, is_on=True, asks_per_day=asks, by=by, now=f.NOW)


def connect(project: Project, url: str) -> None:
    by = f.human(f.lead_of(project))
    set_endpoint(project=project, role="", base_url=url, model="small", key="other-key", by=by, now=f.NOW)


@pytest.mark.django_db
def test_it_is_off_until_a_person_switches_it_on() -> None:
    project = f.make_project()
    suggested(project)
    assert adjudicate_all() == 0
    assert not Entry.objects.filter(verb__startswith="triage.engine").exists()
    with refused_without_effect(NotPermitted, "Only a person"):
        actions.set_adjudication(project=project, is_on=True, asks_per_day=5, by=f.PIPELINE, now=f.NOW)
    with refused_without_effect(BadInput, "A day has 1 to 1000 questions"):
        switched_on(project, asks=0)


@pytest.mark.django_db
def test_the_rehearsed_model_pre_fills_and_links_nothing(tmp_path: Path, settings: Settings) -> None:
    project = f.make_project()
    link = suggested(project)
    shelf = switched_on(project)
    with recorded_rehearsal(tmp_path) as rehearsal:
        settings.REHEARSAL_URL = rehearsal.url
        connect(project, "rehearsal:")
        assert adjudicate(shelf) == 1
        assert adjudicate(shelf) == 0, "asked once"
    opinion = opinion_of(link)
    assert (opinion.said, opinion.newer_quote, opinion.older_quote) == ("SAME", PAIR.newer[0], PAIR.older[0])
    link.refresh_from_db()
    assert (link.state, link.by_itself) == ("SUGGESTED", False)
    assert not CannotLink.objects.exists()
    assert not Finding.objects.exclude(root=None).exists()
    shelf.refresh_from_db()
    assert (shelf.asked_today, shelf.ask_problem) == (2, "")


def opinion_of(link: Link) -> Adjudication:
    """What a model said of it."""
    link.refresh_from_db()
    assert link.opinion is not None
    return link.opinion


@pytest.mark.django_db
def test_one_order_against_the_other_is_no_opinion() -> None:
    project = f.make_project()
    link = suggested(project)
    switched_on(project)
    with other_model_server([[("answer_pairs", {"answers": [SAME]})]]) as model:
        connect(project, model.url)
        assert adjudicate_all() == 1
        assert [body["tool_choice"]["name"] for body in model.requests] == ["answer_pairs"] * 2
    assert opinion_of(link).said == "UNSURE"


@pytest.mark.django_db
def test_the_same_texts_are_not_asked_about_again() -> None:
    project = f.make_project()
    link = suggested(project)
    shelf = switched_on(project)
    Adjudication.objects.create(
        project=project, digest=PAIR.digest, said="DIFFERENT", prompt=1, model="earlier", asked_at=f.NOW
    )
    assert adjudicate(shelf) == 1
    assert opinion_of(link).model == "earlier"
    shelf.refresh_from_db()
    assert shelf.asked_today == 0


@pytest.mark.django_db
def test_the_budget_of_a_day_is_kept_and_failures_count() -> None:
    project = f.make_project()
    suggested(project)
    shelf = switched_on(project, asks=3)
    connect(project, "http://127.0.0.1:9")
    assert adjudicate_all() == 0
    shelf.refresh_from_db()
    assert shelf.asked_today == 2
    assert "did not answer as a Messages API does" in shelf.ask_problem
    assert adjudicate_all() == 0, "paused"
    Shelf.objects.update(ask_again_at=None)
    assert adjudicate_all() == 0
    shelf.refresh_from_db()
    assert shelf.asked_today == 2, "two more would be four"
    assert actions.reserve_asks(shelf=shelf, asks=2, by=f.PIPELINE, now=f.NOW + dt.timedelta(days=800))


@pytest.mark.django_db
def test_under_the_switch_nothing_is_asked() -> None:
    project = f.make_project()
    suggested(project)
    shelf = switched_on(project)
    by = f.human(f.lead_of(project))
    press(scope=of_project(project), level=Lock.READ_ONLY, reason="Look first.", by=by, now=f.NOW)
    assert adjudicate(shelf) == 0
    shelf.refresh_from_db()
    assert (shelf.asked_today, shelf.ask_problem) == (0, "")
