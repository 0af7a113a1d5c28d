"""The facts of one call, read at its moment and never remembered. Blocks on the database."""

from leadroom.agents.enums import HELD, ROLE_ACCESS, Role
from leadroom.agents.models import Run
from leadroom.guardrails.bounds import policy_of
from leadroom.guardrails.enums import RoleAccess, ToolKind, Zone
from leadroom.guardrails.queries import standing_lock
from leadroom.guardrails.rules import Facts
from leadroom.guardrails.servers import is_listed
from leadroom.guardrails.zones import zone_of
from leadroom.runners.shapes import Fetch, Shape
from leadroom.runners.tools import Tool
from leadroom.sandbox.selftest import check_isolation
from leadroom.testplans.queries import current_plan

CHANGING = frozenset({ToolKind.EDIT, ToolKind.DELETE, ToolKind.MOVE})


def read_facts(run: Run, tool: Tool, shape: Shape) -> Facts:
    """Everything `guardrails.rules.decide` wants to know about this run's call."""
    return Facts(
        kind=tool.kind,
        access=access_of(run),
        is_offered=run.role in tool.roles,
        is_run_live=_is_live(run),
        is_confined=check_isolation().level >= 1,
        lock=standing_lock(run.item.project_id, run.agent_id),
        zone=_zone_of(run, tool, shape),
    )


def access_of(run: Run) -> RoleAccess:
    """What the run may touch: its role's access, and no more than reading in a session that only answers."""
    access = ROLE_ACCESS[Role(run.role)]
    return RoleAccess.READ if run.is_read_only and access is RoleAccess.WRITE else access


def _is_live(run: Run) -> bool:
    return Run.objects.filter(pk=run.pk, generation=run.generation, state__in=HELD).exists()


def _zone_of(run: Run, tool: Tool, shape: Shape) -> Zone:
    if isinstance(shape, Fetch):
        return Zone.LISTED if is_listed(shape.url, policy_of(run.item.project_id).fetch_hosts) else Zone.OUTSIDE
    path = getattr(shape, "path", None)
    if not isinstance(path, str):
        return Zone.NONE
    plan = current_plan(run.item) if tool.kind in CHANGING else None
    return zone_of([path], plan.body.get("forbidden_zones", ()) if plan else ())
