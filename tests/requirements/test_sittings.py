"""Attention is serial and counted; aligned items are held and fired; decisions are remembered until forgotten."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User

from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.projects.models import WorkItem
from leadroom.requirements import actions
from leadroom.requirements.models import Sitting
from leadroom.requirements.queries import ambiguities_of, effort_of, memory_of, open_sitting_of, related
from leadroom.requirements.rules import strategy_for
from tests import factories as f
from tests.support.refusals import refused_without_effect

pytestmark = pytest.mark.django_db
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def item() -> WorkItem:
    return f.make_item()


@pytest.fixture
def lead(item: WorkItem) -> User:
    return f.lead_of(item.project)


def offer(item: WorkItem, count: int = 2) -> None:
    shapes = [f.ambiguity_shape(f"A-{n:03}") for n in range(1, count + 1)]
    actions.propose(item=item, ambiguities=shapes, by=f.PIPELINE, now=f.NOW)


def pick(item: WorkItem, key: str, lead: User, *, after: float = 0, **more: Any) -> None:
    row = ambiguities_of(item).select_related("item").get(key=key)
    given = {"picked": 1, "user_id": lead.pk, "by": f.human(lead), "now": f.NOW + after * SECOND, **more}
    actions.resolve(ambiguity=row, seen_digest=row.digest, **given)


def test_time_keys_and_decisions_are_counted_and_pauses_are_not(item: WorkItem, lead: User) -> None:
    offer(item, 3)
    pick(item, "A-001", lead, keys=1)
    pick(item, "A-002", lead, after=20, keys=2)
    pick(item, "A-003", lead, after=20 + 600, keys=3)
    effort = effort_of(item)
    assert (effort.seconds, effort.keys, effort.decisions, effort.keys_per_decision) == (320.0, 6, 3, 2.0)


def test_a_clock_that_goes_back_counts_nothing(item: WorkItem, lead: User) -> None:
    offer(item)
    pick(item, "A-001", lead, after=100)
    pick(item, "A-002", lead, after=10, keys=-5)
    assert (effort_of(item).seconds, effort_of(item).keys) == (0.0, 0)


def test_a_second_alignment_does_not_begin_by_accident(item: WorkItem, lead: User) -> None:
    other = f.make_item(item.project)
    offer(item)
    offer(other)
    pick(item, "A-001", lead)
    with refused_without_effect(Conflict, f"You are aligning item {item.number}"):
        pick(other, "A-001", lead, after=60)
    sitting = open_sitting_of(lead.pk)
    assert sitting is not None
    actions.put_aside(sitting=sitting, by=f.human(lead), now=f.NOW)
    pick(other, "A-001", lead, after=61)
    assert open_sitting_of(lead.pk).item_id == other.pk  # type: ignore[union-attr]


def test_one_that_was_left_stands_in_nobodys_way(item: WorkItem, lead: User) -> None:
    other = f.make_item(item.project)
    offer(item)
    offer(other)
    pick(item, "A-001", lead)
    pick(other, "A-001", lead, after=16 * 60)
    assert Sitting.objects.filter(user=lead, closed_at=None).count() == 1


def test_the_hand_over_ends_the_sitting(item: WorkItem, lead: User) -> None:
    offer(item, 1)
    pick(item, "A-001", lead)
    actions.hand_over(item=item, by=f.PIPELINE, now=f.NOW)
    assert open_sitting_of(lead.pk) is None


def test_approving_all_on_a_card_of_another_item_is_no_alignment(item: WorkItem, lead: User) -> None:
    other = f.make_item(item.project)
    offer(item)
    offer(other)
    pick(item, "A-001", lead)
    seen = {row.key: row.digest for row in ambiguities_of(other)}
    by = f.human(lead)
    assert actions.resolve_recommended(item=other, seen=seen, user_id=lead.pk, by=by, now=f.NOW) == 2
    assert open_sitting_of(lead.pk).item_id == item.pk  # type: ignore[union-attr]


class TestLoading:
    def load(self, item: WorkItem, lead: User) -> str:
        actions.hold(item=item, is_held=True, by=f.human(lead), now=f.NOW)
        return f.make_document(item).digest

    def test_selected_items_are_fired_together_or_not_at_all(self, item: WorkItem, lead: User) -> None:
        other = f.make_item(item.project)
        seen = {item: self.load(item, lead), other: self.load(other, lead)}
        with refused_without_effect(Conflict, "changed since you saw it; nothing was fired"):
            actions.fire(items={**seen, other: "sha256:old"}, by=f.human(lead), now=f.NOW)
        assert actions.fire(items=seen, by=f.human(lead), now=f.NOW) == 2
        with refused_without_effect(Conflict, "is not loaded any more"):
            actions.fire(items=seen, by=f.human(lead), now=f.NOW)

    def test_nothing_selected_and_other_hands_are_refused(self, item: WorkItem, lead: User) -> None:
        with refused_without_effect(BadInput, "No item was selected"):
            actions.fire(items={}, by=f.human(lead), now=f.NOW)
        with refused_without_effect(NotPermitted, "Only a person fires"):
            actions.fire(items={item: ""}, by=f.PIPELINE, now=f.NOW)


class TestMemory:
    def decide(self, item: WorkItem, lead: User) -> None:
        offer(item, 1)
        pick(item, "A-001", lead, picked=2)
        actions.hand_over(item=item, by=f.PIPELINE, now=f.NOW)

    def test_a_decision_is_offered_to_the_next_alignment_with_its_date(self, item: WorkItem, lead: User) -> None:
        self.decide(item, lead)
        later = f.make_item(item.project)
        (entry,) = memory_of(later.project_id, before=later)
        assert entry.sentence.startswith(
            f"In item {item.number} ({f.NOW:%-d %B %Y}) you chose “The payer of A-001” over “"
        )
        assert related("Who pays the odd cent of a foreign bill?", [entry]) == [entry]
        assert related("Which colour has the board?", [entry]) == []
        assert memory_of(item.project_id, before=item) == []
        assert memory_of(f.make_project().pk) == []

    def test_what_is_forgotten_is_offered_no_more_and_stays_decided(self, item: WorkItem, lead: User) -> None:
        self.decide(item, lead)
        row = ambiguities_of(item).get()
        actions.forget(ambiguity=row, by=f.human(lead), now=f.NOW)
        assert memory_of(item.project_id) == []
        assert ambiguities_of(item).get().picked == 2


@pytest.mark.parametrize(
    ("text", "risk", "strategy"),
    [
        ("Make it faster", "standard", "question"),
        (
            "When we split something everybody pays the same; let me say shares when I add an expense.",
            "light",
            "propose",
        ),
        ("Word " * 500, "standard", "propose"),
        ("Delete a group and settle its debts, please.", "critical", "mixed"),
    ],
)
def test_the_strategy_follows_from_the_request(text: str, risk: str, strategy: str) -> None:
    chosen, reason = strategy_for(f.make_item(text=text, risk=risk))
    assert chosen == strategy
    assert reason
