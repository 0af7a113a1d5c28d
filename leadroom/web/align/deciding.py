"""Decisions on the alignment page: one row, a round, a whole proposal; and taking them back."""

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from leadroom.lib import clock
from leadroom.lib.actors import Actor
from leadroom.lib.shapes import count_of
from leadroom.projects.models import WorkItem
from leadroom.requirements import actions
from leadroom.requirements.enums import Care
from leadroom.requirements.models import Proposal
from leadroom.requirements.queries import open_count
from leadroom.web import access
from leadroom.web.align import forms
from leadroom.web.align.acting import acted
from leadroom.web.align.attention import undo_url


def _and_now(item: WorkItem) -> str:
    return "" if open_count(item) else "; that was the last one"


@require_POST
def pick(request: HttpRequest, pk: int) -> HttpResponse:
    """Decide one question by candidate or own words, or change a decision that was not handed over."""
    row = access.ambiguity(request, pk)

    def act(actor: Actor) -> tuple[str, str]:
        given = forms.read_pick(request)
        actions.resolve(
            ambiguity=row,
            by=actor,
            now=clock.now(),
            seen_digest=given.seen,
            picked=given.picked,
            own_answer=given.own_answer,
            was=given.was,
            keys=forms.read_keys(request),
            user_id=request.user.pk,
        )
        return f"{row.key} decided{_and_now(row.item)}", reverse("align:reopen", args=[row.pk])

    return acted(request, row.item, act)


@require_POST
def reopen(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a decision back."""
    row = access.ambiguity(request, pk)

    def act(actor: Actor) -> tuple[str, str]:
        keys = forms.read_keys(request)
        actions.reopen(ambiguity=row, by=actor, now=clock.now(), keys=keys, user_id=request.user.pk)
        return f"{row.key} is open again", ""

    return acted(request, row.item, act)


@require_POST
def defer(request: HttpRequest, pk: int) -> HttpResponse:
    """Leave the question open on purpose."""
    row = access.ambiguity(request, pk)

    def act(actor: Actor) -> tuple[str, str]:
        keys = forms.read_keys(request)
        actions.defer(ambiguity=row, by=actor, now=clock.now(), keys=keys, user_id=request.user.pk)
        text = f"{row.key} deferred; the document will list it{_and_now(row.item)}"
        return text, reverse("align:reopen", args=[row.pk])

    return acted(request, row.item, act)


@require_POST
def probe(request: HttpRequest, pk: int) -> HttpResponse:
    """“Ask me more”: the agent comes back to the question."""
    row = access.ambiguity(request, pk)

    def act(actor: Actor) -> tuple[str, str]:
        keys = forms.read_keys(request)
        actions.probe(ambiguity=row, by=actor, now=clock.now(), keys=keys, user_id=request.user.pk)
        text = f"The agent will ask you more about {row.key}{_and_now(row.item)}"
        return text, reverse("align:reopen", args=[row.pk])

    return acted(request, row.item, act)


@require_POST
def care(request: HttpRequest, pk: int) -> HttpResponse:
    """“Ask me” or “you decide”."""
    row = access.ambiguity(request, pk)

    def act(actor: Actor) -> tuple[str, str]:
        wanted = forms.read_care(request)
        actions.set_care(ambiguity=row, care=wanted, by=actor, now=clock.now())
        return f"{row.key} is " + ("asked" if wanted == Care.ASK else "left to the agent"), ""

    return acted(request, row.item, act)


@require_POST
def remark(request: HttpRequest, pk: int) -> HttpResponse:
    """Say something beside a decision."""
    row = access.ambiguity(request, pk)

    def act(actor: Actor) -> tuple[str, str]:
        text, keys = request.POST.get("text", ""), forms.read_keys(request)
        actions.remark(ambiguity=row, text=text, user_id=request.user.pk or 0, by=actor, now=clock.now(), keys=keys)
        return f"Comment on {row.key} kept; the agent reads it with the decisions", ""

    return acted(request, row.item, act)


@require_POST
def pick_all(request: HttpRequest, pk: int) -> HttpResponse:
    """Take the recommendation of every open question that was seen."""
    item = access.item(request, pk)

    def act(actor: Actor) -> tuple[str, str]:
        seen, now = forms.read_seen(request.POST), clock.now()
        keys = forms.read_keys(request)
        count = actions.resolve_recommended(item=item, by=actor, now=now, seen=seen, keys=keys, user_id=request.user.pk)
        return f"{count_of(count, 'recommendation')} taken", undo_url(item, now) if count else ""

    return acted(request, item, act)


@require_POST
def take(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve a whole proposal; rows that were picked before keep their pick."""
    item = access.item(request, pk)
    proposal = Proposal.objects.filter(item=item, key=request.POST.get("proposal", "")[:1]).first()
    if proposal is None:
        raise Http404("There is no such proposal.")

    def act(actor: Actor) -> tuple[str, str]:
        now = clock.now()
        count = actions.take_proposal(
            proposal=proposal,
            seen_digest=request.POST.get("seen", ""),
            seen=forms.read_seen(request.POST),
            swaps={},
            by=actor,
            now=now,
            keys=forms.read_keys(request),
            user_id=request.user.pk,
        )
        return f"Proposal {proposal.key} taken for {count_of(count, 'row')}", undo_url(item, now)

    return acted(request, item, act)


@require_POST
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """One round of questions, whole."""
    item = access.item(request, pk)

    def act(actor: Actor) -> tuple[str, str]:
        given, now = forms.read_answers(request.POST), clock.now()
        keys = forms.read_keys(request)
        count = actions.answer_round(item=item, answers=given, by=actor, now=now, keys=keys, user_id=request.user.pk)
        decided = [answer for answer in given if answer.way != "decide"]
        return f"{count_of(count, 'answer')} kept", undo_url(item, now) if decided else ""

    return acted(request, item, act)


@require_POST
def enough(request: HttpRequest, pk: int) -> HttpResponse:
    """No more questions."""
    item = access.item(request, pk)

    def act(actor: Actor) -> tuple[str, str]:
        keys = forms.read_keys(request)
        count = actions.say_enough(item=item, by=actor, now=clock.now(), keys=keys, user_id=request.user.pk)
        tail = f"; {count_of(count, 'question')} deferred" if count else ""
        return f"No more questions{tail}", ""

    return acted(request, item, act)


@require_POST
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Take back what one press decided, all of it; `?at=` says which press."""
    item = access.item(request, pk)

    def act(actor: Actor) -> tuple[str, str]:
        moment, keys = forms.read_moment(request.POST.get("at") or request.GET.get("at", "")), forms.read_keys(request)
        count = actions.reopen_batch(
            item=item, decided_at=moment, by=actor, now=clock.now(), keys=keys, user_id=request.user.pk
        )
        return f"Undone; {count_of(count, 'question')} open again", ""

    return acted(request, item, act)


@require_POST
def hand_over(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the decisions to the agent without waiting for the time to undo."""
    item = access.item(request, pk)

    def act(actor: Actor) -> tuple[str, str]:
        keys = forms.read_keys(request)
        actions.hand_over_now(item=item, by=actor, now=clock.now(), keys=keys, user_id=request.user.pk)
        return "Handed over; the agent gets the decisions now", ""

    return acted(request, item, act)
