"""Writes of notices: each card is told once per person and place, and each telling leaves its record."""

import datetime as dt
import json
import secrets
from collections.abc import Callable, Sequence
from functools import partial

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.urls import reverse

from leadroom.ledger.actions import record
from leadroom.lib import webhooks
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict
from leadroom.lib.sealing import seal
from leadroom.lib.shapes import clip, count_of, storable
from leadroom.notices import queries, rules
from leadroom.notices.enums import MESSAGES, Channel, MessageState
from leadroom.notices.models import ChatHook, Message, Notice
from leadroom.projects.models import Project
from leadroom.reading.queries import Waiting

SHOWN_IN_CHAT = 5


@transaction.atomic
def join_chat(
    *, user: AbstractBaseUser, project: Project | None, url: str, by: Actor, now: dt.datetime
) -> tuple[ChatHook, str]:
    """Tell the person's cards to a chat from now on; the hook, and the secret it signs with, told this once.

    Raises NotPermitted (somebody else's), BadInput (no address to send to, too many).
    """
    rules.check_own(user.pk, by=by)
    url = rules.check_url(url, may_be_private=settings.HOOKS_MAY_BE_PRIVATE)
    if queries.hooks_of(user.pk).count() >= rules.MOST_HOOKS:
        raise BadInput(f"{rules.MOST_HOOKS} chats are the limit; leave one first. Nothing was stored.")
    secret = webhooks.new_secret()
    hook = ChatHook.objects.create(
        user_id=user.pk,
        project=project,
        url=url,
        sealed_secret=seal(secret, secret=settings.SECRET_KEY),
        made_at=now,
    )
    _record(hook, "joined", by=by, now=now)
    return hook, secret


@transaction.atomic
def leave_chat(*, hook: ChatHook, by: Actor, now: dt.datetime) -> None:
    """Tell nothing to it any more. Raises NotPermitted, Conflict."""
    rules.check_own(hook.user_id, by=by)
    if not ChatHook.objects.filter(pk=hook.pk, removed_at=None).update(removed_at=now, sealed_secret=""):
        raise Conflict("This chat was left meanwhile; nothing was changed.")
    _record(hook, "left", by=by, now=now)


def _record(hook: ChatHook, verb: str, *, by: Actor, now: dt.datetime) -> None:
    host = hook.url.split("/")[2]  # the path of a chat's address is its password
    project = hook.project.slug if hook.project else ""
    record(
        by=by,
        now=now,
        verb=f"notices.chat.{verb}",
        subject=f"notices.chat:{hook.pk}",
        payload={"host": host, "project": project},
    )


@transaction.atomic
def tell_browser(*, user: AbstractBaseUser, cards: Sequence[Waiting], by: Actor, now: dt.datetime) -> list[Waiting]:
    """Cards that the person's browser shall show now: fresh ones not shown before, in quiet time only urgent ones.

    Two tabs that ask at once get each card once.
    """
    due = queries.untold(cards, partial(queries.told_in_browser, user.pk), since=now - rules.FRESH)
    shown = queries.askable(user, due, now)[: rules.MOST_AT_ONCE] if due else []
    if not shown:
        return []
    try:
        with transaction.atomic():
            Notice.objects.bulk_create([_notice(card, user.pk, Channel.BROWSER, now) for card in shown])
    except IntegrityError:
        return []  # another tab was first
    _record_told(user.pk, shown, Channel.BROWSER, by=by, now=now)
    return shown


@transaction.atomic
def tell_chat(
    *, hook: ChatHook, cards: Sequence[Waiting], by: Actor, now: dt.datetime, send: Callable[[int], object]
) -> Message | None:
    """One message with every card that began to wait since the chat was joined and was not told there yet.

    None when there is none. In the person's quiet time only urgent cards are told: what still waits afterwards is told
    then. `send` gets the message's id after the commit.
    """
    ChatHook.objects.select_for_update().get(pk=hook.pk)  # two workers make one message
    due = queries.untold(cards, partial(queries.told_in_chat, hook.pk), since=hook.made_at)
    due = queries.askable(hook.user, due, now) if due else []
    if not due:
        return None
    message = Message.objects.create(
        hook=hook, webhook_id=f"msg_{secrets.token_hex(16)}", body=_body(due, now=now), made_at=now
    )
    notices = [_notice(card, hook.user_id, Channel.CHAT, now) for card in due]
    for notice in notices:
        notice.message, notice.hook = message, hook
    Notice.objects.bulk_create(notices)
    _record_told(hook.user_id, due, Channel.CHAT, by=by, now=now)
    transaction.on_commit(lambda: send(message.pk), robust=True)
    return message


def _notice(card: Waiting, user_id: int, channel: Channel, now: dt.datetime) -> Notice:
    text = storable(clip(f"{card.item.title}: {card.asked}", 250))
    return Notice(user_id=user_id, channel=channel, card=rules.card_key(card), text=text[:300], told_at=now)


def _record_told(user_id: int, cards: Sequence[Waiting], channel: Channel, *, by: Actor, now: dt.datetime) -> None:
    record(
        by=by,
        now=now,
        verb="notices.cards.told",
        subject=f"notices.person:{user_id}",
        payload={"channel": channel, "cards": [rules.card_key(card) for card in cards]},
    )


def card_url(card: Waiting) -> str:
    """The card on the page of everything that waits; its DOM id is the fragment."""
    return f"{settings.PUBLIC_URL}{reverse('needs:all')}#card-{card.kind}-{card.subject_id}"


def _body(cards: Sequence[Waiting], *, now: dt.datetime) -> str:
    """`text` is what chat tools show; `data` has every card for programs."""
    lines = [f"• {card.item.title}: {card.asked} {card_url(card)}" for card in cards[:SHOWN_IN_CHAT]]
    if left := len(cards) - SHOWN_IN_CHAT:
        lines += [f"and {left} more: {settings.PUBLIC_URL}{reverse('needs:all')}"] if left > 0 else []
    said = {
        "type": "needs_input",
        "timestamp": now.isoformat(),
        "text": "\n".join([f"Leadroom: {count_of(len(cards), 'card needs', 'cards need')} your input", *lines]),
        "data": [
            {
                "card": rules.card_key(card),
                "project": card.item.project.slug,
                "item": card.item.number,
                "asked": clip(card.asked, 300),
                "why": clip(card.why, 500),
                "recommended": clip(card.recommended, 500),
                "since": card.since.isoformat(),
                "url": card_url(card),
            }
            for card in cards
        ],
    }
    return json.dumps(storable(said))


@transaction.atomic
def note_sent(*, message: Message, by: Actor, now: dt.datetime) -> None:
    """PENDING → SENT. Raises Conflict when another worker ended it."""
    _end(message, MessageState.SENT, "", by=by, now=now)


@transaction.atomic
def note_failed(*, message: Message, problem: str, by: Actor, now: dt.datetime) -> None:
    """PENDING → FAILED for good, with the reason. Raises Conflict when another worker ended it."""
    _end(message, MessageState.FAILED, problem, by=by, now=now)


def _end(message: Message, to: MessageState, problem: str, *, by: Actor, now: dt.datetime) -> None:
    MESSAGES.check_move(message.state, to)
    problem = storable(problem)[:500]
    ended = Message.objects.filter(pk=message.pk, state=message.state).update(state=to, problem=problem, ended_at=now)
    if not ended:
        raise Conflict("This message was ended by another worker.")
    message.state = to
    record(
        by=by,
        now=now,
        verb=f"notices.message.{to.lower()}",
        subject=f"notices.message:{message.pk}",
        payload={"webhook_id": message.webhook_id, "problem": problem},
    )
