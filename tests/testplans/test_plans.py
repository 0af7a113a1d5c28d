"""A plan's way from the planner's hand to the freezer."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from leadroom.ledger.models import Entry
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.testplans import actions
from leadroom.testplans.enums import PLANS, CaseMark, PlanState, ReviewVerdict
from leadroom.testplans.models import CaseVerdict, Review, TestPlan
from leadroom.testplans.queries import coverage, current_plan, review_rounds
from leadroom.testplans.rules import BLIND_SPOTS
from tests import factories as f
from tests.support.refusals import refused_without_effect
from tests.support.together import run_together

pytestmark = pytest.mark.django_db
FINDING = {"case": "U-001", "kind": "hole", "severity": "major", "text": "No zero shares."}


def in_review(**changes: Any) -> TestPlan:
    plan = f.submit_plan(f.make_aligned_item(**changes))
    actions.open_agent_review(plan=plan, by=f.PIPELINE, now=f.NOW)
    return plan


def send(plan: TestPlan, verdict: str = "approve", **changes: Any) -> Review:
    lead = f.lead_of(plan.item.project)
    given = {
        "verdict": ReviewVerdict(verdict),
        "marks": [],
        "summary": "",
        "seen_digest": plan.digest,
        "user_id": lead.pk,
        "by": f.human(lead),
        "now": f.NOW,
    }
    return actions.send_review(plan=plan, **{**given, **changes})


def agent_review(plan: TestPlan, *, run_id: int = 5, **changes: Any) -> Review:
    body = {"summary": "Read.", "verdict": "approve", "findings": [], **changes}
    return actions.submit_review(plan=plan, body=body, run_id=run_id, by=f.PIPELINE, now=f.NOW)


class TestSubmitting:
    def test_a_plan_is_stored_with_its_cases_in_order(self) -> None:
        plan = f.submit_plan(f.make_aligned_item())
        assert (plan.number, plan.state) == (1, "DRAFT")
        assert [(c.key, c.layer) for c in plan.cases.all()] == [
            ("U-001", "unit"),
            ("I-001", "integration"),
            ("E-001", "end_to_end"),
        ]

    def test_the_same_plan_of_the_same_run_is_stored_once(self) -> None:
        item = f.make_aligned_item()
        first = f.submit_plan(item)
        assert f.submit_plan(item).pk == first.pk
        assert TestPlan.objects.count() == 1

    @pytest.mark.parametrize("changes", [{"summary": "Other words."}, {"run_id": 900_002}])
    def test_another_plan_supersedes_the_one_before(self, changes: dict) -> None:
        item = f.make_aligned_item()
        first = f.submit_plan(item)
        second = f.submit_plan(item, **changes)
        first.refresh_from_db()
        assert (first.state, second.number) == ("SUPERSEDED", 2)
        assert current_plan(item) == second

    def test_a_plan_in_the_leads_hands_can_be_superseded_and_a_frozen_one_cannot(self) -> None:
        plan = f.make_plan()
        assert f.submit_plan(plan.item, summary="New.").number == 2
        frozen = f.make_plan(f.make_aligned_item())
        send(frozen)
        with refused_without_effect(NotPermitted, "The plan is frozen"):
            f.submit_plan(frozen.item, summary="New.")

    def test_outside_its_stage_no_plan_is_taken(self) -> None:
        item = f.make_item()
        f.make_document(item)
        with refused_without_effect(NotPermitted, "This item does not take a test plan now"):
            f.submit_plan(item)

    def test_a_failing_plan_changes_nothing_not_even_the_plan_before(self) -> None:
        item = f.make_aligned_item()
        f.submit_plan(item)
        with refused_without_effect(BadInput, "1 machine check failed; nothing was stored"):
            f.submit_plan(item, cases=[])

    def test_the_digest_covers_document_and_plan(self) -> None:
        one, other = f.submit_plan(f.make_aligned_item()), f.submit_plan(f.make_aligned_item())
        assert one.digest == other.digest
        item = f.make_aligned_item()
        assert f.submit_plan(item, environment="Python 3.12").digest != one.digest

    def test_an_item_has_one_current_plan(self) -> None:
        plan = f.submit_plan(f.make_aligned_item())
        with pytest.raises(IntegrityError), transaction.atomic():
            TestPlan.objects.create(
                item=plan.item, revision=plan.revision, number=2, body={}, digest="x", created_at=f.NOW
            )


class TestAgentReview:
    def test_findings_lie_beside_their_cases(self) -> None:
        plan = in_review()
        review = agent_review(plan, verdict="change", findings=[FINDING, {**FINDING, "case": ""}])
        marks = list(review.marks.all())
        assert [(m.case and m.case.key, m.mark, m.severity, m.comment) for m in marks] == [
            ("U-001", CaseMark.NOTE, "major", "No zero shares."),
            (None, CaseMark.NOTE, "major", "No zero shares."),
        ]
        assert review_rounds(plan.item) == 1

    def test_a_second_review_of_the_same_run_is_the_first(self) -> None:
        plan = in_review()
        first = agent_review(plan)
        assert agent_review(plan, verdict="change", findings=[FINDING]).pk == first.pk
        assert not CaseVerdict.objects.exists()

    def test_the_session_that_wrote_the_plan_never_reviews_it(self) -> None:
        plan = in_review()
        with refused_without_effect(NotPermitted, "A reviewer is never the session that wrote the plan"):
            agent_review(plan, run_id=plan.run_id)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"findings": [{**FINDING, "case": "U-404"}]}, "The plan has no case 'U-404'; name a case of the plan"),
            ({"verdict": "change"}, "A verdict `change` needs at least one finding"),
        ],
    )
    def test_a_review_that_says_nothing_is_refused(self, changes: dict, words: str) -> None:
        plan = in_review()
        with refused_without_effect(BadInput, words):
            agent_review(plan, **changes)

    @pytest.mark.parametrize("state", [s for s in PlanState if s != PlanState.AGENT_REVIEW])
    def test_only_a_plan_in_agent_review_takes_one(self, state: PlanState) -> None:
        plan = in_review()
        TestPlan.objects.filter(pk=plan.pk).update(state=state, frozen_at=f.NOW)
        plan.refresh_from_db()
        with refused_without_effect(NotPermitted, f"The plan is {state.label.lower()}; it takes no agent review"):
            agent_review(plan)


class TestLeadReview:
    def test_approval_freezes_the_very_plan(self) -> None:
        plan = f.make_plan()
        review = send(plan, marks=[("U-001", "approve", ""), ("I-001", "note", " fine ")])
        plan.refresh_from_db()
        assert (plan.state, plan.frozen_at) == ("FROZEN", f.NOW)
        assert plan.frozen_by == f.lead_of(plan.item.project).get_username()
        assert (review.plan_digest, review.user) == (plan.digest, f.lead_of(plan.item.project))
        assert [m.comment for m in review.marks.all()] == ["", "fine"]

    def test_a_change_sends_all_marks_back_at_once(self) -> None:
        plan = f.make_plan()
        send(plan, "change", marks=[("U-001", "change", "round down"), ("E-001", "drop", "")], summary=" Nearly. ")
        plan.refresh_from_db()
        review = Review.objects.get(plan=plan, kind="lead")
        assert (plan.state, review.verdict, review.summary) == ("RETURNED", "change", "Nearly.")
        assert {m.case.key: m.mark for m in review.marks.all()} == {"U-001": "change", "E-001": "drop"}

    @pytest.mark.parametrize(
        ("verdict", "changes", "kind", "words"),
        [
            ("approve", {"seen_digest": "sha256:other"}, Conflict, "The plan changed since you opened it"),
            ("approve", {"by": f.PIPELINE}, NotPermitted, "Only a person reviews in the lead's place"),
            ("approve", {"marks": [("U-001", "change", "x")]}, BadInput, "U-001 is marked change, so the plan cannot"),
            ("approve", {"marks": [("E-001", "drop", "")]}, BadInput, "E-001 is marked drop, so the plan cannot"),
            ("change", {}, BadInput, "Say what should change: mark a case or write a sentence"),
            ("change", {"summary": "  ", "marks": [("U-001", "approve", "")]}, BadInput, "Say what should change"),
        ],
    )
    def test_refusals_send_nothing(self, verdict: str, changes: dict, kind: type, words: str) -> None:
        plan = f.make_plan()
        with refused_without_effect(kind, words):
            send(plan, verdict, **changes)

    def test_a_second_tab_is_told_that_it_is_over(self) -> None:
        plan = f.make_plan()
        stale = TestPlan.objects.get(pk=plan.pk)
        send(plan)
        with refused_without_effect(Conflict, "The plan moved on meanwhile; nothing was changed"):
            send(stale, "change", summary="Wait!")
        with refused_without_effect(NotPermitted, "The plan is frozen; it does not wait for you"):
            send(TestPlan.objects.get(pk=plan.pk))

    @pytest.mark.parametrize("ticked", [[], ["boundaries"], ["boundaries", "error_paths"], ["nonsense", "intent"]])
    def test_a_critical_plan_needs_every_blind_spot_looked_at(self, ticked: list[str]) -> None:
        plan = f.make_plan(f.make_aligned_item(risk="critical"))
        with refused_without_effect(BadInput, "This item is critical: tick “"):
            send(plan, blind_spots=ticked, marks=f.approvals(plan))

    def test_a_critical_plan_is_frozen_with_all_of_them_on_record(self) -> None:
        plan = f.make_plan(f.make_aligned_item(risk="critical"))
        send(plan, blind_spots=list(BLIND_SPOTS), marks=f.approvals(plan))
        entry = Entry.objects.get(verb="testplans.plan.frozen")
        assert entry.payload["blind_spots"] == ["boundaries", "error_paths", "intent"]
        assert entry.payload["digest"] == plan.digest

    def test_a_critical_plan_is_sent_back_without_a_checklist(self) -> None:
        send(f.make_plan(f.make_aligned_item(risk="critical")), "change", summary="Not yet.")
        assert TestPlan.objects.get().state == "RETURNED"

    def test_nobody_reviews_in_the_leads_place_without_a_name(self) -> None:
        review = send(f.make_plan())
        with pytest.raises(IntegrityError, match="lead_review_has_a_person"), transaction.atomic():
            Review.objects.filter(pk=review.pk).update(user=None)


class TestMechanism:
    def test_a_light_plan_freezes_on_the_agents_word(self) -> None:
        plan = in_review(risk="light")
        agent_review(plan)
        actions.freeze_light(plan=plan, by=f.PIPELINE, now=f.NOW)
        plan.refresh_from_db()
        assert (plan.state, plan.frozen_by) == ("FROZEN", "Leadroom (pipeline)")

    @pytest.mark.parametrize("risk", ["standard", "critical"])
    def test_no_other_plan_freezes_without_a_person(self, risk: str) -> None:
        plan = in_review(risk=risk)
        agent_review(plan)
        with refused_without_effect(NotPermitted, "Only a light item's plan is frozen without a person"):
            actions.freeze_light(plan=plan, by=f.PIPELINE, now=f.NOW)

    def test_a_light_draft_is_not_frozen_unreviewed(self) -> None:
        plan = f.submit_plan(f.make_aligned_item(risk="light"))
        with refused_without_effect(NotPermitted, "This test plan is draft, so it cannot become frozen"):
            actions.freeze_light(plan=plan, by=f.PIPELINE, now=f.NOW)

    @pytest.mark.parametrize("state", list(PlanState))
    @pytest.mark.parametrize(
        ("action", "to"),
        [
            (actions.open_agent_review, PlanState.AGENT_REVIEW),
            (actions.return_to_author, PlanState.RETURNED),
            (actions.open_lead_review, PlanState.LEAD_REVIEW),
        ],
    )
    def test_every_action_moves_only_as_the_table_says(self, state: PlanState, action: Any, to: PlanState) -> None:
        plan = f.submit_plan(f.make_aligned_item())
        TestPlan.objects.filter(pk=plan.pk).update(state=state, frozen_at=f.NOW)
        plan.refresh_from_db()
        if PLANS.can_move(state, to):
            action(plan=plan, by=f.PIPELINE, now=f.NOW)
            assert TestPlan.objects.get().state == to
        else:
            with refused_without_effect(NotPermitted, "This test plan is"):
                action(plan=plan, by=f.PIPELINE, now=f.NOW)

    def test_a_plan_that_was_replaced_meanwhile_does_not_move(self) -> None:
        plan = f.submit_plan(f.make_aligned_item())
        TestPlan.objects.filter(pk=plan.pk).update(digest="sha256:other")
        with refused_without_effect(Conflict, "The plan moved on meanwhile"):
            actions.open_agent_review(plan=plan, by=f.PIPELINE, now=f.NOW)


@pytest.mark.django_db(transaction=True)
def test_approval_and_change_at_the_same_moment_one_stands() -> None:
    pk = f.make_plan().pk
    answers = run_together(
        lambda: send(TestPlan.objects.select_related("item__project").get(pk=pk)),
        lambda: send(TestPlan.objects.select_related("item__project").get(pk=pk), "change", summary="Wait."),
    )
    stored = [answer for answer in answers if isinstance(answer, Review)]
    assert len(stored) == 1
    plan = TestPlan.objects.get()
    assert plan.state == {"approve": "FROZEN", "change": "RETURNED"}[stored[0].verdict]
    assert Review.objects.filter(kind="lead").count() == 1


def test_coverage_is_by_criterion_and_layer() -> None:
    cases = [
        f.case_shape("U-001", "unit", criteria=["AC-001"]),
        f.case_shape("U-002", "unit", criteria=["AC-001", "AC-002"]),
        f.case_shape("E-001", "end_to_end", criteria=["AC-002"]),
    ]
    argued = [{"what": "Integration", "why": "One module. An error path of G-001 is for later."}]
    plan = f.submit_plan(f.make_aligned_item(), cases=cases, not_covered=argued)
    rows = coverage(plan)
    assert [(row.criterion, row.cells) for row in rows] == [
        ("AC-001", (("U-001", "U-002"), (), ())),
        ("AC-002", (("U-002",), (), ("E-001",))),
    ]
    assert not any(row.is_gap for row in rows)
    plan.cases.filter(criteria__isnull=False).update(criteria=["AC-001"])
    assert [row.is_gap for row in coverage(TestPlan.objects.get())] == [False, True]


def test_no_plan_no_current_plan() -> None:
    assert current_plan(f.make_item()) is None
