"""Scenes of outcomes: what comes in from outside, and what shipping took."""

from leadroom.outcomes import actions, queries
from leadroom.outcomes.actions import Spent
from leadroom.outcomes.enums import Came, MatchState
from leadroom.outcomes.measuring import measure
from leadroom.outcomes.models import Incident, IncidentMatch
from leadroom.outcomes.rules import Hint
from leadroom.triage.imports.reading import Kind
from tests import factories as f
from tests.house.scenes import WHO, Ready, scene
from tests.support.outcomes import incident_row, ship

CAME = {"came": Came.WEBHOOK, "webhook_id": "msg_1", **WHO}


@scene("outcomes.rotate_secret", "outcomes.ingress.rotated")
def _() -> Ready:
    project = f.make_project()
    return lambda: actions.rotate_secret(project=project, is_old_kept=True, **WHO)


@scene("outcomes.keep_incidents", "outcomes.incidents.kept")
def _() -> Ready:
    project = f.make_project()
    return lambda: actions.keep_incidents(project=project, rows=[incident_row("I-1")], **CAME)


@scene("outcomes.keep_samples", "outcomes.samples.kept")
def _() -> Ready:
    project = f.make_project()
    rows = [{"external_id": "S-1", "flow": "checkout", "p95_ms": 412.5, "at": f.NOW}]
    return lambda: actions.keep_samples(project=project, rows=rows, **CAME)


@scene("outcomes.keep_tickets", "outcomes.tickets.kept")
def _() -> Ready:
    project = f.make_project()
    rows = [{"external_id": "T-1", "title": "Where is my cent?", "opened_at": f.NOW}]
    return lambda: actions.keep_tickets(project=project, rows=rows, **CAME)


@scene("outcomes.keep_findings", "triage.finding.brought_in", "triage.finding.imported")
def _() -> Ready:
    project = f.make_project()
    data = b"title,severity\nGrid overlaps at 390 pixels,low\n"
    return lambda: actions.keep_findings(project=project, kind=Kind.CSV, data=data, webhook_id="msg_1", **WHO)


@scene("outcomes.decide_match", "outcomes.match.confirmed")
def _() -> Ready:
    stitch = f.make_stitch()
    project = stitch.item.project
    actions.keep_incidents(project=project, rows=[incident_row("I-1")], **CAME)
    match = IncidentMatch(incident=Incident.objects.get(), stitch=stitch, suggested_at=f.NOW)
    match.save()
    by = f.human(f.lead_of(project))
    return lambda: actions.decide_match(match=match, to=MatchState.CONFIRMED, by=by, now=f.NOW)


@scene("outcomes.measure_item", "outcomes.item.measured")
def _() -> Ready:
    item = ship()
    measured = measure(queries.facts_of(item.pk), created_at=item.created_at, ended_at=item.stage_entered_at)
    given = {"measured": measured, "spent": Spent(10, 1, None), "paths": ["a.py"]}
    return lambda: actions.measure_item(item=item, stitch=queries.merged_stitch(item.pk), **given, **WHO)


@scene("outcomes.give_advice", "outcomes.advice.given")
def _() -> Ready:
    hint = Hint("stay", 2, "Stay at 2.")
    return lambda: actions.give_advice(ceiling=2, hint=hint, break_in="Too early.", facts={}, **WHO)
