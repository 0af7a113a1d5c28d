"""The proof of the switch over several hosts: each answers for its own processes."""

import pytest
from django.conf import settings
from django.test import override_settings

from leadroom.agents import holding
from leadroom.agents.models import Run
from leadroom.guardrails import actions, scopes
from leadroom.guardrails.enums import Lock, SwitchState
from leadroom.guardrails.models import Switch
from leadroom.lib.clock import now
from leadroom.pipeline import hosts, locking, proof
from tests import factories as f

pytestmark = pytest.mark.django_db


def pressed_over(host: str) -> Switch:
    """Everything was made read-only while a run was held on `host`, which put it down."""
    run = f.make_running_run(f.make_item())
    Run.objects.filter(pk=run.pk).update(host=host)
    run.refresh_from_db()
    switch = actions.press(
        scope=scopes.EVERYTHING, level=Lock.READ_ONLY, reason="", by=f.human(f.lead_of(run.item.project)), now=now()
    )
    holding.halt(run=run, reason="The switch was pressed.", now=now())
    return switch


def state_of(switch: Switch) -> str:
    locking.tick()
    switch.refresh_from_db()
    return str(switch.state)


def test_it_is_not_verified_before_the_other_host_has_looked() -> None:
    switch = pressed_over("host-b")
    assert state_of(switch) == SwitchState.REQUESTED
    (told,) = [check["sentence"] for check in switch.checks if check["name"] == "hosts"]
    assert told.startswith("host-b has not looked yet, and run ")
    with override_settings(HOST_NAME="host-b"):
        proof.look_here(switch)
    assert state_of(switch) == SwitchState.VERIFIED, switch.checks
    assert "The same was seen on host-b, each of its own processes." in [row["sentence"] for row in switch.checks]


def test_a_look_counts_for_its_press_alone_and_is_taken_back_when_something_moves() -> None:
    switch = pressed_over("host-b")
    with override_settings(HOST_NAME="host-b"):
        hosts.note_look(switch, is_still=True)
        assert hosts.silent(switch, ["host-b"]) == []
        hosts.note_look(switch, is_still=False)
        assert hosts.silent(switch, ["host-b"]) == ["host-b"]
        hosts.note_look(switch, is_still=True)
        switch.epoch += 1
        assert hosts.silent(switch, ["host-b"]) == ["host-b"]


def test_on_one_host_nothing_is_left_behind_and_nothing_said_of_hosts() -> None:
    switch = pressed_over(settings.HOST_NAME)
    assert state_of(switch) == SwitchState.VERIFIED, switch.checks
    assert not [check for check in switch.checks if check["name"] == "hosts"]
    assert not list((settings.HOME_DIR / "run" / "looks").glob("*"))
