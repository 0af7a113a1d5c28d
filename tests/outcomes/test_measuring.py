"""What shipping an item took: every figure beside the sum made by hand."""

import datetime as dt
import itertools

import pytest

from leadroom.outcomes.enums import Lane
from leadroom.outcomes.measuring import Fact, Segment, first_review, interventions, measure, rework, timeline
from leadroom.projects.enums import Stage

T0 = dt.datetime(2026, 11, 16, 8, 0, tzinfo=dt.UTC)


def at(minute: float) -> dt.datetime:
    return T0 + dt.timedelta(minutes=minute)


def by_machine(minute: float, verb: str, subject: str = "", why: str = "") -> Fact:
    return Fact(at(minute), False, verb, subject, why)


def by_person(minute: float, verb: str, subject: str = "") -> Fact:
    return Fact(at(minute), True, verb, subject)


ITEM = [
    by_person(0, "projects.item.created"),
    by_machine(1, "agents.run.queued", "run:1"),
    by_machine(2, "agents.run.started", "run:1"),
    by_machine(12, "agents.run.waiting", "run:1"),  # picks
    by_person(42, "requirements.ambiguity.resolved"),
    by_person(42, "requirements.ambiguity.resolved"),  # the same press
    by_machine(43, "agents.run.resumed", "run:1"),
    by_machine(44, "agents.run.started", "run:1"),
    by_machine(50, "agents.run.completed", "run:1"),
    by_machine(51, "projects.item.moved_to_plan"),
    by_machine(52, "agents.run.started", "run:2"),
    by_machine(60, "agents.run.completed", "run:2"),
    by_machine(61, "testplans.plan.handed_to_lead", "plan:1"),
    by_person(81, "testplans.plan.returned", "plan:1"),
    by_machine(82, "agents.run.started", "run:3"),
    by_machine(90, "agents.run.completed", "run:3"),
    by_machine(91, "testplans.plan.handed_to_lead", "plan:2"),
    by_person(101, "testplans.plan.frozen", "plan:2"),
    by_machine(102, "projects.item.moved_to_build"),
    by_machine(103, "agents.run.started", "run:4"),
    by_person(110, "agents.run.steered", "run:4"),
    by_machine(123, "agents.run.lost", "run:4"),
    by_person(133, "agents.run.retried", "run:4"),
    by_machine(134, "agents.run.started", "run:4"),
    by_machine(140, "guardrails.request.parked", "request:1", "irreversible"),
    by_machine(140, "agents.run.waiting", "run:4"),
    by_person(145, "guardrails.request.granted", "request:1"),
    by_machine(146, "agents.run.resumed", "run:4"),
    by_machine(147, "agents.run.started", "run:4"),
    by_machine(160, "agents.run.completed", "run:4"),
    by_machine(161, "projects.item.moved_to_verify"),
    by_machine(165, "verification.run.failed"),
    by_machine(166, "projects.item.moved_to_build"),
    by_machine(167, "agents.run.started", "run:5"),
    by_machine(177, "agents.run.completed", "run:5"),
    by_machine(178, "projects.item.moved_to_verify"),
    by_machine(182, "verification.run.passed"),
    by_machine(183, "projects.item.moved_to_stitch"),
    by_person(193, "projects.item.moved_to_build"),  # sent back by the owner
    by_machine(194, "agents.run.started", "run:6"),
    by_machine(204, "agents.run.completed", "run:6"),
    by_machine(205, "projects.item.moved_to_verify"),
    by_machine(209, "projects.item.moved_to_stitch"),
    by_person(239, "worktrees.stitch.signed"),
    by_machine(240, "projects.item.moved_to_done"),
]
WORKED = 10 + 6 + 8 + 8 + 20 + 6 + 13 + 10 + 10
"""Minutes: runs 1 (twice), 2, 3, 4 (lost, parked, done), 5 and 6."""
HUMAN = 31 + 20 + 10 + 10 + 6 + 1 + 10 + 30
"""Minutes: picks 12 to 43, plan 61 to 81 and 91 to 101, lost 123 to 133, parked 140 to 146, failed verification
165 to 166, stitch 183 to 193 and 209 to 239."""


