"""An item that cannot go on by itself says so, and stops saying it once it can."""

import pytest

from leadroom.ledger.models import Entry
from leadroom.lib.errors import BadInput
from leadroom.pipeline import reconcile as loop
from leadroom.reading.queries import waiting_for_lead
from tests import factories

pytestmark = pytest.mark.django_db
GONE = "The repository is gone. Nothing was changed; put it back."


def _cards(item):
    return [(card.kind, card.why) for card in waiting_for_lead([item.project_id])]


def test_what_holds_an_item_becomes_a_card_once(monkeypatch):
    item = factories.make_item()

    def gone(_):
        raise BadInput(GONE)

    monkeypatch.setitem(loop.STEPS, item.stage, gone)
    loop.reconcile(item.pk)
    loop.reconcile(item.pk)
    assert _cards(item) == [("item", GONE)]
    assert Entry.objects.filter(verb="projects.item.stuck").count() == 1


def test_the_card_goes_when_the_cause_is_mended(monkeypatch):
    item = factories.make_item()
    factories.make_run(item)
    loop.note_problem(item=item, problem=GONE, by=factories.PIPELINE, now=factories.NOW)
    monkeypatch.setitem(loop.STEPS, item.stage, lambda _: False)
    loop.reconcile(item.pk)
    assert _cards(item) == []


def test_a_step_that_breaks_is_said_and_stops_nothing_else(monkeypatch):
    item = factories.make_item()

    def broken(_):
        raise RuntimeError("secret detail")

    monkeypatch.setitem(loop.STEPS, item.stage, broken)
    assert loop.reconcile(item.pk) == 0
    ((kind, why),) = _cards(item)
    assert kind == "item"
    assert "RuntimeError" in why
    assert "secret detail" not in why
