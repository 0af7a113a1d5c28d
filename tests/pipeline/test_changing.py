"""The lead changes the document after alignment: compared, stored, planned and built anew."""

from typing import Any

import pytest

from leadroom.agents import actions as runs
from leadroom.agents import holding
from leadroom.agents.enums import Role, WaitReason
from leadroom.ledger.models import Entry
from leadroom.lib.clock import now
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.pipeline.changing import Comparison, Seen, change_document, check_can_change, compare
from leadroom.projects.models import StageVisit, WorkItem
from leadroom.requirements.contract import to_markdown
from leadroom.requirements.models import Revision
from leadroom.testplans.models import TestPlan
from leadroom.verification.queries import is_verified
from leadroom.worktrees.models import Stitch, Worktree
from tests import factories as f
from tests.pipeline.walker import Walk
from tests.support.refusals import refused_without_effect

pytestmark = pytest.mark.django_db


def criteria(*texts: str) -> list[dict[str, Any]]:
    listed = [{"id": f"AC-{n:03}", "text": text, "because": ["request"]} for n, text in enumerate(texts, start=1)]
    return [{"id": "G-001", "text": "Uneven parts add up.", "criteria": listed}]


def text_of(digest: str = "", **changes: Any) -> str:
    given = {"goals": criteria("Parts follow the shares.", "No cent is lost; the payer keeps it."), **changes}
    return to_markdown(f.document_shape(**given), number=2, digest=digest, item_title="Shares")


def cases(first: tuple[str, ...], second: tuple[str, ...], third: tuple[str, ...]) -> list[dict[str, Any]]:
    return [
        f.case_shape("U-001", "unit", criteria=list(first)),
        f.case_shape("I-001", "integration", criteria=list(second)),
        f.case_shape("E-001", "end_to_end", criteria=list(third)),
    ]


def seen_of(found: Comparison) -> Seen:
    return Seen(found.before.digest, found.digest, found.plan.digest if found.plan else "")


def change(walk: Walk, text: str) -> Revision:
    found = compare(item=walk.item, text=text, by=walk.by)
    return change_document(item=walk.item, text=text, seen=seen_of(found), by=walk.by, now=now())


