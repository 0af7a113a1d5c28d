"""The one way to chats: a signed POST through the door to servers outside (leadroom/lib/outward.py)."""

import datetime as dt

from django.conf import settings

from leadroom.lib import outward, webhooks
from leadroom.lib.errors import LeadroomError
from leadroom.lib.sealing import unseal
from leadroom.notices.models import Message

SECONDS = 5.0


class NotDelivered(LeadroomError):
    """The chat did not take the message; `is_final` when another try would not help."""

    def __init__(self, sentence: str, *, is_final: bool = False) -> None:
        super().__init__(sentence)
        self.is_final = is_final


def send(message: Message, *, now: dt.datetime) -> None:
    """Deliver one message. Raises NotDelivered, BadInput (the secret was sealed under another key)."""
    secret = unseal(message.hook.sealed_secret, secret=settings.SECRET_KEY)
    body = message.body.encode()
    headers = webhooks.headers(secret, id=message.webhook_id, at=now, body=body)
    post(message.hook.url, body, {**headers, "Content-Type": "application/json", "User-Agent": "Leadroom"})


def post(url: str, body: bytes, headers: dict[str, str]) -> None:
    """POST to the address the name leads to now. The answer's body is not read. Raises NotDelivered."""
    try:
        status = outward.post(url, body, headers, seconds=SECONDS, may_be_private=settings.HOOKS_MAY_BE_PRIVATE)
    except outward.LeadsInside as error:
        cure = "" if settings.HOOKS_MAY_BE_PRIVATE else " LEADROOM_HOOKS_PRIVATE=1 allows it."
        sentence = f"The chat's name leads into a private network; nothing was sent.{cure}"
        raise NotDelivered(sentence, is_final=True) from error
    except outward.NoSuchName as error:
        raise NotDelivered("The chat's name leads nowhere.") from error
    except outward.Unreachable as error:
        raise NotDelivered(f"The chat could not be reached ({error.how}).") from error
    if status in (408, 425, 429) or status >= 500:
        raise NotDelivered(f"The chat answered {status}.")
    if not 200 <= status < 300:
        raise NotDelivered(f"The chat answered {status}; redirects are not followed.", is_final=True)
