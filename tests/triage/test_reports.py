"""Reports: filed once, read by people."""

import pytest
from django.db import IntegrityError, transaction

from leadroom.ledger.models import Source
from leadroom.ledger.queries import check_chain
from leadroom.lib.errors import NotPermitted
from leadroom.triage.actions import file_report, mark
from leadroom.triage.enums import ReportState
from leadroom.triage.models import Report
from leadroom.triage.queries import reports_of_projects, unread_grid
from tests import factories as f
from tests.support.refusals import refused_without_effect
from tests.support.snapshot import changed_tables, snapshot

pytestmark = pytest.mark.django_db


def test_a_report_keeps_every_field_and_its_sources() -> None:
    report = f.make_report(severity="major", suggested_action="fix", confidence=0.4)
    report.refresh_from_db()
    assert report.body == f.report_shape(severity="major", suggested_action="fix", confidence=0.4)
    assert (report.status, report.severity, report.state) == ("COMPLETE", "major", "UNREAD")
    assert [source.uri for source in Source.objects.filter(entry__subject=f"triage.report:{report.pk}")] == [
        "evenly/shares.py:31"
    ]
    assert check_chain().breaks == ()


def test_the_same_report_again_is_filed_once_and_another_one_is_another() -> None:
    run = f.make_running_run(f.make_item())
    first = file_report(run=run, body=f.report_shape(), by=f.PIPELINE, now=f.NOW)
    before = snapshot()
    assert file_report(run=run, body=f.report_shape(), by=f.PIPELINE, now=f.NOW).pk == first.pk
    assert changed_tables(before) == {}
    blocked = f.report_shape(status="BLOCKED", needs=["A key"])
    assert file_report(run=run, body=blocked, by=f.PIPELINE, now=f.NOW).pk != first.pk


def test_a_person_marks_it_read_and_unread_again() -> None:
    report = f.make_report()
    by = f.human(f.lead_of(report.item.project))
    mark(report=report, state=ReportState.READ, by=by, now=f.NOW)
    assert Report.objects.get().state == "READ"
    before = snapshot()
    mark(report=report, state=ReportState.READ, by=by, now=f.NOW)
    assert changed_tables(before) == {}
    mark(report=report, state=ReportState.UNREAD, by=by, now=f.NOW)
    assert Report.objects.get().state == "UNREAD"


def test_an_agent_does_not_read_in_a_persons_place() -> None:
    report = f.make_report()
    with refused_without_effect(NotPermitted, "Only a person marks reports as read"):
        mark(report=report, state=ReportState.READ, by=f.PIPELINE, now=f.NOW)


def test_the_grid_counts_unread_reports_of_these_projects() -> None:
    mine, other = f.make_project(), f.make_project()
    for severity in ("major", "major", "info"):
        f.make_report(f.make_item(mine), severity=severity, suggested_action="fix")
    read = f.make_report(f.make_item(mine), severity="info")
    mark(report=read, state=ReportState.READ, by=f.human(f.lead_of(mine)), now=f.NOW)
    f.make_report(f.make_item(other))
    assert unread_grid([mine.pk]) == {("major", "fix"): 2, ("info", "fix"): 1}
    assert [report.item.project for report in reports_of_projects([other.pk])] == [other]
    assert next(report.pk for report in reports_of_projects([mine.pk])) == read.pk


def test_a_confidence_is_a_share() -> None:
    report = f.make_report()
    with pytest.raises(IntegrityError, match="report_confidence_0_to_1"), transaction.atomic():
        Report.objects.filter(pk=report.pk).update(confidence=1.5)
