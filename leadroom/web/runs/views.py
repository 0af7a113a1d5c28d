"""Pages of runs, and what a lead may do to one."""

import json

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from leadroom.agents import actions
from leadroom.agents.models import Run
from leadroom.lib import clock
from leadroom.lib.errors import BadInput
from leadroom.web import access, answers
from leadroom.web.runs import presenters
from leadroom.web.templatetags.leadroom_ui import hue

QUERY_LIMIT = 200


def _position(request: HttpRequest, name: str) -> int | None:
    """A keyset position of the query, None when there is none. Raises BadInput."""
    raw = request.GET.get(name, "")
    if not raw:
        return None
    if not (raw.isascii() and raw.isdigit() and len(raw) <= 18):
        raise BadInput(f"{name} must be a whole number; start again from the newest page.")
    return int(raw)


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """All runs, newest first."""
    page = presenters.present_index(
        access.project_ids(request),
        state=request.GET.get("state", ""),
        role=request.GET.get("role", ""),
        before=_position(request, "before"),
    )
    return render(request, "runs/index.html", {"index": page})


@require_GET
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """The live transcript of one run, or the rows found in it with `?q=`."""
    run = access.run(request, pk)
    query, before = request.GET.get("q", "").strip()[:QUERY_LIMIT], _position(request, "before")
    shown = presenters.found(run, query) if query else presenters.transcript(run, before=before)
    context = {
        "run": run,
        "hue": hue(run.item.project),
        "facts": presenters.present_facts(run, clock.now()),
        "controls": presenters.present_controls(request, run),
        "transcript": shown,
        "query": query,
        "is_live": not query and before is None,
    }
    return render(request, "runs/detail.html", context)


@require_GET
def earlier(request: HttpRequest, pk: int) -> HttpResponse:
    """The rows before a position, for the head of a transcript that is open."""
    run = access.run(request, pk)
    before = _position(request, "before")
    if before is None:
        return redirect("runs:detail", pk)
    shown = presenters.transcript(run, before=before)
    return render(request, "runs/detail.html#earlier", {"run": run, "transcript": shown, "with_rows": True})


@require_GET
def facts(request: HttpRequest, pk: int) -> HttpResponse:
    """The facts alone, for news."""
    run = access.run(request, pk)
    context = {"run": run, "facts": presenters.present_facts(run, clock.now())}
    return render(request, "runs/detail.html#facts", context)


@require_GET
def controls(request: HttpRequest, pk: int) -> HttpResponse:
    """The open question and the reason of a stop alone, for news."""
    return _controls(request, access.run(request, pk), "controls")


@require_GET
def box(request: HttpRequest, pk: int) -> HttpResponse:
    """The steer box alone, for news."""
    return _controls(request, access.run(request, pk), "steer")


def _controls(request: HttpRequest, run: Run, part: str) -> HttpResponse:
    context = {"run": run, "controls": presenters.present_controls(request, run)}
    return render(request, f"runs/detail.html#{part}", context)


def _to(run: Run) -> str:
    return reverse("runs:detail", args=[run.pk])


@require_POST
def steer(request: HttpRequest, pk: int) -> HttpResponse:
    """Leave the agent a note; htmx gets a fresh, empty box back."""
    run = access.run(request, pk)
    actor = access.require_lead(request, run.item.project)
    actions.steer(run=run, text=request.POST.get("text", ""), by=actor, now=clock.now())
    said = "Noted; the agent reads it before its next turn."
    if request.headers.get("HX-Request") != "true":
        return answers.done(request, said, _to(run))
    answer = _controls(request, run, "steer")
    answer["HX-Trigger"] = json.dumps({"toast": {"text": said, "kind": "ok"}})
    return answer


@require_POST
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    """End the run for good."""
    run = access.run(request, pk)
    actor = access.require_lead(request, run.item.project)
    actions.stop(run=run, by=actor, now=clock.now())
    return answers.done(request, "Stopped. Its work is kept.", _to(run))


@require_POST
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Resume a lost or failed run."""
    run = access.run(request, pk)
    actor = access.require_lead(request, run.item.project)
    actions.retry(run=run, by=actor, now=clock.now())
    return answers.done(request, "Queued; it goes on from its last stored message.", _to(run))


@require_POST
def ask(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask a halted agent something; it answers without being able to write."""
    run = access.run(request, pk)
    actor = access.require_lead(request, run.item.project)
    actions.ask_read_only(run=run, text=request.POST.get("text", ""), by=actor, now=clock.now())
    return answers.done(request, "Asked; it answers read-only, then halts again.", _to(run))


@require_POST
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Answer an agent's question by a prepared option or in own words."""
    question = access.elicitation(request, pk)
    actor = access.require_lead(request, question.run.item.project)
    actions.answer(
        elicitation=question,
        text=request.POST.get("text", ""),
        user_id=request.user.pk,  # type: ignore[arg-type]
        by=actor,
        now=clock.now(),
    )
    return answers.done(request, "Answered; the agent goes on.", _to(question.run))
