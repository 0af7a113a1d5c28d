"""Findings brought in as a file."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from leadroom.lib import clock
from leadroom.lib.errors import BadInput, LeadroomError
from leadroom.projects.models import Project
from leadroom.projects.queries import may_act
from leadroom.triage import actions
from leadroom.triage.imports.history import earlier_imports
from leadroom.triage.imports.reading import Kind, kind_of
from leadroom.triage.imports.rows import MOST_AT_ONCE
from leadroom.web import access
from leadroom.web.refusals import status_of

SIZE_LIMIT = 2_000_000
"""Bytes of a file on a page; larger ones go through the command."""


@require_http_methods(["GET", "POST"])
def import_findings(request: HttpRequest, slug: str) -> HttpResponse:
    """The form, and what became of the files before; a POST brings one in."""
    project = access.project(request, slug)
    if request.method == "GET":
        return _page(request, project, {})
    kind = request.POST.get("kind", "")
    try:
        actor = access.require_lead(request, project)
        actions.import_findings(
            project=project,
            kind=kind_of(kind),
            data=_bytes_of(request),
            by=actor,
            now=clock.now(),
            most=MOST_AT_ONCE,
        )
    except LeadroomError as error:
        return _page(request, project, {"error": str(error), "chosen": kind}, status=status_of(error))
    return redirect(f"{reverse('triage:import', args=[slug])}?done=1")


def _bytes_of(request: HttpRequest) -> bytes:
    """Raises BadInput without a file, or for one that is too large for a page."""
    upload = request.FILES.get("file")
    if upload is None:
        raise BadInput("Choose a file first; nothing was taken in.")
    if (upload.size or 0) > SIZE_LIMIT:
        raise BadInput(
            f"The file has {upload.size:,} bytes; {SIZE_LIMIT:,} is the limit here. Nothing was taken in; "
            "larger ones go in with `manage.py import_findings`."
        )
    return bytes(upload.read())


def _page(request: HttpRequest, project: Project, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    reason = "" if may_act(request.user, project) else f"Only the lead of {project.name} brings findings in."
    shown: dict[str, Any] = {
        "project": project,
        "kinds": Kind.choices,
        "reason": reason,
        "size_limit": "2 MB",
        "most": MOST_AT_ONCE,
    }
    shown |= {"earlier": earlier_imports(project.pk), "is_done": "done" in request.GET}
    return render(request, "triage/import.html", {**shown, **context}, status=status)
