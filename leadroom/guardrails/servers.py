"""The servers a lead listed for a project: what Leadroom may fetch from for its agents. Pure."""

import ipaddress
import re
from urllib.parse import urlsplit

from leadroom.lib.errors import BadInput

CHARACTERS = 4_000
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = rf"{_LABEL}(?:\.{_LABEL})*"
_LINE = re.compile(rf"(?P<any>\*\.)?(?P<host>{_NAME}|\[[0-9a-f:.]+\])(?::(?P<port>\d{{1,5}}))?")
_PORTS = {"https": 443, "http": 80}


def read_servers(text: str) -> str:
    """The list as it is kept: `docs.example.org`, `*.example.org` (what is below it, not itself) or
    `wiki.example.org:8443`, one a line, in lower case. Raises BadInput naming the line.
    """
    if len(text) > CHARACTERS:
        raise BadInput(
            f"The list of servers has {len(text):,} characters; {CHARACTERS:,} is the limit. Nothing was changed."
        )
    lines = [(number, line.strip().lower()) for number, line in enumerate(text.splitlines(), start=1)]
    kept = {line: None for number, line in lines if line and _checked(number, line)}
    return "\n".join(kept)


def _checked(number: int, line: str) -> bool:
    """True. Raises BadInput for what names no server."""
    shown = f"Line {number} of the servers"
    if "://" in line or "/" in line:
        raise BadInput(f"{shown} is an address; give the server's name alone, such as docs.example.org. {_NOTHING}")
    found = _LINE.fullmatch(line)
    if found is None:
        raise BadInput(f"{shown} names no server; write docs.example.org, *.example.org or [::1]:8443. {_NOTHING}")
    if found["any"] and (_is_number(found["host"]) or "." not in found["host"]):
        raise BadInput(f"{shown} would take in too much; after `*.` comes a name of two parts or more. {_NOTHING}")
    if found["host"].startswith("[") and not _is_number(found["host"]):
        raise BadInput(f"{shown} is no IPv6 address. {_NOTHING}")
    if found["port"] and not 1 <= int(found["port"]) <= 65_535:
        raise BadInput(f"{shown} has a port that is none; ports are from 1 to 65,535. {_NOTHING}")
    return True


_NOTHING = "Nothing was changed."


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def is_listed(url: str, servers: str) -> bool:
    """Whether the address leads to a server of the list. A line without a port means the usual one of the scheme."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    usual = _PORTS.get(parts.scheme)
    if not host or usual is None:
        return False
    host = f"[{host}]" if ":" in host else host
    return any(_takes(line, host, usual if port is None else port, usual) for line in servers.split())


def _takes(line: str, host: str, port: int, usual: int) -> bool:
    found = _LINE.fullmatch(line)
    if found is None or port != int(found["port"] or usual):
        return False
    return host.endswith(f".{found['host']}") if found["any"] else host == found["host"]
