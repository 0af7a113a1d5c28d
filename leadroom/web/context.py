"""What the frame of every page shows (docs/frontend.md names the fields)."""

from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from leadroom.agents.queries import running_count
from leadroom.reading.queries import Waiting
from leadroom.web import access
from leadroom.web.guardrails.locks import topbar_switch
from leadroom.web.guardrails.scoping import ONLY_LOOKS, leads_anything
from leadroom.web.needs.presenters import present_cards
from leadroom.web.outcomes.hint import rehearsal_and_hint
from leadroom.web.session.day import day_of, day_words

_RAIL = (
    ("Room", "room:board", "layout-dashboard", "r", ("item",)),
    ("Align", "align:queue", "list-checks", "a", ("picks", "document")),
    ("Plans", "plans:queue", "clipboard-check", "p", ("plan",)),
    ("Runs", "runs:index", "activity", "u", ("question", "run", "verification")),
    ("Stitch", "stitch:queue", "git-merge", "s", ("stitch",)),
    ("Triage", "triage:inbox", "inbox", "t", ("finding",)),
    ("Session", "session:index", "book-open", "e", ()),
    ("Outcomes", "outcomes:index", "target", "m", ()),
    ("Guardrails", "guardrails:index", "shield", "l", ("approval", "lock")),
    ("Projects", "projects:index", "folder-git-2", "o", ()),
)
CARDS_SHOWN = 8


def topbar_facts(request: HttpRequest) -> dict[str, Any]:
    """The live part of the top bar."""
    return {
        "agents_running": running_count(),
        "ceiling": settings.CEILING,
        **rehearsal_and_hint(access.projects(request)),
        "zone": timezone.get_current_timezone_name(),
        "sign_in_url": reverse("accounts:sign_in"),
        "sign_out_url": reverse("accounts:sign_out"),
        "url": reverse("room:topbar"),
        "topic": "room",
        **day_words(request),
        "switch": topbar_switch(request, refusal="" if leads_anything(request) else ONLY_LOOKS),
    }


def frame(request: HttpRequest) -> dict[str, Any]:
    """Rail, top bar and Needs-you panel; nothing for people who are not signed in.

    Each is a callable that reads when a template asks for it, once, so that fragments cost nothing of the frame.
    """
    is_bare = getattr(request, "is_bare", False) or not getattr(request, "user", None)
    if is_bare or not request.user.is_authenticated:
        return {"topbar": {"sign_in_url": reverse("accounts:sign_in"), "zone": settings.TIME_ZONE}}
    return {
        "rail": cache(lambda: _rail(request)),
        "topbar": cache(lambda: topbar_facts(request)),
        "waiting_count": lambda: len(_asking(request)),
        "needs": cache(lambda: _needs(request)),
    }


def _asking(request: HttpRequest) -> list[Waiting]:
    """What may ask now: in quiet time only what is urgent."""
    every = access.waiting(request)
    return [card for card in every if card.is_urgent] if day_of(request).is_quiet else every


def _rail(request: HttpRequest) -> list[dict[str, Any]]:
    waiting = _asking(request)
    match = request.resolver_match
    area = match.namespace if match else ""
    return [
        {
            "label": label,
            "url": reverse(name),
            "icon": icon,
            "key": key,
            "waiting": sum(card.kind in kinds for card in waiting),
            "is_current": area == name.split(":")[0],
        }
        for label, name, icon, key, kinds in _RAIL
    ]


def _needs(request: HttpRequest) -> dict[str, Any]:
    waiting = _asking(request)
    return {
        "quiet": day_words(request)["quiet"],
        "url": reverse("needs:panel"),
        "topic": "room",
        "cards": present_cards(waiting[:CARDS_SHOWN], request),
        "more": max(0, len(waiting) - CARDS_SHOWN),
        "more_url": reverse("needs:all"),
    }
