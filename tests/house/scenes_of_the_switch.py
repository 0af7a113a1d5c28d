"""Scenes of the read-only switch and of what it halts."""

from leadroom.agents import actions as agents
from leadroom.agents import holding
from leadroom.guardrails import actions as guardrails
from leadroom.guardrails.enums import Lock
from leadroom.guardrails.models import Switch
from leadroom.guardrails.scopes import EVERYTHING
from tests import factories as f
from tests.house.scenes import WHO, Ready, held, lead, scene


def pressed() -> Switch:
    return guardrails.press(scope=EVERYTHING, level=Lock.READ_ONLY, reason="", **WHO)


@scene("guardrails.press", "guardrails.switch.locked")
def _() -> Ready:
    return lambda: guardrails.press(scope=EVERYTHING, level=Lock.READ_ONLY, reason="", **WHO)


@scene("guardrails.release", "guardrails.switch.released")
def _() -> Ready:
    switch, user = pressed(), f.make_user()
    who = {"by": f.human(user), "now": f.NOW}
    return lambda: guardrails.release(scope=EVERYTHING, seen_epoch=switch.epoch, **who)


@scene("guardrails.note_verification", "guardrails.switch.verified")
def _() -> Ready:
    switch = pressed()
    return lambda: guardrails.note_verification(switch=switch, is_enforced=True, checks=[], seconds=0.1, **WHO)


@scene("guardrails.note_checks", "guardrails.switch.unproven")
def _() -> Ready:
    switch = pressed()
    return lambda: guardrails.note_checks(switch=switch, checks=[{"name": "x", "ok": False, "sentence": "X."}], **WHO)


@scene("holding.halt", "agents.run.halted")
def _() -> Ready:
    run = held()
    return lambda: holding.halt(run=run, reason="x", now=f.NOW)


@scene("agents.ask_read_only", "agents.run.asked_read_only")
def _() -> Ready:
    run = held()
    holding.halt(run=run, reason="x", now=f.NOW)
    run.refresh_from_db()
    return lambda: agents.ask_read_only(run=run, text="Where?", **lead(run))
