"""The door to servers outside: where it leads, and what comes in by it."""

import asyncio
import datetime as dt
import gzip
import ipaddress
import itertools
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from leadroom.lib.errors import BadInput
from leadroom.lib.outward import Answer, LeadsInside, NoSuchName, Unreachable, fault_of, get, is_public
from tests.support.site import Site, running_site

NAME = "docs.example.org"


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as server:
        yield server


def ask(url: str, *, seconds: float = 5.0, most_bytes: int = 10_000, may_be_private: bool = True) -> Answer:
    return asyncio.run(
        get(
            url,
            seconds=seconds,
            most_bytes=most_bytes,
            is_wanted=lambda kind: kind.startswith("text/"),
            may_be_private=may_be_private,
        )
    )


def name_leads_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """`docs.example.org` has these addresses from now on; every name that is looked up is noted."""
    asked: list[str] = []

    def found(host: str, port: int, *args: object, **kwargs: object) -> list[tuple]:
        asked.append(host)
        places = addresses if host == NAME else (host,)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (place, port)) for place in places]

    monkeypatch.setattr(socket, "getaddrinfo", found)
    return asked


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.5.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1",
    ],
)  # fmt: skip
def test_no_address_inside_is_public(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"])
def test_addresses_of_the_internet_are(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://docs.example.org/", "must start with https://"),
        ("file:///etc/passwd", "must start with https://"),
        ("https://me:secret@docs.example.org/", "name or password"),
        ("https://docs.example.org/a\nb", "must start"),
        ("https://[::1/", "cannot be read"),
        ("https://127.0.0.1/", "private network"),
        ("https://[::ffff:8.8.8.8]/", "private network"),
        ("https://docs.example.org:99999/", "cannot be read"),
    ],
)
def test_what_is_no_address_to_go_to_is_said_before_anybody_is_asked(url: str, told: str) -> None:
    assert told in fault_of(url, may_be_private=False, limit=500)
    with pytest.raises(BadInput, match="nothing was fetched"):
        ask(url, may_be_private=False)


def test_an_answer_comes_whole_with_what_the_server_says_it_is(site: Site) -> None:
    site.says("Grüße".encode("latin-1"), kind='Text/Plain; charset="ISO-8859-1"')
    assert ask(f"{site.url}?q=1#part") == Answer(200, "text/plain", "iso-8859-1", "", "Grüße".encode("latin-1"))
    head = site.asked[0].lower()
    assert head.startswith("get /page?q=1 http/1.1")
    assert f"host: 127.0.0.1:{site.port}" in head
    assert "accept-encoding: identity" in head
    assert "user-agent: leadroom" in head
    assert not any(word in head for word in ("cookie", "authorization", "proxy", "referer"))


def test_no_proxy_of_the_environment_is_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    site.says(b"direct")
    assert ask(site.url).body == b"direct"


