"""What waits for the lead: every kind of card comes when a person is needed and goes when they acted."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from leadroom.agents import actions as runs
from leadroom.agents import holding
from leadroom.agents.enums import Role, RunState
from leadroom.agents.models import Run
from leadroom.pipeline.moves import drop, send_back, supply_missing
from leadroom.projects.actions import set_risk
from leadroom.projects.enums import Stage
from leadroom.projects.models import WorkItem
from leadroom.reading.queries import Waiting, waiting_for_lead
from leadroom.requirements.actions import hand_over_now, resolve, set_care
from leadroom.requirements.enums import Care
from leadroom.requirements.models import Ambiguity
from leadroom.testplans.actions import send_review
from leadroom.testplans.enums import ReviewVerdict
from leadroom.testplans.models import TestPlan
from leadroom.verification import actions as verifications
from leadroom.worktrees import actions as worktrees
from tests import factories as f
from tests.support.parked import make_request

pytestmark = pytest.mark.django_db
LATER = f.NOW + dt.timedelta(hours=1)
WALKS: dict[str, Callable[[WorkItem], object]] = {}
QUERIES: dict[str, int] = {}


def cards(item: WorkItem) -> list[Waiting]:
    return waiting_for_lead([item.project_id])


def only(item: WorkItem) -> Waiting:
    (card,) = cards(item)
    assert card.item == item
    for text in (card.asked, card.why, card.recommended, card.if_ignored, card.who):
        assert text.strip(), card
    return card


def by(item: WorkItem) -> Any:
    return f.human(f.lead_of(item.project))


def walks(kind: str, *, queries: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Registers how an item comes to a card of this kind, and what reading such cards costs."""

    def keep(walk: Callable[..., Any]) -> Callable[..., Any]:
        WALKS[kind], QUERIES[kind] = walk, queries
        return walk

    return keep


@walks("picks", queries=10)
def to_picks(item: WorkItem) -> None:
    f.make_ambiguities(item, 2)


@walks("question", queries=10)
def to_question(item: WorkItem) -> Any:
    return f.make_question(item)


@walks("approval", queries=11)
def to_approval(item: WorkItem) -> None:
    make_request(item)


@walks("plan", queries=9)
def to_lead_review(item: WorkItem, **changes: Any) -> TestPlan:
    f.make_document(item)
    f.move(item, Stage.PLAN)
    return f.make_plan(item, **changes)


@walks("run", queries=10)
def to_lost(item: WorkItem) -> Run:
    return f.make_stopped_run(item)


@walks("document", queries=11)
def to_low_document(item: WorkItem) -> None:
    f.make_document(item, confidence="LOW", missing=["Who rounds?", "When?"])


@walks("verification", queries=11)
def to_broken_verification(item: WorkItem) -> Any:
    plan = to_lead_review(item)
    _freeze(plan)
    f.move(item, Stage.BUILD)
    f.move(item, Stage.VERIFY)
    verification = verifications.request(item=item, plan=plan, commit="d" * 40, by=f.PIPELINE, now=f.NOW)
    verifications.claim(verification_id=verification.pk, host="here", now=f.NOW)
    verification.refresh_from_db()
    verifications.break_off(verification=verification, problem="No disk.", now=f.NOW)
    verification.refresh_from_db()
    return verification


@walks("stitch", queries=9)
def to_stitch(item: WorkItem, **changes: Any) -> Any:
    plan = to_lead_review(item)
    _freeze(plan)
    f.move(item, Stage.BUILD)
    return f.make_stitch(item, plan=plan, **changes)


def _freeze(plan: TestPlan) -> None:
    lead = f.lead_of(plan.item.project)
    send_review(
        plan=plan,
        verdict=ReviewVerdict.APPROVE,
        marks=[],
        summary="",
        seen_digest=plan.digest,
        user_id=lead.pk,
        by=f.human(lead),
        now=f.NOW,
        blind_spots=f.BLIND_SPOTS,
    )


@pytest.fixture
def item() -> WorkItem:
    return f.make_item()


