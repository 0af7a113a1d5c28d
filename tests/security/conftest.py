"""Pages are tried without collected static files; the folder they would be in exists all the same."""

import pytest
from django.conf import settings


@pytest.fixture(autouse=True, scope="session")
def static_folder() -> None:
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
