"""The first steps of a new installation, each checked for real."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

from leadroom.agents.models import Endpoint
from leadroom.guardrails.models import Switch
from leadroom.sandbox.selftest import check_isolation
from leadroom.testplans.enums import ReviewKind
from leadroom.testplans.models import Review
from leadroom.web import access

DISMISSED = "is_checklist_dismissed"


@dataclass(frozen=True)
class Check:
    """One step: what is found now, and the link that helps when it is not done."""

    word: str
    is_done: bool
    note: str
    link: str = ""
    link_word: str = ""


def getting_started(request: HttpRequest) -> tuple[Check, ...]:
    """The five checks, or nothing when they were dismissed or all hold."""
    if request.session.get(DISMISSED):
        return ()
    checks = (_sandbox(), _repository(request), _model(request), _plan(request), _switch())
    return () if all(check.is_done for check in checks) else checks


def _sandbox() -> Check:
    isolation = check_isolation()
    note = f"{len(isolation.checks)} attempts to get out failed, as they must." if isolation.level else isolation.reason
    return Check("The sandbox holds", bool(isolation.level), note)


def _repository(request: HttpRequest) -> Check:
    own = access.projects(request).filter(is_rehearsal=False).values_list("name", flat=True).first()
    if own:
        return Check("A repository of yours", True, f"{own} is connected.")
    return Check(
        "A repository of yours",
        False,
        "Agents work on copies; yours is only read.",
        reverse("projects:new"),
        "Connect one",
    )


def _model(request: HttpRequest) -> Check:
    if settings.MODEL_KEY:
        return Check("A model answers", True, f"{settings.MODEL_NAME} by the key of the environment.")
    endpoint = Endpoint.objects.filter(project_id__in=access.project_ids(request)).order_by("pk").first()
    if endpoint is not None and not endpoint.base_url.startswith("rehearsal:"):
        return Check("A model answers", True, f"{endpoint.model} is connected.")
    if endpoint is not None:
        return Check("A model answers", True, "The rehearsal plays a script; no key is needed for it.")
    return Check(
        "A model answers",
        False,
        "Set ANTHROPIC_API_KEY, or an endpoint in a project.",
        reverse("projects:index"),
        "Projects",
    )


def _switch() -> Check:
    is_done = Switch.objects.filter(epoch__gt=0).exists()
    note = "You have seen it stop." if is_done else "Shift+L locks everything; the badge says when that is proven."
    return Check("Read-only pressed once", is_done, note, "" if is_done else reverse("guardrails:index"), "Guardrails")


def _plan(request: HttpRequest) -> Check:
    is_done = Review.objects.filter(
        kind=ReviewKind.LEAD, plan__item__project_id__in=access.project_ids(request)
    ).exists()
    note = "You know where the contract is made." if is_done else "One lands under Needs you by itself."
    return Check("A test plan reviewed", is_done, note, "" if is_done else reverse("plans:queue"), "Plans")
