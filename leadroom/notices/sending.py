"""The one door to chats: a signed POST to the internet at large, to the address that was looked at, no redirects."""

import datetime as dt
import ipaddress
import socket
from urllib.parse import urlsplit

import httpx2
from django.conf import settings

from leadroom.lib import webhooks
from leadroom.lib.errors import LeadroomError
from leadroom.lib.sealing import unseal
from leadroom.notices.models import Message
from leadroom.notices.rules import is_public

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
    """POST to the address the name leads to now. The answer's body is not read. Raises NotDelivered.

    The connection goes to the address that was checked, not to the name a second time: a name that changes its
    address in between (DNS rebinding) reaches nothing.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    address = _address_of(host, port)
    target = httpx2.URL(url).copy_with(host=address)
    extensions = {"sni_hostname": host} if parts.scheme == "https" else {}
    try:
        with (
            httpx2.Client(timeout=SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream(
                "POST", target, content=body, headers={**headers, "Host": parts.netloc}, extensions=extensions
            ) as answer,
        ):
            status = answer.status_code
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as error:
        raise NotDelivered(f"The chat could not be reached ({type(error).__name__}).") from error
    if status in (408, 425, 429) or status >= 500:
        raise NotDelivered(f"The chat answered {status}.")
    if not 200 <= status < 300:
        raise NotDelivered(f"The chat answered {status}; redirects are not followed.", is_final=True)


def _address_of(host: str, port: int) -> str:
    """The address to connect to; every address of the name must be public. Raises NotDelivered."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotDelivered("The chat's name leads nowhere.") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not settings.HOOKS_MAY_BE_PRIVATE:
        for address in addresses:
            if not is_public(ipaddress.ip_address(address.split("%")[0])):
                raise NotDelivered(
                    "The chat's name leads into a private network; nothing was sent. "
                    "LEADROOM_HOOKS_PRIVATE=1 allows it.",
                    is_final=True,
                )
    return addresses[0]
