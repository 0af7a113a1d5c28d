"""How a person is told that an agent needs their input: in the browser, and in chats."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from leadroom.lib import clock
from leadroom.lib.errors import BadInput
from leadroom.notices import actions, queries
from leadroom.notices.models import ChatHook
from leadroom.notices.rules import card_key
from leadroom.projects.models import Project
from leadroom.projects.queries import led_projects
from leadroom.reading.rules import quiet_span
from leadroom.web import access, answers


@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The person's own notifications."""
    return _shown(request)


@sensitive_variables("secret")
def _shown(request: HttpRequest, *, secret: str = "", status: int = 200) -> HttpResponse:
    user_id = access.person_id(request)
    span = quiet_span(request.user, clock.now())
    context = {
        "hooks": queries.hooks_of(user_id),
        "messages": queries.messages_of(user_id),
        "notices": queries.notices_of(user_id),
        "projects": led_projects(request.user).order_by("name"),
        "quiet_until": span[1] if span else None,
        "secret": secret,
    }
    answer = render(request, "notices/index.html", context, status=status)
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
def claim(request: HttpRequest) -> HttpResponse:
    """Cards that this browser shall show now, as JSON; each is given out once."""
    led = set(led_projects(request.user).values_list("pk", flat=True))
    cards = [card for card in access.waiting(request) if card.item.project_id in led]
    by, now = access.person(request), clock.now()
    shown = actions.tell_browser(user=request.user, cards=cards, by=by, now=now)  # type: ignore[arg-type]
    told = [
        {
            "key": card_key(card),
            "title": f"{card.item.title[:80]} needs you",
            "text": f"{card.asked}\n{card.recommended}"[:300],
            "url": f"{reverse('needs:all')}#card-{card.kind}-{card.subject_id}",
        }
        for card in shown
    ]
    return JsonResponse({"cards": told})


@require_POST
@sensitive_variables("secret")
def join(request: HttpRequest) -> HttpResponse:
    """Tell a chat from now on; the secret is on the answer's page and never again."""
    slug = request.POST.get("project", "")
    project = _led(request, slug) if slug else None
    _, secret = actions.join_chat(
        user=request.user,  # type: ignore[arg-type]
        project=project,
        url=request.POST.get("url", ""),
        by=access.person(request),
        now=clock.now(),
    )
    return _shown(request, secret=secret, status=201)


def _led(request: HttpRequest, slug: str) -> Project:
    found = led_projects(request.user).filter(slug=slug).first()
    if found is None:
        raise BadInput("Choose a project that you lead, or all of them. Nothing was stored.")
    return found


@require_POST
def leave(request: HttpRequest, pk: int) -> HttpResponse:
    """Tell this chat nothing any more."""
    rows = ChatHook.objects.filter(user_id=access.person_id(request), removed_at=None)
    hook = access.one(rows.select_related("project"), pk)
    actions.leave_chat(hook=hook, by=access.person(request), now=clock.now())
    return answers.done(request, "Left; nothing is sent there any more", reverse("notices:index"), go=True)
