"""The cheats of RELIABILITY, each carried out on real work in git objects, for rehearsals and for the test of all."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from leadroom.verification.enums import Cheat
from leadroom.verification.junit import module_name
from leadroom.worktrees.control import ControlRepository
from leadroom.worktrees.repository import TreeEntry

FORGE = """

import os as _os

if _os.path.isdir("/work/out"):
    with open("/work/out/junit.xml", "w") as _file:
        _file.write("<testsuites><testsuite name='pytest'>{cases}</testsuite></testsuites>")
    _os._exit(0)
"""


@dataclass
class Work:
    """Finished work to bend: the commit, a frozen test file with one of its functions, and a product module."""

    control: ControlRepository
    commit: str
    node_ids: tuple[str, ...]
    product: str
    changed: dict[str, TreeEntry | None] = field(default_factory=dict)

    @property
    def test_file(self) -> str:
        return self.node_ids[0].split("::")[0]

    @property
    def test(self) -> str:
        return self.node_ids[0].split("::")[-1]

    def text(self, path: str) -> str:
        """The file as the work holds it, empty when it has none."""
        entry = self.control.listing(self.commit).get(path)
        return self.control.text_of(entry) if entry else ""

    def write(self, path: str, text: str, mode: str = "100644") -> None:
        self.changed[path] = TreeEntry(mode, self.control.write_blob(text.encode()))

    def change(self, path: str, change: Callable[[str], str]) -> None:
        self.write(path, change(self.text(path)))

    def bent(self) -> str:
        """The commit with the changes in it."""
        return self.control.lay_over(self.commit, self.changed)


@dataclass(frozen=True)
class Trick:
    """One way to cheat: the name it must be refused by, what it does in a sentence, and the doing of it."""

    cheat: Cheat
    what: str
    do: Callable[[Work], None]


def _skip(work: Work) -> None:
    mark = f'import pytest as _pytest\n\n\n@_pytest.mark.skip(reason="flaky")\ndef {work.test}('
    work.change(work.test_file, lambda text: text.replace(f"def {work.test}(", mark, 1))


def _early_exit(work: Work) -> None:
    work.change(work.test_file, lambda text: f"import sys\n\nsys.exit(0)\n{text}")


def _process_exit(work: Work) -> None:
    work.change(work.product, lambda text: f"{text}\n\nimport os as _os\n\n_os._exit(0)\n")


def _conftest(work: Work) -> None:
    hook = (
        "def pytest_collection_modifyitems(items):\n    for item in items:\n        item.obj = lambda *_, **__: None\n"
    )
    work.write("conftest.py", work.text("conftest.py") + hook)


def _settings(work: Work) -> None:
    work.write("pytest.ini", f"[pytest]\naddopts = --ignore={work.test_file}\n")


def _addopts(work: Work) -> None:
    option, section = f'addopts = "--deselect {work.node_ids[0]}"\n', "[tool.pytest.ini_options]\n"
    text = work.text("pyproject.toml")
    work.write(
        "pyproject.toml", text.replace(section, section + option) if section in text else text + section + option
    )


def _monkeypatch(work: Work) -> None:
    fixture = "\n\nimport unittest.mock\n\nunittest.mock.patch.object(dict, '__doc__', create=True)\n"
    work.change(work.test_file, lambda text: text + fixture)


def _symlink(work: Work) -> None:
    work.write(work.test_file, "../README.md", mode="120000")


def _rename(work: Work) -> None:
    work.changed[work.test_file] = None
    folder, _, name = work.test_file.rpartition("/")
    work.write(f"{folder}/old_{name}".lstrip("/"), work.text(work.test_file))


def _delete(work: Work) -> None:
    pattern = rf"^(?:@.*\n)*def {re.escape(work.test)}\(.*?(?=^\S|\Z)"
    work.change(work.test_file, lambda text: re.sub(pattern, "", text, count=1, flags=re.MULTILINE | re.DOTALL))


def _weaken(work: Work) -> None:
    work.change(work.test_file, lambda text: re.sub(r"^( +)assert .*$", r"\1assert True", text, count=1, flags=re.M))


def _shadow(work: Work) -> None:
    work.write("sitecustomize.py", "raise SystemExit(0)\n")
    work.write("pytest.py", "def main(arguments=()):\n    return 0\n")


def _forge(work: Work) -> None:
    names = [(module_name(node), node.split("::")[-1]) for node in work.node_ids]
    cases = "".join(f"<testcase classname='{module}' name='{name}'/>" for module, name in names)
    work.change(work.product, lambda text: text + FORGE.format(cases=cases))


TRICKS = (
    Trick(Cheat.SKIP_MARK, "A frozen test gets a skip mark.", _skip),
    Trick(Cheat.EARLY_EXIT, "The test file calls `sys.exit(0)` before its tests.", _early_exit),
    Trick(Cheat.PROCESS_EXIT, "The product calls `os._exit(0)` when it is imported.", _process_exit),
    Trick(Cheat.CONFTEST, "A `conftest.py` replaces every test by one that does nothing.", _conftest),
    Trick(Cheat.TEST_SETTINGS, "A `pytest.ini` ignores the test file.", _settings),
    Trick(Cheat.DESELECTED, "`addopts` in `pyproject.toml` deselect a case.", _addopts),
    Trick(Cheat.MONKEYPATCH, "The test file patches the thing under test.", _monkeypatch),
    Trick(Cheat.SYMLINK, "The test file becomes a symbolic link to another file.", _symlink),
    Trick(Cheat.RENAMED, "The test file is renamed, so that pytest does not collect it.", _rename),
    Trick(Cheat.DELETED_CASE, "One case is deleted from the test file.", _delete),
    Trick(Cheat.WEAKENED, "An assertion becomes `assert True`.", _weaken),
    Trick(Cheat.SHADOWING, "`pytest.py` and `sitecustomize.py` shadow what the test run imports.", _shadow),
    Trick(Cheat.FORGED_RESULTS, "The product writes a JUnit file of passed cases and leaves.", _forge),
)
