"""Aligned items that a person holds back until they fire them."""

import pytest

from leadroom.lib.states import Turn
from leadroom.reading.loaded import held_ids, loaded
from leadroom.reading.moves import Pace, next_move
from leadroom.reading.queries import waiting_for_lead
from leadroom.requirements.actions import hold
from tests import factories as f
from tests.support.aligned import make_loaded_item

pytestmark = pytest.mark.django_db


def test_a_loaded_item_waits_for_its_lead_and_asks_nothing() -> None:
    item = make_loaded_item()
    move = next_move(item)
    assert (move.turn, move.pace, move.state, move.kind) == (Turn.HUMAN, Pace.WAITING, "LOADED", "")
    assert move.sentence == "Loaded: aligned, waits for you to fire it."
    assert waiting_for_lead([item.project_id]) == []
    found = loaded([item.pk])[item.pk]
    assert (found.number, found.digest, found.confidence) == (1, item.revisions.get().digest, "HIGH")


def test_held_is_not_loaded_before_it_is_aligned() -> None:
    item = f.make_item()
    by = f.human(f.lead_of(item.project))
    hold(item=item, is_held=True, by=by, now=f.NOW)
    f.make_ambiguities(item, 1)
    assert held_ids([item.pk]) == {item.pk}
    assert loaded([item.pk]) == {}
    assert next_move(item).pace == Pace.NEEDS_YOU


def test_a_low_document_is_not_loaded() -> None:
    item = make_loaded_item()
    f.make_document(item, confidence="LOW", missing=["Who rounds?"])
    assert loaded([item.pk]) == {}
    assert next_move(item).kind == "document"


def test_nobody_loaded_costs_one_query_and_many_no_more_than_one(django_assert_num_queries) -> None:
    project = f.make_project()
    free = f.make_item(project)
    with django_assert_num_queries(1):
        assert loaded([free.pk]) == {}
    items = [make_loaded_item(project) for _ in range(3)]
    with django_assert_num_queries(3):
        assert len(loaded([item.pk for item in items])) == 3
