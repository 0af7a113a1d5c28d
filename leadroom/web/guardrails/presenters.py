"""The Guardrails page: every stop control and bound, resolved per agent, and what the next write would meet."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse

from leadroom.agents.enums import HELD, OPEN, ROLE_ACCESS, Role, RunState
from leadroom.agents.models import Agent, Run
from leadroom.guardrails import scopes
from leadroom.guardrails.bounds import Gauge, gauges, pending_requests
from leadroom.guardrails.enums import Decision, RoleAccess, ScopeKind, ToolKind, Zone
from leadroom.guardrails.models import Policy
from leadroom.guardrails.queries import scope_name
from leadroom.guardrails.rules import FLOOR, Facts, Ruling, decide
from leadroom.guardrails.scopes import Scope
from leadroom.lib import clock
from leadroom.projects.models import Membership, Project, WorkItem
from leadroom.sandbox.selftest import Isolation, check_isolation
from leadroom.web import access
from leadroom.web.guardrails import locks, scoping
from leadroom.web.guardrails.locks import Badge, LockControl
from leadroom.web.templatetags.leadroom_ui import hue

DECIDED = {
    Decision.ALLOW: Badge("Goes through", "ok", "circle-check"),
    Decision.PARK: Badge("Waits for you", "needs", "hand"),
    Decision.DENY: Badge("Refused", "bad", "circle-x"),
}
ONLY_LEAD = "You may look at {}, but only its lead decides here."


@dataclass(frozen=True)
class NextWrite:
    """What the gate would say now: to an edit in the agent's tree, or to a submission where it has none."""

    badge: Badge
    what: str
    ruling: Ruling


@dataclass(frozen=True)
class AgentRow:
    """One seat with everything that stops or bounds it."""

    dom_id: str
    agent: Agent
    access: str
    run: Run | None
    run_url: str
    is_held: bool
    is_halted: bool
    switch: LockControl
    covered_by: str
    covered: Badge
    is_covered: bool
    gauge: Gauge
    next_write: NextWrite
    stop_reason: str


@dataclass(frozen=True)
class ProjectPanel:
    """One project's switch, policy and agents."""

    project: Project
    hue: int
    switch: LockControl
    floor: float
    policy: Policy
    waiting: int
    halted: int
    agents: tuple[AgentRow, ...]


@dataclass(frozen=True)
class Page:
    """The whole page."""

    everything: LockControl
    is_flag_readable: bool
    isolation: Isolation
    is_enforced: bool
    projects: tuple[ProjectPanel, ...]
    halted: int
    locked: int


def halted_runs(request: HttpRequest, scope: Scope) -> QuerySet[Run]:
    """Halted runs of a scope among the person's projects."""
    rows = Run.objects.filter(state=RunState.HALTED, item__project_id__in=access.project_ids(request))
    if scope.kind is ScopeKind.PROJECT:
        rows = rows.filter(item__project_id=scope.target)
    elif scope.kind is ScopeKind.AGENT:
        rows = rows.filter(agent_id=scope.target)
    return rows.select_related("item__project", "agent").order_by("pk")


def present_page(request: HttpRequest) -> Page:
    """Everything, in a fixed number of queries however many projects and agents there are."""
    found, isolation = locks.switches(request), check_isolation()
    projects = list(access.projects(request).order_by("name", "pk"))
    ids = [project.pk for project in projects]
    agents = list(Agent.objects.filter(project_id__in=ids).select_related("project").order_by("pk"))
    measured = gauges({agent.pk: agent.project_id for agent in agents}, now=clock.now())
    reader = _Reader(
        found=found,
        isolation=isolation,
        led=_led(request, ids),
        policies={policy.project_id: policy for policy in Policy.objects.filter(project_id__in=ids)},
        runs=_runs(ids),
        gauges=measured,
        waiting=_waiting(ids),
    )
    panels = tuple(reader.panel(project, [a for a in agents if a.project_id == project.pk]) for project in projects)
    press = "" if scoping.leads_anything(request) else scoping.ONLY_LOOKS
    release = "" if getattr(request.user, "is_superuser", False) else scoping.ADMIN_OPENS
    return Page(
        everything=locks.control(scopes.EVERYTHING, found, press_reason=press, release_reason=release),
        is_flag_readable=found.locks.is_readable,
        isolation=isolation,
        is_enforced=isolation.level >= 1,
        projects=panels,
        halted=sum(panel.halted for panel in panels),
        locked=len(found.by_key),
    )


def _led(request: HttpRequest, ids: list[int]) -> frozenset[int]:
    if getattr(request.user, "is_superuser", False):
        return frozenset(ids)
    rows = Membership.objects.filter(user_id=request.user.pk or 0, role="lead", project_id__in=ids)
    return frozenset(rows.values_list("project_id", flat=True))


def _runs(ids: list[int]) -> dict[int, Run]:
    """Agent id to its newest open run."""
    rows = Run.objects.filter(item__project_id__in=ids, state__in=OPEN).select_related("item")
    return {run.agent_id: run for run in rows.defer("brief", "system_prompt", "item__request").order_by("pk")}


def _waiting(ids: list[int]) -> dict[int, int]:
    """Project id to its parked actions."""
    items = list(WorkItem.objects.live().filter(project_id__in=ids).values_list("pk", flat=True))
    counts: dict[int, int] = {}
    for request in pending_requests(items):
        counts[request.project_id] = counts.get(request.project_id, 0) + 1
    return counts


@dataclass(frozen=True)
class _Reader:
    """What was read for the page, by id."""

    found: locks.Switches
    isolation: Isolation
    led: frozenset[int]
    policies: dict[int, Policy]
    runs: dict[int, Run]
    gauges: dict[int, Gauge]
    waiting: dict[int, int]

    def panel(self, project: Project, agents: list[Agent]) -> ProjectPanel:
        policy = self.policies.get(project.pk) or Policy(project=project)
        refusal = "" if project.pk in self.led else ONLY_LEAD.format(project.name)
        rows = tuple(self.row(agent, policy, refusal) for agent in agents)
        return ProjectPanel(
            project=project,
            hue=hue(project),
            switch=locks.control(scopes.of_project(project), self.found, press_reason=refusal, release_reason=refusal),
            floor=policy.confidence_floor,
            policy=policy,
            waiting=self.waiting.get(project.pk, 0),
            halted=sum(row.is_halted for row in rows),
            agents=rows,
        )

    def row(self, agent: Agent, policy: Policy, refusal: str) -> AgentRow:
        run, gauge = self.runs.get(agent.pk), self.gauges[agent.pk]
        over = locks.strongest_over(self.found, agent.project_id, agent.pk)
        scope = scopes.of_agent(agent.pk, agent.name, agent.project)
        return AgentRow(
            dom_id=f"agent-{agent.pk}-row",
            agent=agent,
            access=ROLE_ACCESS[Role(agent.role)].label,
            run=run,
            run_url=reverse("runs:detail", args=[run.pk]) if run else "",
            is_held=run is not None and run.state in HELD,
            is_halted=run is not None and run.state == RunState.HALTED,
            switch=locks.control(scope, self.found, press_reason=refusal, release_reason=refusal),
            covered_by=("this agent" if over.kind == ScopeKind.AGENT else scope_name(over)) if over else "",
            covered=locks.badge_of(over),
            is_covered=over is not None,
            gauge=gauge,
            next_write=self.next_write(agent, policy, gauge),
            stop_reason=refusal,
        )

    def next_write(self, agent: Agent, policy: Policy, gauge: Gauge) -> NextWrite:
        """The very rule the gate asks, on the facts as they are now and an agent that claims nothing."""
        access_of_role = ROLE_ACCESS[Role(agent.role)]
        writes = access_of_role is RoleAccess.WRITE
        ruling = decide(
            Facts(
                kind=ToolKind.EDIT if writes else ToolKind.HOUSE,
                access=access_of_role,
                is_offered=True,
                is_run_live=True,
                is_confined=self.isolation.level >= 1,
                lock=self.found.locks.of(agent.project_id, agent.pk),
                zone=Zone.TREE if writes else Zone.NONE,
                trust_left=gauge.left,
                floor=policy.confidence_floor or FLOOR,
            )
        )
        return NextWrite(DECIDED[ruling.decision], "An edit in its tree" if writes else "A submission", ruling)
