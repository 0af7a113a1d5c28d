"""Review of test plans: read, mark case by case, send once."""

from django.db.models import Count, Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from leadroom.agents.queries import models_of_runs
from leadroom.guardrails.queries import check_unlocked
from leadroom.lib import clock
from leadroom.lib.errors import BadInput, Conflict, LeadroomError, Locked, NotPermitted
from leadroom.testplans import actions
from leadroom.testplans.changes import case_changes
from leadroom.testplans.enums import PlanState, ReviewVerdict
from leadroom.testplans.models import CaseVerdict, Reading, TestPlan
from leadroom.testplans.queries import body_at, current_plan, reading_of
from leadroom.web import access, answers
from leadroom.web.plans import forms
from leadroom.web.plans.listing import present_queue
from leadroom.web.plans.presenters import PlanPage, Reader, SinceLook, present_page, progress_of
from leadroom.web.refusals import refusal_of

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
    plan = access.plan(request, pk)
    reading = reading_of(plan.item_id, request.user.pk)
    page = _page(request, plan, typed=forms.typed_of(reading.draft if reading else {}, plan), reading=reading)
    if request.headers.get("HX-Request") == "true":
        seen = request.GET.get("state", "")
        digest = request.GET.get("digest", "")
        has_moved = bool(seen) and (seen != plan.state or (bool(digest) and digest != plan.digest))
        return render(request, "plans/detail.html#standing", {"page": page, "has_moved": has_moved})
    return render(request, "plans/detail.html", {"page": page})


def _page(
    request: HttpRequest,
    plan: TestPlan,
    *,
    typed: forms.Typed,
    reading: Reading | None = None,
    since: SinceLook | None = None,
    error: str = "",
) -> PlanPage:
    marks = Prefetch("reviews__marks", CaseVerdict.objects.select_related("case"))
    rows = TestPlan.objects.filter(item_id=plan.item_id, number__lt=plan.number).order_by("-number")
    earlier = list(rows.prefetch_related("cases", "reviews", marks))
    every = [plan, *earlier]
    runs = [one.run_id for one in every] + [review.run_id for one in every for review in one.reviews.all()]
    since = since or _since(plan, reading)
    reader = Reader(_lead_reason(request, plan), typed, since, error, _lock_reason(plan))
    return present_page(plan, earlier, models_of_runs([run for run in runs if run]), reader)


def _since(plan: TestPlan, reading: Reading | None) -> SinceLook | None:
    """What is new to this person; they look at the present content for the first time or still do."""
    if reading is None:
        return None
    is_same = reading.digest == plan.digest
    before, at = (reading.before, reading.before_at) if is_same else (reading.body, reading.looked_at)
    changes = case_changes(before, plan.body) if before is not None else []
    return SinceLook(at, changes) if changes and at is not None else None


def _lead_reason(request: HttpRequest, plan: TestPlan) -> str:
    return refusal_of(lambda: access.require_lead(request, plan.item.project))


def _lock_reason(plan: TestPlan) -> str:
    return refusal_of(lambda: check_unlocked(plan.item.project_id, kept="nothing is approved"))


@require_POST
def keep(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep what was marked and typed so far, for this person alone; nothing is sent."""
    plan = access.plan(request, pk)
    access.require_lead(request, plan.item.project)
    typed = forms.read_typed(request, plan)
    if plan.state == PlanState.LEAD_REVIEW and typed.seen == plan.digest:
        actions.keep_reading(plan=plan, user_id=request.user.pk or 0, draft=typed.draft(plan), now=clock.now())
    if request.headers.get("HX-Request") != "true":
        return redirect("plans:detail", pk)
    page = {"plan": plan, "progress": progress_of(typed, len(plan.cases.all()))}
    return render(request, "plans/detail.html#progress", {"page": page})


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
    if current is not None:
        seen = plan.body if current.pk != plan.pk else body_at(current, typed.seen)
        if seen is not None and (current.pk != plan.pk or typed.seen != current.digest):
            return _conflict(request, plan, seen, current, typed)
    if isinstance(error, (BadInput, Locked)):
        reading = reading_of(plan.item_id, request.user.pk)
        page = _page(request, plan, typed=typed, reading=reading, error=str(error))
        status = 423 if isinstance(error, Locked) else 422
        return render(request, "plans/detail.html", {"page": page}, status=status)
    sentence = f"{error} What you typed is below; nothing was sent."
    context = {
        "plan": plan,
        "current": plan,
        "typed": typed.rows(),
        "summary": typed.summary,
        "sentence": sentence,
    }
    return render(request, "plans/conflict.html", context, status=409)


def _conflict(request: HttpRequest, plan: TestPlan, seen: dict, current: TestPlan, typed: forms.Typed) -> HttpResponse:
    """The difference between what was read and what there is, with what was typed."""
    changes = case_changes(seen, current.body)
    touched = {change.key for change in changes}
    page = None
    if current.state == PlanState.LEAD_REVIEW:
        page = _page(
            request,
            access.plan(request, current.pk),
            typed=typed.without(touched),
            since=SinceLook(clock.now(), changes),
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
