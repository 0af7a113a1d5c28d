"""Seeded faults: one small change of the syntax tree of a real package, and what its real test suite says of it.

Operators follow mutation testing practice (relational, arithmetic, logical, constant, statement, return and branch
mutations; Jia & Harman 2011, table 3). A fault is kept when 1 to `MOST_FAILURES` tests of the suite fail by it.
"""

import ast
import dataclasses
import os
import random
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

MOST_FAILURES = 12
FRAME = re.compile(r"^([\w./-]+\.py):(\d+): in (\S+)$", re.MULTILINE)
ERROR_LINE = re.compile(r"^E   (.+)$", re.MULTILINE)
COMPARE = {"Lt": "<=", "LtE": "<", "Gt": ">=", "GtE": ">", "Eq": "!=", "NotEq": "==", "In": "not in", "NotIn": "in"}
COMPARE |= {"Is": "is not", "IsNot": "is"}
ARITHMETIC = {"Add": "-", "Sub": "+", "Mult": "//", "Div": "*", "FloorDiv": "*", "Mod": "+"}


@dataclasses.dataclass(frozen=True)
class Package:
    """One package of the index: its name, where its code and tests lie in the source archive, its licence."""

    name: str
    code: str
    tests: str
    licence: str
    one_file_each: bool = False
    arguments: tuple[str, ...] = ()


PACKAGES = (
    Package("toolz", "toolz", "toolz", "BSD-3-Clause"),
    Package("tabulate", "tabulate", "test", "MIT"),
    Package("sqlparse", "sqlparse", "tests", "BSD-3-Clause"),
    Package("boltons", "boltons", "tests", "BSD-3-Clause", one_file_each=True),
    Package("parse", "parse", "tests", "MIT"),
    Package("humanize", "src/humanize", "tests", "MIT", arguments=("--ignore=tests/test_benchmarks.py",)),
)


@dataclasses.dataclass(frozen=True)
class Failure:
    """One failing test: node id, last error line, whole error lines, frames outermost first (path, line, function)."""

    test: str
    error: str
    lines: tuple[str, ...]
    frames: tuple[tuple[str, int, str], ...]


@dataclasses.dataclass(frozen=True)
class Fault:
    """Where one change was seeded and what failed by it. `line` is 1-based."""

    package: str
    path: str
    line: int
    symbol: str
    failures: tuple[Failure, ...]


@dataclasses.dataclass(frozen=True)
class Change:
    """Replace columns `start` to `end` of one line by `text`."""

    line: int
    start: int
    end: int
    text: str
    symbol: str


def changes(source: str) -> Iterator[Change]:
    """Every change this module knows for a source text, in the order of the file. Test code has none."""
    tree = ast.parse(source)
    for function, symbol in _functions(tree, ""):
        docstring = ast.get_docstring(function, clean=False)
        for node in ast.walk(function):
            if isinstance(node, ast.Constant) and node.value == docstring:
                continue
            change = _change(node, source, symbol)
            if change is not None:
                yield change


def _functions(tree: ast.AST, prefix: str) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield node, prefix + node.name
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")


def _change(node: ast.AST, source: str, symbol: str) -> Change | None:
    new = _new_text(node, source)
    if new is None or node.lineno != node.end_lineno:  # type: ignore[attr-defined]
        return None
    line = source.splitlines()[node.lineno - 1]  # type: ignore[attr-defined]
    if not line.isascii():
        return None
    return Change(node.lineno, node.col_offset, node.end_col_offset, new, symbol)  # type: ignore[attr-defined]


def _new_text(node: ast.AST, source: str) -> str | None:
    def text(part: ast.AST) -> str:
        return ast.get_source_segment(source, part) or ""

    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        return f"{text(node.left)} {COMPARE[type(node.ops[0]).__name__]} {text(node.comparators[0])}"
    if isinstance(node, ast.BinOp) and type(node.op).__name__ in ARITHMETIC:
        return f"{text(node.left)} {ARITHMETIC[type(node.op).__name__]} {text(node.right)}"
    if isinstance(node, ast.BoolOp) and len(node.values) == 2:
        word = "or" if isinstance(node.op, ast.And) else "and"
        return f"{text(node.values[0])} {word} {text(node.values[1])}"
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return f"bool({text(node.operand)})"
    if isinstance(node, ast.Constant):
        return _new_constant(node.value)
    if isinstance(node, ast.Return) and node.value is not None:
        return "return None"
    if isinstance(node, ast.IfExp):
        return f"{text(node.orelse)} if {text(node.test)} else {text(node.body)}"
    if isinstance(node, ast.Expr | ast.Assign) and isinstance(getattr(node, "value", None), ast.Call):
        return "pass" if isinstance(node, ast.Expr) else None
    return None


