from collections.abc import Iterator

import pytest

from tests.live import house


@pytest.fixture(scope="session")
def web(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[house.Web]:
    """One web process for all tests that do not kill it."""
    with house.running_web(tmp_path_factory.mktemp("web")) as process:
        house.until_listening(process)
        yield process
