"""What an agent may leave open, and how a person decides it."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from leadroom.agents import holding
from leadroom.ledger.models import Entry, Source
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.projects.actions import set_risk
from leadroom.projects.enums import Stage
from leadroom.projects.models import WorkItem
from leadroom.requirements.actions import hand_over, propose, reopen, resolve, resolve_recommended
from leadroom.requirements.enums import AmbiguityState
from leadroom.requirements.models import Ambiguity
from leadroom.requirements.queries import ambiguities_of, open_count, open_counts, pick_text
from leadroom.requirements.rules import AMBIGUITY_LIMIT, OWN_ANSWER_LIMIT
from tests import factories as f
from tests.support.refusals import refused, refused_without_effect
from tests.support.together import run_together

pytestmark = pytest.mark.django_db


@pytest.fixture
def item() -> WorkItem:
    return f.make_item()


def offer(item: WorkItem, *shapes: dict[str, Any]) -> list[Ambiguity]:
    return propose(item=item, ambiguities=shapes, by=f.PIPELINE, now=f.NOW)


def pick(ambiguity: Ambiguity, **changes: Any) -> None:
    lead = f.lead_of(ambiguity.item.project)
    given = {"seen_digest": ambiguity.digest, "user_id": lead.pk, "by": f.human(lead), "now": f.NOW}
    if not {"picked", "own_answer"} & set(changes):
        given["picked"] = 1
    resolve(ambiguity=ambiguity, **{**given, **changes})


class TestProposing:
    def test_ambiguities_are_kept_in_order_with_candidates_and_sources(self, item: WorkItem) -> None:
        offer(item, f.ambiguity_shape("A-002"), f.ambiguity_shape("A-001"))
        stored = list(ambiguities_of(item))
        assert [(a.key, a.position, a.state) for a in stored] == [("A-002", 1, "OPEN"), ("A-001", 2, "OPEN")]
        assert [c.position for c in stored[0].candidates.all()] == [1, 2, 3]
        assert Source.objects.filter(entry__item_id=item.pk).count() == 6

    def test_a_key_that_is_stored_is_left_as_it_is(self, item: WorkItem) -> None:
        (first,) = offer(item, f.ambiguity_shape("A-001"))
        digest = first.digest
        again = offer(item, f.ambiguity_shape("A-001", question="Something else?"))
        assert [a.pk for a in again] == [first.pk]
        assert Ambiguity.objects.get().digest == digest

    def test_a_later_round_goes_behind_the_earlier_ones(self, item: WorkItem) -> None:
        offer(item, f.ambiguity_shape("A-001"), f.ambiguity_shape("A-002"))
        offer(item, f.ambiguity_shape("A-001"), f.ambiguity_shape("A-003"))
        offer(item, f.ambiguity_shape("A-004"))
        assert [(a.key, a.position) for a in ambiguities_of(item)] == [
            ("A-001", 1),
            ("A-002", 2),
            ("A-003", 3),
            ("A-004", 4),
        ]

    def test_beyond_what_anybody_decides_in_one_sitting_the_surest_are_left_to_the_agent(self, item: WorkItem) -> None:
        shapes = [f.ambiguity_shape(f"A-{n:03}") for n in range(60)]
        for n, shape in enumerate(shapes):
            sure = {"confidence": 0.95 if n >= 20 else 0.5}
            shape["candidates"] = [{**candidate, **sure} for candidate in shape["candidates"]]
        stored = offer(item, *shapes)
        asked = [row.key for row in stored if row.care == "ask"]
        assert asked == [f"A-{n:03}" for n in range(AMBIGUITY_LIMIT)]
        assert {row.care_reason for row in stored if row.care == "decide"} == {"below the 20 that change the work most"}
        assert open_count(item) == AMBIGUITY_LIMIT

    @pytest.mark.parametrize(
        ("shapes", "words"),
        [
            (
                [f.ambiguity_shape("A-001"), f.ambiguity_shape("A-001", question="Else?")],
                "Each key may appear once; 'A-001' appears more often",
            ),
            (
                [f.ambiguity_shape("A-001", question="Who?"), f.ambiguity_shape("A-002", question="Who?")],
                "Each question may appear once; 'Who?'",
            ),
            (
                [
                    {
                        **f.ambiguity_shape("A-001", recommended=3),
                        "candidates": f.ambiguity_shape("A-001")["candidates"][:2],
                    }
                ],
                "A-001 recommends a candidate that is not there",
            ),
            (
                [
                    f.ambiguity_shape(
                        "A-001",
                        candidates=[
                            {**given, "title": title}
                            for given, title in zip(
                                f.ambiguity_shape("A-001")["candidates"], ["Yes", " YES ", "no"], strict=True
                            )
                        ],
                    )
                ],
                "The candidates of A-001 do not differ",
            ),
        ],
    )
    def test_what_is_no_real_choice_is_refused(self, item: WorkItem, shapes: list, words: str) -> None:
        with refused_without_effect(BadInput, words):
            offer(item, *shapes)

    def test_alignment_that_is_over_takes_no_more(self) -> None:
        with refused_without_effect(NotPermitted, "Alignment of this item is over"):
            offer(f.make_aligned_item(), f.ambiguity_shape("A-009"))


class TestPicking:
    def test_a_pick_is_kept_with_its_person(self, item: WorkItem) -> None:
        (ambiguity,) = offer(item, f.ambiguity_shape("A-001"))
        pick(ambiguity, picked=2)
        ambiguity = Ambiguity.objects.get()
        assert (ambiguity.state, ambiguity.picked, ambiguity.decided_by) == ("RESOLVED", 2, f.lead_of(item.project))
        assert pick_text(ambiguity) == "The payer of A-001. Nobody is off by a cent."

    def test_own_words_are_an_answer(self, item: WorkItem) -> None:
        (ambiguity,) = offer(item, f.ambiguity_shape("A-001"))
        pick(ambiguity, own_answer="  The one who asks.  ")
        assert pick_text(Ambiguity.objects.get()) == "The one who asks."

    def test_two_tabs_the_second_is_told_that_the_first_was_kept(self, item: WorkItem) -> None:
        offer(item, f.ambiguity_shape("A-001"))
        first, second = Ambiguity.objects.get(), Ambiguity.objects.get()
        pick(first, picked=2)
        with refused_without_effect(Conflict, "A-001 was decided meanwhile, in another tab or by somebody else"):
            pick(second, picked=1)
        assert Ambiguity.objects.get().picked == 2

    @pytest.mark.parametrize(
        "change",
        [
            lambda a: Ambiguity.objects.filter(pk=a.pk).update(question="Who pays now?"),
            lambda a: Ambiguity.objects.filter(pk=a.pk).update(recommended=2),
            lambda a: a.candidates.filter(position=3).update(consequences="All is lost."),
            lambda a: a.candidates.filter(position=3).delete(),
        ],
    )
    def test_what_changed_since_it_was_seen_is_not_picked(self, item: WorkItem, change: Any) -> None:
        (ambiguity,) = offer(item, f.ambiguity_shape("A-001"))
        seen = ambiguity.digest
        change(ambiguity)
        with refused_without_effect(Conflict, "changed since you saw them; nothing was picked"):
            pick(Ambiguity.objects.get(), seen_digest=seen)

    @pytest.mark.parametrize(
        ("given", "kind", "words"),
        [
            ({"by": f.PIPELINE}, NotPermitted, "Only a person picks"),
            ({"seen_digest": None}, NotPermitted, "Only light items take recommendations by themselves"),
            ({"picked": 1, "own_answer": "both"}, BadInput, "Pick one candidate or write an own answer, not both"),
            ({"picked": None, "own_answer": " \n"}, BadInput, "Pick one candidate or write an own answer"),
            ({"picked": 4}, BadInput, "There is no such candidate"),
            ({"own_answer": "x" * (OWN_ANSWER_LIMIT + 1)}, BadInput, "The answer has 5,001 characters; 5,000 is"),
        ],
    )
    def test_refusals_say_why(self, item: WorkItem, given: dict, kind: type, words: str) -> None:
        (ambiguity,) = offer(item, f.ambiguity_shape("A-001"))
        with refused_without_effect(kind, words):
            pick(ambiguity, **given)

    def test_the_longest_answer_fits(self, item: WorkItem) -> None:
        (ambiguity,) = offer(item, f.ambiguity_shape("A-001"))
        pick(ambiguity, own_answer="x" * OWN_ANSWER_LIMIT)
        assert open_count(item) == 0

    def test_an_agent_never_picks_not_even_on_a_light_item(self) -> None:
        run = f.make_running_run(f.make_item(risk="light"))
        (ambiguity,) = offer(run.item, f.ambiguity_shape("A-001"))
        with refused_without_effect(NotPermitted, "Only a person picks"):
            pick(ambiguity, by=holding.actor_of(run))

    def test_after_alignment_picks_stay(self) -> None:
        item = f.make_aligned_item()
        with refused_without_effect(NotPermitted, "Alignment of this item is over, so its picks stay"):
            pick(Ambiguity.objects.get(item=item))

    def test_an_answer_that_is_none_cannot_be_stored(self, item: WorkItem) -> None:
        (ambiguity,) = offer(item, f.ambiguity_shape("A-001"))
        with pytest.raises(IntegrityError, match="resolved_means_answered"), transaction.atomic():
            Ambiguity.objects.filter(pk=ambiguity.pk).update(state=AmbiguityState.RESOLVED)


class TestTakingBack:
    def test_a_pick_is_taken_back_while_another_question_is_open(self, item: WorkItem) -> None:
        first, _ = offer(item, f.ambiguity_shape("A-001"), f.ambiguity_shape("A-002"))
        pick(first)
        reopen(ambiguity=first, by=f.human(f.lead_of(item.project)), now=f.NOW)
        first.refresh_from_db()
        assert (first.state, first.picked, first.decided_by_id, first.decided_at) == ("OPEN", None, None, None)

    def test_the_last_pick_can_be_taken_back_until_they_are_handed_over(self, item: WorkItem) -> None:
        first, second = offer(item, f.ambiguity_shape("A-001"), f.ambiguity_shape("A-002"))
        pick(first)
        pick(second)
        reopen(ambiguity=second, by=f.human(f.lead_of(item.project)), now=f.NOW)
        pick(second)
        hand_over(item=item, by=f.PIPELINE, now=f.NOW)
        second.refresh_from_db()
        with refused_without_effect(NotPermitted, "The decisions were handed to the agent, which works with them"):
            reopen(ambiguity=second, by=f.human(f.lead_of(item.project)), now=f.NOW)

    def test_open_questions_and_other_hands_are_refused(self, item: WorkItem) -> None:
        first, second = offer(item, f.ambiguity_shape("A-001"), f.ambiguity_shape("A-002"))
        with refused_without_effect(NotPermitted, "This ambiguity is open, so it cannot become open"):
            reopen(ambiguity=second, by=f.human(f.lead_of(item.project)), now=f.NOW)
        pick(first)
        with refused_without_effect(NotPermitted, "Only a person takes a pick back"):
            reopen(ambiguity=first, by=f.PIPELINE, now=f.NOW)


class TestAllRecommended:
    def take(self, item: WorkItem, seen: dict[str, str] | None) -> int:
        lead = f.lead_of(item.project)
        return resolve_recommended(item=item, by=f.human(lead), now=f.NOW, seen=seen, user_id=lead.pk)

    def test_every_open_question_takes_its_own_recommendation(self, item: WorkItem) -> None:
        offer(item, f.ambiguity_shape("A-001", recommended=3), f.ambiguity_shape("A-002"), f.ambiguity_shape("A-003"))
        seen = {a.key: a.digest for a in ambiguities_of(item)}
        pick(Ambiguity.objects.get(key="A-003"), picked=2)
        assert self.take(item, seen) == 2
        assert {a.key: a.picked for a in ambiguities_of(item)} == {"A-001": 3, "A-002": 1, "A-003": 2}
        assert self.take(item, seen) == 0

    def test_a_critical_item_is_decided_one_by_one(self) -> None:
        item = f.make_item(risk="critical")
        offer(item, f.ambiguity_shape("A-001"))
        with refused_without_effect(NotPermitted, "This item is critical: decide each question on its own"):
            self.take(item, {a.key: a.digest for a in ambiguities_of(item)})

    def test_a_question_that_was_not_seen_stops_all_of_them(self, item: WorkItem) -> None:
        offer(item, f.ambiguity_shape("A-001"))
        seen = {a.key: a.digest for a in ambiguities_of(item)}
        offer(item, f.ambiguity_shape("A-002"))
        with refused_without_effect(Conflict, "A-002 appeared after you opened the page; nothing was picked"):
            self.take(item, seen)

    def test_one_that_changed_stops_all_of_them(self, item: WorkItem) -> None:
        offer(item, f.ambiguity_shape("A-001"), f.ambiguity_shape("A-002"))
        seen = {a.key: a.digest for a in ambiguities_of(item)}
        Ambiguity.objects.filter(key="A-002").update(why="Other reasons.")
        with refused_without_effect(Conflict, "changed since you saw them"):
            self.take(item, seen)

    def test_the_mechanism_takes_them_on_light_items_only(self, item: WorkItem) -> None:
        offer(item, f.ambiguity_shape("A-001"))
        with refused_without_effect(NotPermitted, "Only light items take recommendations by themselves"):
            resolve_recommended(item=item, by=f.PIPELINE, now=f.NOW)
        set_risk(item=item, risk="light", reason="small", by=f.human(f.lead_of(item.project)), now=f.NOW)
        assert resolve_recommended(item=item, by=f.PIPELINE, now=f.NOW) == 1
        assert Ambiguity.objects.get().decided_by is None

    def test_an_agent_does_not_take_them_in_a_persons_name(self, item: WorkItem) -> None:
        offer(item, f.ambiguity_shape("A-001"))
        with refused_without_effect(NotPermitted, "Only a person picks"):
            resolve_recommended(item=item, by=f.PIPELINE, now=f.NOW, seen={})


@pytest.mark.django_db(transaction=True)
def test_two_people_at_the_same_moment_one_is_first() -> None:
    item = f.make_item()
    offer(item, f.ambiguity_shape("A-001"))
    answers = run_together(*(lambda n=n: pick(Ambiguity.objects.get(), picked=n) for n in (1, 2, 3)))
    assert answers.count(None) == 1
    assert all(isinstance(answer, Conflict | NotPermitted) for answer in answers if answer is not None)
    winner = answers.index(None) + 1
    assert Ambiguity.objects.get().picked == winner
    assert Entry.objects.filter(verb="requirements.ambiguity.resolved").count() == 1


def test_counts_of_many_items_come_in_one_query(django_assert_num_queries: Any) -> None:
    items = [f.make_item() for _ in range(3)]
    for number, item in enumerate(items):
        offer(item, *(f.ambiguity_shape(f"A-{n:03}") for n in range(number)))
    pick(Ambiguity.objects.filter(item=items[2]).first())
    with django_assert_num_queries(1):
        assert open_counts([item.pk for item in items]) == {items[1].pk: (1, 1), items[2].pk: (1, 2)}
    assert items[0].stage == Stage.ALIGN


def test_a_digest_is_of_what_was_shown(item: WorkItem) -> None:
    first, second = offer(item, f.ambiguity_shape("A-001"), f.ambiguity_shape("A-002"))
    assert first.digest != second.digest
    assert first.digest == Ambiguity.objects.get(pk=first.pk).digest
    with refused(Conflict, "changed since you saw them"):
        pick(first, seen_digest=second.digest)