@pytest.mark.parametrize("kind", WALKS)
def test_a_card_comes_for_its_project_and_goes_with_its_item(kind: str, item: WorkItem) -> None:
    assert cards(item) == []
    WALKS[kind](item)
    assert only(item).kind == kind
    assert waiting_for_lead([f.make_project().pk]) == []
    WorkItem.objects.update(stage=Stage.DROPPED)
    assert cards(item) == []


@pytest.mark.parametrize("kind", WALKS)
@pytest.mark.parametrize("count", [1, 3])
def test_more_cards_cost_no_more_queries(kind: str, count: int, item: WorkItem, django_assert_num_queries: Any) -> None:
    for n in range(count):
        WALKS[kind](item if n == 0 else f.make_item(item.project))
    with django_assert_num_queries(QUERIES[kind]):
        found = waiting_for_lead([item.project_id])
        assert [card.item.project.name for card in found] == ["Evenly"] * count
        assert all(card.item.stitch_owner.username for card in found)


class TestComingAndGoing:
    def test_picks_count_what_is_open_and_go_with_the_last(self, item: WorkItem) -> None:
        f.make_ambiguities(item, 3)
        for left, asked in ((3, "Pick 3 answers"), (2, "Pick 2 answers"), (1, "Pick one answer")):
            card = only(item)
            assert (card.asked, card.extra["open"], card.since) == (asked, left, f.NOW)
            ambiguity = Ambiguity.objects.filter(state="OPEN")[0]
            lead = f.lead_of(item.project)
            resolve(
                ambiguity=ambiguity, by=by(item), now=f.NOW, seen_digest=ambiguity.digest, picked=1, user_id=lead.pk
            )
        assert cards(item) == []

    def test_light_items_pick_for_themselves(self, item: WorkItem) -> None:
        f.make_ambiguities(item, 1)
        set_risk(item=item, risk="light", reason="small", by=by(item), now=f.NOW)
        assert cards(item) == []

    def test_what_is_left_to_the_agent_wants_one_look(self, item: WorkItem) -> None:
        for row in f.make_ambiguities(item, 2):
            set_care(ambiguity=row, care=Care.DECIDE, by=by(item), now=f.NOW)
        assert only(item).asked == "Look at 2 answers left to the agent"
        hand_over_now(item=item, by=by(item), now=f.NOW)
        assert cards(item) == []

    def test_a_question_goes_with_its_answer(self, item: WorkItem) -> None:
        question = f.make_question(item)
        card = only(item)
        assert (card.asked, card.subject_id) == ("May I rename it?", question.pk)
        assert card.extra == {"options": ["Yes", "No"], "run_id": question.run_id}
        runs.answer(elicitation=question, text="Yes", user_id=f.lead_of(item.project).pk, by=by(item), now=f.NOW)
        assert cards(item) == []

    def test_the_question_of_a_stopped_run_becomes_the_question_what_now(self, item: WorkItem) -> None:
        question = f.make_question(item)
        runs.stop(run=question.run, by=by(item), now=f.NOW)
        assert [card.kind for card in cards(item)] == ["run"]

    def test_a_plan_says_how_much_there_is_to_read(self, item: WorkItem) -> None:
        finding = {"case": "U-001", "kind": "hole", "severity": "major", "text": "No zero shares."}
        plan = to_lead_review(item, findings=[finding, finding])
        card = only(item)
        assert card.asked == "Review the test plan: 3 cases"
        assert card.recommended == "Read the reviewer's 2 findings first."
        _freeze(plan)
        assert cards(item) == []

    @pytest.mark.parametrize(
        ("is_lost", "asked", "why"),
        [
            (True, "Resume the developer?", "The worker died."),
            (False, "The developer cannot go on", "The model refused the key."),
        ],
    )
    def test_a_run_that_stopped_goes_with_its_resumption(
        self, item: WorkItem, is_lost: bool, asked: str, why: str
    ) -> None:
        run = f.make_stopped_run(item, is_lost=is_lost)
        assert (only(item).asked, only(item).why, only(item).subject_id) == (asked, why, run.pk)
        runs.retry(run=run, by=by(item), now=f.NOW)
        assert cards(item) == []

    def test_a_run_a_person_stopped_is_asked_for_only_while_it_is_the_last(self, item: WorkItem) -> None:
        run = f.make_running_run(item)
        runs.stop(run=run, by=by(item), now=f.NOW)
        assert only(item).asked == "The requirements agent was stopped"
        f.make_run(item)
        assert cards(item) == []

    def test_a_low_document_is_asked_for_until_somebody_works_it_in(self, item: WorkItem) -> None:
        to_low_document(item)
        assert only(item).why == "The document has LOW confidence. Missing: Who rounds?; When?"
        supply_missing(item=item, text="The bank.", by=by(item), now=f.NOW)
        assert cards(item) == []
        f.make_document(item, title="Better")
        Run.objects.update(state=RunState.COMPLETED)
        assert cards(item) == []

    def test_a_broken_verification_goes_when_it_is_queued_again(self, item: WorkItem) -> None:
        verification = to_broken_verification(item)
        assert (only(item).asked, only(item).why) == ("The verification could not run", "No disk.")
        verifications.requeue(verification=verification, by=by(item), now=f.NOW)
        assert cards(item) == []

    def test_a_broken_verification_is_no_card_once_the_work_was_sent_back(self, item: WorkItem) -> None:
        to_broken_verification(item)
        send_back(item=item, text="Again, please.", by=by(item), now=f.NOW)
        assert cards(item) == []

    @pytest.mark.parametrize(("attempts", "kinds"), [(1, []), (2, []), (3, ["verification"]), (4, ["verification"])])
    def test_a_failed_verification_waits_for_the_lead_after_the_last_attempt(
        self, item: WorkItem, attempts: int, kinds: list[str]
    ) -> None:
        plan = to_lead_review(item)
        _freeze(plan)
        for _ in range(attempts):
            f.finish_run(f.make_running_run(item, Role.DEVELOPER))
        f.move(item, Stage.BUILD)
        f.move(item, Stage.VERIFY)
        f.make_verification(plan, failing=("U-001",))
        assert [card.kind for card in cards(item)] == kinds
        send_back(item=item, text="Mind the sign.", by=by(item), now=f.NOW)
        assert cards(item) == []

    def test_a_stitch_asks_its_owner_until_it_is_signed(self, item: WorkItem) -> None:
        stitch = to_stitch(item)
        card = only(item)
        assert (card.asked, card.subject_id) == ("Sign the merge", item.pk)
        assert card.who == f"stitch owner {item.stitch_owner.username}"
        worktrees.sign(
            stitch=stitch,
            sentence="Exact now, faster when it hurts.",
            seen_digest=stitch.digest,
            is_verified=True,
            user_id=item.stitch_owner_id,
            by=by(item),
            now=f.NOW,
        )
        assert cards(item) == []

    def test_a_conflict_asks_to_send_it_back(self, item: WorkItem) -> None:
        to_stitch(item, conflicts=("a.py", "b.py"))
        assert (only(item).asked, only(item).why) == ("The work conflicts with the branch", "In conflict: a.py, b.py")
        send_back(item=item, text="Keep both.", by=by(item), now=f.NOW)
        assert cards(item) == []

    def test_a_dropped_item_asks_nothing(self, item: WorkItem) -> None:
        f.make_question(item)
        drop(item=item, by=by(item), now=f.NOW)
        assert cards(item) == []


def test_work_that_goes_on_by_itself_asks_nothing(item: WorkItem) -> None:
    run = f.make_running_run(item)
    holding.limit(run=run, until=LATER, now=f.NOW)
    f.make_running_run(item, Role.DEVELOPER)
    f.make_document(item)
    assert cards(item) == []


def test_critical_comes_first_then_who_waits_longest() -> None:
    project = f.make_project()
    order = []
    for risk, moment in (("standard", 2), ("standard", 1), ("critical", 3), ("critical", 0), ("light", 0)):
        item = f.make_item(project, risk=risk)
        f.make_stopped_run(item)
        Run.objects.filter(item=item).update(ended_at=f.NOW + dt.timedelta(minutes=moment))
        order.append(item)
    assert [card.item for card in waiting_for_lead([project.pk])] == [order[n] for n in (3, 2, 4, 1, 0)]
