"""Outcomes: what parallel work brought, with its denominators; and one item's timeline."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from leadroom.lib import clock
from leadroom.outcomes import actions
from leadroom.outcomes.enums import MatchState
from leadroom.outcomes.models import IncidentMatch
from leadroom.projects.queries import led_projects
from leadroom.web import access, answers
from leadroom.web.outcomes.forms import read_decision, read_filters
from leadroom.web.outcomes.presenters import as_csv, gather_figures, present_outcomes, present_timeline


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Every figure by week, the latest shipped items, and incidents with the merges they may come from."""
    filters = read_filters(request)
    visible = list(access.projects(request).values_list("slug", "name"))
    led = set(led_projects(request.user).values_list("pk", flat=True))
    page = present_outcomes(filters, visible, led, now=clock.now())
    return render(request, "outcomes/index.html", {"page": page})


@require_GET
def export(request: HttpRequest) -> HttpResponse:
    """The same figures as CSV, always week by week."""
    made, weeks = gather_figures(read_filters(request), now=clock.now(), step=1)
    answer = HttpResponse(as_csv(made, weeks), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="leadroom-outcomes.csv"'
    return answer


@require_GET
def item(request: HttpRequest, pk: int) -> HttpResponse:
    """What the time of one item was spent on."""
    page = present_timeline(access.item(request, pk), now=clock.now())
    return render(request, "outcomes/item.html", {"page": page})


@require_POST
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Say whether an incident came from a merge."""
    rows = IncidentMatch.objects.filter(incident__project_id__in=access.project_ids(request))
    match = access.one(rows.select_related("incident__project", "stitch"), pk)
    actor = access.require_lead(request, match.incident.project)
    to = read_decision(request)
    actions.decide_match(match=match, to=to, by=actor, now=clock.now())
    text = "Counted as its doing" if to == MatchState.CONFIRMED else "Not its doing"
    return answers.done(request, text, reverse("outcomes:index") + "#incidents", go=True)
