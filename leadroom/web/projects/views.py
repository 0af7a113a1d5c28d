"""Pages of projects: connecting a repository, its settings, its models."""

import contextlib
from pathlib import Path

from asgiref.sync import async_to_sync
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from leadroom.agents import actions as agents
from leadroom.agents.queries import model_access
from leadroom.lib import clock
from leadroom.lib.errors import BadInput, Conflict, LeadroomError, NotPermitted
from leadroom.pipeline import environments
from leadroom.pipeline.connecting import connect_project
from leadroom.projects import actions
from leadroom.projects.enums import Publish
from leadroom.projects.models import Project
from leadroom.projects.queries import latest_readiness
from leadroom.requirements import actions as requirements
from leadroom.runners.builtin.trial import try_access
from leadroom.web import access, answers, regions
from leadroom.web.projects import presenters
from leadroom.web.projects.forms import ConnectForm, EndpointForm, PathForm, ProfileForm, SettingsForm
from leadroom.web.projects.readiness import present_readiness, present_reviewers
from leadroom.web.refusals import refusal_of


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Every project of this person."""
    rows = presenters.present_index(access.projects(request))
    connect_reason = refusal_of(lambda: access.require_admin(request))
    return render(request, "projects/index.html", {"rows": rows, "connect_reason": connect_reason})


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Connect a repository in two steps: look at it, then say yes. Nothing exists before the second."""
    actor = access.require_admin(request)
    if request.method == "GET":
        return render(request, "projects/new.html", {"path_form": PathForm()})
    path_form = PathForm(request.POST)
    if not path_form.is_valid() or path_form.facts is None:
        return render(request, "projects/new.html", {"path_form": path_form}, status=422)
    facts = path_form.facts
    shown = {"path_form": path_form, "facts": facts, "publish_choices": Publish.choices}
    if "connect" not in request.POST:
        initial = {
            "name": facts.path.name.removesuffix(".git"),
            "branch": facts.default_branch,
            "publish": Publish.BRANCH,
        }
        return render(request, "projects/new.html", shown | {"form": ConnectForm(initial=initial)})
    form = ConnectForm(request.POST)
    if form.is_valid():
        try:
            project = connect_project(
                name=form.cleaned_data["name"],
                source=Path(path_form.cleaned_data["path"]),
                branch=form.cleaned_data["branch"],
                publish_to=Publish(form.cleaned_data["publish"]),
                setup_command=form.cleaned_data["setup_command"],
                lead=request.user,  # type: ignore[arg-type]
                by=actor,
                now=clock.now(),
            )
            return redirect("projects:detail", project.slug)
        except LeadroomError as error:
            form.add_error("branch", str(error))
    return render(request, "projects/new.html", shown | {"form": form}, status=422)


@require_GET
def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """One project."""
    project = access.project(request, slug)
    reason, is_whole = _lead_reason(request, project), request.GET.get("memory") == "all"
    page = presenters.present_project(project, reason, access.waiting(request), is_memory_whole=is_whole)
    ready = present_readiness(project, reason)
    context = {"page": page, "ready": ready, "reviewers": present_reviewers(project)}
    return render(request, "projects/detail.html", context)


@require_POST
def change(request: HttpRequest, slug: str) -> HttpResponse:
    """Change name, publication and set-up command."""
    project = access.project(request, slug)
    actor = access.require_lead(request, project)
    form = SettingsForm(request.POST)
    form.check()
    actions.change_project(
        project=project,
        name=form.cleaned_data["name"],
        publish_to=form.cleaned_data["publish"],
        setup_command=form.cleaned_data["setup_command"] if "setup_command" in request.POST else None,
        reviewers=form.reviewers,
        by=actor,
        now=clock.now(),
    )
    return answers.done(request, "Stored.", reverse("projects:detail", args=[slug]), go=True)