class TestTheWayBack:
    def test_from_build_the_plan_is_written_anew_and_the_work_built_upon(self, walk: Walk) -> None:
        walk.to_plan()
        walk.plan(cases=cases(("AC-001",), ("AC-002",), ("AC-001", "AC-002")))
        walk.go()
        walk.review()
        walk.go()
        walk.send_review()
        walk.go()
        runs.stop(run=walk.run(Role.DEVELOPER), by=walk.by, now=now())
        walk.go()
        found = compare(item=walk.item, text=text_of(), by=walk.by)
        assert [(case.key, case.causes) for case in found.impact.touched] == [
            ("I-001", ("AC-002 changed",)),
            ("E-001", ("AC-002 changed",)),
        ]
        assert found.impact.untouched == ("U-001",)
        revision = change(walk, text_of())
        assert (revision.number, revision.run_id) == (2, None)
        assert walk.go() == "PLAN"
        assert TestPlan.objects.get(number=1).state == "SUPERSEDED"
        planner = walk.run(Role.PLANNER)
        assert (planner.attempt, planner.state) == (2, "QUEUED")
        for words in (
            "AC-002 changed. It was: No cent is lost. It is: No cent is lost; the payer keeps it.",
            "Case I-001 is touched: AC-002 changed.",
            "Not touched: U-001.",
            '"id": "E-001"',
        ):
            assert words in planner.brief
        walk.plan(cases=cases(("AC-001",), ("AC-002",), ("AC-002",)))
        walk.go()
        assert (walk.run(Role.REVIEWER).attempt, walk.run(Role.REVIEWER).state) == (2, "QUEUED")
        walk.review()
        walk.go()
        walk.send_review()
        assert walk.go() == "BUILD"
        developer = walk.run(Role.DEVELOPER)
        assert (developer.attempt, developer.state) == (2, "QUEUED")
        assert (
            "This is attempt 2. plan 2 is frozen; it replaces plan 1, because the lead's document 2 changed AC-002"
        ) in developer.brief
        assert "the payer keeps it" in developer.brief
        walk.develop(shares_py="x = 1\n")
        assert walk.go() == "VERIFY"

    def test_from_the_stitch_nothing_old_counts_as_verified(self, walk: Walk) -> None:
        walk.to_stitch(feature_py="x = 1\n")
        trial = walk.stitch.trial
        assert is_verified(walk.item, trial)
        change(walk, text_of())
        assert walk.go() == "PLAN"
        assert not is_verified(walk.item, trial)
        assert walk.stitch.state == "ABORTED"
        assert Worktree.objects.get().state == "ACTIVE"
        reasons = StageVisit.objects.filter(item=walk.item, stage="PLAN").order_by("pk")
        assert reasons[1].reason == f"{walk.lead.username} changed the document: revision 2"
        walk.plan()
        walk.go()
        walk.review()
        walk.go()
        walk.send_review()
        walk.go()
        walk.develop()
        assert walk.go() == "VERIFY"
        assert walk.verification.plan == walk.current_plan
        walk.verify()
        assert walk.go() == "STITCH"
        walk.sign()
        assert walk.go() == "DONE"

    def test_failures_of_the_old_plan_are_not_told_to_the_developer(self, walk: Walk) -> None:
        walk.to_verify(feature_py="x = 1\n")
        walk.verify("U-001")
        walk.go()
        assert "failed_cases" in walk.run(Role.DEVELOPER).brief
        runs.stop(run=walk.run(Role.DEVELOPER), by=walk.by, now=now())
        change(walk, text_of())
        walk.go()
        walk.plan()
        walk.go()
        walk.review()
        walk.go()
        walk.send_review()
        walk.go()
        assert "failed_cases" not in walk.run(Role.DEVELOPER).brief

    def test_in_plan_the_planner_begins_again(self, walk: Walk) -> None:
        walk.to_plan()
        runs.stop(run=walk.run(Role.PLANNER), by=walk.by, now=now())
        change(walk, text_of())
        assert walk.go() == "PLAN"
        planner = walk.run(Role.PLANNER)
        assert (planner.attempt, planner.state) == (2, "QUEUED")
        assert "the payer keeps it" in planner.brief
        assert "It was:" not in planner.brief
        walk.plan()
        walk.go()
        runs.stop(run=walk.run(Role.REVIEWER), by=walk.by, now=now())
        change(walk, text_of(constraints=["Old groups still load twice."]))
        walk.go()
        assert "No criterion changed: look at what else the document says now" in walk.run(Role.PLANNER).brief
        walk.plan()
        walk.go()
        assert walk.run(Role.REVIEWER).state == "QUEUED"

    def test_a_run_that_waits_is_stopped_with_it(self, walk: Walk) -> None:
        walk.to_build()
        run = walk.hold(Role.DEVELOPER)
        holding.ask(run=run, question="May I?", why="It is.", recommendation="Yes", options=["Yes"], now=now())
        holding.wait(run=run, reason=WaitReason.ANSWER, now=now())
        found = compare(item=walk.item, text=text_of(), by=walk.by)
        assert "1 run that waits or broke off is stopped for good." in found.consequences
        change(walk, text_of())
        assert walk.run(Role.DEVELOPER).state == "CANCELLED"
        assert walk.go() == "PLAN"

    def test_the_ledger_tells_it_in_one_go(self, walk: Walk) -> None:
        walk.to_stitch(feature_py="x = 1\n")
        before = Entry.objects.count()
        change(walk, text_of())
        assert [entry.verb for entry in Entry.objects.all()[before:]] == [
            "requirements.document.changed",
            "worktrees.stitch.aborted",
            "testplans.plan.superseded",
            "projects.item.moved_to_plan",
        ]


