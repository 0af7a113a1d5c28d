"""Reads of runs."""

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Q, QuerySet

from leadroom.agents.enums import HELD, Role, RunState
from leadroom.agents.models import Elicitation, Endpoint, Run, RunEvent
from leadroom.guardrails.queries import locks_now
from leadroom.lib.errors import BadInput
from leadroom.lib.sealing import unseal
from leadroom.projects.enums import Stage
from leadroom.projects.models import Project, WorkItem

REHEARSAL = "rehearsal:"


@dataclass(frozen=True)
class ModelAccess:
    """How to reach a model. `repr` keeps the key out of logs."""

    base_url: str
    model: str
    key: str

    def __repr__(self) -> str:
        return f"ModelAccess({self.model} at {self.base_url})"


def model_access(project: Project, role: str) -> ModelAccess:
    """The endpoint of the role, else of the project, else of the environment.

    Raises BadInput with the cure when there is none or its key cannot be read.
    """
    rows = {e.role: e for e in Endpoint.objects.filter(project=project, role__in=["", role])}
    endpoint = rows.get(role) or rows.get("")
    if endpoint is None:
        if not settings.MODEL_KEY and settings.MODEL_URL == settings.MODEL_URL_DEFAULT:
            raise BadInput(
                "No model is connected. Set ANTHROPIC_API_KEY (and ANTHROPIC_BASE_URL for another server) and start "
                "again, or enter an endpoint in the project's settings; then resume the run."
            )
        return ModelAccess(settings.MODEL_URL, settings.MODEL_NAME, settings.MODEL_KEY)
    if endpoint.base_url == REHEARSAL:
        if not settings.REHEARSAL_URL:
            raise BadInput("The rehearsal server is not running; start Leadroom with `manage.py up`, then resume.")
        return ModelAccess(settings.REHEARSAL_URL, endpoint.model, "rehearsal")
    return ModelAccess(endpoint.base_url, endpoint.model, unseal(endpoint.sealed_key, secret=settings.SECRET_KEY))


def latest_run(item: WorkItem, role: Role) -> Run | None:
    return Run.objects.filter(item=item, role=role).order_by("-attempt", "-pk").first()


def stopped_run(item: WorkItem) -> Run | None:
    """The run a person stopped and nobody took up: the item's newest, or the newest of a lane beside it while it plans.

    Reviewers work side by side, so one that was stopped need not be the item's newest.
    """
    runs = list(Run.objects.filter(item=item).order_by("-pk"))
    if runs and runs[0].state == RunState.CANCELLED:
        return runs[0]
    if item.stage != Stage.PLAN:
        return None
    newest: dict[str, Run] = {}
    for run in runs:
        if run.role == Role.REVIEWER:
            newest.setdefault(run.lane, run)
    return next((run for run in newest.values() if run.state == RunState.CANCELLED), None)


def models_of_runs(ids: list[int]) -> dict[int, str]:
    """Run id to the model it used, for those that used one."""
    return dict(Run.objects.filter(pk__in=ids).exclude(model="").values_list("pk", "model"))


def running_count() -> int:
    return Run.objects.filter(state__in=HELD).count()


def next_queued(limit: int) -> list[Run]:
    """Queued runs that the switch lets begin, oldest first; the others stay queued and keep nobody waiting."""
    locks = locks_now()
    rows = Run.objects.filter(state=RunState.QUEUED).select_related("item").order_by("queued_at", "pk")
    if locks.is_everything:
        rows = rows.filter(is_read_only=True)
    else:
        locked = Q(item__project_id__in=locks.projects) | Q(agent_id__in=locks.agents)
        rows = rows.exclude(locked, is_read_only=False)
    return list(rows[:limit])


def expired_runs(now: dt.datetime) -> QuerySet[Run]:
    """Held runs whose lease ran out."""
    return Run.objects.filter(state__in=HELD, lease_expires_at__lt=now)


def events_after(run_id: int, seq: int, limit: int = 500) -> list[RunEvent]:
    return list(RunEvent.objects.filter(run_id=run_id, seq__gt=seq).order_by("seq")[:limit])


def open_elicitations(project_ids: list[int]) -> QuerySet[Elicitation]:
    return (
        Elicitation.objects.filter(answered_at=None, run__item__project_id__in=project_ids)
        .exclude(run__state=RunState.CANCELLED)
        .select_related("run__item__project", "run__agent")
    )


def session_of(run: Run) -> list[dict]:
    """The stored conversation in the shape of the Messages API."""
    return [{"role": m.role, "content": m.content} for m in run.messages.order_by("position")]
