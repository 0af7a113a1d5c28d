"""The house keeps its shape: floors, sizes, generated documents, migrations."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command

ROOT = Path(__file__).resolve().parents[2]
FILE_LIMIT, FUNCTION_LIMIT = 400, 60


def sources(*folders: str) -> Iterator[Path]:
    """Our own Python files; the rehearsal's repository is somebody's project, migrations are Django's."""
    for folder in folders:
        for path in (ROOT / folder).rglob("*.py"):
            if not {"migrations", "repository"} & set(path.relative_to(ROOT).parts):
                yield path


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_rooms_look_down_and_shelves_import_what_lies_lower() -> None:
    """The contracts of pyproject.toml, by import-linter."""
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3_000:]


def test_files_stay_short() -> None:
    lengths = {named(path): len(path.read_text().splitlines()) for path in sources("leadroom", "tests", "bench")}
    assert len(lengths) > 150
    assert {name: length for name, length in lengths.items() if length >= FILE_LIMIT} == {}


def test_functions_stay_short() -> None:
    long = {
        f"{named(path)}:{node.name}": node.end_lineno - node.lineno + 1
        for path in sources("leadroom")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno is not None
        and node.end_lineno - node.lineno + 1 >= FUNCTION_LIMIT
    }
    assert long == {}


def test_modules_say_what_they_are_for() -> None:
    silent = [
        named(path)
        for path in sources("leadroom")
        if path.name not in ("__init__.py", "apps.py") and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_packages_re_export_nothing() -> None:
    """But for a shelf that is a folder: its neighbours import the shelf, not its modules."""
    packages = [path for path in sources("leadroom") if path.name == "__init__.py" and path.parent.name != "actions"]
    assert [named(path) for path in packages if "import " in path.read_text()] == []


def test_no_drawer_for_odds_and_ends() -> None:
    drawers = {"utils", "helpers", "common", "misc", "base_utils", "services", "managers", "signals"}
    assert [named(path) for path in sources("leadroom") if path.stem in drawers] == []


def _switches_off(path: Path) -> bool:
    """Whether the module itself, not a text in it, skips a test or expects it to fail."""
    words = {"pytest.skip", "pytest.xfail", "pytest.mark.skip", "pytest.mark.xfail"}
    return any(ast.unparse(node) in words for node in ast.walk(ast.parse(path.read_text())) if _is_name(node))


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in ("skip", "xfail")


def test_nothing_is_left_for_later() -> None:
    """No open ends in what is handed over: no to-do marks, no tests that are switched off."""
    later = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|HA" + r"CK)\b")
    found = [named(path) for path in sources("leadroom", "tests", "bench") if later.search(path.read_text())]
    assert found + [named(path) for path in sources("tests") if _switches_off(path)] == []


@pytest.mark.django_db
@pytest.mark.parametrize("command", ["states", "agent_tools", "figures"])
def test_generated_documents_are_fresh(command: str) -> None:
    call_command(command, "--check")


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    call_command("makemigrations", "--check", "--dry-run", "--verbosity=0")


def test_every_model_has_words_for_people() -> None:
    models = [model for model in apps.get_models() if model.__module__.startswith("leadroom.")]
    assert len(models) > 20
    assert [model.__name__ for model in models if "__str__" not in vars(model)] == []
