"""Scenes of findings on their way through the inbox."""

import datetime as dt

from leadroom.triage import actions as triage
from leadroom.triage.enums import Route
from leadroom.triage.models import Decision, Finding
from tests import factories as f
from tests.house.scenes import WHO, Ready, scene
from tests.house.scenes_of_findings import by, two_findings

LATER = f.NOW + dt.timedelta(days=3)


def finding() -> Finding:
    return two_findings()[0]


def routed(to: Route) -> Decision:
    one = finding()
    return triage.route(finding=one, to=to, **by(one))


@scene("triage.route", "triage.finding.routed_fix")
def _() -> Ready:
    one = finding()
    return lambda: triage.route(finding=one, to=Route.FIX, **by(one))


@scene("triage.snooze", "triage.finding.routed_snooze")
def _() -> Ready:
    one = finding()
    return lambda: triage.snooze(finding=one, until=LATER, **by(one))


@scene("triage.wake", "triage.finding.woken")
def _() -> Ready:
    one = finding()
    triage.snooze(finding=one, until=LATER, **by(one))
    return lambda: triage.wake(finding=one, by=f.PIPELINE, now=LATER)


@scene("triage.undo", "triage.finding.route_undone")
def _() -> Ready:
    decision = routed(Route.DROP)
    return lambda: triage.undo(decision=decision, **by(decision.finding))


@scene("triage.mark_finding", "triage.finding.marked_read")
def _() -> Ready:
    one = finding()
    return lambda: triage.mark_finding(finding=one, is_unread=False, **by(one))


@scene("triage.reweigh", "triage.finding.reweighed")
def _() -> Ready:
    project = f.make_project()
    given = {"project_id": project.pk, "title": "Rounding loses a cent", "severity": "major"}
    one = triage.bring_in(body="Workaround: round by hand", **given, **WHO).finding
    return lambda: triage.reweigh(finding=one, by=f.PIPELINE, now=f.NOW + dt.timedelta(days=90))


@scene("triage.note_effect", "triage.finding.carried_out")
def _() -> Ready:
    decision = routed(Route.FOLLOW_UP)
    item = f.make_item(decision.finding.project)
    given = {"item": item, "is_new_item": True, "run_id": None, "outcome": "Item 1 was made."}
    return lambda: triage.note_effect(decision=decision, **given, **WHO)


@scene("triage.note_settled", "triage.finding.settled")
def _() -> Ready:
    decision = routed(Route.FIX)
    return lambda: triage.note_settled(decision=decision, outcome="Merged.", **WHO)


@scene("triage.save_filter", "triage.filter.saved")
def _() -> Ready:
    who = f.human(f.make_user())
    return lambda: triage.save_filter(name="Mine", query="severity=major", by=who, now=f.NOW)


@scene("triage.forget_filter", "triage.filter.forgotten")
def _() -> Ready:
    who = f.human(f.make_user())
    kept = triage.save_filter(name="Mine", query="severity=major", by=who, now=f.NOW)
    return lambda: triage.forget_filter(kept=kept, by=who, now=f.NOW)


@scene("triage.teach", "triage.rule.drafted")
def _() -> Ready:
    project = f.make_project()
    given = {"project_id": project.pk, "title": "Trailing space in line 3", "body": "", "severity": "cosmetic"}
    one, *_ = [triage.bring_in(**given, **WHO).finding for _ in range(3)]
    return lambda: triage.teach(finding=one, **by(one))
