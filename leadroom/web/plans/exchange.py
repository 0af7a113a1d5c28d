"""A plan as a file: out in three formats, in again as an edit; and the results of its cases."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from leadroom.lib import clock
from leadroom.lib.errors import BadInput, LeadroomError
from leadroom.lib.shapes import storable
from leadroom.pipeline import moves
from leadroom.projects.models import WorkItem
from leadroom.requirements.queries import latest_revision
from leadroom.testplans import actions
from leadroom.testplans.changes import case_changes
from leadroom.testplans.formats.feature import to_feature
from leadroom.testplans.formats.markdown import to_markdown
from leadroom.testplans.formats.plain import SIZE_LIMIT, SUFFIXES, read_plan, to_yaml
from leadroom.testplans.formats.results import CaseOutcome, to_ctrf, to_junit
from leadroom.testplans.models import TestPlan
from leadroom.testplans.queries import current_plan
from leadroom.testplans.rules import check_bring, check_submit
from leadroom.verification.models import VerificationRun
from leadroom.verification.queries import case_board
from leadroom.web import access
from leadroom.web.plans.case_form import shaped_plan
from leadroom.web.plans.editing import refusal
from leadroom.web.refusals import refusal_of, status_of

_TYPES = {"markdown": "text/markdown", "yaml": "application/yaml", "gherkin": "text/plain"}


def _written(plan: TestPlan, form: str) -> str:
    about: dict[str, Any] = {"number": plan.number, "digest": plan.digest, "item_title": plan.item.title}
    writers: dict[str, Callable[[], str]] = {
        "markdown": lambda: to_markdown(plan.body, **about),
        "yaml": lambda: to_yaml(plan.body, **about),
        "gherkin": lambda: to_feature(plan.body, item_title=plan.item.title),
    }
    return writers[form]()


def _file(text: str, kind: str, name: str) -> HttpResponse:
    # half a character, which an agent's JSON can carry, has no form in a file
    return HttpResponse(
        text.encode(errors="replace"),
        content_type=f"{kind}; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@require_GET
def export(request: HttpRequest, pk: int) -> HttpResponse:
    """The plan as `?as=markdown` (the default), `yaml` or `gherkin`."""
    plan = access.plan(request, pk)
    form = request.GET.get("as", "markdown")
    if form not in SUFFIXES:
        raise Http404("A plan is exported as markdown, yaml or gherkin.")
    name = f"leadroom-{plan.item.number}-plan-{plan.number}.{SUFFIXES[form]}"
    return _file(_written(plan, form), _TYPES[form], name)


@require_GET
def results(request: HttpRequest, pk: int) -> HttpResponse:
    """The newest results of the plan's cases, `?as=junit` (the default) or `ctrf`."""
    plan = access.plan(request, pk)
    form = request.GET.get("as", "junit")
    if form not in ("junit", "ctrf"):
        raise Http404("Results are exported as junit or ctrf.")
    run = VerificationRun.objects.filter(plan=plan, ended_at__isnull=False).order_by("-pk").first()
    outcomes = _outcomes(run) if run else []
    name, stem = f"{plan.item.title}, plan {plan.number}", f"leadroom-{plan.item.number}-results"
    if form == "junit":
        return _file(to_junit(name, outcomes), "application/xml", f"{stem}.xml")
    times = {"started": run.started_at if run else None, "ended": run.ended_at if run else None}
    return _file(
        to_ctrf(name, outcomes, **times, commit=run.commit if run else ""), "application/json", f"{stem}.ctrf.json"
    )


def _outcomes(run: VerificationRun) -> list[CaseOutcome]:
    return [
        CaseOutcome(
            key=result.case.key,
            title=result.case.title,
            layer=result.case.layer,
            run_by=result.case.node_id or result.case.command,
            word=str(result.outcome).lower(),
            seconds=result.seconds,
            message=result.message,
        )
        for result in case_board(run)
    ]


@require_http_methods(["GET", "POST"])
def import_plan(request: HttpRequest, pk: int) -> HttpResponse:
    """Bring a plan of one's own in the place of the one under review: first the difference, then the step."""
    plan = access.plan(request, pk)
    if request.method == "GET":
        return _import_page(request, plan.item, plan, "")
    text, body = "", None
    try:
        actor = access.require_lead(request, plan.item.project)
        text = _text(request)
        body = shaped_plan(storable(read_plan(text)))
        check_submit(body, plan.revision)
        if "replace" in request.POST:
            seen, user_id = request.POST.get("seen", ""), request.user.pk or 0
            actions.edit(
                plan=plan, body=body, what="replaced by an import", seen_digest=seen, user_id=user_id, by=actor,
                now=clock.now(),
            )  # fmt: skip
            return redirect("plans:detail", pk)
    except LeadroomError as error:
        return _import_page(request, plan.item, plan, text, body=body, error=error)
    return _import_page(request, plan.item, plan, text, body=body)


@require_http_methods(["GET", "POST"])
def bring_plan(request: HttpRequest, item_pk: int) -> HttpResponse:
    """A plan of one's own where none stands yet: first what it holds and what the checks say, then the step."""
    item = access.item(request, item_pk)
    text, body, error = "", None, None
    if request.method == "POST":
        try:
            actor = access.require_lead(request, item.project)
            text = _text(request)
            body = shaped_plan(storable(read_plan(text)))
            check_bring(item, current_plan(item), by=actor)
            if (revision := latest_revision(item)) is not None:
                check_submit(body, revision)
            if "replace" in request.POST:
                plan = moves.bring_plan(item=item, body=body, by=actor, now=clock.now())
                return redirect("plans:detail", plan.pk)
        except LeadroomError as problem:
            error = problem
    return _import_page(request, item, None, text, body=body, error=error)


def _why_not_bring(request: HttpRequest, item: WorkItem) -> str:
    return refusal_of(lambda: check_bring(item, current_plan(item), by=access.require_lead(request, item.project)))


def _text(request: HttpRequest) -> str:
    """The chosen file, else what was typed. Raises BadInput for a file that is too large or no text."""
    upload = request.FILES.get("file")
    if upload is None:
        return str(storable(request.POST.get("text", "").replace("\r\n", "\n")))
    if (upload.size or 0) > SIZE_LIMIT:
        raise BadInput(f"The file has {upload.size:,} bytes; {SIZE_LIMIT:,} is the limit. Nothing was changed.")
    try:
        return str(storable(upload.read().decode()))
    except UnicodeDecodeError as error:
        raise BadInput("The file is no text in UTF-8. Nothing was changed.") from error


def _import_page(
    request: HttpRequest,
    item: WorkItem,
    plan: TestPlan | None,
    text: str,
    *,
    body: dict[str, Any] | None = None,
    error: LeadroomError | None = None,
) -> HttpResponse:
    status = status_of(error) if error else 200
    context = {
        "item": item,
        "plan": plan,
        "text": text,
        "error": str(error or ""),
        "reason": refusal(request, plan) if plan else _why_not_bring(request, item),
        "is_read": body is not None and error is None,
        "changes": case_changes(plan.body if plan else {"cases": []}, body) if body is not None else [],
        "forms": [("markdown", "Markdown"), ("yaml", "YAML"), ("gherkin", "Gherkin")],
    }
    return render(request, "plans/import.html", context, status=status)
