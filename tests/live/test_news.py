"""News says that a region is stale, to those who asked, and nothing more."""

import asyncio
import time
from typing import Any

import pytest

from leadroom.agents.models import Run
from leadroom.live import news
from leadroom.live.news import publish, publish_item
from leadroom.projects.actions import set_risk
from leadroom.projects.models import Membership
from tests.live import house
from tests.live.page import Closed, Socket

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run() -> Run:
    return house.running_run(house.item_of(house.person("ann")))


@pytest.fixture
def session(run: Run) -> str:
    return house.session_of(run.item.stitch_owner)


async def _listen(web: house.Web, session: str, *topics: str) -> Socket:
    """A socket that surely listens: a refused topic is answered after the others were taken."""
    socket = await web.open(session)
    socket.send({"subscribe": [{"topic": topic} for topic in [*topics, "nothing"]]})
    while "refused" not in await socket.receive():
        continue
    return socket


async def _news(socket: Socket, seconds: float = 5.0) -> list[str]:
    while True:
        message = await socket.receive(seconds)
        if "news" in message:
            return [row["topic"] for row in message["news"]]


async def _quiet(socket: Socket, seconds: float) -> list[dict[str, Any]]:
    heard = []
    try:
        async with asyncio.timeout(seconds):
            while True:
                heard.append(await socket.receive(seconds + 1))
    except TimeoutError:
        return [message for message in heard if "at" not in message]


def test_an_item_that_moves_tells_its_page_and_the_board(web: house.Web, run: Run, session: str) -> None:
    async def look() -> tuple[list[str], list[dict[str, Any]]]:
        topic = f"item.{run.item_id}"
        ours, other = await _listen(web, session, topic, "room"), await _listen(web, session)
        await asyncio.sleep(0.05)  # the broker has confirmed by now; the tick would make it good
        await house.in_thread(publish_item, run.item_id, "stage")
        heard: set[str] = set()
        while heard != {topic, "room"}:
            heard |= set(await _news(ours))
        return sorted(heard), await _quiet(other, 0.3)

    heard, other = house.finish(look())
    assert heard == [f"item.{run.item_id}", "room"]
    assert other == []


def test_unsubscribed_topics_are_silent(web: house.Web, run: Run, session: str) -> None:
    async def look() -> list[dict[str, Any]]:
        topic = f"item.{run.item_id}"
        socket = await _listen(web, session, topic)
        await _quiet(socket, 1.1)  # what the making of the item left to tell
        socket.send({"unsubscribe": [{"topic": topic}]})
        socket.send({"subscribe": [{"topic": "nothing"}]})
        while "refused" not in await socket.receive():
            continue
        await house.in_thread(publish, topic, "stage")
        return await _quiet(socket, 1.1)

    assert house.finish(look()) == []


def test_lines_of_agents_refresh_the_board_at_most_once_a_second(web: house.Web, run: Run, session: str) -> None:
    async def look() -> int:
        socket = await _listen(web, session, "room")
        await _quiet(socket, 1.1)
        talk = asyncio.create_task(house.in_thread(_talk, run))
        heard = await _quiet(socket, 2.1)
        await talk
        return len(heard)

    assert 1 <= house.finish(look()) <= 4


def _talk(run: Run) -> None:
    began = time.monotonic()
    while time.monotonic() - began < 1.0:
        house.say(run, ["a line"])
        time.sleep(0.02)


def test_a_change_whose_hint_was_lost_is_news_within_a_tick(
    web: house.Web, run: Run, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = run.item

    async def look() -> float:
        socket = await _listen(web, session, f"item.{item.pk}")
        await _quiet(socket, 1.1)
        monkeypatch.setattr(news, "_quiet_until", time.monotonic() + 60)
        began = time.monotonic()
        await house.in_thread(set_risk, item=item, risk="critical", reason="money", by=house.SYSTEM, now=house.now())
        assert await _news(socket) == [f"item.{item.pk}"]
        return time.monotonic() - began

    assert house.finish(look()) < 2.5


def test_the_heartbeat_notices_a_sign_out_and_a_lost_membership(web: house.Web, run: Run, session: str) -> None:
    """One wait for three people: one signs out, one loses the project, one stays."""
    leaver, stranger = house.person("bea"), house.person("cid")
    Membership.objects.create(project=run.item.project, user=stranger, role="viewer")
    gone, lost = house.session_of(leaver), house.session_of(stranger)

    async def look() -> list[int]:
        topic = f"item.{run.item_id}"
        stays = await _listen(web, session, topic)
        others = [await _listen(web, gone), await _listen(web, lost, topic)]
        await house.in_thread(_sign_out, gone)
        await house.in_thread(Membership.objects.filter(user=stranger).delete)
        codes = [await _code(socket) for socket in others]
        while "at" not in await stays.receive(6):
            continue
        return codes

    assert house.finish(look()) == [4401, 4408]


def _sign_out(key: str) -> None:
    house.SessionStore(key).delete()


async def _code(socket: Socket) -> int:
    try:
        while True:
            await socket.receive(7)
    except Closed as closed:
        return closed.code
