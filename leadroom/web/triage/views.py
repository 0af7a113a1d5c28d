"""Reports as runs filed them, by severity and suggested action."""

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from leadroom.lib import clock
from leadroom.triage import actions
from leadroom.triage.enums import ReportState, SuggestedAction
from leadroom.triage.queries import reports_of_projects, unread_grid
from leadroom.web import access
from leadroom.web.regions import redrawn
from leadroom.web.triage.forms import Filters, read_filters, read_state
from leadroom.web.triage.presenters import present_grid, present_report

PAGE_SIZE = 50


@require_GET
def reports(request: HttpRequest) -> HttpResponse:
    """The grid of unread reports and the list, newest first, fifty at a time."""
    fragment = "#body" if request.headers.get("HX-Request") == "true" else ""
    return _drawn(request, read_filters(request.GET), fragment)


def _drawn(request: HttpRequest, filters: Filters, fragment: str) -> HttpResponse:
    ids = access.project_ids(request)
    rows = reports_of_projects(ids).order_by("-pk")
    if filters.severity:
        rows = rows.filter(severity=filters.severity)
    if filters.action:
        rows = rows.filter(suggested_action=filters.action)
    if filters.is_unread_only:
        rows = rows.filter(state=ReportState.UNREAD)
    if filters.before:
        rows = rows.filter(pk__lt=filters.before)
    found = list(rows[: PAGE_SIZE + 1])
    counts = unread_grid(ids)
    has_more = len(found) > PAGE_SIZE
    context = {
        "filters": filters,
        "grid": present_grid(counts, filters),
        "actions": SuggestedAction.labels,
        "unread": sum(counts.values()),
        "reports": [present_report(report) for report in found[:PAGE_SIZE]],
        "more_query": filters.query(before=str(found[PAGE_SIZE - 1].pk)) if has_more else "",
        "toggle_query": filters.query(show="" if filters.is_unread_only else "unread"),
    }
    return render(request, f"triage/reports.html{fragment}", context)


@require_GET
def report(request: HttpRequest, pk: int) -> HttpResponse:
    """One report with every field, and the ones beside it."""
    found = access.report(request, pk)
    beside = reports_of_projects(access.project_ids(request)).values_list("pk", flat=True)
    context = {
        "report": present_report(found),
        "newer": beside.filter(pk__gt=pk).order_by("pk").first(),
        "older": beside.filter(pk__lt=pk).order_by("-pk").first(),
    }
    return render(request, "triage/report.html", context)


@require_POST
def mark(request: HttpRequest, pk: int) -> HttpResponse:
    """Read, or unread again."""
    found = access.report(request, pk)
    actor = access.require_lead(request, found.item.project)
    state = read_state(request.POST)
    actions.mark(report=found, state=state, by=actor, now=clock.now())
    filters = read_filters(QueryDict(request.POST.get("query", "")[:500]))
    to = request.POST.get("to") == "report" and reverse("triage:report", args=[pk])
    return redrawn(
        request,
        "triage-body",
        lambda: _drawn(request, filters, "#body"),
        f"Marked as {ReportState(state).label.lower()}",
        to or f"{reverse('triage:reports')}?{filters.own_query}",
    )