def test_an_items_figures_are_those_worked_out_by_hand() -> None:
    found = measure(ITEM, created_at=T0, ended_at=at(240))
    assert found.worked_seconds == WORKED * 60
    assert found.human_seconds == HUMAN * 60
    assert found.machine_seconds == (240 - WORKED - HUMAN) * 60
    assert found.align_seconds == 31 * 60
    assert found.review_seconds == (20 + 10 + 1 + 10 + 30) * 60
    assert found.first_review_seconds == 193 * 60
    # planned: the picks (one press), plan returned, plan frozen, the irreversible action, the signature
    assert found.planned == 5
    # unplanned: steered, retried, sent back
    assert found.unplanned == 3
    # sent back: the returned plan and the stitch; by checks: the failed verification
    assert (found.sent_back, found.failed_checks) == (2, 1)


def test_the_lanes_fill_the_whole_life_without_gap_or_overlap() -> None:
    segments = timeline(ITEM, created_at=T0, ended_at=at(240))
    assert (segments[0].start, segments[-1].end) == (T0, at(240))
    assert all(one.end == next_.start for one, next_ in itertools.pairwise(segments))
    assert segments[1] == Segment(at(2), at(12), Lane.WORKED, Stage.ALIGN)
    assert segments[2] == Segment(at(12), at(43), Lane.HUMAN, Stage.ALIGN)


def test_while_one_agent_works_the_waiting_of_another_does_not_count() -> None:
    facts = [
        by_machine(0, "agents.run.started", "run:1"),
        by_machine(1, "agents.run.started", "run:2"),
        by_machine(5, "agents.run.waiting", "run:1"),
        by_machine(9, "agents.run.completed", "run:2"),
    ]
    lanes = [(one.lane, one.seconds / 60) for one in timeline(facts, created_at=T0, ended_at=at(20))]
    assert lanes == [(Lane.WORKED, 9), (Lane.HUMAN, 11)]


def test_an_item_held_back_waits_for_its_person() -> None:
    facts = [
        by_person(1, "requirements.alignment.held"),
        by_machine(2, "agents.run.started", "run:1"),
        by_machine(10, "agents.run.completed", "run:1"),
        by_person(60, "requirements.alignment.fired"),
    ]
    human = [one for one in timeline(facts, created_at=T0, ended_at=at(61)) if one.lane is Lane.HUMAN]
    assert [(one.start, one.end) for one in human] == [(at(1), at(2)), (at(10), at(60))]


def test_clocks_that_run_backwards_never_give_negative_time() -> None:
    facts = [
        by_machine(10, "agents.run.started", "run:1"),
        by_machine(4, "agents.run.waiting", "run:1"),  # another host's clock
        by_machine(500, "agents.run.resumed", "run:1"),  # beyond the end
    ]
    segments = timeline(facts, created_at=T0, ended_at=at(20))
    assert [(one.lane, one.seconds) for one in segments] == [(Lane.MACHINE, 600), (Lane.HUMAN, 600)]


@pytest.mark.parametrize(
    ("why", "expected"), [("irreversible", (1, 0)), ("trust_empty", (0, 1)), ("below_floor", (0, 1))]
)
def test_only_an_irreversible_action_is_a_gate(why: str, expected: tuple[int, int]) -> None:
    facts = [
        by_machine(0, "guardrails.request.parked", "request:1", why),
        by_person(1, "guardrails.request.refused", "request:1"),
    ]
    assert interventions(facts) == expected


def test_what_leadroom_does_by_itself_is_no_intervention() -> None:
    facts = [
        by_machine(0, "agents.run.retried"),
        by_machine(1, "testplans.plan.frozen"),
        by_person(2, "projects.item.risk_set"),
    ]
    assert interventions(facts) == (0, 0)


def test_an_untouched_item_needs_no_rework_and_no_review_yet() -> None:
    facts = [by_machine(0, "projects.item.moved_to_plan"), by_machine(1, "projects.item.moved_to_build")]
    assert rework(facts) == (0, 0)
    assert first_review(facts) is None
