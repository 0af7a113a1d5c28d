"""Celery's part: look what is to be told, and deliver it with Celery's own retries."""

import datetime as dt
from contextlib import suppress

from celery import Task, shared_task

from leadroom.lib.actors import system
from leadroom.lib.clock import now
from leadroom.lib.errors import BadInput, Conflict
from leadroom.notices import actions, queries
from leadroom.notices.enums import MessageState
from leadroom.notices.models import Message
from leadroom.notices.sending import NotDelivered, send

BY = system("notices")
TRIES = 6
FIRST_WAIT = 10
LOST_AFTER = dt.timedelta(minutes=30)
"""Longer than all waits together (10 s, doubled five times)."""


@shared_task(name="notices.look")
def look() -> None:
    """Every few seconds: one message for each chat that has something new. Any number of times."""
    for hook in queries.live_hooks():
        actions.tell_chat(hook=hook, cards=queries.cards_of(hook), by=BY, now=now(), send=deliver.delay)
    for message_id in queries.pending(now() - LOST_AFTER):
        deliver.delay(message_id)


@shared_task(name="notices.deliver", bind=True, max_retries=TRIES - 1)
def deliver(self: Task, message_id: int) -> None:
    """Send one message; tried again with growing waits, then given up with its reason."""
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
        if error.is_final or self.request.retries >= TRIES - 1 or now() - message.made_at > 2 * LOST_AFTER:
            _give_up(message, f"{error} Tried {self.request.retries + 1} times.")
            return
        raise self.retry(countdown=FIRST_WAIT * 2**self.request.retries, exc=error) from error
    else:
        with suppress(Conflict):  # another worker sent the same; its id tells the chat that it is the same
            actions.note_sent(message=message, by=BY, now=now())


def _give_up(message: Message, problem: str) -> None:
    with suppress(Conflict):
        actions.note_failed(message=message, problem=problem, by=BY, now=now())
