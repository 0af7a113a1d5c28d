"""Scenes of findings and their links."""

from leadroom.triage import actions as triage
from leadroom.triage.enums import FindingState, LinkKind
from leadroom.triage.models import Finding, Link
from tests import factories as f
from tests.house.scenes import WHO, Ready, scene

FIGURES = {"auto_wrong": 0, "recall_at_5": 1.0}


def two_findings() -> tuple[Finding, Finding]:
    project = f.make_project()
    given = {"project_id": project.pk, "body": "", "severity": "minor"}
    titles = ("Search page takes nine seconds to load", "Rows of the grid overlap at 390 pixels")
    older, newer = (triage.bring_in(title=title, **given, **WHO).finding for title in titles)
    return older, newer


def by(finding: Finding) -> dict:
    return {"by": f.human(f.lead_of(finding.project)), "now": f.NOW}


def linked() -> Link:
    older, newer = two_findings()
    return triage.link_by_hand(newer=newer, older=older, kind=LinkKind.SAME, **by(older))


@scene("triage.bring_in", "triage.finding.brought_in")
def _() -> Ready:
    project = f.make_project()
    return lambda: triage.bring_in(project_id=project.pk, title="Grid overlaps", body="x", severity="minor", **WHO)


@scene("triage.link_by_hand", "triage.link.made")
def _() -> Ready:
    older, newer = two_findings()
    return lambda: triage.link_by_hand(newer=newer, older=older, kind=LinkKind.RELATED, **by(older))


@scene("triage.accept", "triage.link.accepted")
def _() -> Ready:
    older, newer = two_findings()
    link = Link(newer=newer, older=older, probability=0.4, made_at=f.NOW)
    link.save()
    return lambda: triage.accept(link=link, **by(older))


@scene("triage.cut", "triage.link.cut")
def _() -> Ready:
    link = linked()
    return lambda: triage.cut(link=link, **by(link.newer))


@scene("triage.split", "triage.link.cut")
def _() -> Ready:
    link = linked()
    return lambda: triage.split(finding=link.newer, **by(link.newer))


@scene("triage.set_state", "triage.finding.resolved")
def _() -> Ready:
    older, _ = two_findings()
    return lambda: triage.set_state(finding=older, state=FindingState.RESOLVED, **WHO)


@scene("triage.record_check", "triage.engine.checked")
def _() -> Ready:
    return lambda: triage.record_check(figures=FIGURES, **WHO)
