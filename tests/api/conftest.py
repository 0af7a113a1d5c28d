"""The folder that static files would be in exists."""

import pytest
from django.conf import settings


@pytest.fixture(autouse=True, scope="session")
def static_folder() -> None:
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
