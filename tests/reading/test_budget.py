"""The decision budget: counted from the ledger, weighed, honest about haste, and never in the way."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from leadroom.ledger.models import Entry
from leadroom.reading import actions, budget
from leadroom.reading.budget import Decided, care_of, weigh
from tests import factories as f

AT = dt.datetime(2026, 11, 22, 10, tzinfo=dt.UTC)


def decided(*verbs: str, every: float = 60.0) -> list[Decided]:
    return [Decided(AT + n * dt.timedelta(seconds=every), verb, f"a.b:{n}") for n, verb in enumerate(verbs)]


@pytest.mark.django_db
def test_decisions_of_this_person_today_are_counted_and_nothing_else() -> None:
    plan = f.make_frozen_plan()
    lead = f.lead_of(plan.item.project)
    since = budget.start_of_day(ZoneInfo("UTC"), f.NOW)
    found = budget.decisions_since(lead.pk, since, f.NOW)
    kinds = sorted(budget.KIND_OF_VERB[one.verb] for one in found)
    assert kinds == ["pick", "plan", "risk"]
    weighed = weigh(found, {})
    assert (weighed.done, weighed.words, weighed.is_passed) == (3.0, "3", False)
    assert weigh(found, {"plan": 20.0}).is_passed
    assert budget.decisions_since(lead.pk, f.NOW + dt.timedelta(seconds=1), f.NOW + dt.timedelta(days=1)) == []
    assert budget.decisions_since(f.make_user().pk, since, f.NOW) == []


def test_every_verb_belongs_to_one_kind() -> None:
    verbs = [verb for kind in budget.KINDS.values() for verb in kind.verbs]
    assert len(verbs) == len(set(verbs))


def test_the_day_begins_at_midnight_where_the_person_is() -> None:
    late = dt.datetime(2026, 3, 29, 1, 30, tzinfo=dt.UTC)  # the night summer time begins in Berlin
    assert budget.start_of_day(ZoneInfo("Europe/Berlin"), late) == dt.datetime(2026, 3, 28, 23, tzinfo=dt.UTC)
    assert budget.start_of_day(ZoneInfo("America/New_York"), late) == dt.datetime(2026, 3, 28, 4, tzinfo=dt.UTC)


def test_fast_decisions_are_named_with_their_figures() -> None:
    care = care_of(decided(*["agents.elicitation.answered"] * 6, every=4.0), frozenset())
    assert care.seconds == 4.0
    assert care.warnings == ("4 s per decision (median of 6); that is fast.",)
    assert care_of(decided(*["agents.elicitation.answered"] * 6, every=60.0), frozenset()).warnings == ()


def test_a_gate_that_always_opens_is_named() -> None:
    yes, no = "guardrails.request.granted", "guardrails.request.refused"
    assert "5 of 5 gates approved" in care_of(decided(*[yes] * 5), frozenset()).warnings[0]
    assert care_of(decided(yes, yes, yes, yes, no), frozenset()).warnings == ()
    assert care_of(decided(yes, yes), frozenset()).warnings == ()


def test_a_plan_approved_without_being_scrolled_is_named() -> None:
    frozen = decided("testplans.plan.frozen", "testplans.plan.frozen")
    assert care_of(frozen, frozenset({0, 1})).warnings == ()
    assert care_of(frozen, frozenset({1})).warnings == (
        "1 of 2 test plans was approved without being scrolled to the end.",
    )


@pytest.mark.django_db
def test_scrolling_a_plan_is_kept_once_and_is_no_decision() -> None:
    user = f.make_user()
    before = Entry.objects.count()
    for _ in range(2):
        actions.see_plan(user_id=user.pk, plan_id=7, digest="sha256:1", now=f.NOW)
    assert budget.plans_seen(user.pk) == frozenset({7})
    assert Entry.objects.count() == before
