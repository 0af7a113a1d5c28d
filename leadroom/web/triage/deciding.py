"""Presses in the inbox: where findings go, what is the same, what is not, and taking it back."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_POST

from leadroom.lib import clock
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict, LeadroomError
from leadroom.lib.shapes import count_of
from leadroom.triage import actions
from leadroom.triage.enums import LinkState, Route
from leadroom.triage.models import Decision, Finding
from leadroom.web import access, answers
from leadroom.web.regions import redrawn
from leadroom.web.triage.asked import (
    number_in,
    numbers_in,
    read_kind,
    read_route,
    read_seen,
    read_snooze,
    read_view,
    ticked,
)
from leadroom.web.triage.inbox import drawn

REGION = "inbox-body"


@require_POST
def route(request: HttpRequest, pk: int) -> HttpResponse:
    """The row's finding, and those that are selected with it, go where the button says."""
    to, note, now = read_route(request.POST), request.POST.get("note", ""), clock.now()

    def decide(finding: Finding, by: Actor) -> Decision:
        is_own = finding.pk == pk
        seen = read_seen(request.POST, is_own=is_own)
        return actions.route(finding=finding, to=to, by=by, now=now, note=note if is_own else "", seen=seen)

    return _decided(request, pk, decide, Route(to).label)


@require_POST
def snooze(request: HttpRequest, pk: int) -> HttpResponse:
    """Put off, with those that are selected, until a moment or until it gets worse."""
    now = clock.now()
    until = read_snooze(request.POST, now)
    words = "Snoozed" if until else "Snoozed until it gets worse"

    def decide(finding: Finding, by: Actor) -> Decision:
        seen = read_seen(request.POST, is_own=finding.pk == pk)
        return actions.snooze(finding=finding, until=until, by=by, now=now, seen=seen)

    return _decided(request, pk, decide, words)


def _decided(request: HttpRequest, pk: int, decide: Callable[[Finding, Actor], Decision], words: str) -> HttpResponse:
    """One refusal is answered as such. Of several, what can be decided is, and the toast says how many could not."""
    own = access.finding(request, pk)
    others = [access.finding(request, other) for other in ticked(request.POST) if other != pk]
    made, refused = [], []
    for finding in [own, *others]:
        by = access.require_lead(request, finding.project)
        try:
            made.append(decide(finding, by))
        except LeadroomError as error:
            if not others:
                raise
            refused.append(str(error))
    if not made:
        raise Conflict(refused[0])
    text = words if len(made) == 1 else f"{words}: {count_of(len(made), 'finding')}"
    if refused:
        text += f"; {len(refused)} could not: {refused[0]}"
    undo_url = reverse("triage:undo", args=[",".join(str(decision.pk) for decision in made)])
    return _answer(request, own, text, undo_url=undo_url)


@require_POST
def undo(request: HttpRequest, pks: str) -> HttpResponse:
    """Takes decisions back; what moved on meanwhile stays, and is told."""
    rows = Decision.objects.filter(finding__project_id__in=access.project_ids(request))
    found = [access.one(rows.select_related("finding__project"), pk) for pk in numbers_in(pks)]
    if not found:
        raise Http404("There is no such decision.")
    kept = []
    for decision in found:
        by = access.require_lead(request, decision.finding.project)
        try:
            actions.undo(decision=decision, by=by, now=clock.now())
        except LeadroomError as error:
            if len(found) == 1:
                raise
            kept.append(str(error))
    text = "Taken back" + (f"; {len(kept)} could not: {kept[0]}" if kept else "")
    return _answer(request, found[0].finding, text)


@require_POST
def mark_finding(request: HttpRequest, pk: int) -> HttpResponse:
    """Read, or unread again."""
    finding = access.finding(request, pk)
    by = access.require_lead(request, finding.project)
    is_unread = request.POST.get("unread") == "1"
    actions.mark_finding(finding=finding, is_unread=is_unread, by=by, now=clock.now())
    return _answer(request, finding, "Marked as unread" if is_unread else "Marked as read")


@require_POST
def accept(request: HttpRequest, pk: int) -> HttpResponse:
    """A suggestion is right."""
    link = access.link(request, pk)
    by = access.require_lead(request, link.newer.project)
    actions.accept(link=link, by=by, now=clock.now())
    return _answer(request, link.newer, f"Linked to {link.older_id}")


@require_POST
def cut(request: HttpRequest, pk: int) -> HttpResponse:
    """A link or a suggestion is wrong; it is never made again without a person."""
    link = access.link(request, pk)
    by = access.require_lead(request, link.newer.project)
    was_suggestion = link.state == LinkState.SUGGESTED
    actions.cut(link=link, by=by, now=clock.now())
    return _answer(request, link.older, "Not the same, remembered" if was_suggestion else "Split, remembered")


@require_POST
def split(request: HttpRequest, pk: int) -> HttpResponse:
    """A finding leaves its group, with all that came to it."""
    finding = access.finding(request, pk)
    by = access.require_lead(request, finding.project)
    actions.split(finding=finding, by=by, now=clock.now())
    return _answer(request, finding, "Split off; it is a finding of its own again")


@require_POST
def link(request: HttpRequest, pk: int) -> HttpResponse:
    """A person says that two findings are the same, related, or that one came back."""
    finding = access.finding(request, pk)
    by = access.require_lead(request, finding.project)
    number = number_in(request.POST.get("other", "").strip().removeprefix("#"))
    if not number:
        raise BadInput("Give the number of the other finding, such as 12; nothing was linked.")
    other = access.one(Finding.objects.filter(project_id__in=access.project_ids(request)), number)
    made = actions.link_by_hand(newer=finding, older=other, kind=read_kind(request.POST), by=by, now=clock.now())
    return _answer(request, made.older, f"Linked to {made.older_id}")


@require_POST
def teach(request: HttpRequest, pk: int) -> HttpResponse:
    """A recurrent low finding becomes the draft of a rule."""
    finding = access.finding(request, pk)
    by = access.require_lead(request, finding.project)
    draft = actions.teach(finding=finding, by=by, now=clock.now())
    return _answer(request, finding, f"Rule drafted; it would have kept back {count_of(draft.effect, 'report')}")


def _answer(request: HttpRequest, finding: Finding, text: str, *, undo_url: str = "") -> HttpResponse:
    """The inbox drawn anew for a press in it, the finding's page for one there."""
    view = read_view(QueryDict(request.POST.get("query", "")[:500]))
    to = f"{reverse('triage:inbox')}?{view.query}"
    if request.POST.get("back") == "finding":
        root = Finding.objects.values_list("root_id", flat=True).get(pk=finding.pk)
        to = reverse("triage:finding", args=[root or finding.pk])
        if request.headers.get("HX-Request") == "true":
            return answers.done(request, text, to, go=True)
    return redrawn(request, REGION, lambda: drawn(request, view), text, to, undo_url=undo_url)
