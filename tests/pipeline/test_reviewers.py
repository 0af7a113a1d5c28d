"""Reviewers of a plan: as many as risk and project ask for, side by side, and the plan waits for all of them."""

import pytest

from leadroom.agents.actions import stop
from leadroom.agents.enums import Role
from leadroom.agents.models import Run
from leadroom.ledger.models import Entry
from leadroom.lib.clock import now
from leadroom.pipeline.moves import start_again
from leadroom.projects.models import Project
from leadroom.reading.queries import waiting_for_lead
from tests.pipeline.walker import Walk
from tests.worktrees.repositories import UserRepository

pytestmark = pytest.mark.django_db
FINDING = {"case": "U-001", "kind": "hole", "severity": "major", "text": "No zero shares."}


def test_a_critical_plan_has_two_reviewers_in_sessions_of_their_own(project: Project, source: UserRepository) -> None:
    walk = Walk(project, source, risk="critical")
    walk.to_plan()
    plan = walk.plan()
    walk.go()
    runs = list(Run.objects.filter(item=walk.item, role=Role.REVIEWER))
    assert [(run.lane, run.state) for run in runs] == [("main", "QUEUED"), ("second", "QUEUED")]
    assert runs[0].brief == runs[1].brief
    walk.review("change", FINDING)
    assert {review.run_id for review in plan.reviews.all()} == {run.pk for run in runs}
    walk.go()
    brief = walk.run(Role.PLANNER).brief
    assert brief.count("finding major hole: No zero shares.") == 2
    assert "- F-2 U-001" in brief


def test_the_plan_waits_for_the_slower_reviewer(project: Project, source: UserRepository) -> None:
    walk = Walk(project, source, risk="critical")
    walk.to_plan()
    walk.plan()
    walk.go()
    first, second = Run.objects.filter(item=walk.item, role=Role.REVIEWER)
    stop(run=second, by=walk.by, now=now())
    walk.review()
    walk.go()
    assert walk.current_plan.state == "AGENT_REVIEW"
    assert [card.subject_id for card in waiting_for_lead([project.pk]) if card.kind == "run"] == [second.pk]
    start_again(item=walk.item, by=walk.by, now=now())
    again = walk.run(Role.REVIEWER)
    assert (again.lane, again.attempt, again.brief) == ("second", 2, first.brief)
    walk.review()
    walk.go()
    assert walk.current_plan.state == "LEAD_REVIEW"


def test_a_project_may_let_the_machine_checks_suffice_for_light_items(project: Project, source: UserRepository) -> None:
    Project.objects.filter(pk=project.pk).update(plan_reviewers={"light": 0, "standard": 0})
    walk = Walk(project, source, risk="light")
    walk.to_plan()
    walk.plan()
    assert walk.go() == "BUILD"
    assert not Run.objects.filter(role=Role.REVIEWER).exists()
    frozen = Entry.objects.get(verb="testplans.plan.frozen")
    assert frozen.payload["reason"] == "light: machine checks suffice in this project"
