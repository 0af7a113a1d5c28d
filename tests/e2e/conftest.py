"""The system's Chromium for every journey."""

from typing import Any

import pytest

from tests.web.framed import chromium


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    return {**browser_type_launch_args, **chromium()}
