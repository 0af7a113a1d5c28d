"""Reads of triage."""

from django.db.models import Count, QuerySet

from leadroom.triage.enums import ReportState
from leadroom.triage.models import Report


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
