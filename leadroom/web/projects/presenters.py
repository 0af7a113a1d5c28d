"""What the pages of projects show."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.urls import reverse

from leadroom.agents.enums import OPEN, Role
from leadroom.agents.models import Agent, Endpoint
from leadroom.agents.queries import REHEARSAL
from leadroom.projects.enums import Publish, Stage
from leadroom.projects.models import Membership, Project, WorkItem
from leadroom.reading.moves import next_moves
from leadroom.reading.queries import Waiting
from leadroom.requirements.queries import MEMORY_LIMIT, Remembered, memory_of
from leadroom.web.templatetags.leadroom_ui import hue

ITEMS_SHOWN = 100
MEMORY_SHOWN = 12


@dataclass(frozen=True)
class ProjectRow:
    """One project of the list."""

    project: Project
    url: str
    hue: int
    live: int
    done: int
    model: str


def present_index(projects: QuerySet[Project]) -> tuple[ProjectRow, ...]:
    """Projects with their counts, in a fixed number of queries."""
    ended = Q(items__stage__in=[Stage.DONE, Stage.DROPPED])
    rows = list(
        projects.annotate(
            live=Count("items", filter=~ended & Q(items__isnull=False), distinct=True),
            done=Count("items", filter=Q(items__stage=Stage.DONE), distinct=True),
        ).order_by("name", "pk")
    )
    models = {e.project_id: e for e in Endpoint.objects.filter(project__in=rows, role="")}
    return tuple(
        ProjectRow(
            project=row,
            url=reverse("projects:detail", args=[row.slug]),
            hue=hue(row),
            live=row.live,
            done=row.done,
            model=_model_word(models.get(row.pk)),
        )
        for row in rows
    )


def _model_word(endpoint: Endpoint | None) -> str:
    if endpoint is not None:
        return "rehearsal" if endpoint.base_url == REHEARSAL else endpoint.model
    return settings.MODEL_NAME if settings.MODEL_KEY else "none yet"


@dataclass(frozen=True)
class Choice:
    """One option of a select."""

    value: str
    word: str
    is_chosen: bool


@dataclass(frozen=True)
class EndpointRow:
    """Where a role's model answers. `source` says why that one; the key itself is never shown."""

    role: str
    word: str
    base_url: str
    model: str
    has_key: bool
    is_own: bool
    source: str


@dataclass(frozen=True)
class AgentRow:
    """A seat and how many of its runs are open."""

    agent: Agent
    role_word: str
    open: int
    every: int


@dataclass(frozen=True)
class ItemRow:
    """One item of the project."""

    item: WorkItem
    url: str
    state: str
    sentence: str


@dataclass(frozen=True)
class ProjectPage:
    """Everything of one project."""

    project: Project
    hue: int
    source: str
    publish_choices: tuple[Choice, ...]
    endpoints: tuple[EndpointRow, ...]
    agents: tuple[AgentRow, ...]
    items: tuple[ItemRow, ...]
    members: tuple[Membership, ...]
    memory: tuple[Remembered, ...]
    remembered: int
    is_memory_cut: bool
    act_reason: str


def present_project(
    project: Project, act_reason: str, waiting: list[Waiting], *, is_memory_whole: bool = False
) -> ProjectPage:
    """Settings, models, agents, items and what the project remembers, in a fixed number of queries."""
    memory = memory_of(project.pk)
    items = list(
        WorkItem.objects.filter(project=project)
        .select_related("project")
        .defer("request")
        .order_by("-pk")[:ITEMS_SHOWN]
    )
    moves = next_moves(items, waiting)
    agents = Agent.objects.filter(project=project).annotate(
        open=Count("runs", filter=Q(runs__state__in=OPEN)), every=Count("runs")
    )
    return ProjectPage(
        project=project,
        hue=hue(project),
        source=str(project.source),
        publish_choices=tuple(Choice(p.value, p.label, p == project.publish) for p in Publish),
        endpoints=_endpoints(project),
        agents=tuple(AgentRow(a, Role(a.role).label, a.open, a.every) for a in agents.order_by("pk")),
        items=tuple(
            ItemRow(item, reverse("items:detail", args=[item.pk]), moves[item.pk].state, moves[item.pk].sentence)
            for item in items
        ),
        members=tuple(project.memberships.select_related("user").order_by("role", "pk")),
        memory=tuple(memory if is_memory_whole else memory[:MEMORY_SHOWN]),
        remembered=len(memory),
        is_memory_cut=len(memory) >= MEMORY_LIMIT,
        act_reason=act_reason,
    )


def _endpoints(project: Project) -> tuple[EndpointRow, ...]:
    rows = {e.role: e for e in Endpoint.objects.filter(project=project)}
    return tuple(_endpoint(role, word, rows) for role, word in [("", "Every role"), *Role.choices])


def _endpoint(role: str, word: str, rows: dict[str, Endpoint]) -> EndpointRow:
    own, inherited = rows.get(role), rows.get("")
    if own is not None:
        is_rehearsal = own.base_url == REHEARSAL
        source = "the scripted server of this installation" if is_rehearsal else "set here"
        return EndpointRow(role, word, own.base_url, own.model, bool(own.sealed_key), True, source)
    if role and inherited is not None:
        return EndpointRow(role, word, inherited.base_url, inherited.model, False, False, "as for every role")
    if settings.MODEL_KEY:
        return EndpointRow(role, word, settings.MODEL_URL, settings.MODEL_NAME, True, False, "from the environment")
    return EndpointRow(role, word, "", "", False, False, "no model yet: runs stop with a card until one is set")
