"""Reads of notices."""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet

from leadroom.notices.enums import MessageState
from leadroom.notices.models import ChatHook, Message, Notice
from leadroom.notices.rules import card_key
from leadroom.projects.queries import led_projects
from leadroom.reading.queries import Waiting, waiting_for_lead
from leadroom.reading.rules import may_interrupt
from leadroom.reading.sessions import hours_of


def hooks_of(user_id: int) -> QuerySet[ChatHook]:
    return ChatHook.objects.filter(user_id=user_id, removed_at=None).select_related("project")


def live_hooks() -> QuerySet[ChatHook]:
    return ChatHook.objects.filter(removed_at=None, user__is_active=True).select_related("user", "project")


def messages_of(user_id: int, limit: int = 20) -> list[Message]:
    """The latest messages to the person's chats, newest first."""
    rows = Message.objects.filter(hook__user_id=user_id).select_related("hook").prefetch_related("notices")
    return list(rows.order_by("-pk")[:limit])


def notices_of(user_id: int, limit: int = 20) -> list[Notice]:
    """The latest cards told to the person, newest first."""
    return list(Notice.objects.filter(user_id=user_id).select_related("hook")[:limit])


def pending(older_than: dt.datetime) -> list[int]:
    """Messages that nobody has tried to the end although they are this old: their task was lost."""
    rows = Message.objects.filter(state=MessageState.PENDING, made_at__lt=older_than)
    return list(rows.values_list("pk", flat=True))


def untold(cards: Iterable[Waiting], told: Callable[[Sequence[str]], set[str]], *, since: dt.datetime) -> list[Waiting]:
    """Cards that began to wait since then and were not told yet, in their order; `told` picks the told among keys."""
    fresh = {card_key(card): card for card in cards if card.since >= since}
    known = told(list(fresh)) if fresh else set()
    return [card for key, card in fresh.items() if key not in known]


def cards_of(hook: ChatHook) -> list[Waiting]:
    """What waits in the projects that the hook's person leads."""
    led = led_projects(hook.user)
    if hook.project_id is not None:
        led = led.filter(pk=hook.project_id)
    return waiting_for_lead(list(led.values_list("pk", flat=True)))


def told_in_browser(user_id: int, keys: Sequence[str]) -> set[str]:
    rows = Notice.objects.filter(user_id=user_id, hook=None, card__in=keys)
    return set(rows.values_list("card", flat=True))


def told_in_chat(hook_id: int, keys: Sequence[str]) -> set[str]:
    return set(Notice.objects.filter(hook_id=hook_id, card__in=keys).values_list("card", flat=True))


def askable(user: AbstractBaseUser, cards: Sequence[Waiting], at: dt.datetime) -> list[Waiting]:
    """The cards that may interrupt the person now: in quiet time only what is urgent."""
    person = hours_of(user.pk, at)
    return [
        card for card in cards if may_interrupt(person, at, cause=card.cause, severity=card.severity, needs_input=True)
    ]
