"""Pages of projects: connecting a repository, its settings, its models."""

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
from leadroom.lib.errors import BadInput, LeadroomError, NotPermitted
from leadroom.pipeline.connecting import connect_project
from leadroom.projects import actions
from leadroom.projects.enums import Publish
from leadroom.requirements import actions as requirements
from leadroom.runners.builtin.trial import try_access
from leadroom.web import access, answers
from leadroom.web.projects import presenters
from leadroom.web.projects.forms import ConnectForm, EndpointForm, PathForm, SettingsForm


def _refusal(request: HttpRequest) -> str:
    try:
        access.require_admin(request)
    except NotPermitted as error:
        return str(error)
    return ""


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Every project of this person."""
    rows = presenters.present_index(access.projects(request))
    return render(request, "projects/index.html", {"rows": rows, "connect_reason": _refusal(request)})


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
    try:
        access.require_lead(request, project)
        reason = ""
    except NotPermitted as error:
        reason = str(error)
    is_whole = request.GET.get("memory") == "all"
    page = presenters.present_project(project, reason, access.waiting(request), is_memory_whole=is_whole)
    return render(request, "projects/detail.html", {"page": page})


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
        setup_command=form.cleaned_data["setup_command"],
        by=actor,
        now=clock.now(),
    )
    return answers.done(request, "Stored.", reverse("projects:detail", args=[slug]), go=True)


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
