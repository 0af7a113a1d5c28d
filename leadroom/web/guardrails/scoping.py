"""Which scope a form means, and whether the person may switch it."""

from django.http import Http404, HttpRequest

from leadroom.agents.models import Agent
from leadroom.guardrails import scopes
from leadroom.guardrails.enums import ScopeKind
from leadroom.guardrails.scopes import Scope
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.projects.models import Membership, Project
from leadroom.web import access

ONLY_LOOKS = "You may look, but only a lead locks. Nothing was changed."
ADMIN_OPENS = "Everything covers projects of others too, so only an administrator unlocks it. Nothing was changed."


def asked_scope(request: HttpRequest) -> Scope:
    """The scope named by the form's `kind` and `target`. Raises 404 for what is not the person's to see, BadInput."""
    kind, target = request.POST.get("kind", ""), request.POST.get("target", "0")
    if kind == ScopeKind.EVERYTHING:
        return scopes.EVERYTHING
    if kind not in ScopeKind.values or not (target.isascii() and target.isdigit() and len(target) <= 18):
        raise BadInput("The form names no project or agent; nothing was changed. Reload the page.")
    projects = Project.objects.filter(pk__in=access.project_ids(request))
    if kind == ScopeKind.PROJECT:
        if project := projects.filter(pk=int(target)).first():
            return scopes.of_project(project)
    elif agent := Agent.objects.filter(project__in=projects, pk=int(target)).select_related("project").first():
        return scopes.of_agent(agent.pk, agent.name, agent.project)
    raise Http404("There is no such thing, or it is not yours to see.")


def leads_anything(request: HttpRequest) -> bool:
    """Whether the person leads a project: whoever does may stop everything."""
    if getattr(request.user, "is_superuser", False):
        return True
    return Membership.objects.filter(user_id=request.user.pk or 0, role="lead").exists()


def check_may_press(request: HttpRequest, scope: Scope) -> Actor:
    """The person as an actor. Raises NotPermitted."""
    if scope.project_id is not None:
        return access.require_lead(request, Project.objects.get(pk=scope.project_id))
    if not leads_anything(request):
        raise NotPermitted(ONLY_LOOKS)
    return access.person(request)


def check_may_release(request: HttpRequest, scope: Scope) -> Actor:
    """The person as an actor. Raises NotPermitted."""
    if scope.project_id is not None:
        return access.require_lead(request, Project.objects.get(pk=scope.project_id))
    if not getattr(request.user, "is_superuser", False):
        raise NotPermitted(ADMIN_OPENS)
    return access.person(request)
