"""Reads of triage."""

from django.db.models import Count, QuerySet

from leadroom.triage.engine import model
from leadroom.triage.enums import FindingState, LinkKind, LinkState, ReportState
from leadroom.triage.models import DriftCheck, Finding, Link, Report


def reports_of_projects(project_ids: list[int]) -> QuerySet[Report]:
    """Newest first, with what a row shows."""
    return Report.objects.filter(item__project_id__in=project_ids).select_related("item__project", "run__agent")


def unread_grid(project_ids: list[int]) -> dict[tuple[str, str], int]:
    """(severity, suggested action) to the number of unread reports."""
    rows = (
        Report.objects.filter(item__project_id__in=project_ids, state=ReportState.UNREAD)
        .values_list("severity", "suggested_action")
        .annotate(n=Count("pk"))
        .order_by()
    )
    return {(severity, action): n for severity, action, n in rows}


def groups_of_projects(project_ids: list[int]) -> QuerySet[Finding]:
    """Open findings that lead their group, newest first, each with `size`: how many reports it stands for."""
    roots = Finding.objects.filter(project_id__in=project_ids, root=None, state=FindingState.OPEN)
    return roots.annotate(size=Count("members") + 1).order_by("-pk")


def suggestions_for(finding_ids: list[int]) -> QuerySet[Link]:
    """Open suggestions of these findings with the older finding, most probable first."""
    waiting = Link.objects.filter(newer_id__in=finding_ids, state=LinkState.SUGGESTED)
    return waiting.select_related("older").order_by("newer_id", "-probability", "pk")


def regressions_of_projects(project_ids: list[int]) -> QuerySet[Link]:
    """What came back, or may have: links of open findings to resolved ones, newest first."""
    links = Link.objects.filter(newer__project_id__in=project_ids, kind=LinkKind.REGRESSION)
    return links.exclude(state=LinkState.CUT).select_related("newer", "older").order_by("-pk")


def last_check() -> DriftCheck | None:
    """The last run of the golden set."""
    return DriftCheck.objects.first()


def needs_check() -> bool:
    """Whether the golden set has not yet been run with the engine that is installed."""
    last = last_check()
    return last is None or last.engine != model.load().version
