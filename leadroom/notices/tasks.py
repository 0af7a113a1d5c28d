"""Celery's part: look what is to be told, and deliver it with Celery's own retries."""

import datetime as dt
import logging
from contextlib import suppress

from celery import Task, shared_task

from leadroom.lib.actors import system
from leadroom.lib.clock import now
from leadroom.lib.errors import BadInput, Conflict
from leadroom.notices import actions, queries
from leadroom.notices.enums import MessageState
from leadroom.notices.models import Message
from leadroom.notices.sending import NotDelivered, send

log = logging.getLogger(__name__)
BY = system("notices")
TRIES = 6
FIRST_WAIT = 10
LOST_AFTER = dt.timedelta(minutes=30)
"""Longer than all waits together (10 s, doubled five times)."""


@shared_task(name="notices.look")
def look() -> None:
    """Every few seconds: one message for each chat that has something new. Any number of times.

    What breaks for one chat is logged and does not keep the others waiting. A lost message gets one more try, so that
    looking again and again does not send it again and again.
    """
    for hook in queries.live_hooks():
        try:
            actions.tell_chat(hook=hook, cards=queries.cards_of(hook), by=BY, now=now(), send=deliver.delay)
        except Exception:
            log.exception("chat %s was not told", hook.pk)
    for message_id in queries.pending(now() - LOST_AFTER):
        deliver.delay(message_id, is_last=True)


@shared_task(name="notices.deliver", bind=True, max_retries=TRIES - 1)
def deliver(self: Task, message_id: int, is_last: bool = False) -> None:
    """Send one message; tried again with growing waits (not when this `is_last`), then given up with its reason."""
    message = Message.objects.select_related("hook").filter(pk=message_id, state=MessageState.PENDING).first()
    if message is None:
        return
    try:
        if message.hook.removed_at is not None:
            raise NotDelivered("The chat was left.", is_final=True)
        send(message, now=now())
    except BadInput as error:
        _give_up(message, str(error))
    except NotDelivered as error:
        if is_last:
            _give_up(message, f"{error} Its task had been lost; it was tried once more.")
            return
        if error.is_final or self.request.retries >= TRIES - 1:
            _give_up(message, f"{error} Tried {self.request.retries + 1} times.")
            return
        raise self.retry(countdown=FIRST_WAIT * 2**self.request.retries, exc=error) from error
    else:
        with suppress(Conflict):  # another worker sent the same; its id tells the chat that it is the same
            actions.note_sent(message=message, by=BY, now=now())


def _give_up(message: Message, problem: str) -> None:
    with suppress(Conflict):
        actions.note_failed(message=message, problem=problem, by=BY, now=now())
