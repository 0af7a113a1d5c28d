"""The list of servers a lead gives, and which addresses it takes in."""

import pytest

from leadroom.guardrails.servers import is_listed, read_servers
from leadroom.lib.errors import BadInput

LISTED = "docs.example.org\n*.example.net\nwiki.example.org:8443\n10.0.0.7\n[fd00::1]:8080"


def test_the_list_is_kept_tidy() -> None:
    given = " Docs.Example.org \n\n*.example.net\r\ndocs.example.org\nwiki:8443\n[::1]:8080"
    assert read_servers(given) == "docs.example.org\n*.example.net\nwiki:8443\n[::1]:8080"
    assert read_servers(" \n ") == ""


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("https://docs.example.org", "give the server's name alone"),
        ("docs.example.org/api", "give the server's name alone"),
        ("*", "names no server"),
        ("*.org", "would take in too much"),
        ("*.10.0.0.7", "would take in too much"),
        ("docs.*.org", "names no server"),
        ("me@docs.example.org", "names no server"),
        ("docs example", "names no server"),
        ("bücher.example.org", "names no server"),
        ("-x.example.org", "names no server"),
        ("docs.example.org.", "names no server"),
        ("docs.example.org:0", "has a port that is none"),
        ("docs.example.org:65536", "has a port that is none"),
        ("[::::1]", "is no IPv6 address"),
        ("a\x00b", "names no server"),
    ],
)
def test_what_names_no_server_is_refused_by_its_line(line: str, told: str) -> None:
    with pytest.raises(BadInput, match="Nothing was changed") as refused:
        read_servers(f"fine.example.org\n{line}")
    assert str(refused.value).startswith("Line 2 of the servers")
    assert told in str(refused.value)


def test_a_list_has_an_end() -> None:
    with pytest.raises(BadInput, match="4,000 is the limit"):
        read_servers("a.example.org\n" * 400)


@pytest.mark.parametrize(
    "url",
    [
        "https://docs.example.org", "https://DOCS.example.org/x?q=1#y", "https://docs.example.org:443/",
        "https://a.example.net/", "https://a.b.example.net/", "https://wiki.example.org:8443/", "http://10.0.0.7/",
        "http://[fd00::1]:8080/",
    ],
)  # fmt: skip
def test_listed(url: str) -> None:
    assert is_listed(url, LISTED)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/", "https://evil.docs.example.org/", "https://docs.example.org.evil.net/",
        "https://docs.example.org@evil.net/", "https://evil.net/docs.example.org", "https://evil.net\\@docs.example.com/",
        "https://docs.example.org:8443/", "http://docs.example.org:443/", "https://example.net/", "https://xexample.net/",
        "https://wiki.example.org/", "https://10.0.0.70/", "https://docs.example.org./", "ftp://docs.example.org/",
        "docs.example.org", "//docs.example.org/", "https:///docs.example.org", "https://[::1", "", "https://",
        "https://docs.example.org:x/",
    ],
)  # fmt: skip
def test_not_listed(url: str) -> None:
    assert not is_listed(url, LISTED)


def test_nothing_is_listed_by_nobody() -> None:
    assert not is_listed("https://docs.example.org/", "")
