"""A project's bounds: the policy, each agent's trust with its history, and how its claims turned out."""

from dataclasses import dataclass

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from leadroom.agents.models import Agent
from leadroom.guardrails import bounding
from leadroom.guardrails.bounds import Gauge, gauges, policy_of, settled_claims
from leadroom.guardrails.calibration import ENOUGH, Level, levels
from leadroom.guardrails.models import IrreversiblePattern, Policy
from leadroom.lib import clock
from leadroom.lib.errors import BadInput
from leadroom.projects.models import Project
from leadroom.web import access, answers
from leadroom.web.refusals import refusal_of
from leadroom.web.templatetags.leadroom_ui import hue

HISTORY_SHOWN = 12
DRAWN_FROM = 5
TASKS = {"report": "Reports", "pick": "Recommendations"}
SIDE, EDGE = 200, 24
"""Pixels of the plot's square, and of the room for its numbers."""


@dataclass(frozen=True)
class Dot:
    """One level in the plot's pixels, with its n and its words."""

    x: float
    y: float
    low: float
    high: float
    radius: float
    n: int
    words: str


@dataclass(frozen=True)
class Plot:
    """Claimed against observed for one agent and kind of task."""

    dom_id: str
    task: str
    n: int
    missing: int
    dots: tuple[Dot, ...]
    floor_at: float

    @property
    def is_calibrated(self) -> bool:
        return self.missing == 0

    @property
    def is_drawn(self) -> bool:
        """A picture of fewer than five outcomes says less than the words beside it."""
        return self.n >= DRAWN_FROM


@dataclass(frozen=True)
class AgentBounds:
    """One agent's gauge, history and plots."""

    agent: Agent
    gauge: Gauge
    entries: tuple[object, ...]
    plots: tuple[Plot, ...]


@dataclass(frozen=True)
class BoundsPage:
    """Everything of one project. `refusal` says why nothing can be changed by this person."""

    project: Project
    hue: int
    policy: Policy
    patterns: str
    agents: tuple[AgentBounds, ...]
    enough: int
    refusal: str
    side: int = SIDE
    edge: int = EDGE


class PolicyForm(forms.Form):
    """What a lead may set; ranges are checked by the action."""

    trust_per_hour = forms.IntegerField()
    confidence_floor = forms.FloatField()
    misses_allowed = forms.IntegerField()
    approval_minutes = forms.IntegerField()
    dashboards = forms.CharField(required=False, max_length=4_000)
    fetch_hosts = forms.CharField(required=False)


def _dot(level: Level) -> Dot:
    def at(value: float) -> float:
        return round(SIDE * (1 - value), 1)

    words = f"claimed {level.claimed:.2f} on average, held {level.observed:.0%} of {level.n}"
    x = round(SIDE * level.claimed, 1)
    radius = round(min(9.0, 3.0 + level.n**0.5), 1)
    return Dot(x, at(level.observed), at(level.interval[0]), at(level.interval[1]), radius, level.n, words)


def present(request: HttpRequest, project: Project) -> BoundsPage:
    """The page's facts, in a fixed number of queries."""
    policy = policy_of(project.pk)
    agents = list(Agent.objects.filter(project=project).order_by("pk"))
    measured = gauges({agent.pk: project.pk for agent in agents}, now=clock.now(), policies={project.pk: policy})
    by_task = {task: settled_claims([agent.pk for agent in agents], task) for task in TASKS}
    refusal = refusal_of(lambda: access.require_lead(request, project))
    rows = []
    for agent in agents:
        plots = []
        for task, word in TASKS.items():
            settled = by_task[task].get(agent.pk, [])
            dots = tuple(_dot(level) for level in levels(settled))
            floor_at = round(SIDE * policy.confidence_floor, 1)
            name = f"plot-{agent.pk}-{task}"
            plots.append(Plot(name, word, len(settled), max(0, ENOUGH - len(settled)), dots, floor_at))
        gauge = measured[agent.pk]
        rows.append(AgentBounds(agent, gauge, gauge.entries[:HISTORY_SHOWN], tuple(plot for plot in plots if plot.n)))
    own = IrreversiblePattern.objects.filter(project=project)
    patterns = "\n".join(f"{row.kind} | {row.pattern} | {row.words}" for row in own)
    return BoundsPage(project, hue(project), policy, patterns, tuple(rows), ENOUGH, refusal)


@require_GET
def bounds(request: HttpRequest, slug: str) -> HttpResponse:
    """Policy, gauges and calibration of a project."""
    fragment = "#body" if request.headers.get("HX-Request") == "true" else ""
    page = present(request, access.project(request, slug))
    return render(request, f"guardrails/bounds.html{fragment}", {"page": page})


@require_POST
def set_policy(request: HttpRequest, slug: str) -> HttpResponse:
    """Store the bounds of the project's agents."""
    project = access.project(request, slug)
    actor = access.require_lead(request, project)
    form = PolicyForm(request.POST)
    if not form.is_valid():
        name, problems = next(iter(form.errors.items()))
        raise BadInput(f"{name.replace('_', ' ').capitalize()}: {problems[0]} Nothing was changed.")
    bounding.set_policy(project=project, by=actor, now=clock.now(), **form.cleaned_data)
    return answers.done(request, "The bounds are stored.", reverse("guardrails:bounds", args=[slug]))


@require_POST
def set_patterns(request: HttpRequest, slug: str) -> HttpResponse:
    """Store the project's own irreversible actions."""
    project = access.project(request, slug)
    actor = access.require_lead(request, project)
    count = bounding.set_patterns(project=project, text=request.POST.get("patterns", ""), by=actor, now=clock.now())
    return answers.done(request, f"{count} patterns are stored.", reverse("guardrails:bounds", args=[slug]))


@require_POST
def restore_trust(request: HttpRequest, pk: int) -> HttpResponse:
    """Give an agent its whole budget back."""
    agent = get_object_or_404(Agent.objects.select_related("project"), pk=pk, project__in=access.projects(request))
    actor = access.require_lead(request, agent.project)
    bounding.restore_trust(project=agent.project, agent_id=agent.pk, by=actor, now=clock.now())
    text = f"{agent.name} has its whole trust budget again."
    return answers.done(request, text, reverse("guardrails:bounds", args=[agent.project.slug]))
