"""A stage for every test, and one rehearsal server for the session. The invariants are checked after each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.support.stage import Rehearsal, Stage, recorded_rehearsal, staged


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    with recorded_rehearsal(tmp_path_factory.mktemp("rehearsal")) as server:
        yield server


@pytest.fixture
def stage(
    tmp_path: Path, transactional_db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    with staged(tmp_path, settings, monkeypatch) as built:
        yield built
