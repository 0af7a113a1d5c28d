"""What reaches a reviewer's model: the requirements document and the plan, and nothing else of the item or the host."""

import json

import pytest

from leadroom.agents.enums import Role
from leadroom.agents.models import Run
from leadroom.pipeline.reconcile import reconcile
from leadroom.projects.models import Project, WorkItem
from leadroom.testplans.actions import open_agent_review
from leadroom.testplans.models import Review
from tests import factories as f
from tests.support.stage import Rehearsal, Stage, recorded_rehearsal

pytestmark = [pytest.mark.django_db(transaction=True)]
SECRETS = {
    "request": "request-canary-7741",
    "planner": "planner-session-canary-7742",
    "repository": "repository-canary-7743",
    "pick": "The first named of A-001",
}


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory):
    with recorded_rehearsal(tmp_path_factory.mktemp("blind")) as server:
        yield server


def reviewed(stage: Stage, rehearsal: Rehearsal) -> tuple[WorkItem, list[Run]]:
    """A critical item whose two reviewers have both played the scripted review."""
    stage.source.commit("a secret", secret_txt=SECRETS["repository"])
    stage.connect(rehearsal.url)
    Project.objects.filter(pk=stage.project.pk).update(is_rehearsal=True)
    stage.project.refresh_from_db()
    item = f.make_aligned_item(
        stage.project, risk="critical", text=f"Split by shares\n{SECRETS['request']}", title="Split by shares"
    )
    WorkItem.objects.filter(pk=item.pk).update(rehearsal_script="critical")
    author = f.make_running_run(item, Role.PLANNER)
    Run.objects.filter(pk=author.pk).update(brief=SECRETS["planner"], system_prompt=SECRETS["planner"])
    cases = [f.case_shape(key, layer) for key, layer in (("U-001", "unit"), ("I-001", "integration"))]
    cases += [f.case_shape(key, "end_to_end") for key in ("E-004", "E-005")]
    plan = f.submit_plan(item, run_id=author.pk, cases=cases)
    f.finish_run(author)
    open_agent_review(plan=plan, by=f.PIPELINE, now=f.NOW)
    reconcile(item.pk)
    runs = list(Run.objects.filter(item=item, role=Role.REVIEWER).order_by("pk"))
    for run in runs:
        stage.perform(run)
    return item, runs


def test_a_reviewer_sees_document_and_plan_and_nothing_else(stage: Stage, rehearsal: Rehearsal) -> None:
    item, runs = reviewed(stage, rehearsal)
    assert [(run.lane, run.state) for run in runs] == [("main", "COMPLETED"), ("second", "COMPLETED")]
    assert Review.objects.filter(plan__item=item).count() == 2
    plan = item.plans.get()
    asked = [call["body"] for call in rehearsal.requests()]
    assert len(asked) >= 4
    briefs = [body["messages"][0] for body in asked]
    for body, brief in zip(asked, briefs, strict=True):
        text = json.dumps(body, ensure_ascii=False)
        for what, canary in SECRETS.items():
            assert canary not in text, what
        for path in (str(stage.home), str(stage.source.path), "secret.txt"):
            assert path not in text
        told = brief["content"] if isinstance(brief["content"], str) else brief["content"][0]["text"]
        assert json.dumps(plan.body, indent=1, ensure_ascii=False) in told
        assert json.dumps(plan.revision.body, indent=1, ensure_ascii=False) in told
        assert {tool["name"] for tool in body["tools"]} == {"submit_review", "report"}


def test_the_second_reviewer_starts_afresh_and_hears_nothing_of_the_first(stage: Stage, rehearsal: Rehearsal) -> None:
    before = len(rehearsal.requests())
    _, runs = reviewed(stage, rehearsal)
    asked = [call["body"] for call in rehearsal.requests()[before:]]
    firsts = [body for body in asked if len(body["messages"]) == 1]
    assert len(firsts) == len(runs) == 2
    words = Review.objects.filter(run_id=runs[0].pk).get().summary
    assert words not in json.dumps(firsts[1], ensure_ascii=False)
    assert firsts[0]["system"] == firsts[1]["system"]
