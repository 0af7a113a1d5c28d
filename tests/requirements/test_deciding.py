"""A batch of decisions: whole proposals, what is put off, what is left to the agent, undo, hand-over."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import User

from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.projects.models import WorkItem
from leadroom.requirements import actions
from leadroom.requirements.enums import Care
from leadroom.requirements.models import Ambiguity, Proposal
from leadroom.requirements.queries import ambiguities_of, is_settled, open_count, pick_text
from leadroom.requirements.rules import HABIT_DECISIONS
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


def who(lead: User, after: int = 0) -> dict[str, Any]:
    return {"by": f.human(lead), "now": f.NOW + after * SECOND}


def offer(item: WorkItem, count: int = 3, **more: Any) -> list[Ambiguity]:
    shapes = [f.ambiguity_shape(f"A-{n:03}") for n in range(1, count + 1)]
    return actions.propose(item=item, ambiguities=shapes, by=f.PIPELINE, now=f.NOW, **more)


def row(item: WorkItem, key: str) -> Ambiguity:
    return ambiguities_of(item).select_related("item").get(key=key)


def picks(item: WorkItem) -> dict[str, int | None]:
    return {a.key: a.picked for a in ambiguities_of(item)}


def seen(item: WorkItem) -> dict[str, str]:
    return {a.key: a.digest for a in ambiguities_of(item)}


def take(item: WorkItem, key: str, lead: User, after: int = 0, **more: Any) -> int:
    proposal = Proposal.objects.get(item=item, key=key)
    given = {"seen_digest": proposal.digest, "seen": seen(item), "swaps": {}, "user_id": lead.pk, **more}
    return actions.take_proposal(proposal=proposal, **given, **who(lead, after))


class TestProposals:
    def test_without_the_agents_own_they_are_assembled(self, item: WorkItem) -> None:
        offer(item)
        kept = {p.key: (p.choices, p.is_assembled) for p in item.proposals.all()}
        assert kept == {
            "A": ({"A-001": 1, "A-002": 1, "A-003": 1}, True),
            "B": ({"A-001": 2, "A-002": 2, "A-003": 2}, True),
            "C": ({"A-001": 3, "A-002": 3, "A-003": 3}, True),
        }

    def test_an_assembled_one_never_contradicts_itself(self, item: WorkItem) -> None:
        first, second = f.ambiguity_shape("A-001"), f.ambiguity_shape("A-002")
        second["candidates"][1]["conflicts"] = ["A-001:2"]
        actions.propose(item=item, ambiguities=[first, second], by=f.PIPELINE, now=f.NOW)
        assert Proposal.objects.get(item=item, key="B").choices == {"A-001": 2, "A-002": 3}

    @pytest.mark.parametrize(
        ("choices", "words"),
        [
            ({"A-001": 1, "A-002": 1}, "Proposal A is no complete draft: it says nothing on A-003"),
            ({"A-001": 1, "A-002": 1, "A-003": 4}, "Proposal A chooses a candidate of A-003 that is not there"),
        ],
    )
    def test_an_incomplete_draft_is_refused(self, item: WorkItem, choices: dict[str, int], words: str) -> None:
        draft = {"key": "A", "title": "Small", "summary": "Less.", "choices": choices}
        with refused_without_effect(BadInput, words):
            offer(item, proposals=[draft])

    def test_two_drafts_that_choose_the_same_are_refused(self, item: WorkItem) -> None:
        draft = {"title": "Small", "summary": "Less.", "choices": {"A-001": 1, "A-002": 1, "A-003": 1}}
        with refused_without_effect(BadInput, "Proposals A and B choose the same everywhere"):
            offer(item, proposals=[{**draft, "key": "A"}, {**draft, "key": "B"}])

    def test_b_but_row_three_in_either_order(self, item: WorkItem, lead: User) -> None:
        offer(item)
        third = row(item, "A-003")
        actions.resolve(ambiguity=third, seen_digest=third.digest, picked=1, user_id=lead.pk, **who(lead))
        assert take(item, "B", lead, after=1) == 2
        assert picks(item) == {"A-001": 2, "A-002": 2, "A-003": 1}
        again = row(item, "A-002")
        actions.resolve(
            ambiguity=again, seen_digest=again.digest, was=again.decision, picked=3, user_id=lead.pk, **who(lead, 2)
        )
        assert picks(item) == {"A-001": 2, "A-002": 3, "A-003": 1}

    def test_b_with_a_swap_in_one_press(self, item: WorkItem, lead: User) -> None:
        offer(item)
        assert take(item, "B", lead, swaps={"A-003": 1}) == 3
        assert picks(item) == {"A-001": 2, "A-002": 2, "A-003": 1}

    def test_one_that_changed_or_a_critical_item_is_refused(self, item: WorkItem, lead: User) -> None:
        offer(item)
        with refused_without_effect(Conflict, "The proposal changed since you saw it"):
            take(item, "B", lead, seen_digest="sha256:old")
        with refused_without_effect(BadInput, "The proposal has no row A-009"):
            take(item, "B", lead, swaps={"A-009": 1})
        critical = f.make_item(risk="critical")
        offer(critical)
        with refused_without_effect(NotPermitted, "decide each question on its own"):
            take(critical, "B", f.lead_of(critical.project))


class TestChangingAndUndoing:
    def test_a_stale_tab_does_not_overwrite_a_decision(self, item: WorkItem, lead: User) -> None:
        offer(item, 2)
        first = row(item, "A-001")
        actions.resolve(ambiguity=first, seen_digest=first.digest, picked=1, user_id=lead.pk, **who(lead))
        with refused_without_effect(Conflict, "A-001 was decided meanwhile"):
            stale = row(item, "A-001")
            actions.resolve(ambiguity=stale, seen_digest=stale.digest, picked=2, user_id=lead.pk, **who(lead, 1))
        assert picks(item)["A-001"] == 1

    def test_one_press_is_undone_as_one(self, item: WorkItem, lead: User) -> None:
        offer(item)
        third = row(item, "A-003")
        actions.resolve(ambiguity=third, seen_digest=third.digest, picked=1, user_id=lead.pk, **who(lead))
        take(item, "B", lead, after=1)
        undone = actions.reopen_batch(item=item, decided_at=f.NOW + SECOND, user_id=lead.pk, **who(lead, 2))
        assert undone == 2
        assert picks(item) == {"A-001": None, "A-002": None, "A-003": 1}
        with refused_without_effect(Conflict, "taken back or changed already; nothing was undone"):
            actions.reopen_batch(item=item, decided_at=f.NOW + SECOND, **who(lead, 3))

    def test_the_agent_hears_only_after_the_time_to_undo(self, item: WorkItem, lead: User, settings: Any) -> None:
        settings.UNDO_SECONDS = 10
        offer(item, 2)
        take(item, "A", lead)
        assert not is_settled(item, f.NOW + 9 * SECOND)
        assert is_settled(item, f.NOW + 10 * SECOND)
        actions.hand_over_now(item=item, **who(lead, 1))
        assert is_settled(item, f.NOW + SECOND)

    def test_a_change_starts_the_time_again(self, item: WorkItem, lead: User, settings: Any) -> None:
        settings.UNDO_SECONDS = 10
        offer(item, 2)
        take(item, "A", lead)
        actions.hand_over_now(item=item, **who(lead, 1))
        first = row(item, "A-001")
        actions.resolve(
            ambiguity=first, seen_digest=first.digest, was=first.decision, picked=3, user_id=lead.pk, **who(lead, 2)
        )
        assert not is_settled(item, f.NOW + 11 * SECOND)
        assert is_settled(item, f.NOW + 12 * SECOND)


class TestPuttingOff:
    def test_deferred_and_probed_rows_tell_the_agent_so(self, item: WorkItem, lead: User) -> None:
        offer(item)
        actions.defer(ambiguity=row(item, "A-001"), user_id=lead.pk, **who(lead))
        actions.probe(ambiguity=row(item, "A-002"), user_id=lead.pk, **who(lead))
        assert open_count(item) == 1
        assert pick_text(row(item, "A-001")).startswith("deferred; decide conservatively (you would assume: The first")
        assert "asked more" in pick_text(row(item, "A-002"))
        actions.reopen(ambiguity=row(item, "A-001"), **who(lead, 1))
        assert open_count(item) == 2

    def test_a_probed_row_is_proposed_anew_under_its_key(self, item: WorkItem, lead: User) -> None:
        offer(item, 1)
        actions.probe(ambiguity=row(item, "A-001"), user_id=lead.pk, **who(lead))
        actions.hand_over(item=item, by=f.PIPELINE, now=f.NOW)
        better = f.ambiguity_shape("A-001", question="Who pays the odd cent when nobody is named first in A-001?")
        actions.propose(item=item, ambiguities=[better], by=f.PIPELINE, now=f.NOW + SECOND)
        again = row(item, "A-001")
        assert (again.state, again.question, again.handed_at) == ("OPEN", better["question"], None)
        assert again.candidates.count() == 3

    def test_only_people_put_off_and_only_what_is_open(self, item: WorkItem, lead: User) -> None:
        offer(item, 1)
        with refused_without_effect(NotPermitted, "Only a person decides what is put off"):
            actions.defer(ambiguity=row(item, "A-001"), by=f.PIPELINE, now=f.NOW)
        actions.defer(ambiguity=row(item, "A-001"), **who(lead))
        with refused_without_effect(Conflict, "A-001 was decided meanwhile"):
            actions.probe(ambiguity=row(item, "A-001"), **who(lead))

    def test_comments_are_kept_and_never_decide(self, item: WorkItem, lead: User) -> None:
        offer(item, 1)
        actions.remark(ambiguity=row(item, "A-001"), text=" Mind the cents. ", user_id=lead.pk, **who(lead))
        assert [r.text for r in row(item, "A-001").remarks.all()] == ["Mind the cents."]
        assert open_count(item) == 1
        with refused_without_effect(BadInput, "50,000 characters; 5,000 is the limit"):
            actions.remark(ambiguity=row(item, "A-001"), text="x" * 50_000, user_id=lead.pk, **who(lead))


class TestLeavingToTheAgent:
    def leave(self, item: WorkItem, lead: User, *keys: str) -> None:
        for key in keys:
            actions.set_care(ambiguity=row(item, key), care=Care.DECIDE, **who(lead))

    def test_it_takes_its_recommendation_at_the_hand_over(self, item: WorkItem, lead: User) -> None:
        offer(item, 2)
        self.leave(item, lead, "A-002")
        first = row(item, "A-001")
        actions.resolve(ambiguity=first, seen_digest=first.digest, picked=2, user_id=lead.pk, **who(lead))
        assert is_settled(item, f.NOW)
        assert actions.hand_over(item=item, by=f.PIPELINE, now=f.NOW) == ["A-001", "A-002"]
        left = row(item, "A-002")
        assert (left.picked, left.way, left.decided_by_id) == (1, "delegated", None)

    def test_what_nobody_looked_at_is_not_handed_over(self, item: WorkItem, lead: User) -> None:
        offer(item, 2)
        self.leave(item, lead, "A-001", "A-002")
        assert not is_settled(item, f.NOW + 60 * SECOND)
        actions.hand_over_now(item=item, **who(lead, 1))
        assert is_settled(item, f.NOW + SECOND)

    def test_a_light_item_asks_only_what_the_lead_wants_to_be_asked(self) -> None:
        item = f.make_item(risk="light")
        lead = f.lead_of(item.project)
        offer(item, 2)
        assert is_settled(item, f.NOW)
        actions.set_care(ambiguity=row(item, "A-001"), care=Care.ASK, **who(lead))
        assert not is_settled(item, f.NOW)
        assert open_count(item) == 1
        with refused_without_effect(NotPermitted, "A question is still open; nothing was handed over"):
            actions.hand_over(item=item, by=f.PIPELINE, now=f.NOW)

    def test_a_habit_of_the_project_is_the_default_and_says_so(self, item: WorkItem, lead: User) -> None:
        offer(item, HABIT_DECISIONS)
        take(item, "A", lead)
        later = f.make_item(item.project)
        assert {a.care for a in offer(later, 2)} == {Care.DECIDE}
        assert (
            row(later, "A-001").care_reason == "you took the recommendation in 8 of your last 8 decisions on behaviour"
        )
        critical = f.make_item(item.project, risk="critical")
        assert {a.care for a in offer(critical, 2)} == {Care.ASK}

    def test_other_picks_break_the_habit(self, item: WorkItem, lead: User) -> None:
        offer(item, HABIT_DECISIONS)
        take(item, "A", lead, swaps={"A-001": 2})
        assert {a.care for a in offer(f.make_item(item.project), 1)} == {Care.ASK}
