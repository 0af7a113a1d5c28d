"""The one door to servers outside: the address that was looked at, no redirects, no proxy, no cookies, no credentials.

A name is looked up once, every address it has must be public, and the connection goes to the very address that was
looked at: a name that changes its address in between (DNS rebinding) reaches nothing. The certificate and the `Host`
header are still those of the name.
"""

import asyncio
import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx2

from leadroom.lib.errors import BadInput, LeadroomError

AGENT = "Leadroom"
_TRANSLATED = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))
"""NAT64 (RFC 6052, RFC 8215): an IPv4 address in disguise."""
_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::254/128", "100.100.100.200/32")
)
"""Link-local, and where else clouds hand a machine its credentials (metadata services): nobody's wiki is there."""
_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE | re.ASCII)
_FAULTS = (httpx2.HTTPError, httpx2.InvalidURL, OSError)


class Unreachable(LeadroomError):
    """The server gave no answer that could be taken; `how` is the fault in a word."""

    def __init__(self, sentence: str, how: str = "") -> None:
        super().__init__(sentence)
        self.how = how


class NoSuchName(Unreachable):
    """The name leads nowhere, now."""


class LeadsInside(Unreachable):
    """The name leads into a private network and nobody allowed that, or to where nobody can allow it."""


@dataclass(frozen=True)
class Answer:
    """What a server said. `kind` is the media type in lower case, `charset` as it names it, `location` where a
    redirect points. `body` is None where it was not read: a redirect, or a kind that is not wanted.
    """

    status: int
    kind: str
    charset: str
    location: str
    body: bytes | None


def is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether an address belongs to the internet at large: no loopback, private, link-local, shared or multicast one,
    and no IPv6 address that carries an IPv4 one.
    """
    if isinstance(address, ipaddress.IPv6Address):
        carries = address.ipv4_mapped or address.sixtofour or address.teredo
        if carries or any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast


def fault_of(url: str, *, may_be_private: bool, limit: int) -> str:
    """Why `url` is no address to go to, as the beginning of a sentence, or nothing. Where its name leads is looked at
    each time somebody goes there. `limit` is in characters; plain http is for private networks only.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "The address cannot be read as one"
    schemes = ("https", "http") if may_be_private else ("https",)
    if parts.scheme not in schemes or not host or not url.isprintable() or " " in url or len(url) > limit:
        return f"The address must start with {schemes[0]}:// and name a server"
    if "@" in parts.netloc:
        return "The address holds a name or password, which pages show"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    return "" if may_be_private or is_public(address) else "The address leads into a private network"


def address_of(host: str, port: int, *, may_be_private: bool) -> str:
    """The address to connect to. Blocks on the resolver. Raises NoSuchName, LeadsInside."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NoSuchName("The server's name leads nowhere.", type(error).__name__) from error
    addresses = [str(entry[4][0]) for entry in found]
    for address in addresses:
        if not _is_allowed(ipaddress.ip_address(address.split("%")[0]), may_be_private):
            raise LeadsInside("The server's name leads into a private network; nothing was sent there.")
    return addresses[0]


def _is_allowed(address: ipaddress.IPv4Address | ipaddress.IPv6Address, may_be_private: bool) -> bool:
    if not may_be_private:
        return is_public(address)
    plain = (address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None) or address
    return not any(plain in network for network in _NEVER)


def _place(url: str) -> tuple[str, int]:
    """Host and port of an address."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _pinned(method: str, url: str, address: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """A request to `address` that asks for `url`, as httpx2 takes it. Raises httpx2.InvalidURL."""
    parts = urlsplit(url)
    return {
        "method": method,
        "url": httpx2.URL(url).copy_with(host=address, fragment=None),
        "headers": {"User-Agent": AGENT, **headers, "Host": parts.netloc},
        "extensions": {"sni_hostname": parts.hostname} if parts.scheme == "https" else {},
    }


def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: float, may_be_private: bool) -> int:
    """POST and give the answer's status; its body is not read. `seconds` bounds each wait. Raises Unreachable."""
    address = address_of(*_place(url), may_be_private=may_be_private)
    try:
        request = _pinned("POST", url, address, headers)
        with (
            httpx2.Client(timeout=seconds, follow_redirects=False, trust_env=False) as client,
            client.stream(content=body, **request) as answer,
        ):
            return answer.status_code
    except _FAULTS as error:
        raise Unreachable("The server could not be reached.", type(error).__name__) from error


async def get(
    url: str, *, seconds: float, most_bytes: int, is_wanted: Callable[[str], bool], may_be_private: bool
) -> Answer:
    """GET, with the body as it came over the wire when its media type `is_wanted`. `seconds` bounds all of it.

    Raises BadInput (no address to go to), Unreachable (no answer, not in time, compressed, or above `most_bytes`).
    """
    if fault := fault_of(url, may_be_private=may_be_private, limit=10_000):
        raise BadInput(f"{fault}; nothing was fetched.")
    try:
        async with asyncio.timeout(seconds):
            address = await _looked_up(*_place(url), may_be_private=may_be_private)
            request = _pinned("GET", url, address, {"Accept": "*/*", "Accept-Encoding": "identity"})
            async with (
                httpx2.AsyncClient(timeout=None, follow_redirects=False, trust_env=False) as client,
                client.stream(**request) as answer,
            ):
                return await _taken(answer, most_bytes, is_wanted)
    except TimeoutError as error:
        raise Unreachable(f"The server did not answer in {seconds:g} s; nothing of it was kept.", "timeout") from error
    except _FAULTS as error:
        how = type(error).__name__
        raise Unreachable(f"The server could not be reached ({how}); nothing was fetched.", how) from error


async def _looked_up(host: str, port: int, *, may_be_private: bool) -> str:
    """`address_of` in a thread that nobody waits for: a resolver that hangs keeps no process from leaving."""
    found: Future[str] = Future()
    found.set_running_or_notify_cancel()

    def look() -> None:
        try:
            found.set_result(address_of(host, port, may_be_private=may_be_private))
        except Exception as error:
            found.set_exception(error)

    threading.Thread(target=look, name="lookup", daemon=True).start()
    return await asyncio.wrap_future(found)


async def _taken(answer: httpx2.Response, most_bytes: int, is_wanted: Callable[[str], bool]) -> Answer:
    said = answer.headers.get("content-type", "")
    kind, found = said.split(";")[0].strip().lower(), _CHARSET.search(said)
    named = found[1].lower() if found else ""
    location = answer.headers.get("location", "") if 300 <= answer.status_code < 400 else ""
    if location or not is_wanted(kind):
        return Answer(answer.status_code, kind, named, location, None)
    coding = answer.headers.get("content-encoding", "").strip().casefold()
    if coding not in ("", "identity"):
        raise Unreachable("The server sent it compressed, though it was asked not to; nothing was kept.", "compressed")
    body = bytearray()
    too_large = Unreachable(f"The answer is larger than {most_bytes:,} bytes; nothing of it was kept.", "too large")
    said_length = answer.headers.get("content-length", "")
    if said_length.isdecimal() and int(said_length[:20]) > most_bytes:
        raise too_large
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > most_bytes:
            raise too_large
    return Answer(answer.status_code, kind, named, "", bytes(body))
