"""The reading session: one sitting, one item at a time."""

from collections.abc import Callable

from django.core.mail import BadHeaderError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from leadroom.lib import clock
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.reading import actions
from leadroom.reading.digest import digest_of_session, send_digest, to_markdown
from leadroom.reading.enums import SessionState, Verdict
from leadroom.reading.models import ReadingSession, SessionItem
from leadroom.web import access, answers
from leadroom.web.guardrails.scoping import leads_anything
from leadroom.web.regions import redrawn_in_conflict
from leadroom.web.session.day import day_of
from leadroom.web.session.forms import read_route, read_verdict
from leadroom.web.session.presenters import ONLY_LEADS, present, present_decisions

REGION = "session-body"


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The session that is on, or when the next one is and what waits for it."""
    if request.headers.get("HX-Request") == "true":
        return _drawn(request)
    return render(request, "session/index.html", _context(request))


def _context(request: HttpRequest) -> dict[str, object]:
    page, now = present(request), clock.now()
    decisions = None if page.sitting else present_decisions(access.person_id(request), page.day.hours, now)
    return {
        "needs": None,
        "page": page,
        "next_word": page.day.next_word(now),
        "quiet_word": page.day.local_word(page.day.quiet_until, now) if page.day.quiet_until else "",
        "decisions": decisions,
    }


def _drawn(request: HttpRequest) -> HttpResponse:
    return render(request, "session/index.html#body", _context(request))


def _own_session(request: HttpRequest, pk: int) -> ReadingSession:
    return access.one(ReadingSession.objects.filter(user=access.person_id(request)), pk)


def _own_item(request: HttpRequest, pk: int) -> SessionItem:
    return access.one(SessionItem.objects.filter(session__user=access.person_id(request)), pk)


def _did(request: HttpRequest, act: Callable[[], object]) -> HttpResponse:
    """Acts, then draws the page as it is: the next item says enough. When another tab was first, with that sentence."""
    try:
        act()
    except Conflict as error:
        if not request.headers.get("HX-Target", "").endswith(f"#{REGION}"):
            raise
        return redrawn_in_conflict(lambda: _drawn(request), str(error))
    if request.headers.get("HX-Request") != "true":
        return redirect("session:index")
    return _drawn(request)


@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """Begin, also before its time."""
    if not leads_anything(request):
        raise NotPermitted(ONLY_LEADS)
    user, actor = request.user, access.person(request)
    return _did(request, lambda: actions.start(user=user, by=actor, now=clock.now()))  # type: ignore[arg-type]


@require_POST
def pause(request: HttpRequest, pk: int) -> HttpResponse:
    """Put it down; it goes on at the same item, on whatever device."""
    session, actor = _own_session(request, pk), access.person(request)
    return _did(request, lambda: actions.pause(session=session, by=actor, now=clock.now()))


@require_POST
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    """Go on where it was left."""
    session, actor = _own_session(request, pk), access.person(request)
    return _did(request, lambda: actions.resume(session=session, by=actor, now=clock.now()))


@require_POST
def settle(request: HttpRequest, pk: int) -> HttpResponse:
    """After a press on the card itself: note what it settled, show what comes next."""
    session, actor = _own_session(request, pk), access.person(request)
    actions.settle(session=session, by=actor, now=clock.now())
    if request.headers.get("HX-Request") != "true":
        return redirect("session:index")
    return _drawn(request)


@require_POST
def close(request: HttpRequest, pk: int) -> HttpResponse:
    """End it; what was not reached is left for the next."""
    session = _own_session(request, pk)
    actions.close(session=session, by=access.person(request), now=clock.now())
    return redirect("session:past", pk)


@require_POST
def verdict(request: HttpRequest, pk: int) -> HttpResponse:
    """Read, later, or next session."""
    entry = _own_item(request, pk)
    actor = access.require_lead(request, access.one(access.projects(request), entry.project_id))
    route = read_route(request.POST)
    said = Verdict.DECIDED if route else read_verdict(request.POST)

    def act() -> None:
        if route is not None:
            actions.decide_finding(entry=entry, to=route, by=actor, now=clock.now())
        else:
            actions.give_verdict(entry=entry, verdict=said, by=actor, now=clock.now())

    return _did(request, act)


@require_POST
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """The item waits again."""
    entry = _own_item(request, pk)
    actor = access.require_lead(request, access.one(access.projects(request), entry.project_id))
    return _did(request, lambda: actions.take_back(entry=entry, by=actor, now=clock.now()))


@require_GET
def past(request: HttpRequest, pk: int) -> HttpResponse:
    """How a session ended: decided, what the agents do now, what was left and why."""
    session = _own_session(request, pk)
    digest = digest_of_session(session, now=clock.now())
    context = {
        "needs": None,
        "session": session,
        "digest": digest,
        "mail_refusal": _mail_refusal(request),
        "is_live": session.state != SessionState.CLOSED,
        "next_word": day_of(request).next_word(clock.now()),
    }
    return render(request, "session/past.html", context)


@require_GET
def markdown(request: HttpRequest, pk: int) -> HttpResponse:
    """The digest as a file."""
    session, now = _own_session(request, pk), clock.now()
    text = to_markdown(digest_of_session(session, now=now), at=now)
    answer = HttpResponse(text, content_type="text/markdown; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="session-{session.on}-{session.pk}.md"'
    return answer


def _mail_refusal(request: HttpRequest) -> str:
    if request.user.email:  # type: ignore[union-attr]
        return ""
    return "Your user has no mail address; whoever runs this Leadroom sets one with manage.py shell."


@require_POST
def mail(request: HttpRequest, pk: int) -> HttpResponse:
    """Send the digest to the person's own address, now."""
    session = _own_session(request, pk)
    if refusal := _mail_refusal(request):
        raise BadInput(refusal)
    try:
        send_digest(session, now=clock.now())
    except (OSError, BadHeaderError) as error:
        raise BadInput(f"The mail was not sent: {error}. The digest is kept on this page and as a file.") from error
    return answers.done(request, f"Sent to {request.user.email}", reverse("session:past", args=[pk]))  # type: ignore[union-attr]


@require_POST
def plan_seen(request: HttpRequest, pk: int) -> HttpResponse:
    """The page of a plan says that it was scrolled to its end."""
    plan = access.plan(request, pk)
    actions.see_plan(user_id=access.person_id(request), plan_id=plan.pk, digest=plan.digest, now=clock.now())
    if request.headers.get("HX-Request") != "true":
        return redirect("plans:detail", pk)
    return HttpResponse(status=204)