@pytest.mark.parametrize(
    "addresses", [("127.0.0.1",), ("8.8.8.8", "10.0.0.7"), ("::ffff:127.0.0.1",), ("fe80::1%eth0",)]
)
def test_a_name_with_one_address_inside_is_not_gone_to(
    addresses: tuple[str, ...], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    name_leads_to(monkeypatch, *addresses)
    with pytest.raises(LeadsInside):
        ask(f"https://{NAME}:{site.port}/", may_be_private=False)
    assert site.asked == []


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1%eth0", "fd00:ec2::254"])
def test_where_a_machine_gets_its_credentials_nobody_goes(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where private networks are allowed."""
    name_leads_to(monkeypatch, "10.0.0.7", address)
    with pytest.raises(LeadsInside):
        ask(f"http://{NAME}/latest/meta-data/")


def test_the_connection_goes_to_the_address_that_was_looked_at(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """DNS rebinding: what the name says the second time is not heard, because nobody asks it a second time."""
    asked = name_leads_to(monkeypatch, "127.0.0.1")
    site.says(b"mine")
    assert ask(f"http://{NAME}:{site.port}/page").body == b"mine"
    assert asked.count(NAME) == 1
    assert f"host: {NAME}:{site.port}" in site.asked[0].lower()


def test_a_name_that_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*args: object, **kwargs: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(NoSuchName):
        ask("https://docs.example.org/", may_be_private=False)


def test_a_resolver_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: over.wait(30) and [])
    try:
        with pytest.raises(Unreachable, match=r"did not answer in 0\.2 s"):
            ask(f"https://{NAME}/", seconds=0.2)
    finally:
        over.set()


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Again", "308 For good"])
def test_a_redirect_is_told_and_not_followed(site: Site, status: str) -> None:
    site.says(b"elsewhere", status=status, headers="Location: http://169.254.169.254/latest\r\n")
    answer = ask(site.url)
    assert (answer.location, answer.body) == ("http://169.254.169.254/latest", None)
    assert len(site.asked) == 1


def test_what_is_not_wanted_is_not_read(site: Site) -> None:
    site.says(b"\x89PNG", kind="image/png")
    assert ask(site.url) == Answer(200, "image/png", "", "", None)
    site.pieces = (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",)
    assert ask(site.url).body is None


def test_too_large_is_refused_by_what_it_says_and_by_what_it_sends(site: Site) -> None:
    site.says(b"x" * 10_000)
    assert len(ask(site.url).body or b"") == 10_000
    site.says(b"x" * 10_001)
    with pytest.raises(Unreachable, match="larger than 10,000 bytes"):
        ask(site.url)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"
    site.pieces = itertools.chain([head], itertools.repeat(b"7d0\r\n" + b"x" * 2_000 + b"\r\n"))
    with pytest.raises(Unreachable, match="larger than 10,000 bytes"):
        ask(site.url)


SLOW = {
    "head": itertools.chain([b"HTTP/1.1 200 OK\r\n"], (b"X-%d: x\r\n" % n for n in itertools.count())),
    "body": itertools.chain(
        [b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n"],
        itertools.repeat(b"1\r\nx\r\n"),
    ),
    "silence": itertools.repeat(b""),
}


@pytest.mark.parametrize("part", SLOW)
def test_an_answer_that_drips_ends_at_the_limit_of_the_whole(site: Site, part: str) -> None:
    """Each piece comes in time; together they never end."""
    site.pieces = SLOW[part]
    with pytest.raises(Unreachable, match=r"did not answer in 0\.4 s"):
        ask(site.url, seconds=0.4)


def test_what_comes_compressed_is_not_unpacked(site: Site) -> None:
    site.says(gzip.compress(b"0" * 5_000_000), headers="Content-Encoding: gzip\r\n")
    with pytest.raises(Unreachable, match="compressed"):
        ask(site.url)


@pytest.mark.parametrize(
    "said", [b"", b"HELLO\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nx"]
)
def test_no_answer_and_half_an_answer_are_none(site: Site, said: bytes) -> None:
    site.pieces = (said,)
    with pytest.raises(Unreachable, match="could not be reached"):
        ask(site.url)


def test_a_server_that_is_not_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable, match="ConnectError"):
            ask(f"http://127.0.0.1:{free.getsockname()[1]}/")


def _certificate(folder: Path) -> Path:
    """A key and a certificate of `docs.example.org` that nobody vouches for, in one file."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=True).sign(key, hashes.SHA256())
    )  # fmt: skip
    form = serialization.Encoding.PEM
    secret = key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file = folder / "both.pem"
    file.write_bytes(secret + made.public_bytes(form))
    return file


def test_the_certificate_is_asked_for_by_name_and_must_be_vouched_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(tmp_path))
    context.sni_callback = lambda connection, name, _: names.append(name)
    name_leads_to(monkeypatch, "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def shake() -> None:
            connection, _ = listening.accept()
            with connection, pytest.raises(ssl.SSLError):
                context.wrap_socket(connection, server_side=True)

        thread = threading.Thread(target=shake)
        thread.start()
        with pytest.raises(Unreachable, match="ConnectError"):
            ask(f"https://{NAME}:{listening.getsockname()[1]}/")
        thread.join(5)
    assert names == [NAME]


def test_called_off_it_ends_at_once(site: Site) -> None:
    """What the read-only switch does to a holder: its work is cancelled, whatever a server is about."""
    site.pieces = itertools.repeat(b"")

    async def call_off() -> None:
        task = asyncio.create_task(
            get(site.url, seconds=60, most_bytes=10, is_wanted=lambda kind: True, may_be_private=True)
        )
        for _ in range(500):
            if site.asked:
                break
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(call_off(), 10))
    assert len(site.asked) == 1
