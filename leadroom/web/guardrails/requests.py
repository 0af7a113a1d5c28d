"""Parked actions: what exactly is asked, and the lead's answer."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from leadroom.agents.enums import RunState
from leadroom.agents.models import Run
from leadroom.guardrails import bounding
from leadroom.guardrails.bounds import policy_of
from leadroom.guardrails.enums import Reason, RequestState
from leadroom.guardrails.models import PermissionRequest
from leadroom.guardrails.queries import check_unlocked
from leadroom.lib import clock
from leadroom.lib.digest import canonical_json
from leadroom.lib.errors import BadInput
from leadroom.projects.models import WorkItem
from leadroom.web import access, answers
from leadroom.web.refusals import refusal_of
from leadroom.web.templatetags.leadroom_ui import hue

_SHORT = 200


@dataclass(frozen=True)
class Field:
    """One field of the parked call."""

    name: str
    text: str
    is_long: bool


@dataclass(frozen=True)
class RequestPage:
    """A parked action with everything a person needs to judge it.

    `refusal` says why the buttons do not work, `grant_refusal` why it cannot be approved.
    """

    request: PermissionRequest
    item: WorkItem
    hue: int
    state_word: str
    is_open: bool
    is_irreversible: bool
    fields: tuple[Field, ...]
    sources: tuple[dict[str, Any], ...]
    counting: int
    minutes: int
    refusal: str
    grant_refusal: str


def _load(request: HttpRequest, pk: int) -> PermissionRequest:
    rows = PermissionRequest.objects.filter(project_id__in=access.project_ids(request)).select_related("project")
    return access.one(rows, pk)


def _page(request: HttpRequest, parked: PermissionRequest) -> RequestPage:
    run = Run.objects.filter(pk=parked.run_id).first()
    is_waiting = run is not None and run.state == RunState.WAITING
    refusal = refusal_of(lambda: access.require_lead(request, parked.project))
    if parked.state == RequestState.PENDING and not is_waiting:
        refusal = "The run does not wait any more, so nothing would come of an answer."
    return RequestPage(
        request=parked,
        item=WorkItem.objects.select_related("project").get(pk=parked.item_id),
        hue=hue(parked.project),
        state_word=RequestState(parked.state).label,
        is_open=parked.state == RequestState.PENDING,
        is_irreversible=parked.why == Reason.IRREVERSIBLE,
        fields=tuple(_field(name, value) for name, value in parked.input.items() if name != "sources"),
        sources=tuple(parked.sources),
        counting=sum(bool((source.get("found") or {}).get("counts")) for source in parked.sources),
        minutes=policy_of(parked.project_id).approval_minutes,
        refusal=refusal,
        grant_refusal=refusal or _why_locked(parked),
    )


def _why_locked(parked: PermissionRequest) -> str:
    kept = "nothing is approved meanwhile"
    return refusal_of(lambda: check_unlocked(parked.project_id, parked.agent_id, kept=kept))


def _field(name: str, value: Any) -> Field:
    if isinstance(value, list) and all(isinstance(inner, str) for inner in value):
        value = "\n".join(value)
    text = value if isinstance(value, str) else canonical_json(value)
    return Field(name, text, len(text) > _SHORT or "\n" in text)


@require_GET
def request(request: HttpRequest, pk: int) -> HttpResponse:
    """One parked action."""
    fragment = "#body" if request.headers.get("HX-Request") == "true" else ""
    return render(request, f"guardrails/request.html{fragment}", {"page": _page(request, _load(request, pk))})


@require_POST
def answer_request(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve exactly this, refuse it, or say what to do instead."""
    parked = _load(request, pk)
    actor = access.require_lead(request, parked.project)
    decision, text = request.POST.get("decision", ""), request.POST.get("text", "")
    if decision not in ("grant", "refuse", "answer"):
        raise BadInput("Approve it, refuse it, or write an answer; nothing was decided.")
    if decision == "answer" and not text.strip():
        raise BadInput("The answer is empty; nothing was decided.")
    bounding.answer_request(
        request=parked,
        is_granted=decision == "grant",
        text=text,
        seen_digest=request.POST.get("seen", ""),
        nonce=request.POST.get("nonce", ""),
        minutes=policy_of(parked.project_id).approval_minutes,
        by=actor,
        now=clock.now(),
    )
    said = {
        "grant": "Approved: Leadroom carries out exactly this, once.",
        "refuse": "Refused; the agent is told.",
        "answer": "Not carried out; the agent gets your answer.",
    }
    return answers.done(request, said[decision], reverse("guardrails:request", args=[pk]))
