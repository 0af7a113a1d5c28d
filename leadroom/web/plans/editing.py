"""The lead's own hand on a plan under review: change a case, add one, drop one. Each makes a new digest."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from leadroom.lib import clock
from leadroom.lib.errors import Conflict, LeadroomError
from leadroom.testplans import actions
from leadroom.testplans.changes import case_changes, cases_of, with_case, without_case
from leadroom.testplans.enums import CasePath, Layer, Priority
from leadroom.testplans.models import TestPlan
from leadroom.testplans.queries import body_at
from leadroom.testplans.rules import check_can_decide
from leadroom.web import access
from leadroom.web.plans.case_form import blank_case, read_case, shaped_case
from leadroom.web.refusals import refusal_of, status_of


@require_http_methods(["GET", "POST"])
def edit_case(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Change one case; its verdict is reset, every other stays."""
    plan = access.plan(request, pk)
    case = cases_of(plan.body).get(key)
    if case is None:
        raise Http404("The plan has no such case (any more).")
    if request.method == "GET":
        return _form(request, plan, dict(case), key=key)
    typed = read_case(request)
    try:
        body = with_case(plan.body, shaped_case(typed), at=key)
        _edit(request, plan, body, f"{key} changed")
    except LeadroomError as error:
        return _form(request, plan, typed, key=key, error=error)
    return redirect(reverse("plans:detail", args=[pk]) + f"#case-{typed['id']}")


@require_http_methods(["GET", "POST"])
def add_case(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a case at the end of its layer."""
    plan = access.plan(request, pk)
    if request.method == "GET":
        return _form(request, plan, blank_case(plan.body, request.GET.get("layer", "")))
    typed = read_case(request)
    try:
        _edit(request, plan, with_case(plan.body, shaped_case(typed)), f"{typed['id']} added")
    except LeadroomError as error:
        return _form(request, plan, typed, error=error)
    return redirect(reverse("plans:detail", args=[pk]) + f"#case-{typed['id']}")


@require_POST
def drop_case(request: HttpRequest, pk: int, key: str) -> HttpResponse:
    """Take a case out of the plan at once; findings on it stay as findings on the plan."""
    plan = access.plan(request, pk)
    _edit(request, plan, without_case(plan.body, key), f"{key} dropped")
    return redirect("plans:detail", pk)


def _edit(request: HttpRequest, plan: TestPlan, body: dict[str, Any], what: str) -> None:
    actor = access.require_lead(request, plan.item.project)
    actions.edit(
        plan=plan,
        body=body,
        what=what,
        seen_digest=request.POST.get("seen", ""),
        user_id=request.user.pk or 0,
        by=actor,
        now=clock.now(),
    )


def refusal(request: HttpRequest, plan: TestPlan) -> str:
    """Why this person cannot edit the plan now, empty when they can."""
    return refusal_of(lambda: check_can_decide(plan, by=access.require_lead(request, plan.item.project)))


def _form(
    request: HttpRequest, plan: TestPlan, case: dict[str, Any], *, key: str = "", error: LeadroomError | None = None
) -> HttpResponse:
    seen = body_at(plan, request.POST.get("seen", "")) if isinstance(error, Conflict) else None
    context = {
        "plan": plan,
        "case": case,
        "key": key,
        "title": f"Edit {key}" if key else "Add a case",
        "steps": "\n".join(case["steps"]),
        "way": "command" if case["command"] else "node_id",
        "run_by": case["command"] or case["node_id"],
        "criteria": [(name, text, name in case["criteria"]) for name, text in plan.revision.criteria.items()],
        "flows": sorted({c.get("flow", "") for c in plan.body["cases"]} - {""}),
        "choices": {"layers": Layer.choices, "paths": CasePath.choices, "priorities": Priority.choices},
        "reason": refusal(request, plan),
        "error": str(error or ""),
        "changes": case_changes(seen, plan.body) if seen is not None else [],
    }
    status = status_of(error) if error else 200
    return render(request, "plans/case.html", context, status=status)
