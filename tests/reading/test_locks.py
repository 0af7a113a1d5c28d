"""A lock that does not hold is a card that interrupts; one that is proven, or still young, is none."""

import datetime as dt

import pytest

from leadroom.guardrails import actions, scopes
from leadroom.guardrails.enums import Lock
from leadroom.guardrails.models import Switch
from leadroom.lib.clock import now
from leadroom.projects.models import Project
from leadroom.reading.queries import Waiting, waiting_for_lead
from tests import factories as f

pytestmark = pytest.mark.django_db
CHECKS = [{"name": "isolation", "ok": False, "sentence": "Level 0: the switch is a request."}]


@pytest.fixture
def project() -> Project:
    return f.make_project()


def press(scope: scopes.Scope, project: Project, *, seconds_ago: int) -> Switch:
    at = now() - dt.timedelta(seconds=seconds_ago)
    return actions.press(scope=scope, level=Lock.READ_ONLY, reason="", by=f.human(f.lead_of(project)), now=at)


def locks(project: Project) -> list[Waiting]:
    return [card for card in waiting_for_lead([project.pk]) if card.kind == "lock"]


def test_a_lock_that_is_not_proven_in_half_a_minute_interrupts(project: Project) -> None:
    switch = press(scopes.of_project(project), project, seconds_ago=31)
    actions.note_checks(switch=switch, checks=CHECKS, by=f.PIPELINE, now=now())
    (card,) = locks(project)
    assert card.is_urgent
    assert (card.subject_id, card.why) == (switch.pk, CHECKS[0]["sentence"])
    assert locks(f.make_project()) == []


def test_a_young_lock_and_a_proven_one_ask_nothing(project: Project) -> None:
    press(scopes.of_project(project), project, seconds_ago=5)
    proven = press(scopes.EVERYTHING, project, seconds_ago=60)
    actions.note_verification(switch=proven, is_enforced=True, checks=[], seconds=1, by=f.PIPELINE, now=now())
    assert locks(project) == []


def test_a_lock_that_is_only_a_request_is_told_to_every_project(project: Project) -> None:
    f.make_question(f.make_item(project))
    switch = press(scopes.EVERYTHING, project, seconds_ago=1)
    actions.note_verification(switch=switch, is_enforced=False, checks=CHECKS, seconds=1, by=f.PIPELINE, now=now())
    first, second = waiting_for_lead([project.pk])
    assert (first.kind, second.kind) == ("lock", "question")
    assert first.asked == "Read-only is not holding: everything"
    assert waiting_for_lead([]) == []
