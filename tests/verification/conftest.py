"""A stage for verifications that really run."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.support.stage import Stage, staged


@pytest.fixture
def stage(
    tmp_path: Path, transactional_db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    with staged(tmp_path, settings, monkeypatch) as built:
        yield built
