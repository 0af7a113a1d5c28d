"""Buttons of the lead about single cases, frozen tests and seeded faults. What lets something pass takes a reason."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from leadroom.lib import clock
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput
from leadroom.pipeline import moves
from leadroom.projects.models import WorkItem
from leadroom.testplans.models import TestCase
from leadroom.verification.actions import exempt, thaw
from leadroom.verification.enums import ExemptionKind
from leadroom.verification.queries import latest_hand_in, latest_verification
from leadroom.web import access, answers


def _case(request: HttpRequest, pk: int, case_pk: int) -> tuple[WorkItem, TestCase, Actor]:
    item = access.item(request, pk)
    case = TestCase.objects.select_related("plan__item__project").filter(pk=case_pk, plan__item=item).first()
    if case is None:
        raise Http404("The item's plan has no such case.")
    return item, case, access.require_lead(request, item.project)


def _done(request: HttpRequest, item: WorkItem, said: str) -> HttpResponse:
    return answers.done(request, said, reverse("items:verification", args=[item.pk]))


@require_POST
def quarantine(request: HttpRequest, pk: int, case_pk: int) -> HttpResponse:
    """Set a flaky case aside, with a reason; what failed by nothing else passes."""
    item, case, actor = _case(request, pk, case_pk)
    moves.quarantine(case=case, reason=request.POST.get("reason", ""), by=actor, now=clock.now())
    return _done(request, item, f"{case.key} is in quarantine; it still runs and no longer decides.")


@require_POST
def hold_before(request: HttpRequest, pk: int, case_pk: int) -> HttpResponse:
    """Let a case pass on the base commit, with a reason; the developer hands the tests in again."""
    item, case, actor = _case(request, pk, case_pk)
    kind = ExemptionKind.HOLDS_BEFORE
    exempt(case=case, kind=kind, reason=request.POST.get("reason", ""), by=actor, now=clock.now())
    return _done(request, item, f"{case.key} may hold before the change.")


@require_POST
def thaw_tests(request: HttpRequest, pk: int) -> HttpResponse:
    """Let the developer write the tests anew, with a reason."""
    item = access.item(request, pk)
    actor = access.require_lead(request, item.project)
    hand_in = latest_hand_in(item)
    if hand_in is None:
        raise BadInput("No tests were handed in for this item yet; there is nothing to thaw.")
    thaw(hand_in=hand_in, reason=request.POST.get("reason", ""), by=actor, now=clock.now())
    return _done(request, item, "Thawed: the developer hands the tests in again.")


@require_POST
def seed_faults(request: HttpRequest, pk: int) -> HttpResponse:
    """Try the seeded faults of the newest verification again."""
    item = access.item(request, pk)
    actor = access.require_lead(request, item.project)
    found = latest_verification(item)
    if found is None:
        raise BadInput("This item has no verification yet; there is nothing to seed faults into.")
    moves.seed_faults_again(verification=found, by=actor, now=clock.now())
    return _done(request, item, "The seeded faults are being tried; the result appears here.")
