"""The name of a cheat: what a change to a frozen file would do to the tests, read from both texts."""

import ast
import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from leadroom.verification.enums import Cheat
from leadroom.worktrees.repository import BareRepository, TreeEntry

_SKIP = re.compile(r"\b(skip|skipif|xfail|skipTest|importorskip|expectedFailure)\b")
_EXIT = re.compile(r"\b(sys\.exit|SystemExit|pytest\.exit)\b|\bexit\(")
_LEAVE = re.compile(r"\b(os\._exit|os\.kill|os\.abort)\b")
_PATCH = re.compile(r"\b(monkeypatch|mock|patch|MagicMock|setattr)\b|sys\.modules\[")
_SETTINGS = frozenset(
    {"pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "setup.cfg", ".coveragerc"}
)


@dataclass(frozen=True)
class Refusal:
    """One reason why the work is refused: the cheat's name, the path ("" for a run's own conduct) and a sentence."""

    cheat: Cheat
    path: str
    sentence: str

    def as_data(self) -> dict[str, str]:
        """For a JSON field."""
        return {"cheat": str(self.cheat), "path": self.path, "sentence": self.sentence}


def name_change(
    repository: BareRepository,
    path: str,
    before: TreeEntry,
    after: TreeEntry | None,
    listing: Mapping[str, TreeEntry],
    node_ids: Collection[str],
) -> Refusal:
    """The refusal for a frozen file that is not in the commit as it was frozen."""
    if after is None:
        return _missing(path, before, listing)
    if after.mode == "120000":
        return Refusal(Cheat.SYMLINK, path, f"{path} was frozen as a file and is a symbolic link now.")
    if after.blob == before.blob:
        return Refusal(Cheat.CHANGED_HELPER, path, f"{path} was frozen with mode {before.mode} and has {after.mode}.")
    name = PurePosixPath(path).name
    if name == "conftest.py":
        return Refusal(Cheat.CONFTEST, path, f"{path} was changed after the tests were frozen.")
    if name in _SETTINGS:
        return Refusal(Cheat.TEST_SETTINGS, path, f"{path} sets how tests are run and was changed after the freeze.")
    old, new = repository.text_of(before), repository.text_of(after)
    nodes = [node_id for node_id in node_ids if node_id.split("::")[0] == path]
    cheat, what = _what_changed(old, new, nodes)
    return Refusal(cheat, path, f"{path} was frozen and {what}.")


def _missing(path: str, before: TreeEntry, listing: Mapping[str, TreeEntry]) -> Refusal:
    twin = next((other for other, entry in listing.items() if entry.blob == before.blob), "")
    if twin:
        return Refusal(Cheat.RENAMED, path, f"{path} was frozen and is called {twin} now.")
    return Refusal(Cheat.DELETED_CASE, path, f"{path} was frozen and is gone.")


def _what_changed(old: str, new: str, nodes: Collection[str]) -> tuple[Cheat, str]:
    before, after = Counter(old.splitlines()), Counter(new.splitlines())
    removed, fresh = list(before - after), "\n".join(after - before)
    if _LEAVE.search(fresh):
        return Cheat.PROCESS_EXIT, "leaves the test process now"
    if _EXIT.search(fresh):
        return Cheat.EARLY_EXIT, "ends the test run early now"
    if _SKIP.search(fresh):
        return Cheat.SKIP_MARK, "skips a test or expects it to fail now"
    gone = [name for name in _functions(old) if name not in _functions(new)]
    if gone:
        named = [node for node in nodes if any(part.partition("[")[0] in gone for part in node.split("::")[1:])]
        return Cheat.DELETED_CASE, f"no longer has {', '.join(named or gone)[:300]}"
    if _PATCH.search(fresh):
        return Cheat.MONKEYPATCH, "replaces the thing under test now"
    if any("assert" in line or "raises" in line for line in removed):
        return Cheat.WEAKENED, "asserts something else now"
    return Cheat.CHANGED_HELPER, "was changed"


def _functions(text: str) -> list[str]:
    """Names of test functions and classes; of a text that is no Python, what looks like one."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return re.findall(r"^\s*(?:async\s+)?def\s+(test\w*)", text, re.MULTILINE)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node.name for node in ast.walk(tree) if isinstance(node, kinds)]
