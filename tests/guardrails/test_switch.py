"""Pressing and releasing: the row, the flag file, what is refused under it, and what cannot be read."""

import datetime as dt
import json
import os
import stat

import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError

from leadroom.agents import holding
from leadroom.agents.actions import retry
from leadroom.agents.enums import Role, RunState
from leadroom.agents.models import Run
from leadroom.agents.queries import next_queued
from leadroom.guardrails import actions, flag, queries, scopes
from leadroom.guardrails.enums import Lock, SwitchState
from leadroom.guardrails.models import Switch
from leadroom.guardrails.scopes import Scope
from leadroom.ledger.models import Entry
from leadroom.lib.actors import Actor, ActorKind, system
from leadroom.lib.errors import BadInput, Conflict, Locked, NotPermitted
from leadroom.pipeline import locking, moves
from leadroom.pipeline.reconcile import reconcile
from leadroom.projects.models import Project
from leadroom.runners import gate
from leadroom.runners.base import ToolCall, Workplace
from leadroom.testplans.actions import send_review
from leadroom.testplans.enums import ReviewVerdict
from leadroom.verification import actions as verifications
from leadroom.worktrees.actions import sign
from tests import factories as f
from tests.support.snapshot import changed_tables, snapshot

pytestmark = pytest.mark.django_db
PERSON = Actor(ActorKind.HUMAN, "1", "Lea")
AGENT = Actor(ActorKind.AGENT, "run:1", "Developer (run 1)")
EVERYTHING = scopes.EVERYTHING


def press(scope: Scope = EVERYTHING, level: Lock = Lock.READ_ONLY, by: Actor = PERSON) -> Switch:
    return actions.press(scope=scope, level=level, reason="A drill", by=by, now=f.NOW)


def release(switch: Switch, scope: Scope = EVERYTHING, by: Actor = PERSON) -> Switch:
    return actions.release(scope=scope, seen_epoch=switch.epoch, by=by, now=f.NOW)


def agent_scope(project: Project, role: Role = Role.DEVELOPER) -> Scope:
    agent = project.agents.get(role=role)
    return scopes.of_agent(agent.pk, agent.name, project)


def test_a_press_is_in_the_row_the_file_and_the_ledger_and_a_release_takes_it_back() -> None:
    switch = press()
    assert (switch.level, switch.state, switch.epoch) == (Lock.READ_ONLY, SwitchState.REQUESTED, 1)
    assert flag.read_flag().locks == {"everything": Lock.READ_ONLY}
    assert stat.S_IMODE(os.stat(flag.flag_path()).st_mode) == 0o600
    opened = release(switch)
    assert (opened.level, opened.state, opened.epoch) == (Lock.OPEN, SwitchState.OFF, 2)
    assert flag.read_flag().locks == {}
    verbs = list(Entry.objects.filter(subject=f"guardrails.switch:{switch.pk}").values_list("verb", flat=True))
    assert verbs == ["guardrails.switch.locked", "guardrails.switch.released"]


def test_pressed_twice_it_is_the_same_press() -> None:
    assert press().epoch == press().epoch == 1
    assert Entry.objects.filter(verb="guardrails.switch.locked").count() == 1


def test_a_pause_becomes_read_only_and_never_the_other_way() -> None:
    assert press(level=Lock.PAUSED).level == Lock.PAUSED
    assert press().epoch == 2
    with pytest.raises(Conflict, match="more than paused"):
        press(level=Lock.PAUSED)
    assert flag.read_flag().locks == {"everything": Lock.READ_ONLY}


@pytest.mark.parametrize(("by", "may_press"), [(PERSON, True), (system("calibration"), True), (AGENT, False)])
def test_people_and_rules_lock_and_only_people_unlock(by: Actor, may_press: bool) -> None:
    if may_press:
        press(by=by)
    else:
        with pytest.raises(NotPermitted, match="An agent does not set"):
            press(by=by)
        assert flag.read_flag().locks == {}
    switch = press()
    if not by.is_human:
        with pytest.raises(NotPermitted, match="Only a signed-in person unlocks"):
            release(switch, by=by)
        assert queries.standing_lock(None) is Lock.READ_ONLY


def test_what_was_not_seen_is_not_unlocked() -> None:
    seen = press(level=Lock.PAUSED)
    press()
    with pytest.raises(Conflict, match="changed meanwhile"):
        release(seen)
    with pytest.raises(BadInput):
        press(level=Lock.OPEN)