class TestRefusals:
    def plan(self) -> TestPlan:
        return f.make_frozen_plan()

    def test_not_while_a_run_is_at_work(self) -> None:
        plan = self.plan()
        f.make_running_run(plan.item, Role.DEVELOPER)
        with refused_without_effect(NotPermitted, "The developer is at work on the document as it is. Stop its run"):
            compare(item=plan.item, text=text_of(), by=f.human(f.lead_of(plan.item.project)))

    @pytest.mark.parametrize(
        ("stage", "words"),
        [
            ("ALIGN", "still being aligned: import the document instead"),
            ("DONE", "The item is done, so its document stays"),
            ("DROPPED", "The item is dropped, so its document stays"),
        ],
    )
    def test_not_at_every_stage(self, stage: str, words: str) -> None:
        item = self.plan().item
        WorkItem.objects.update(stage=stage)
        item.refresh_from_db()
        with refused_without_effect(NotPermitted, words):
            check_can_change(item, by=f.human(f.lead_of(item.project)))

    def test_not_after_the_signature_and_never_by_an_agent(self) -> None:
        stitch = f.make_stitch()
        with refused_without_effect(NotPermitted, "Only a person changes a document that is settled"):
            check_can_change(stitch.item, by=f.PIPELINE)
        owner = stitch.item.stitch_owner
        Stitch.objects.update(state="SIGNED", sentence="It is what we want.", signed_by=owner)
        with refused_without_effect(NotPermitted, "The merge is signed already; write a new item"):
            check_can_change(stitch.item, by=f.human(owner))

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("no document", "text before the first section"),
            (text_of(confidence="LOW", missing=["Who pays?"]), "a plan on it would test guesses; nothing was stored"),
            (text_of(goals=[{"id": "G-001", "text": "x", "criteria": []}]), "no acceptance criterion"),
        ],
    )
    def test_what_cannot_replace_it_is_refused(self, text: str, words: str) -> None:
        item = self.plan().item
        with refused_without_effect(BadInput, words):
            compare(item=item, text=text, by=f.human(f.lead_of(item.project)))

    def test_an_export_of_an_older_revision_is_refused(self) -> None:
        item = f.make_item()
        first = f.make_document(item)
        f.make_document(item, title="Split by shares, later")
        WorkItem.objects.update(stage="PLAN")
        item.refresh_from_db()
        with refused_without_effect(Conflict, "exported from revision 1, and revision 2 came since"):
            compare(item=item, text=text_of(first.digest), by=f.human(f.lead_of(item.project)))

    @pytest.mark.parametrize(
        ("part", "words"),
        [
            ("before", "The document changed since you compared it; nothing was stored"),
            ("after", "This is not the text that was compared; nothing was stored"),
            ("plan", "The test plan changed since you compared; nothing was stored"),
        ],
    )
    def test_it_is_bound_to_what_was_compared(self, part: str, words: str) -> None:
        item = self.plan().item
        by = f.human(f.lead_of(item.project))
        seen = seen_of(compare(item=item, text=text_of(), by=by))
        stale = Seen(**{**vars(seen), part: "sha256:other"})
        with refused_without_effect(Conflict, words):
            change_document(item=item, text=text_of(), seen=stale, by=by, now=now())

    def test_the_same_again_is_no_change(self) -> None:
        plan = self.plan()
        by = f.human(f.lead_of(plan.item.project))
        body = plan.revision.body
        text = to_markdown(body, number=1, digest=plan.revision.digest, item_title="Shares")
        found = compare(item=plan.item, text=text, by=by)
        assert found.is_same
        with refused_without_effect(BadInput, "This is revision 1 word for word; there is nothing to change"):
            change_document(item=plan.item, text=text, seen=seen_of(found), by=by, now=now())
