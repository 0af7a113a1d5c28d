from pathlib import Path

import pytest
from pytest_django import Settings

from leadroom.projects.models import Project
from tests import factories as f
from tests.pipeline.walker import Walk
from tests.worktrees.repositories import UserRepository, small_repository


@pytest.fixture
def source(tmp_path: Path) -> UserRepository:
    return small_repository(tmp_path / "user" / "shop")


@pytest.fixture
def project(tmp_path: Path, settings: Settings, source: UserRepository, db: None) -> Project:
    """A project on a real repository, in a data folder of its own."""
    settings.HOME_DIR = tmp_path / "home"
    for name in ("run", "keys", "projects"):
        (settings.HOME_DIR / name).mkdir(parents=True)
    return f.make_project(name="Shop", source=str(source.path))


@pytest.fixture
def walk(project: Project, source: UserRepository) -> Walk:
    return Walk(project, source)