def test_a_lock_covers_its_scope_and_nothing_beside_it() -> None:
    project, other = f.make_project(), f.make_project()
    developer = agent_scope(project)
    press(developer)
    assert queries.standing_lock(project.pk, developer.target) is Lock.READ_ONLY
    assert queries.standing_lock(project.pk, agent_scope(project, Role.PLANNER).target) is Lock.OPEN
    assert queries.standing_lock(project.pk) is Lock.OPEN
    press(scopes.of_project(project), Lock.PAUSED)
    assert queries.standing_lock(project.pk, agent_scope(project, Role.PLANNER).target) is Lock.PAUSED
    assert queries.standing_lock(project.pk, developer.target) is Lock.READ_ONLY
    assert queries.standing_lock(other.pk) is Lock.OPEN


UNREADABLE = {
    "not JSON": "{ half",
    "another shape": "[]",
    "no locks": '{"writes": 1}',
    "a level nobody sets": json.dumps({"locks": {"everything": "open"}, "writes": 1}),
    "endless nesting": "[" * 100_000,
    "half a character": '{"locks": {"\\ud800": "paused"}, "writes": "x"}',
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_a_flag_that_cannot_be_read_locks_everything_until_a_person_mends_it(content: str) -> None:
    flag.flag_path().write_text(content)
    assert queries.standing_lock(1, 1) is Lock.UNREADABLE
    with pytest.raises(Locked, match="cannot read its read-only flag"):
        queries.check_unlocked(1)
    switch = press()
    assert queries.standing_lock(1, 1) is Lock.READ_ONLY
    release(switch)
    assert queries.standing_lock(1, 1) is Lock.OPEN


def test_a_folder_in_its_place_locks_everything() -> None:
    flag.flag_path().mkdir()
    try:
        assert queries.standing_lock(1) is Lock.UNREADABLE
    finally:
        flag.flag_path().rmdir()


def test_a_database_that_cannot_be_asked_locks_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(queries, "locks_in_database", fail)
    assert queries.standing_lock(1) is Lock.UNREADABLE


def test_the_row_locks_when_the_file_is_gone_and_the_file_is_written_again() -> None:
    press()
    flag.flag_path().unlink()
    assert queries.standing_lock(1) is Lock.READ_ONLY
    locking.settle_flag()
    assert flag.read_flag().locks == {"everything": Lock.READ_ONLY}


@pytest.fixture(autouse=True)
def nothing_doubtful() -> None:
    """What another test's flag file was found to say is forgotten, as the file is."""
    locking._doubtful.clear()


def test_a_lock_set_while_the_database_was_away_is_taken_over_at_the_second_look() -> None:
    project = f.make_project()
    flag.engage(f"project:{project.pk}", Lock.READ_ONLY)
    flag.engage("agent:999999", Lock.READ_ONLY)
    locking.settle_flag()
    assert not Switch.objects.exists()
    locking.settle_flag()
    switch = Switch.objects.get()
    assert (switch.key, switch.level, switch.project) == (f"project:{project.pk}", Lock.READ_ONLY, project)


def test_a_file_that_locks_more_than_the_row_is_taken_over_too() -> None:
    project = f.make_project()
    actions.press(scope=scopes.of_project(project), level=Lock.PAUSED, reason="A look.", by=PERSON, now=f.NOW)
    flag.engage(f"project:{project.pk}", Lock.READ_ONLY)
    locking.settle_flag()
    locking.settle_flag()
    assert Switch.objects.get().level == Lock.READ_ONLY
    assert flag.read_flag().locks == {f"project:{project.pk}": Lock.READ_ONLY}


@pytest.mark.parametrize("hours", [-2, 2, -24 * 365])
def test_a_clock_that_moved_neither_unlocks_nor_proves(hours: int) -> None:
    switch = press()
    later = f.NOW + dt.timedelta(hours=hours)
    assert queries.standing_lock(1) is Lock.READ_ONLY
    actions.note_verification(switch=switch, is_enforced=True, checks=[], seconds=0.2, by=PERSON, now=later)
    switch.refresh_from_db()
    assert (switch.state, switch.verified_seconds) == (SwitchState.VERIFIED, 0.2)
    opened = actions.release(scope=EVERYTHING, seen_epoch=switch.epoch, by=PERSON, now=later)
    assert opened.level == Lock.OPEN


def test_a_proof_of_an_older_press_counts_for_nothing() -> None:
    old = press()
    release(old)
    press()
    assert not actions.note_verification(switch=old, is_enforced=True, checks=[], seconds=0, by=PERSON, now=f.NOW)
    assert Switch.objects.get().state == SwitchState.REQUESTED


def test_queued_work_stays_queued_and_keeps_nobody_else_waiting() -> None:
    locked, free = f.make_run(f.make_item()), f.make_run(f.make_item())
    press(scopes.of_project(locked.item.project))
    assert next_queued(1) == [free]
    claim = {"ceiling": 9, "host": "h", "boot_id": "b", "now": f.NOW}
    assert holding.claim(run_id=locked.pk, **claim) is None
    assert holding.claim(run_id=free.pk, **claim) == 1
    locked.refresh_from_db()
    assert (locked.state, locked.generation) == (RunState.QUEUED, 0)


def test_nothing_moves_and_nothing_is_noted_under_the_lock() -> None:
    item = f.make_item()
    switch = press()
    assert reconcile(item.pk) == 0
    item.refresh_from_db()
    assert item.problem == ""
    release(switch)
    assert reconcile(item.pk) > 0


def test_a_verification_waits() -> None:
    plan = f.make_frozen_plan(f.make_aligned_item())
    asked = verifications.request(item=plan.item, plan=plan, commit="d" * 40, by=f.PIPELINE, now=f.NOW)
    press(scopes.of_project(plan.item.project))
    assert verifications.claim(verification_id=asked.pk, host="h", now=f.NOW) is None


def test_approving_signing_and_sending_back_are_refused_and_say_why() -> None:
    plan = f.make_plan(f.make_aligned_item())
    stitch = f.make_stitch(f.make_aligned_item())
    lead = f.human(f.lead_of(plan.item.project))
    press()
    sentence = "Everything is read-only, set by Lea: {}. Unlock it on the Guardrails page first."
    given = {"marks": [], "summary": "", "seen_digest": plan.digest, "user_id": 1, "by": lead, "now": f.NOW}
    with pytest.raises(Locked) as refusal:
        send_review(plan=plan, verdict=ReviewVerdict.APPROVE, **given)
    assert str(refusal.value) == sentence.format("nothing was approved")
    owner = stitch.item.stitch_owner
    with pytest.raises(Locked, match="nothing was signed"):
        sign(
            stitch=stitch, sentence="It is what we want.", seen_digest=stitch.digest, is_verified=True,
            user_id=owner.pk, by=f.human(owner), now=f.NOW,
        )  # fmt: skip
    with pytest.raises(Locked, match="nothing was sent back"):
        moves.send_back(item=stitch.item, text="Round down.", by=f.human(owner), now=f.NOW)


def test_a_halted_run_is_resumed_by_a_person_after_the_lock_and_by_nobody_before() -> None:
    run = f.make_running_run(f.make_item(), Role.DEVELOPER)
    switch = press()
    holding.halt(run=run, reason="The switch was pressed.", now=f.NOW)
    run.refresh_from_db()
    assert (run.state, run.generation) == (RunState.HALTED, 2)
    lead = f.human(f.lead_of(run.item.project))
    with pytest.raises(Locked, match="nothing was resumed"):
        retry(run=run, by=lead, now=f.NOW)
    release(switch)
    assert Run.objects.get(pk=run.pk).state == RunState.HALTED
    retry(run=run, by=lead, now=f.NOW)
    assert Run.objects.get(pk=run.pk).state == RunState.QUEUED


@pytest.mark.parametrize("name", ["submit_document", "set_phase", "report", "propose_ambiguities"])
def test_a_record_asked_for_before_the_press_is_not_made_after_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the gate's look and the write the switch is pressed: the write looks once more, in its transaction."""
    run = f.make_running_run(f.make_item(), Role.DEVELOPER if name in ("set_phase", "report") else Role.REQUIREMENTS)
    given: dict[str, dict[str, object]] = {
        "submit_document": f.document_shape(),
        "set_phase": {"phase": "design", "note": "x"},
        "report": f.report_shape(),
        "propose_ambiguities": {
            "risk": {"level": "standard", "reason": "x"}, "ambiguities": [f.ambiguity_shape("A-001")]
        },
    }  # fmt: skip
    open_locks = queries.Locks({})
    monkeypatch.setattr("leadroom.runners.facts.standing_lock", lambda *scope: open_locks.of(*scope))
    press()
    before = snapshot()
    outcome = async_to_sync(gate.use_tool)(Workplace(run, None, None), ToolCall("1", name, given[name]))
    assert outcome.text.startswith("Everything is read-only, set by Lea: nothing was stored.")
    assert changed_tables(before) == {}
