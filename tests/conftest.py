"""What holds for every test of the house."""

import asyncio
from collections.abc import Iterator

import pytest
from django.conf import settings


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Playwright's synchronous API marks its loop as running in this thread until the session ends.

    A test without a browser that happens to come later on the same worker could then not call `asyncio.run`, so the
    mark is put aside for it.
    """
    loop = asyncio._get_running_loop()
    is_aside = loop is not None and "playwright" not in getattr(item, "fixturenames", ())
    if is_aside:
        asyncio._set_running_loop(None)
    yield
    if is_aside:
        asyncio._set_running_loop(loop)


@pytest.fixture(autouse=True)
def unlocked() -> Iterator[None]:
    """The flag file outlives a transaction that is rolled back, so it is taken away after every test."""
    home = settings.HOME_DIR
    yield
    (home / "switch.json").unlink(missing_ok=True)
