"""A small piece of finished work with frozen tests: every line is covered, and one boundary case is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.test import override_settings

from leadroom.testplans.models import TestCase
from leadroom.verification.freezing import Frozen, freeze
from leadroom.worktrees.control import ControlRepository
from tests.worktrees.repositories import UserRepository, control_of, small_repository

PRODUCT = '''"""Discounts."""


def discount(total):
    """Per cent off, from 100 on."""
    if total >= 100:
        return 10
    return 0
'''
TESTS = """from shop.discount import discount


def test_a_large_order():
    assert discount(150) == 10


def test_a_small_order():
    assert discount(50) == 0
    assert isinstance(discount(50), int)


def test_no_order():
    assert isinstance(discount(50), int)
"""
SETTINGS = '[project]\nname = "shop"\n\n[tool.pytest.ini_options]\ntestpaths = ["tests"]\n'
NODES = ("tests/test_discount.py::test_a_large_order", "tests/test_discount.py::test_a_small_order")


@dataclass(frozen=True)
class Sample:
    """`base` and the `work` on it in the control repository, and what is frozen of it."""

    home: Path
    source: UserRepository
    control: ControlRepository
    base: str
    work: str
    frozen: Frozen
    cases: list[TestCase]

    def commit(self, name: str, **files: str) -> str:
        """Other work on top of the sample's."""
        self.source.git("switch", "-q", "--detach", self.work)
        commit = self.source.commit(name, **{key.replace("__", "/"): text for key, text in files.items()})
        self.source.git("switch", "-q", "main")
        return self.bring(commit)

    def bring(self, commit: str) -> str:
        """The commit into the control repository."""
        self.source.git("push", "-q", str(self.control.path), f"+{commit}:refs/leadroom/{commit}")
        return commit


@contextmanager
def made(folder: Path) -> Iterator[Sample]:
    """The sample in a data folder of its own, without a database."""
    home = folder / "home"
    for name in ("run", "keys", "projects"):
        (home / name).mkdir(parents=True)
    with override_settings(HOME_DIR=home):
        source = small_repository(folder / "user" / "shop")
        base = source.commit("settings", **{"pyproject.toml": SETTINGS})
        control = control_of(home, source)
        source.git("switch", "-q", "-c", "work")
        work = source.commit("work", **{"shop/discount_py": PRODUCT, "tests/test_discount_py": TESTS})
        source.git("switch", "-q", "main")
        source.git("push", "-q", str(control.path), f"+{work}:refs/leadroom/runs/1")
        cases = [TestCase(key=f"U-00{n}", node_id=node) for n, node in enumerate(NODES, 1)]
        yield Sample(home, source, control, base, work, freeze(control, work, NODES), cases)
