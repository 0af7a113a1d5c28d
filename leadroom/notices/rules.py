"""What may be told, and where messages may go."""

import datetime as dt
import ipaddress
from urllib.parse import urlsplit

from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.notices.models import URL_LENGTH
from leadroom.reading.queries import Waiting

FRESH = dt.timedelta(minutes=15)
"""A browser is told of a card this long; what is older waits in the panel."""
MOST_AT_ONCE = 3
MOST_HOOKS = 10
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
"""NAT64 (RFC 6052, RFC 8215): an IPv4 address in disguise."""


def card_key(card: Waiting) -> str:
    """Names a card and when it began to wait, so that the same question asked anew is told anew."""
    return f"{card.kind}-{card.subject_id}-{int(card.since.timestamp())}"


def check_own(user_id: int, *, by: Actor) -> None:
    """Raises NotPermitted for anybody but the person whose chat it is."""
    if not by.is_human or by.id != str(user_id):
        raise NotPermitted("A chat belongs to the person who joined it; nothing was changed.")


def check_url(url: str, *, may_be_private: bool) -> str:
    """The address as it is kept. Raises BadInput; where its name leads is looked at before each sending."""
    url = url.strip()
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise BadInput("The address cannot be read as one; nothing was stored.") from error
    schemes = ("https", "http") if may_be_private else ("https",)
    if parts.scheme not in schemes or not host or not url.isprintable() or " " in url or len(url) > URL_LENGTH:
        raise BadInput(f"The address must start with {schemes[0]}:// and name a server; nothing was stored.")
    if "@" in parts.netloc:
        raise BadInput("The address holds a name or password, which pages show; nothing was stored.")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return url
    if not may_be_private and not is_public(address):
        raise BadInput("The address leads into a private network; nothing was stored.")
    return url


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address belongs to the internet at large: no loopback, private, link-local, shared or multicast one,
    and no IPv6 address that carries an IPv4 one.
    """
    if isinstance(address, ipaddress.IPv6Address):
        carries = address.ipv4_mapped or address.sixtofour or address.teredo
        if carries or any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast
