"""Review of test plans in the browser: what is read, what is sent, and that typed words survive a refusal."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from leadroom.testplans.enums import PlanState
from leadroom.testplans.models import TestPlan
from leadroom.testplans.rules import BLIND_SPOTS
from tests import factories

pytestmark = pytest.mark.django_db
HOLE = {"case": "U-001", "kind": "hole", "severity": "major", "text": "No case has fewer cents than people."}


def signed_in(plan: TestPlan) -> Client:
    lead = Client()
    lead.force_login(factories.lead_of(plan.item.project))
    return lead


def shown(lead: Client, plan: TestPlan) -> str:
    answer = lead.get(reverse("plans:detail", args=[plan.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def send(lead: Client, plan: TestPlan, **data: object):
    return lead.post(reverse("plans:send", args=[plan.pk]), {"seen": plan.digest, **data})


def replaced(plan: TestPlan, *, is_reviewed: bool = True) -> TestPlan:
    """A next plan in which U-001 expects something else and U-002 is new."""
    cases = [
        factories.case_shape("U-001", "unit", expected="3.34 and 3.33."),
        factories.case_shape("U-002", "unit", title="Fewer cents than people"),
        factories.case_shape("I-001", "integration"),
        factories.case_shape("E-001", "end_to_end"),
    ]
    newer = factories.submit_plan(plan.item, run_id=900_002, cases=cases)
    if is_reviewed:
        factories.review_plan(newer)
        factories.open_lead_review(plan=newer, by=factories.PIPELINE, now=factories.NOW)
    return newer


def test_the_page_shows_what_a_reviewer_needs():
    plan = factories.make_plan(findings=[HOLE])
    html = shown(signed_in(plan), plan)
    for words in (
        "Every criterion has a case.",
        "No case has fewer cents than people.",
        "3.34, 3.33 and 3.33.",
        "tests/test_shares.py::test_u_001",
        'data-tip="No cent is lost."',
        "Amounts above a million",
        "evenly/settle.py",
        "Each part is rounded by itself.",
        "all passed",
        "no gap",
        plan.digest[7:19],
    ):
        assert words in html
    assert html.index('id="case-U-001"') < html.index("No case has fewer") < html.index('id="case-I-001"')
    for key in ("a", "r", "d", "c", "s"):
        assert f'data-key="{key}"' in html


def test_approval_freezes_and_says_so():
    plan = factories.make_plan()
    lead = signed_in(plan)
    answer = send(lead, plan, verdict="approve", **{"mark-U-001": "approve", "comment-I-001": "Good."})
    assert answer["Location"] == reverse("plans:detail", args=[plan.pk])
    plan.refresh_from_db()
    assert plan.state == PlanState.FROZEN
    html = shown(lead, plan)
    assert f"as {plan.digest[7:19]}" in html
    assert "“Good.”" in html
    assert "Send review" not in html


def test_a_change_goes_back_as_one_message():
    plan = factories.make_plan()
    answer = send(signed_in(plan), plan, verdict="change", summary="Look at zero.", **{"mark-U-001": "drop"})
    assert answer.status_code == 302
    plan.refresh_from_db()
    review = plan.reviews.get(kind="lead")
    assert (plan.state, review.summary) == (PlanState.RETURNED, "Look at zero.")
    assert [(mark.case.key, mark.mark) for mark in review.marks.all()] == [("U-001", "drop")]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "Say what the review comes to"),
        ({"verdict": "approve", "mark-U-001": "change"}, "U-001 is marked change"),
        ({"verdict": "change", "mark-I-001": "approve"}, "Say what should change"),
        ({"verdict": "change", "comment-U-001": "x" * 5_001}, "5,000 is the limit"),
    ],
)
def test_a_refused_review_keeps_what_was_typed(data, sentence):
    plan = factories.make_plan()
    answer = send(signed_in(plan), plan, **{"comment-E-001": "Why <b>Ana</b>?", **data})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert sentence in html
    assert "Why &lt;b&gt;Ana&lt;/b&gt;?</textarea>" in html
    plan.refresh_from_db()
    assert plan.state == PlanState.LEAD_REVIEW


def test_a_plan_that_changed_answers_with_the_difference_and_the_typed_words():
    plan = factories.make_plan()
    newer = replaced(plan)
    answer = send(
        signed_in(plan),
        plan,
        verdict="approve",
        **{"mark-U-001": "approve", "mark-I-001": "approve", "comment-U-001": "Mine."},
    )
    html = answer.content.decode()
    assert answer.status_code == 409
    for words in (
        "From plan 1 to plan 2",
        "Fewer cents than people",
        "<del>3.34, 3.33 and 3.33.</del>",
        "Mine.</textarea>",
    ):
        assert words in html
    assert f'name="seen" value="{newer.digest}"' in html
    assert html.count('value="approve" checked data-key="a" data-key-label="Approve the case"') == 1
    assert "changed since you read it" in html
    newer.refresh_from_db()
    assert newer.state == PlanState.LEAD_REVIEW


def test_a_plan_that_is_away_again_keeps_the_words_too():
    plan = factories.make_plan()
    replaced(plan, is_reviewed=False)
    answer = send(signed_in(plan), plan, verdict="change", summary="My words.", **{"mark-U-001": "change"})
    assert answer.status_code == 409
    assert "My words." in answer.content.decode()
    assert "Send review" not in answer.content.decode()


def test_two_tabs_send_once():
    plan = factories.make_plan()
    lead = signed_in(plan)
    send(lead, plan, verdict="approve")
    answer = send(lead, plan, verdict="change", summary="Too late.")
    assert answer.status_code == 409
    assert "Too late." in answer.content.decode()
    assert plan.reviews.filter(kind="lead").count() == 1


def test_a_critical_plan_needs_every_blind_spot_ticked():
    plan = factories.make_plan(factories.make_aligned_item(risk="critical"))
    lead = signed_in(plan)
    html = shown(lead, plan)
    assert html.count('name="blind_spot"') == len(BLIND_SPOTS)
    assert not re.search(r'value="boundaries"[^>]* checked', html)
    marks = {f"mark-{case.key}": "approve" for case in plan.cases.all()}
    answer = send(lead, plan, verdict="approve", blind_spot=["boundaries", "intent"], **marks)
    assert answer.status_code == 422
    assert "Are the error paths covered?” before you approve" in answer.content.decode()
    assert re.search(r'value="boundaries"[^>]* checked', answer.content.decode())
    some = {**marks, "mark-I-001": ""}
    answer = send(lead, plan, verdict="approve", blind_spot=list(BLIND_SPOTS), **some)
    assert "approved case by case, and I-001 has no approval yet" in answer.content.decode()
    assert send(lead, plan, verdict="approve", blind_spot=list(BLIND_SPOTS), **marks).status_code == 302


def test_the_standing_says_when_the_plan_moved_on():
    plan = factories.make_plan()
    lead = signed_in(plan)
    url = reverse("plans:detail", args=[plan.pk]) + "?state=LEAD_REVIEW"
    fresh = lead.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "moved on" not in fresh
    assert "<form" not in fresh
    replaced(plan)
    assert "moved on" in lead.get(url, headers={"HX-Request": "true"}).content.decode()


def test_earlier_rounds_show_reviews_and_what_changed():
    plan = factories.make_plan(findings=[HOLE])
    newer = replaced(plan)
    html = shown(signed_in(plan), newer)
    assert "Earlier rounds" in html
    assert html.index("Earlier rounds") < html.index("No case has fewer cents than people.")
    assert "<ins>3.34 and 3.33.</ins>" in html


def test_viewers_read_and_strangers_see_nothing():
    plan = factories.make_plan()
    viewer, stranger = Client(), Client()
    viewer.force_login(factories.make_viewer(plan.item.project))
    stranger.force_login(factories.make_user())
    html = shown(viewer, plan)
    assert "only its lead decides here" in html
    assert "Send review" not in html
    assert send(viewer, plan, verdict="approve").status_code == 403
    assert stranger.get(reverse("plans:detail", args=[plan.pk])).status_code == 404
    assert send(stranger, plan, verdict="approve").status_code == 404


def test_words_of_agents_cannot_act():
    attack = '"><script>alert(1)</script>\u202e'
    cases = [
        factories.case_shape("U-001", "unit", title=attack, steps=[attack, attack], expected=attack),
        factories.case_shape("I-001", "integration"),
        factories.case_shape("E-001", "end_to_end"),
    ]
    plan = factories.make_plan(cases=cases, summary=attack, environment=attack, findings=[{**HOLE, "text": attack}])
    html = shown(signed_in(plan), plan)
    assert "<script>alert" not in html
    assert "\u202e" not in html


def test_the_queue_puts_what_waits_first():
    first = factories.make_frozen_plan()
    second = factories.make_plan(factories.make_aligned_item(first.item.project, text="Show totals"))
    html = signed_in(first).get(reverse("plans:queue")).content.decode()
    assert html.index(f'id="plan-row-{second.pk}"') < html.index(f'id="plan-row-{first.pk}"')
    assert "3 cases" in html


@pytest.mark.django_db(transaction=True)  # inside a transaction, Postgres also shares the switch
@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_queries_does_not_grow(count, django_assert_num_queries):
    project = factories.make_project()
    for n in range(count):
        plan = factories.make_plan(factories.make_aligned_item(project, text=f"Item {n}"), findings=[HOLE] * count)
    for _ in range(count):
        plan = factories.submit_plan(plan.item, run_id=900_010 + _)
        factories.review_plan(plan, findings=[HOLE] * count)
        factories.open_lead_review(plan=plan, by=factories.PIPELINE, now=factories.NOW)
    lead = signed_in(plan)
    for url, queries in ((reverse("plans:queue"), 20), (reverse("plans:detail", args=[plan.pk]), 33)):
        lead.get(url)
        with django_assert_num_queries(queries):
            lead.get(url)