@require_POST
def change_profile(request: HttpRequest, slug: str) -> HttpResponse:
    """Say what the project is; where it says so, its environment is tried at once."""
    project = access.project(request, slug)
    actor = access.require_lead(request, project)
    form = ProfileForm(request.POST)
    form.check()
    actions.change_profile(project=project, by=actor, now=clock.now(), **form.values)
    if project.kind:
        with contextlib.suppress(Conflict):  # one is under way; the next run asks for another by itself
            environments.begin(project=project, by=actor)
    return answers.done(request, "Stored.", reverse("projects:detail", args=[slug]), go=True)


@require_GET
def readiness(request: HttpRequest, slug: str) -> HttpResponse:
    """The part of the page that says how the environment stands."""
    project = access.project(request, slug)
    page = present_readiness(project, _lead_reason(request, project))
    return render(request, "projects/detail.html#readiness", {"ready": page})


@require_POST
def check_readiness(request: HttpRequest, slug: str) -> HttpResponse:
    """Try the environment now."""
    project = access.project(request, slug)
    actor = access.require_lead(request, project)
    environments.begin(project=project, by=actor)
    return _readiness_redrawn(request, slug, "The environment is being tried.")


@require_POST
def accept_readiness(request: HttpRequest, slug: str) -> HttpResponse:
    """Let agents work without what is missing, with a reason."""
    project = access.project(request, slug)
    actor = access.require_lead(request, project)
    check = latest_readiness(project)
    if check is None:
        raise NotPermitted("The environment was never tried, so there is nothing to accept.")
    actions.accept_readiness(check=check, reason=request.POST.get("reason", ""), by=actor, now=clock.now())
    return _readiness_redrawn(request, slug, "Accepted. Runs may start.")


def _readiness_redrawn(request: HttpRequest, slug: str, text: str) -> HttpResponse:
    def draw() -> HttpResponse:
        page = present_readiness(access.project(request, slug), "")
        return render(request, "projects/detail.html#readiness", {"ready": page})

    return regions.redrawn(request, "project-readiness", draw, text, reverse("projects:detail", args=[slug]))


def _lead_reason(request: HttpRequest, project: Project) -> str:
    try:
        access.require_lead(request, project)
    except NotPermitted as error:
        return str(error)
    return ""


@require_POST
@sensitive_post_parameters("key")
def set_endpoint(request: HttpRequest, slug: str) -> HttpResponse:
    """Connect the project, or one role of it, to a model's server."""
    project = access.project(request, slug)
    actor = access.require_lead(request, project)
    form = EndpointForm(request.POST)
    form.check()
    agents.set_endpoint(
        project=project,
        role=form.cleaned_data["role"],
        base_url=form.cleaned_data["base_url"],
        model=form.cleaned_data["model"],
        key=form.new_key,
        by=actor,
        now=clock.now(),
    )
    return answers.done(request, "Stored.", reverse("projects:detail", args=[slug]), go=True)


@require_POST
def try_endpoint(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask the stored endpoint of a role for one word and say what came back."""
    project = access.project(request, slug)
    access.require_lead(request, project)
    verdict = async_to_sync(try_access)(model_access(project, request.POST.get("role", "")))
    if not verdict:
        raise BadInput(verdict.reason)
    return answers.done(request, verdict.reason, reverse("projects:detail", args=[slug]))


@require_POST
def forget(request: HttpRequest, slug: str, pk: int) -> HttpResponse:
    """Offer a decision to no later alignment any more."""
    project = access.project(request, slug)
    ambiguity = access.ambiguity(request, pk)
    if ambiguity.item.project_id != project.pk:
        raise Http404("There is no such decision in this project.")
    requirements.forget(ambiguity=ambiguity, by=access.require_lead(request, project), now=clock.now())
    text = f"Forgotten: {ambiguity.key} of item {ambiguity.item.number} is not offered again"
    return answers.done(request, text, reverse("projects:detail", args=[slug]) + "#memory")
