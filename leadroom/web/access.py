"""The one place that loads things for a person: theirs, or 404. Who may act is asked here too."""

from typing import TypeVar

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest

from leadroom.agents.models import Elicitation, Run
from leadroom.lib.actors import Actor, ActorKind
from leadroom.lib.errors import NotPermitted
from leadroom.projects.models import Project, WorkItem
from leadroom.projects.queries import may_act
from leadroom.reading.queries import Waiting, waiting_for_lead
from leadroom.requirements.models import Ambiguity
from leadroom.testplans.models import TestPlan
from leadroom.triage.models import Finding, Link, Report
from leadroom.verification.models import VerificationRun

M = TypeVar("M", bound=Model)


def person(request: HttpRequest) -> Actor:
    """The signed-in human as an actor."""
    user = request.user
    return Actor(ActorKind.HUMAN, str(user.pk), display_name(user))  # type: ignore[arg-type]


def person_id(request: HttpRequest) -> int:
    """The signed-in person's user id, 0 for nobody."""
    return request.user.pk or 0


def display_name(user: AbstractBaseUser) -> str:
    full = user.get_full_name() if hasattr(user, "get_full_name") else ""
    return full or user.get_username()


def one(rows: QuerySet[M], pk: int) -> M:
    """The row among those a person may see. Raises Http404."""
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Http404("There is no such thing, or it is not yours to see.")
    return found


def projects(request: HttpRequest) -> QuerySet[Project]:
    return Project.objects.visible_to(request.user)


def project_ids(request: HttpRequest) -> list[int]:
    """Ids of the projects this person sees, read once per request."""
    cached = getattr(request, "_project_ids", None)
    if cached is None:
        cached = list(projects(request).values_list("pk", flat=True))
        request._project_ids = cached  # type: ignore[attr-defined]
    return cached


def waiting(request: HttpRequest) -> list[Waiting]:
    """What waits for this person, read once per request; a write comes before the first call, never after."""
    cached = getattr(request, "_waiting", None)
    if cached is None:
        cached = waiting_for_lead(project_ids(request))
        request._waiting = cached  # type: ignore[attr-defined]
    return cached


def project(request: HttpRequest, slug: str) -> Project:
    found = projects(request).filter(slug=slug).first()
    if found is None:
        raise Http404("There is no such project, or it is not yours to see.")
    return found


def item(request: HttpRequest, pk: int) -> WorkItem:
    rows = WorkItem.objects.filter(project_id__in=project_ids(request)).select_related("project", "stitch_owner")
    return one(rows, pk)


def run(request: HttpRequest, pk: int) -> Run:
    rows = Run.objects.filter(item__project_id__in=project_ids(request))
    return one(rows.select_related("item__project", "item__stitch_owner", "agent"), pk)


def ambiguity(request: HttpRequest, pk: int) -> Ambiguity:
    rows = Ambiguity.objects.filter(item__project_id__in=project_ids(request))
    return one(rows.select_related("item__project").prefetch_related("candidates"), pk)


def plan(request: HttpRequest, pk: int) -> TestPlan:
    rows = TestPlan.objects.filter(item__project_id__in=project_ids(request))
    rows = rows.prefetch_related("cases", "reviews__marks__case", "edits__user")
    return one(rows.select_related("item__project", "revision"), pk)


def elicitation(request: HttpRequest, pk: int) -> Elicitation:
    rows = Elicitation.objects.filter(run__item__project_id__in=project_ids(request))
    return one(rows.select_related("run__item__project", "run__agent"), pk)


def report(request: HttpRequest, pk: int) -> Report:
    rows = Report.objects.filter(item__project_id__in=project_ids(request))
    return one(rows.select_related("item__project", "run__agent"), pk)


def finding(request: HttpRequest, pk: int) -> Finding:
    rows = Finding.objects.filter(project_id__in=project_ids(request))
    return one(rows.select_related("project", "report__item", "report__run__agent"), pk)


def link(request: HttpRequest, pk: int) -> Link:
    rows = Link.objects.filter(newer__project_id__in=project_ids(request))
    return one(rows.select_related("newer__project", "older"), pk)


def verification(request: HttpRequest, pk: int) -> VerificationRun:
    rows = VerificationRun.objects.filter(item__project_id__in=project_ids(request))
    return one(rows.select_related("item__project", "plan"), pk)


def require_lead(request: HttpRequest, of: Project) -> Actor:
    """The person as an actor. Raises NotPermitted when they may only look."""
    if not may_act(request.user, of):
        raise NotPermitted(f"You may look at {of.name}, but only its lead decides here. Nothing was changed.")
    return person(request)


def require_admin(request: HttpRequest) -> Actor:
    """The person as an actor. Raises NotPermitted unless they administer this installation.

    Connecting a repository opens a folder of the host to agents, so it is not for every user.
    """
    if not getattr(request.user, "is_superuser", False):
        raise NotPermitted("Only an administrator of this Leadroom connects repositories. Nothing was changed.")
    return person(request)
