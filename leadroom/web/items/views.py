"""Pages of one item, and what a lead may do to it as a whole."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from leadroom.lib import clock
from leadroom.lib.errors import BadInput
from leadroom.pipeline import moves
from leadroom.projects import actions
from leadroom.projects.enums import Risk
from leadroom.projects.models import WorkItem
from leadroom.projects.queries import led_projects
from leadroom.verification.actions import requeue
from leadroom.verification.queries import latest_verification
from leadroom.web import access, answers
from leadroom.web.align.bringing import bring_reason
from leadroom.web.items import about, proof, tabs
from leadroom.web.items.forms import NewItemForm
from leadroom.web.items.frame import TABS, act_reason, present_frame

REASON_LIMIT = 500


@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """Write a request. What cannot be used stays in the form with the reason beside it."""
    projects = led_projects(request.user)
    if request.method == "GET":
        wanted = projects.filter(slug=request.GET.get("project", "")).first()
        form = NewItemForm(projects=projects, initial={"project": wanted})
        return render(request, "items/new.html", {"form": form, "has_project": projects.exists()})
    form = NewItemForm(request.POST, request.FILES, projects=projects)
    if not form.is_valid():
        return render(request, "items/new.html", {"form": form, "has_project": projects.exists()}, status=422)
    project = form.cleaned_data["project"]
    item = actions.create_item(
        project=project,
        request=form.cleaned_data["request"],
        title=form.cleaned_data["title"],
        ref=form.cleaned_data["ref"],
        file_name=form.cleaned_data["file_name"],
        stitch_owner=request.user,  # type: ignore[arg-type]
        rehearsal_script=form.cleaned_data["script"] if project.is_rehearsal else "",
        by=access.require_lead(request, project),
        now=clock.now(),
    )
    return redirect("items:detail", item.pk)


def _tab(request: HttpRequest, pk: int, key: str, **context: Any) -> HttpResponse:
    """The whole page, or with `?region=1` the tab's live region alone."""
    item = access.item(request, pk)
    shown = {name: build(item) for name, build in context.items()}
    reason = act_reason(request, item)
    if key == "alignment":
        shown["change_reason"] = reason or bring_reason(item, by=access.person(request))
    shown |= {
        "item": item,
        "tab_url": reverse(f"items:{key}", args=[pk]),
        "act_reason": reason,
    }
    if "region" in request.GET:
        return render(request, f"items/{key}.html#tab", shown)
    frame = present_frame(request, item, key, now=clock.now())
    return render(request, f"items/{key}.html", shown | {"frame": frame})


@require_GET
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    """The request, word for word."""
    return _tab(request, pk, "detail", about=about.request)


@require_GET
def head(request: HttpRequest, pk: int, tab: str) -> HttpResponse:
    """Stages and next move alone, for news."""
    if tab not in TABS:
        raise Http404("There is no such tab.")
    frame = present_frame(request, access.item(request, pk), tab, now=clock.now())
    return render(request, "items/item.html#head", {"frame": frame})


@require_GET
def alignment(request: HttpRequest, pk: int) -> HttpResponse:
    """Decisions and document."""
    return _tab(request, pk, "alignment", alignment=tabs.alignment, effort=about.effort)


@require_GET
def plan(request: HttpRequest, pk: int) -> HttpResponse:
    """The test plan and what it covers."""
    return _tab(request, pk, "plan", plan=tabs.plan)


@require_GET
def streams(request: HttpRequest, pk: int) -> HttpResponse:
    """Every run."""
    return _tab(request, pk, "streams", streams=tabs.streams)


@require_GET
def changes(request: HttpRequest, pk: int) -> HttpResponse:
    """The developer's diff."""
    return _tab(request, pk, "changes", changes=tabs.changes)


@require_GET
def verification(request: HttpRequest, pk: int) -> HttpResponse:
    """Cases × results."""
    newest: list[tabs.VerificationTab] = []

    def cases(item: WorkItem) -> tabs.VerificationTab:
        newest.append(tabs.verification(item))
        return newest[0]

    return _tab(
        request,
        pk,
        "verification",
        verification=cases,
        proof=lambda item: proof.present(item, newest[0].run, request),
    )


@require_GET
def reports(request: HttpRequest, pk: int) -> HttpResponse:
    """What the runs reported."""
    return _tab(request, pk, "reports", reports=tabs.reports)


@require_GET
def sources(request: HttpRequest, pk: int) -> HttpResponse:
    """Sources and history."""
    return _tab(request, pk, "sources", log=tabs.sources)


@require_POST
def drop(request: HttpRequest, pk: int) -> HttpResponse:
    """Drop the item for good; its number must be typed, because this cannot be undone."""
    item = access.item(request, pk)
    actor = access.require_lead(request, item.project)
    if request.POST.get("number", "").strip().lstrip("#") != str(item.number):
        raise BadInput(f"The item was not dropped: type its number, {item.number}, to say that you mean this one.")
    moves.drop(item=item, by=actor, now=clock.now())
    return answers.done(request, "Dropped. Its work is kept.", reverse("items:detail", args=[pk]), go=True)


@require_POST
def set_risk(request: HttpRequest, pk: int) -> HttpResponse:
    """Raise or lower the risk, with a reason."""
    item = access.item(request, pk)
    actor = access.require_lead(request, item.project)
    risk, reason = request.POST.get("risk", ""), " ".join(request.POST.get("reason", "").split())
    if risk not in Risk.values:
        raise BadInput("There is no such risk; nothing was changed.")
    if not reason:
        raise BadInput("Say in a few words why; the risk was not changed.")
    if len(reason) > REASON_LIMIT:
        raise BadInput(f"The reason has {len(reason)} characters; {REASON_LIMIT} is the limit. Nothing was changed.")
    actions.set_risk(item=item, risk=risk, reason=reason, by=actor, now=clock.now())
    return answers.done(
        request, f"Risk is {Risk(risk).label.lower()} now.", reverse("items:detail", args=[pk]), go=True
    )


@require_POST
def start_again(request: HttpRequest, pk: int) -> HttpResponse:
    """A new attempt after a person stopped a run."""
    item = access.item(request, pk)
    actor = access.require_lead(request, item.project)
    moves.start_again(item=item, by=actor, now=clock.now())
    return answers.done(request, "Queued again.", reverse("items:detail", args=[pk]))


@require_POST
def verify_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Run the newest verification again when it could not run."""
    item = access.item(request, pk)
    actor = access.require_lead(request, item.project)
    found = latest_verification(item)
    if found is None:
        raise BadInput("This item has no verification yet; there is nothing to run again.")
    requeue(verification=found, by=actor, now=clock.now())
    return answers.done(request, "The verification is queued again.", reverse("items:verification", args=[pk]))
