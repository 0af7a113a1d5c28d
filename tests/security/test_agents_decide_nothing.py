"""An agent in a person's place: every action refuses it, and nothing of it stays. No tool leads to one anyway."""

import importlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from leadroom.agents.actions import stop
from leadroom.agents.enums import Role
from leadroom.ledger.actions import record
from leadroom.ledger.rules import AGENT_VERBS
from leadroom.lib.actors import Actor, ActorKind
from leadroom.lib.errors import NotPermitted
from leadroom.pipeline import connecting, moves
from leadroom.projects.enums import Stage
from leadroom.projects.models import WorkItem
from leadroom.runners import gate
from leadroom.runners.base import ToolCall, Workplace
from tests import factories as f
from tests.house.scenes import every_scene
from tests.support import parked
from tests.support.refusals import refused_without_effect
from tests.support.snapshot import changed_tables, snapshot
from tests.worktrees.repositories import small_repository

pytestmark = [pytest.mark.security, pytest.mark.django_db]
SCENES = every_scene()
AGENT = Actor(ActorKind.AGENT, "run:1", "Developer (run 1)")


def module_of(room: str) -> str:
    odd = {"holding": "leadroom.agents.holding", "bounding": "leadroom.guardrails.bounding"}
    return odd.get(room, f"leadroom.{room}.actions")


def with_actor(room: str, name: str) -> Callable[..., Any] | None:
    """The action a scene is about, when it asks who does it."""
    function = getattr(importlib.import_module(module_of(room)), name)
    return function if "by" in inspect.signature(function).parameters else None


HUMAN_ONLY = [
    scene
    for scene, (_, verbs) in SCENES.items()
    if with_actor(*scene.split(".")) is not None and not set(verbs) <= AGENT_VERBS
]


def test_the_actions_that_agents_must_not_reach_are_found() -> None:
    assert len(HUMAN_ONLY) >= 25
    assert {"worktrees.sign", "testplans.send_review", "testplans.freeze_light", "agents.answer"} <= set(HUMAN_ONLY)
    assert {"agents.set_endpoint", "projects.create_item", "requirements.resolve"} <= set(HUMAN_ONLY)


@pytest.mark.parametrize("scene", HUMAN_ONLY)
def test_an_agent_in_a_persons_place_changes_nothing(scene: str, monkeypatch: pytest.MonkeyPatch) -> None:
    room, name = scene.split(".")
    action = with_actor(room, name)
    assert action is not None
    call = SCENES[scene][0]()
    asked: list[str] = []

    def by_an_agent(**given: Any) -> Any:
        asked.append(name)
        return action(**{**given, "by": AGENT})

    monkeypatch.setattr(importlib.import_module(module_of(room)), name, by_an_agent)
    scenes = [module for path, module in sys.modules.items() if path.startswith("tests.house.scenes")]
    for module in (f, parked, *scenes):
        if getattr(module, name, None) is action:
            monkeypatch.setattr(module, name, by_an_agent)
    with refused_without_effect(NotPermitted, " "):
        call()
    assert asked


def test_moves_of_the_lead_are_not_the_agents(tmp_path: Path, settings: Any) -> None:
    settings.HOME_DIR = tmp_path / "home"
    (settings.HOME_DIR / "run").mkdir(parents=True)
    source = small_repository(tmp_path / "shop").path
    user, who = f.make_user(), {"by": AGENT, "now": f.NOW}
    sent_back = f.make_stitch().item
    unclear = f.make_item()
    f.make_document(unclear, confidence="LOW", missing=["Who may see it."])
    stopped = f.make_item()
    stop(run=f.make_running_run(stopped), by=f.human(user), now=f.NOW)
    calls: list[Callable[[], object]] = [
        lambda: moves.send_back(item=sent_back, text="Again.", **who),
        lambda: moves.supply_missing(item=unclear, text="Everybody.", **who),
        lambda: moves.start_again(item=stopped, **who),
        lambda: moves.drop(item=stopped, **who),
        lambda: connecting.connect_project(name="Shop", source=source, lead=user, **who),
    ]
    for call in calls:
        with refused_without_effect(NotPermitted, " "):
            call()


def test_an_entry_of_an_agent_is_one_of_a_few() -> None:
    item = f.make_item()
    words = ("frozen", "resolved", "signed", "merged", "answered", "stopped", "granted", "created", "changed")
    assert not [verb for verb in AGENT_VERBS if verb.endswith(words)]
    with refused_without_effect(NotPermitted, "An agent may not do this (testplans.plan.frozen)"):
        record(by=AGENT, now=f.NOW, verb="testplans.plan.frozen", subject="testplans.plan:1", item_id=item.pk)


ATTEMPTS = (
    *("approve", "freeze", "sign", "merge", "resolve", "answer", "pick", "set_risk", "send_review", "publish"),
    *("set_endpoint", "__class__", "report\u200b", "REPORT", "submit_plan;submit_review", "../sign", ""),
)


@pytest.mark.parametrize("name", ATTEMPTS)
def test_no_tool_of_such_a_name_is_there(name: str) -> None:
    run = f.make_running_run(f.make_item())
    before = snapshot()
    outcome = async_to_sync(gate.use_tool)(Workplace(run, None, None), ToolCall("1", name, {"verdict": "approve"}))
    assert outcome.is_error
    assert changed_tables(before) == {}


EXTRAS = ({"by": "human:1"}, {"actor": {"kind": "human", "id": "1"}}, {"user_id": 1}, {"item_id": 999}, {"run_id": 1},
          {"state": "FROZEN"}, {"frozen_by": "lead"}, {"is_human": True}, {"__class__": "Actor"})  # fmt: skip


@pytest.mark.parametrize("extra", EXTRAS)
def test_a_tool_takes_no_field_that_says_who_or_for_what(extra: dict[str, Any]) -> None:
    item = f.make_aligned_item()
    run = f.make_running_run(item, Role.PLANNER)
    before = snapshot()
    call = ToolCall("1", "submit_plan", {**f.plan_shape(), **extra})
    outcome = async_to_sync(gate.use_tool)(Workplace(run, None, None), call)
    assert outcome.is_malformed
    assert changed_tables(before) == {}


def test_an_agent_raises_a_risk_but_never_lowers_a_judged_one() -> None:
    item = f.make_item(risk="critical")
    run = f.make_running_run(item)
    body = {"risk": {"level": "light", "reason": "It is nothing."}, "ambiguities": [f.ambiguity_shape("A-001")]}
    async_to_sync(gate.use_tool)(Workplace(run, None, None), ToolCall("1", "propose_ambiguities", body))
    assert WorkItem.objects.get(pk=item.pk).risk == "critical"
    assert WorkItem.objects.get(pk=item.pk).stage == Stage.ALIGN
