"""Where messages may go: the internet at large, and nowhere inside."""

import socket
from collections.abc import Iterator

import pytest

from leadroom.lib.errors import BadInput
from leadroom.notices.rules import check_url
from leadroom.notices.sending import NotDelivered, post
from tests.support.chat import Chat, running_chat


@pytest.mark.parametrize(
    "url",
    [
        "", "chat", "ftp://chat.example.org/", "http://chat.example.org/", "https://", "https://a b/", "https://[::1/",
        "https://me:secret@chat.example.org/", "https://127.0.0.1/", "https://[::1]/", "https://10.1.2.3:8443/x",
        "https://chat.example.org:99999/", "https://chat.example.org/" + "x" * 500, "https://chat.example.org/\x00",
    ],
)  # fmt: skip
def test_what_is_no_address_of_a_chat_is_refused_when_it_is_entered(url: str) -> None:
    with pytest.raises(BadInput, match="nothing was stored"):
        check_url(url, may_be_private=False)


def test_a_private_chat_needs_the_setting() -> None:
    assert check_url(" https://chat.example.org/x ", may_be_private=False) == "https://chat.example.org/x"
    assert check_url("http://127.0.0.1:8065/hooks/x", may_be_private=True) == "http://127.0.0.1:8065/hooks/x"


@pytest.fixture
def chat() -> Iterator[Chat]:
    with running_chat() as server:
        yield server


def test_nothing_is_sent_inside_without_the_setting(chat: Chat, settings) -> None:
    with pytest.raises(NotDelivered, match="private network") as refused:
        post(chat.url, b"{}", {})
    assert refused.value.is_final
    assert chat.taken == []
    settings.HOOKS_MAY_BE_PRIVATE = True
    post(chat.url, b"{}", {"X-One": "1"})
    path, headers, body = chat.taken[0]
    assert (path, headers["host"], headers["x-one"], body) == ("/hook", chat.url.split("/")[2], "1", b"{}")


def test_a_name_with_one_address_inside_among_others_is_refused(chat: Chat, monkeypatch) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, chat.server_port)) for ip in ("8.8.8.8", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: answers)
    with pytest.raises(NotDelivered, match="private network"):
        post(f"https://chat.example.org:{chat.server_port}/hook", b"{}", {})


def test_the_connection_goes_to_the_address_that_was_looked_at(chat: Chat, monkeypatch, settings) -> None:
    """A name is asked for once; what it says the second time is not heard."""
    settings.HOOKS_MAY_BE_PRIVATE = True
    real, asked = socket.getaddrinfo, []

    def once(host, *args, **kwargs):
        asked.append(host)
        return real("127.0.0.1" if host == "chat.example.org" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", once)
    post(f"http://chat.example.org:{chat.server_port}/hook", b"{}", {})
    assert asked.count("chat.example.org") == 1
    assert chat.taken[0][1]["host"] == f"chat.example.org:{chat.server_port}"


@pytest.mark.parametrize(("status", "is_final"), [(302, True), (307, True), (404, True), (500, False), (429, False)])
def test_redirects_are_not_followed_and_only_what_may_pass_is_tried_again(
    chat: Chat, settings, status: int, is_final: bool
) -> None:
    settings.HOOKS_MAY_BE_PRIVATE = True
    chat.status, chat.headers = status, {"Location": "/elsewhere"}
    with pytest.raises(NotDelivered, match=str(status)) as refused:
        post(chat.url, b"{}", {})
    assert refused.value.is_final is is_final
    assert len(chat.taken) == 1


def test_a_server_that_is_not_there_is_tried_again(settings) -> None:
    settings.HOOKS_MAY_BE_PRIVATE = True
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(NotDelivered) as refused:
            post(f"http://127.0.0.1:{free.getsockname()[1]}/", b"{}", {})
    assert not refused.value.is_final
