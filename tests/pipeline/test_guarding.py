"""What became of things settles claims, refunds trust, and stops who misses too often."""

from typing import Any

import pytest

from leadroom.agents.enums import Role
from leadroom.agents.models import Run
from leadroom.guardrails import bounding
from leadroom.guardrails.actions import release
from leadroom.guardrails.bounding import Asserted
from leadroom.guardrails.bounds import misses
from leadroom.guardrails.enums import Lock
from leadroom.guardrails.models import Claim, Switch, TrustEntry
from leadroom.guardrails.queries import standing_lock
from leadroom.guardrails.scopes import of_agent
from leadroom.lib.clock import now
from leadroom.pipeline.guarding import look
from leadroom.projects.models import WorkItem
from leadroom.worktrees.actions import keep_merge, sign
from tests import factories as f
from tests.support.parked import doer_of

pytestmark = pytest.mark.django_db


def claim(run: Run, what: str = "report", tool: str = "report", *, unsourced: tuple[str, ...] = ()) -> None:
    given = {"tool": tool, "call_id": f"{run.pk} {what}", "observed": [], "by": f.PIPELINE, "now": now()}
    bounding.note_answer(doer=doer_of(run), asserted=[Asserted(what, 0.9, 0.9)], unsourced=unsourced, **given)


def settled() -> dict[str, tuple[str, str]]:
    return {one.what: (one.outcome, one.outcome_why) for one in Claim.objects.all()}


def look_until_quiet(item: WorkItem) -> None:
    for _ in range(10):
        if not look(WorkItem.objects.select_related("project").get(pk=item.pk)):
            return
    pytest.fail("it never came to rest")


def test_a_recommendation_holds_when_the_lead_takes_it() -> None:
    item = f.make_aligned_item()
    claim(item.runs.get(role=Role.REQUIREMENTS), "A-001", "propose_ambiguities")
    assert look(item)
    assert settled() == {"A-001": ("held", "the lead took it")}
    assert not look(item)


def test_work_that_was_sent_back_did_not_hold() -> None:
    plan = f.make_frozen_plan()
    first = f.make_running_run(plan.item, Role.DEVELOPER)
    claim(first)
    assert not look(plan.item)
    f.finish_run(first)
    f.make_run(plan.item, Role.DEVELOPER)
    assert look(plan.item)
    assert settled()["report"] == ("missed", "it was sent back")


def merged() -> WorkItem:
    stitch = f.make_stitch()
    owner: dict[str, Any] = {"user_id": stitch.item.stitch_owner_id, "by": f.human(stitch.item.stitch_owner)}
    sign(stitch=stitch, sentence="It is what we want.", seen_digest=stitch.digest, is_verified=True, now=now(), **owner)
    run = f.make_running_run(stitch.item, Role.DEVELOPER)
    claim(run, unsourced=("the report",))
    f.finish_run(run)
    keep_merge(stitch=stitch, merge_commit="e" * 40, by=f.PIPELINE, now=now())
    return WorkItem.objects.select_related("project").get(pk=stitch.item_id)


def test_a_clean_merge_settles_and_refunds_each_agent_once() -> None:
    item = merged()
    look_until_quiet(item)
    assert settled()["report"] == ("held", "it was merged")
    agents = set(item.runs.values_list("agent_id", flat=True))
    refunds = TrustEntry.objects.filter(kind="refund")
    assert set(refunds.values_list("agent_id", flat=True)) == agents
    assert refunds.count() == len(agents)


def test_repeated_misses_lock_the_agent_until_a_person_acts_and_then_count_anew() -> None:
    plan = f.make_frozen_plan()
    run = f.make_running_run(plan.item, Role.DEVELOPER)
    for n in range(3):
        claim(run, f"report {n}")
    f.finish_run(run)
    f.make_run(plan.item, Role.DEVELOPER)
    look_until_quiet(plan.item)
    project = plan.item.project
    assert standing_lock(project.pk, run.agent_id) is Lock.READ_ONLY
    assert "missed 3 times in a row" in Switch.objects.get().reason
    scope = of_agent(run.agent_id, run.agent.name, project)
    release(scope=scope, seen_epoch=Switch.objects.get().epoch, by=f.human(f.lead_of(project)), now=now())
    assert misses(run.agent_id) == 0
