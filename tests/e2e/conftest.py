"""The system's Chromium for every journey."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.web.framed import chromium

PATIENCE_SECONDS = 20
"""What a page may wait for agents at work on a busy machine; times that are promised are named where they are."""
expect.set_options(timeout=PATIENCE_SECONDS * 1000)


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, **chromium()}
