"""Work items: the request kept word for word, stages that move once, risk that only people lower."""

import datetime as dt

import pytest

from leadroom.agents import holding
from leadroom.ledger.models import Entry
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.pipeline.moves import drop
from leadroom.projects.actions import create_item, move_stage, set_risk
from leadroom.projects.enums import STAGES, Risk, Stage
from leadroom.projects.models import StageVisit, WorkItem
from leadroom.projects.queries import live_item_ids
from leadroom.projects.rules import REQUEST_LIMIT, risk_by_words
from tests import factories as f
from tests.support.refusals import refused_without_effect
from tests.support.together import run_together

pytestmark = pytest.mark.django_db


def write(text: str, **changes: object) -> WorkItem:
    project = changes.pop("project", None) or f.make_project()
    lead = f.lead_of(project)  # type: ignore[arg-type]
    return create_item(project=project, request=text, stitch_owner=lead, by=f.human(lead), now=f.NOW, **changes)  # type: ignore[arg-type]


def test_the_request_is_kept_word_for_word() -> None:
    text = "\n  Split by shares\r\n\n* `add --shares`\t<b>\U0001f600  "
    item = write(text)
    item.refresh_from_db()
    assert item.request == text
    assert (item.title, item.stage, item.number, item.risk) == ("Split by shares", "ALIGN", 1, "standard")
    assert [stream.name for stream in item.streams.all()] == ["main"]
    assert write(text, title=" Own title ").title == "Own title"
    assert write("x" * 300).title == "x" * 200


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "The request is empty, so no item was created"),
        (" \n\t", "The request is empty"),
        ("x" * (REQUEST_LIMIT + 1), "The request has 50,001 characters; 50,000 is the limit"),
        ("x" * 100_000, "Your text is still in the form"),
        ("a\x00b", "The request contains NUL characters"),
    ],
)
def test_a_request_that_cannot_be_used_makes_no_item(text: str, words: str) -> None:
    project = f.make_project()
    with refused_without_effect(BadInput, words):
        write(text, project=project)


def test_the_longest_request_is_an_item() -> None:
    assert len(write("x" * REQUEST_LIMIT).request) == REQUEST_LIMIT


def test_numbers_count_within_a_project() -> None:
    one, other = f.make_project(), f.make_project()
    assert [write("x", project=p).number for p in (one, one, other, one)] == [1, 2, 1, 3]


@pytest.mark.django_db(transaction=True)
def test_numbers_stay_apart_when_two_write_at_once() -> None:
    project = f.make_project()
    answers = run_together(*(lambda: write("x", project=project) for _ in range(4)))
    assert sorted(item.number for item in answers) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("text", "risk"),
    [
        ("Let users delete a group", Risk.CRITICAL),
        ("Rename a label", Risk.LIGHT),
        ("Migrate the store to JSON lines", Risk.CRITICAL),
        ("Passwords for the web page", Risk.CRITICAL),
        ("Undeleted lines stay", Risk.LIGHT),
    ],
)
def test_words_of_the_request_set_the_least_risk(text: str, risk: Risk) -> None:
    found, reason = risk_by_words(text)
    assert found == risk
    assert bool(reason) == (risk == Risk.CRITICAL)


class TestRisk:
    def test_the_agent_proposes_once_and_may_lower_what_nobody_judged(self) -> None:
        item = write("Rename a label")
        by = holding.actor_of(f.make_running_run(item))
        set_risk(item=item, risk="light", reason="one line", by=by, now=f.NOW)
        item.refresh_from_db()
        assert (item.risk, item.risk_reason, item.is_risk_judged) == ("light", "one line", True)

    def test_an_agents_proposal_is_raised_to_what_the_words_demand(self) -> None:
        item = write("Delete a group")
        set_risk(item=item, risk="light", reason="easy", by=f.PIPELINE, now=f.NOW)
        item.refresh_from_db()
        assert (item.risk, item.risk_reason) == ("critical", "the request speaks of “Delete”")

    def test_only_a_person_lowers_a_judged_risk(self) -> None:
        item = f.make_item(risk="critical")
        with refused_without_effect(NotPermitted, "Only a person lowers the risk of an item"):
            set_risk(item=item, risk="light", reason="x", by=f.PIPELINE, now=f.NOW)
        lead = f.lead_of(item.project)
        set_risk(item=item, risk="light", reason="x", by=f.human(lead), now=f.NOW)
        set_risk(item=item, risk="critical", reason="y", by=f.PIPELINE, now=f.NOW)
        item.refresh_from_db()
        assert item.risk == "critical"

    def test_a_person_may_go_below_the_words(self) -> None:
        item = write("Delete a label")
        set_risk(item=item, risk="light", reason="one word", by=f.human(f.lead_of(item.project)), now=f.NOW)
        item.refresh_from_db()
        assert item.risk == "light"


class TestStages:
    @pytest.mark.parametrize(("source", "to"), [(a, b) for a in Stage for b in Stage if not STAGES.can_move(a, b)])
    def test_what_the_table_does_not_have_is_refused(self, source: Stage, to: Stage) -> None:
        item = f.make_item()
        WorkItem.objects.filter(pk=item.pk).update(stage=source)
        item.refresh_from_db()
        with refused_without_effect(NotPermitted, "Nothing was changed; reload the page"):
            move_stage(item=item, to=to, reason="", by=f.PIPELINE, now=f.NOW)

    def test_the_second_of_two_that_saw_the_same_stage_is_told(self) -> None:
        item = f.make_item()
        other = WorkItem.objects.get(pk=item.pk)
        f.move(item, Stage.PLAN)
        with refused_without_effect(Conflict, "The item moved on meanwhile"):
            f.move(other, Stage.PLAN)

    def test_visits_say_when_and_why(self) -> None:
        item = f.make_item()
        later = f.NOW + dt.timedelta(hours=1)
        move_stage(item=item, to=Stage.PLAN, reason="r" * 600, by=f.PIPELINE, now=later)
        drop(item=item, by=f.human(f.lead_of(item.project)), now=later + dt.timedelta(hours=1))
        visits = StageVisit.objects.filter(item=item)
        assert [(v.stage, v.left_at is None) for v in visits] == [("ALIGN", False), ("PLAN", False), ("DROPPED", False)]
        assert visits[0].left_at == visits[1].entered_at == later
        assert len(visits[1].reason) == 500
        assert live_item_ids() == []

    @pytest.mark.django_db(transaction=True)
    def test_of_two_workers_one_moves(self) -> None:
        pk = f.make_item().pk
        answers = run_together(*(lambda: f.move(WorkItem.objects.get(pk=pk), Stage.PLAN) for _ in range(3)))
        assert answers.count(None) == 1
        assert Entry.objects.filter(verb="projects.item.moved_to_plan").count() == 1
        assert StageVisit.objects.filter(item=pk, left_at=None).count() == 1


class TestDropping:
    def test_only_a_person_drops_and_only_once(self) -> None:
        item = f.make_item()
        with refused_without_effect(NotPermitted, "Only a person drops an item"):
            drop(item=item, by=f.PIPELINE, now=f.NOW)
        by = f.human(f.lead_of(item.project))
        drop(item=item, by=by, now=f.NOW)
        with refused_without_effect(NotPermitted, "The item is dropped already"):
            drop(item=item, by=by, now=f.NOW)