def _new_constant(value: object) -> str | None:
    if isinstance(value, bool):
        return str(not value)
    if isinstance(value, int):
        return str(value + 1)
    if isinstance(value, str) and 0 < len(value) < 30 and "\n" not in value:
        return repr(value + "x") if value.strip() else repr("")
    return None


def apply(source: str, change: Change) -> str:
    """The source with the change made."""
    lines = source.splitlines(keepends=True)
    line = lines[change.line - 1]
    lines[change.line - 1] = line[: change.start] + change.text + line[change.end :]
    return "".join(lines)


def pick(package: Package, folder: Path, dice: random.Random) -> Iterator[tuple[Path, Change]]:
    """Changes of the package, two or three near each other at a time: siblings by the same test are wanted."""
    pool: dict[tuple[Path, str], list[Change]] = {}
    for path in sorted((folder / package.code).rglob("*.py")):
        if "test" in path.relative_to(folder / package.code).as_posix():
            continue
        for change in changes(path.read_text()):
            pool.setdefault((path, change.symbol), []).append(change)
    keys = sorted(pool)
    dice.shuffle(keys)
    while keys:
        for key in list(keys):
            for _ in range(dice.choice((1, 2, 3))):
                if pool[key]:
                    yield key[0], pool[key].pop(dice.randrange(len(pool[key])))
            if not pool[key]:
                keys.remove(key)


def failures_of(package: Package, folder: Path, python: Path, only: Path | None, seconds: float) -> list[Failure]:
    """Runs the suite (or the one file of the changed module) and reads its JUnit file. Empty also for a time-out."""
    target = package.tests
    if package.one_file_each and only is not None:
        target = f"{package.tests}/test_{only.stem}.py"
        if not (folder / target).exists():
            return []
    result = folder / "result.xml"
    result.unlink(missing_ok=True)
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", "--tb=short"]
    command += [f"--maxfail={MOST_FAILURES + 1}", f"--junitxml={result}", *package.arguments, target]
    source = folder / "src" if (folder / "src").is_dir() else folder
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(source), "PYTHONDONTWRITEBYTECODE": "1", "LANG": "C.UTF-8"}
    env["PYTHONHASHSEED"] = "0"
    try:
        subprocess.run(command, cwd=folder, env=env, capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return []
    return list(_read_junit(result, folder)) if result.exists() else []


def _read_junit(result: Path, folder: Path) -> Iterator[Failure]:
    seen = set()
    for case in ET.parse(result).getroot().iter("testcase"):
        failed = case.find("failure")
        if failed is None or not failed.text:
            continue
        text = failed.text.replace(str(folder), ".")
        frames = tuple((path, int(line), name) for path, line, name in FRAME.findall(text))
        lines = tuple(line.strip() for line in ERROR_LINE.findall(text))
        if not frames or not lines:
            continue
        test = f"{frames[0][0]}::{case.get('name', '')}"
        if test not in seen:
            seen.add(test)
            yield Failure(test, lines[0][:300], lines[:6], frames[-6:])


def seed(package: Package, folder: Path, python: Path, *, count: int, dice: random.Random) -> Iterator[Fault]:
    """Up to `count` faults, each seeded alone into a clean copy of `folder`. Equal outcomes are one fault."""
    outcomes = set()
    kept = tried = 0
    work = folder.with_name(folder.name + "-work")
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(folder, work)
    for path, change in pick(package, folder, dice):
        if kept >= count or tried >= count * 6:
            break
        tried += 1
        place = work / path.relative_to(folder)
        changed = apply(path.read_text(), change)
        try:
            compile(changed, "seeded", "exec")
        except (SyntaxError, ValueError):
            continue
        place.write_text(changed)
        found = failures_of(package, work, python, path, 25.0)
        place.write_text(path.read_text())
        outcome = tuple((failure.test, failure.lines) for failure in found)
        if not 1 <= len(found) <= MOST_FAILURES or outcome in outcomes:
            continue
        outcomes.add(outcome)
        kept += 1
        relative = path.relative_to(folder).as_posix()
        yield Fault(package.name, relative, change.line, change.symbol, tuple(found))
    shutil.rmtree(work, ignore_errors=True)
