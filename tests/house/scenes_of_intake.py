"""Scenes of what comes into triage beside its inbox: comparisons, files, second opinions."""

from leadroom.projects.models import Project
from leadroom.triage import actions as triage
from leadroom.triage.imports.reading import Kind
from leadroom.triage.models import Shelf
from tests import factories as f
from tests.house.scenes import WHO, Ready, scene


def shelf() -> Shelf:
    project = f.make_project()
    return triage.set_adjudication(project=project, is_on=True, asks_per_day=10, **by(project))


def by(project: Project) -> dict:
    return {"by": f.human(f.lead_of(project)), "now": f.NOW}


@scene("triage.note_comparison", "triage.report.compared")
def _() -> Ready:
    report = f.make_report()
    found = [{"about": "tests", "sentence": "It ran no command."}]
    return lambda: triage.note_comparison(report=report, found=found, verification=3, **WHO)


@scene("triage.import_findings", "triage.finding.brought_in", "triage.finding.imported")
def _() -> Ready:
    project = f.make_project()
    data = b"title,severity\nGrid overlaps at 390 pixels,low\n"
    return lambda: triage.import_findings(project=project, kind=Kind.CSV, data=data, **by(project))


@scene("triage.set_adjudication", "triage.engine.adjudication_set")
def _() -> Ready:
    project = f.make_project()
    return lambda: triage.set_adjudication(project=project, is_on=True, asks_per_day=10, **by(project))


@scene("triage.reserve_asks", "triage.engine.asks_reserved")
def _() -> Ready:
    of = shelf()
    return lambda: triage.reserve_asks(shelf=of, asks=2, **WHO)


@scene("triage.note_opinions", "triage.engine.opinions_noted")
def _() -> Ready:
    of = shelf()
    return lambda: triage.note_opinions(shelf=of, digests={}, opinions={}, model="m", **WHO)


@scene("triage.note_unanswered", "triage.engine.ask_failed")
def _() -> Ready:
    of = shelf()
    return lambda: triage.note_unanswered(shelf=of, problem="No model is connected.", **WHO)


@scene("triage.reindex", "triage.engine.reindexed")
def _() -> Ready:
    project = f.make_project()
    return lambda: triage.reindex(project=project, **WHO)
