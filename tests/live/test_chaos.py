"""Web and broker are killed while an agent writes: every page has every line once."""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadroom.agents.models import Run
from leadroom.ops.children import dies_with_parent
from tests.live import house
from tests.live.page import Closed, Refused, Transcript
from tests.support import services

pytestmark = [pytest.mark.chaos, pytest.mark.django_db(transaction=True)]

LINES, PER_SECOND, PAGES, KILLS = 1_500, 80, 6, 3  # the lines outlast the kills on a busy machine too


class Broker:
    """A broker of its own on a unix socket, that can be killed and comes back."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.socket = folder, folder / "b.sock"
        self.service = services.start_broker_socket(folder, self.socket)
        self.url = f"unix://{self.socket}"

    def kill_and_restart(self) -> None:
        self.service.process.kill()
        self.service.process.wait()
        self.service = services.start_broker_socket(self.folder, self.socket)


@pytest.fixture
def broker() -> Iterator[Broker]:
    folder = Path(tempfile.mkdtemp(prefix="lr-live-", dir="/tmp"))
    broker = Broker(folder)
    yield broker
    broker.service.stop()
    shutil.rmtree(folder, ignore_errors=True)


async def _keep_reading(web: house.Web, session: str, page: Transcript, last: int) -> int:
    """As the browser does: come back with the position after every end. How often it had to."""
    returns = 0
    while True:
        try:
            socket = await web.open(session)
            socket.send(page.wish)
            while page.after < last:
                page.take(await socket.receive(30))
            return returns
        except (Closed, Refused, OSError):
            returns += 1
            await asyncio.sleep(0.05)


@pytest.mark.timeout(120)
def test_no_line_is_lost_or_doubled_when_web_and_broker_are_killed(tmp_path: Path, broker: Broker) -> None:
    lead = house.person("ann")
    run = house.running_run(house.item_of(lead))
    session, last = house.session_of(lead), Run.objects.get(pk=run.pk).last_seq + LINES

    async def storm(web: house.Web) -> tuple[list[Transcript], list[int]]:
        pages = [Transcript(f"run.{run.pk}") for _ in range(PAGES)]
        readers = [asyncio.create_task(_keep_reading(web, session, page, last)) for page in pages]
        for _ in range(KILLS):
            seen = pages[0].after
            while pages[0].after < min(seen + 40, last):  # each kill hits pages that are in mid-stream
                await asyncio.sleep(0.02)
            await asyncio.to_thread(broker.kill_and_restart)
            seen = pages[0].after
            while pages[0].after < min(seen + 40, last):
                await asyncio.sleep(0.02)
            web.kill()
            web.start()
        return pages, await asyncio.gather(*readers)

    with house.running_web(tmp_path, redis_url=broker.url) as web:
        house.until_listening(web)
        argv = [sys.executable, "-m", "tests.live.writer", str(run.pk), str(LINES), str(PER_SECOND)]
        writer = subprocess.Popen(argv, cwd=house.ROOT, env=web.env, preexec_fn=dies_with_parent())
        try:
            pages, returns = asyncio.run(asyncio.wait_for(storm(web), 90))
        finally:
            writer.kill()
            writer.wait()
    assert min(returns) >= KILLS
    for page in pages:
        assert page.seqs == list(range(1, last + 1))
        assert (page.repeated, page.gaps) == (0, 0)
