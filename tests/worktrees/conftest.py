from pathlib import Path

import pytest
from pytest_django import Settings

from leadroom.worktrees.control import ControlRepository
from tests.worktrees.repositories import UserRepository, control_of, small_repository


@pytest.fixture
def home(tmp_path: Path, settings: Settings) -> Path:
    """A data folder of this test's own."""
    folder = tmp_path / "home"
    for name in ("run", "keys", "projects"):
        (folder / name).mkdir(parents=True)
    settings.HOME_DIR = folder
    return folder


@pytest.fixture
def source(tmp_path: Path) -> UserRepository:
    return small_repository(tmp_path / "user" / "shop")


@pytest.fixture
def control(home: Path, source: UserRepository) -> ControlRepository:
    return control_of(home, source)
