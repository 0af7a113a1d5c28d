"""Who may listen: exact origins, known hosts, signed-in people, their own projects; and what garbage gets."""

from collections.abc import Callable, Iterator

import pytest

from leadroom.agents.models import Run
from tests.live import house
from tests.live.page import Closed, Refused, Socket

pytestmark = [pytest.mark.security, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def web(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[house.Web]:
    with house.running_web(tmp_path_factory.mktemp("web")) as process:
        house.until_listening(process)
        yield process


@pytest.fixture
def run() -> Run:
    return house.running_run(house.item_of(house.person("ann")))


@pytest.fixture
def session(run: Run) -> str:
    return house.session_of(run.item.stitch_owner)


ORIGINS: list[tuple[Callable[[int], str | None], bool]] = [
    (lambda port: f"http://127.0.0.1:{port}", True),
    (lambda port: f"http://localhost:{port}", True),
    (lambda port: f"HTTP://LOCALHOST:{port}", True),
    (lambda port: None, False),
    (lambda port: "null", False),
    (lambda port: f"https://127.0.0.1:{port}", False),
    (lambda port: f"http://127.0.0.1:{port + 1}", False),
    (lambda port: "http://127.0.0.1", False),
    (lambda port: f"http://localhost.evil.example:{port}", False),
    (lambda port: f"http://evil.example/http://127.0.0.1:{port}", False),
    (lambda port: f"http://127.0.0.1:{port}@evil.example", False),
    (lambda port: f"http://127.0.0.1:{port}/", False),
    (lambda port: f"http://[::1]:{port}", False),
    (lambda port: f"file://127.0.0.1:{port}", False),
]


@pytest.mark.parametrize(("origin", "is_ours"), ORIGINS)
def test_only_our_own_scheme_host_and_port_may_connect(
    web: house.Web, session: str, origin: Callable[[int], str | None], is_ours: bool
) -> None:
    headers = [header for header in web.headers(session) if header[0] != "Origin"]
    if (text := origin(web.port)) is not None:
        headers.append(("Origin", text))
    assert house.finish(_status(web, headers)) == (101 if is_ours else 403)


@pytest.mark.parametrize("host", ["evil.example:{port}", "127.0.0.1.evil.example:{port}", "10.0.0.1:{port}"])
def test_a_rebound_host_name_is_refused(web: house.Web, session: str, host: str) -> None:
    headers = [("Host", host.format(port=web.port)), *web.headers(session)[1:]]
    assert house.finish(_status(web, headers)) == 403


def test_two_origins_or_another_path_are_refused(web: house.Web, session: str) -> None:
    twice = [*web.headers(session), ("Origin", f"http://127.0.0.1:{web.port}")]
    assert house.finish(_status(web, twice)) in (400, 403)
    assert house.finish(_status(web, web.headers(session), path="/other/")) == 403


async def _status(web: house.Web, headers: list[tuple[str, str]], *, path: str = "/live/") -> int:
    try:
        (await Socket.open(web.port, headers=headers, path=path)).abort()
    except Refused as refused:
        return refused.status
    return 101


@pytest.mark.parametrize("session", ["", "no-such-session"])
def test_who_is_not_signed_in_is_sent_to_sign_in(web: house.Web, session: str) -> None:
    async def look() -> int:
        return await _code(await web.open(session))

    assert house.finish(look()) == 4401


async def _refused(socket: Socket) -> list[str]:
    """The next refusal; news of the room and heartbeats may come before it."""
    for _ in range(5):
        message = await socket.receive()
        assert "tail" not in message
        if "refused" in message:
            return message["refused"]
    raise AssertionError("nothing was refused")


def test_strangers_get_no_rows_and_cannot_tell_what_exists(web: house.Web, run: Run) -> None:
    house.say(run, ["a secret"])
    stranger = house.session_of(house.person("mallory"))
    wish = [f"item.{run.item_id}", f"run.{run.pk}", "item.999999", "run.999999", "projects", "run.0", "run.-1"]

    async def look() -> tuple[list[str], list[str]]:
        socket = await web.open(stranger)
        socket.send({"subscribe": [{"topic": "room"}, *({"topic": topic} for topic in wish)]})
        refused = await _refused(socket)
        socket.send({"subscribe": [{"topic": f"run.{run.pk}", "after": 0}]})
        tail = await _refused(socket)
        await house.in_thread(house.say, run, ["another secret"])
        heard = str(await socket.receive(8))  # news of the room, or the heartbeat
        assert "secret" not in heard
        assert "tail" not in heard
        return refused, tail

    refused, tail = house.finish(look())
    assert sorted(refused) == sorted(wish)
    assert tail == [f"run.{run.pk}"]


def test_members_and_superusers_see_the_run(web: house.Web, run: Run, session: str) -> None:
    root = house.session_of(house.person("root", is_superuser=True))

    async def look() -> list[str]:
        heard = []
        for key in (session, root):
            socket = await web.open(key)
            socket.send({"subscribe": [{"topic": f"run.{run.pk}", "after": 0}]})
            heard.append((await socket.receive())["tail"]["topic"])
        return heard

    assert house.finish(look()) == [f"run.{run.pk}"] * 2


GARBAGE = [
    "",
    "{",
    "[]",
    "7",
    "null",
    '{"subscribe": 7}',
    '{"subscribe": [7]}',
    '{"subscribe": [{}]}',
    '{"subscribe": [{"topic": 7}]}',
    '{"subscribe": [{"topic": "room", "after": -1}]}',
    '{"subscribe": [{"topic": "room", "after": "1"}]}',
    '{"subscribe": [{"topic": "room", "after": 1e400}]}',
    '{"unsubscribe": {"a": 1}}',
    "[" * 9000,
]


def test_garbage_is_ignored_but_not_for_ever(web: house.Web, session: str) -> None:
    async def look() -> int:
        socket = await web.open(session)
        for text in GARBAGE + ["x"] * (19 - len(GARBAGE)):
            socket.send(text)
        socket.send({"subscribe": [{"topic": "still-here"}]})
        assert (await socket.receive()) == {"refused": ["still-here"]}
        socket.send("x")
        return await _code(socket)

    assert house.finish(look()) == 4400


def test_a_message_too_large_ends_the_socket(web: house.Web, session: str) -> None:
    async def look() -> int:
        socket = await web.open(session)
        socket.send('{"subscribe": [{"topic": "' + "x" * 17_000 + '"}]}')
        return await _code(socket)

    assert house.finish(look()) in (1006, 1009)  # the line is cut, with or without a word


def test_a_socket_has_a_limited_number_of_topics(web: house.Web, session: str) -> None:
    lead = house.get_user_model().objects.get(username="ann")
    items = [house.item_of(lead).pk for _ in range(66)]

    async def look() -> list[str]:
        socket = await web.open(session)
        socket.send({"subscribe": [{"topic": f"item.{pk}"} for pk in items[:60]]})
        socket.send({"subscribe": [{"topic": f"item.{pk}"} for pk in items[60:]]})
        while True:
            message = await socket.receive()
            if "refused" in message:
                return message["refused"]

    assert house.finish(look()) == [f"item.{pk}" for pk in items[64:]]


async def _code(socket: Socket) -> int:
    try:
        while True:
            await socket.receive(7)
    except Closed as closed:
        return closed.code
