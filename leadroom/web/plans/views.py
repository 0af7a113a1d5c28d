"""Review of test plans: read, mark case by case, send once."""

from django.db.models import Count, Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from leadroom.lib import clock
from leadroom.lib.errors import BadInput, Conflict, LeadroomError, NotPermitted
from leadroom.testplans import actions
from leadroom.testplans.changes import case_changes
from leadroom.testplans.enums import PlanState, ReviewVerdict
from leadroom.testplans.models import CaseVerdict, TestPlan
from leadroom.testplans.queries import current_plan
from leadroom.web import access, answers
from leadroom.web.plans import forms
from leadroom.web.plans.listing import present_queue
from leadroom.web.plans.presenters import PlanPage, present_page

LIST_LIMIT = 200
CHANGED = (
    "The plan changed since you opened it, so nothing was sent. "
    "Your words are kept; the marks of changed cases are reset."
)


@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    """Current plans by state, those that wait first."""
    plans = (
        TestPlan.objects.filter(item__project_id__in=access.project_ids(request))
        .exclude(state=PlanState.SUPERSEDED)
        .select_related("item__project")
        .annotate(n=Count("cases", distinct=True), found=Count("reviews__marks", distinct=True))
        .order_by("-pk")[:LIST_LIMIT]
    )
    fragment = "#rows" if request.headers.get("HX-Request") == "true" else ""
    return render(request, f"plans/queue.html{fragment}", {"rows": present_queue(list(plans))})


@require_GET
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One plan with its review form; as a region only what news may change, never the form."""
    page = _page(request, access.plan(request, pk))
    if request.headers.get("HX-Request") == "true":
        seen = request.GET.get("state", "")
        return render(
            request,
            "plans/detail.html#standing",
            {"page": page, "has_moved": bool(seen) and seen != page.plan.state},
        )
    return render(request, "plans/detail.html", {"page": page})


def _page(request: HttpRequest, plan: TestPlan, **extra: object) -> PlanPage:
    marks = Prefetch("reviews__marks", CaseVerdict.objects.select_related("case"))
    earlier = TestPlan.objects.filter(item_id=plan.item_id, number__lt=plan.number).order_by("-number")
    return present_page(
        plan,
        list(earlier.prefetch_related("cases", "reviews", marks)),
        lead_reason=_lead_reason(request, plan),
        **extra,  # type: ignore[arg-type]
    )


def _lead_reason(request: HttpRequest, plan: TestPlan) -> str:
    try:
        access.require_lead(request, plan.item.project)
    except NotPermitted as error:
        return str(error)
    return ""


@require_POST
def send(request: HttpRequest, pk: int) -> HttpResponse:
    """Send the review. What was typed is on the page again whenever it could not be sent."""
    plan = access.plan(request, pk)
    actor = access.require_lead(request, plan.item.project)
    typed = forms.read_typed(request, plan)
    try:
        verdict = forms.check_typed(typed, plan)
        actions.send_review(
            plan=plan,
            verdict=verdict,
            marks=typed.rows(),
            summary=typed.summary,
            seen_digest=typed.seen,
            user_id=request.user.pk or 0,
            by=actor,
            now=clock.now(),
            blind_spots=typed.ticked,
        )
    except (BadInput, Conflict, NotPermitted) as error:
        return _unsent(request, plan, typed, error)
    sent = "Frozen; the developer starts" if verdict == ReviewVerdict.APPROVE else "Sent back; the planner works it in"
    return answers.done(request, sent, reverse("plans:detail", args=[plan.pk]), go=True)


def _unsent(request: HttpRequest, plan: TestPlan, typed: forms.Typed, error: LeadroomError) -> HttpResponse:
    current = current_plan(plan.item)
    if current is not None and current.pk != plan.pk:
        return _conflict(request, plan, current, typed)
    if isinstance(error, BadInput):
        page = _page(request, plan, typed=typed, error=str(error))
        return render(request, "plans/detail.html", {"page": page}, status=422)
    sentence = f"{error} What you typed is below; nothing was sent."
    context = {
        "plan": plan,
        "current": plan,
        "typed": typed.rows(),
        "summary": typed.summary,
        "sentence": sentence,
    }
    return render(request, "plans/conflict.html", context, status=409)


def _conflict(request: HttpRequest, plan: TestPlan, current: TestPlan, typed: forms.Typed) -> HttpResponse:
    """The difference between the plan that was read and the one there is, with what was typed."""
    changes = case_changes(plan.body, current.body)
    touched = {change.key for change in changes}
    page = None
    if current.state == PlanState.LEAD_REVIEW:
        page = _page(
            request,
            access.plan(request, current.pk),
            typed=typed.without(touched),
            changed=frozenset(touched),
        )
    context = {
        "plan": plan,
        "current": current,
        "changes": changes,
        "page": page,
        "typed": typed.rows(),
        "summary": typed.summary,
        "sentence": CHANGED,
    }
    return render(request, "plans/conflict.html", context, status=409)
