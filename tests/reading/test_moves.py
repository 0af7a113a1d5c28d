"""Whose turn an item is, and the sentence that says so."""

from collections.abc import Callable
from typing import Any

import pytest

from leadroom.agents import holding
from leadroom.agents.actions import stop
from leadroom.agents.enums import Phase, Role, WaitReason
from leadroom.lib.states import Turn
from leadroom.pipeline.moves import drop
from leadroom.projects.actions import move_stage
from leadroom.projects.enums import Stage
from leadroom.projects.models import WorkItem
from leadroom.reading.moves import Move, Pace, next_move, next_moves
from leadroom.verification.actions import request
from leadroom.worktrees import actions as worktrees
from tests import factories as f

pytestmark = pytest.mark.django_db


def fresh(item: WorkItem) -> Move:
    return next_move(WorkItem.objects.select_related("project", "stitch_owner").get(pk=item.pk))


def test_a_new_item_is_leadrooms_turn() -> None:
    move = fresh(f.make_item())
    assert (move.turn, move.pace, move.run) == (Turn.MACHINE, Pace.IDLE, None)
    assert "starts the requirements agent" in move.sentence


def test_a_queued_run_waits_for_a_seat() -> None:
    run = f.make_run(f.make_item())
    move = fresh(run.item)
    assert (move.pace, move.state, move.run) == (Pace.WAITING, "QUEUED", run)


def test_a_run_at_work_is_named_with_its_phase() -> None:
    item = f.make_item()
    run = f.make_running_run(item, Role.DEVELOPER)
    holding.append_events(run=run, lines=[], now=f.NOW, phase=Phase.TESTS)
    move = fresh(item)
    assert move.turn is Turn.AGENT
    assert move.sentence == "The developer works, phase tests."


def test_a_rate_limit_says_until_when() -> None:
    item = f.make_item()
    run = f.make_running_run(item)
    holding.limit(run=run, until=f.NOW, now=f.NOW)
    move = fresh(item)
    assert (move.turn, move.pace) == (Turn.MACHINE, Pace.WAITING)
    assert "until 09:00:00" in move.sentence


def test_open_questions_are_the_leads_turn() -> None:
    item = f.make_item()
    f.make_ambiguities(item, 3)
    move = fresh(item)
    assert (move.turn, move.pace, move.kind, move.subject_id) == (Turn.HUMAN, Pace.NEEDS_YOU, "picks", item.pk)
    assert move.sentence == "Your turn: Pick 3 answers."


def test_a_light_item_does_not_ask_for_picks() -> None:
    item = f.make_item(risk="light")
    f.make_ambiguities(item, 1)
    move = fresh(item)
    assert move.turn is Turn.MACHINE
    assert "answers the requirements agent" in move.sentence


def test_an_agents_question_is_repeated_word_for_word() -> None:
    question = f.make_question(f.make_item())
    move = fresh(question.run.item)
    assert (move.kind, move.subject_id) == ("question", question.pk)
    assert move.sentence == "Your turn: May I rename it?"


def test_a_lost_run_asks_to_be_resumed() -> None:
    run = f.make_stopped_run(f.make_item())
    assert (fresh(run.item).kind, fresh(run.item).subject_id) == ("run", run.pk)


def test_a_stopped_run_leaves_the_item_with_the_lead() -> None:
    item = f.make_item()
    run = f.make_running_run(item)
    stop(run=run, by=f.human(f.lead_of(item.project)), now=f.NOW)
    move = fresh(item)
    assert (move.turn, move.pace, move.kind, move.run) == (Turn.HUMAN, Pace.NEEDS_YOU, "run", run)
    assert move.sentence == "Your turn: The requirements agent was stopped."


def test_a_plan_in_review_is_the_leads_turn() -> None:
    plan = f.make_plan()
    assert (fresh(plan.item).kind, fresh(plan.item).subject_id) == ("plan", plan.pk)


def test_a_queued_verification_is_the_machines() -> None:
    plan = f.make_frozen_plan()
    move_stage(item=plan.item, to=Stage.VERIFY, reason="built", by=f.PIPELINE, now=f.NOW)
    stitch = worktrees.open_stitch(item=plan.item, commit="c" * 40, by=f.PIPELINE, now=f.NOW)
    assert "tries the merge" in fresh(plan.item).sentence
    worktrees.keep_trial(
        stitch=stitch, onto="a" * 40, tree="b" * 40, trial="d" * 40, conflicts=[], by=f.PIPELINE, now=f.NOW
    )
    request(item=plan.item, plan=plan, commit="d" * 40, by=f.PIPELINE, now=f.NOW)
    move = fresh(plan.item)
    assert (move.turn, move.pace) == (Turn.MACHINE, Pace.WAITING)
    assert "queued" in move.sentence


def test_a_clean_stitch_waits_for_its_owner_then_for_the_merge() -> None:
    stitch = f.make_stitch()
    assert fresh(stitch.item).kind == "stitch"
    owner = stitch.item.stitch_owner
    worktrees.sign(
        stitch=stitch,
        sentence="Shares are simple and stay so.",
        seen_digest=stitch.digest,
        is_verified=True,
        user_id=owner.pk,
        by=f.human(owner),
        now=f.NOW,
    )
    assert fresh(stitch.item).sentence == "Signed: Leadroom writes the merge."


def test_ends_say_what_came_of_it() -> None:
    item = f.make_item()
    drop(item=item, by=f.human(f.lead_of(item.project)), now=f.NOW)
    move = fresh(item)
    assert (move.turn, move.pace, move.state) == (Turn.NOBODY, Pace.DONE, "DROPPED")
    assert move.sentence.startswith("Dropped: dropped by lead-")


def test_a_later_run_hides_an_ended_one_but_not_an_open_one() -> None:
    item = f.make_item()
    open_run = f.make_running_run(item, Role.REQUIREMENTS)
    f.finish_run(f.make_running_run(item, Role.DEVELOPER))
    assert fresh(item).run == open_run
    f.finish_run(open_run)
    assert fresh(item).run is not None
    assert fresh(item).run.role == Role.DEVELOPER  # type: ignore[union-attr]


def _waiting(item: WorkItem) -> None:
    run = f.make_running_run(item)
    holding.wait(run=run, reason=WaitReason.PICKS, now=f.NOW)


@pytest.mark.parametrize("walk", [f.make_running_run, f.make_stopped_run, _waiting])
def test_three_items_cost_what_one_costs(walk: Callable[..., Any], django_assert_num_queries: Any) -> None:
    project = f.make_project()
    for count in (1, 3):
        while WorkItem.objects.count() < count:
            walk(f.make_item(project))
        items = list(WorkItem.objects.select_related("project", "stitch_owner"))
        with django_assert_num_queries(15):
            assert len(next_moves(items)) == count
