"""Where incidents, flow samples and tickets come from: the webhook's secret, and CSV files."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from leadroom.lib import clock
from leadroom.lib.errors import BadInput
from leadroom.lib.shapes import count_of
from leadroom.outcomes import actions
from leadroom.outcomes.enums import Came
from leadroom.outcomes.ingress import KINDS
from leadroom.outcomes.intake import MOST_BYTES, SHOWN, BadRows, Problem, Shape, rows_of_csv
from leadroom.outcomes.models import Ingress
from leadroom.outcomes.queries import counts_of
from leadroom.projects.models import Project
from leadroom.web import access, answers
from leadroom.web.refusals import refusal_of


@dataclass(frozen=True)
class KindRow:
    """One kind of record: what came in so far, and its columns."""

    shape: Shape
    count: int
    last: object

    @property
    def example(self) -> str:
        return ",".join(self.shape.known)


@dataclass(frozen=True)
class SourcesPage:
    project: Project
    ingress: Ingress | None
    url: str
    kinds: tuple[KindRow, ...]
    refusal: str
    secret: str = ""
    chosen: str = ""
    text: str = ""
    problems: tuple[Problem, ...] = ()
    more: int = 0


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The projects whose sources can be looked at."""
    rows = list(access.projects(request))
    if len(rows) == 1:
        return redirect("outcomes:project", rows[0].slug)
    return render(request, "outcomes/sources.html", {"projects": rows})


@require_GET
def project(request: HttpRequest, slug: str) -> HttpResponse:
    """One project's door for webhooks and its CSV import."""
    return _shown(request, access.project(request, slug))


@sensitive_variables("more")
def _shown(request: HttpRequest, project: Project, *, status: int = 200, **more: object) -> HttpResponse:
    refusal = refusal_of(lambda: access.require_lead(request, project))
    counts = counts_of(project)
    page = SourcesPage(
        project=project,
        ingress=Ingress.objects.filter(project=project).first(),
        url=settings.PUBLIC_URL + reverse("api:hook", args=[project.slug]),
        kinds=tuple(KindRow(kind.shape, *counts.get(name, (0, None))) for name, kind in KINDS.items()),
        refusal=refusal,
        **more,  # type: ignore[arg-type]
    )
    answer = render(request, "outcomes/project.html", {"page": page}, status=status)
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
@sensitive_variables("secret")
def rotate(request: HttpRequest, slug: str) -> HttpResponse:
    """A new secret, shown on the answer's page and never again."""
    project = access.project(request, slug)
    actor = access.require_lead(request, project)
    is_kept = request.POST.get("keep") == "1"
    secret = actions.rotate_secret(project=project, is_old_kept=is_kept, by=actor, now=clock.now())
    return _shown(request, project, status=201, secret=secret)


@require_POST
def upload(request: HttpRequest, slug: str) -> HttpResponse:
    """A CSV file, or its text: stored whole, or refused with row numbers and reasons."""
    project = access.project(request, slug)
    actor = access.require_lead(request, project)
    name, text = request.POST.get("kind", ""), request.POST.get("text", "")
    kind = KINDS.get(name)
    if kind is None:
        raise BadInput(f"Choose what the file holds: {', '.join(KINDS)}. Nothing was stored.")
    now = clock.now()
    try:
        rows = kind.shape.read(rows_of_csv(_data(request, text), kind.shape), now=now, first_row=2)
    except BadRows as error:
        shown, more = error.problems[:SHOWN], max(0, len(error.problems) - SHOWN)
        return _shown(request, project, status=422, chosen=name, text=text[:100_000], problems=shown, more=more)
    kept = kind.keep(project=project, rows=rows, came=Came.CSV, by=actor, now=now)
    said = f"{kind.shape.title}: {kept.new} new, {kept.changed} changed, {kept.same} as before"
    return answers.done(request, said, reverse("outcomes:project", args=[slug]) + f"#kept-{name}")


def _data(request: HttpRequest, text: str) -> bytes:
    """The file, else the text. Raises BadRows (too large), BadInput (neither)."""
    sent = request.FILES.get("file")
    if sent is not None:
        if (sent.size or 0) > MOST_BYTES:
            size = count_of(sent.size or 0, "byte")
            raise BadRows([Problem(0, f"The file has {size}; {MOST_BYTES:,} is the limit.")])
        return sent.read()
    if not text.strip():
        raise BadInput("Choose a CSV file or paste its text. Nothing was stored.")
    return text.encode("utf-8", "replace")
