"""Which files decide what a test means, and whether a commit still holds them as they were frozen. Reads git only."""

import configparser
import json
import re
import sys
import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from leadroom.lib.digest import digest_of
from leadroom.verification.enums import Cheat
from leadroom.verification.naming import Refusal, name_change
from leadroom.worktrees.repository import BareRepository, TreeEntry

SETTINGS = frozenset({"pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", ".coveragerc"})
HOOKS = frozenset({"noxfile.py", "sitecustomize.py", "usercustomize.py"})
SECTION_FILES = frozenset({"pyproject.toml", "setup.cfg", "package.json"})
CI_FILES = frozenset({".gitlab-ci.yml", ".travis.yml", "azure-pipelines.yml", "Jenkinsfile", "bitbucket-pipelines.yml"})
CI_FOLDERS = (".github/", ".circleci/", ".buildkite/", ".ci/")
RUNNERS = frozenset({"pytest", "_pytest", "pluggy", "iniconfig", "py"})
"""Modules of the test runner itself."""
_TEST_FILE = re.compile(r"test_[^/]*\.py|[^/]*_test\.py")
_TEST_FOLDERS = frozenset({"test", "tests", "testing"})
_PLUGIN = re.compile(r"(?:^|[\s\"'=,\[])-p[\s\"',=]*([A-Za-z_][\w.]*)")
_PLUGINS = re.compile(r"pytest_plugins\s*(?::[^=]+)?=\s*([\[(]?[^\])]*)")
_WORD = re.compile(r"[\"']([A-Za-z_][\w.]*)[\"']")

Listing = Mapping[str, TreeEntry]


@dataclass(frozen=True)
class Frozen:
    """`files`: every guarded file of the commit. `sections`: digests of the parts of settings files that count."""

    files: Mapping[str, TreeEntry]
    sections: Mapping[str, str]
    roots: tuple[str, ...]

    @property
    def digest(self) -> str:
        return digest_of([{path: str(entry) for path, entry in self.files.items()}, dict(self.sections)])


def test_roots(node_ids: Iterable[str]) -> tuple[str, ...]:
    """The folders whose files are tests' own: the outermost `tests` on the way to each file, else its own folder.

    A test file at the top of the tree gives no root: everything else there is the product.
    """
    roots = set()
    for node_id in node_ids:
        parts = PurePosixPath(node_id.split("::")[0]).parts[:-1]
        named = next((n for n, part in enumerate(parts) if part in _TEST_FOLDERS), len(parts) - 1)
        if parts:
            roots.add("/".join(parts[: named + 1]) + "/")
    return tuple(sorted(roots))


def freeze(repository: BareRepository, commit: str, node_ids: Collection[str]) -> Frozen:
    """What is guarded in `commit` for a plan with these node ids. Raises RepositoryProblem when it cannot be read."""
    listing = repository.listing(commit)
    roots, nodes = test_roots(node_ids), {node_id.split("::")[0] for node_id in node_ids}
    files = {path: entry for path, entry in listing.items() if path in nodes or _is_guarded(path, roots)}
    texts = {
        path: repository.text_of(listing[path])
        for path in listing
        if PurePosixPath(path).name in SETTINGS | SECTION_FILES | {"conftest.py"}
    }
    for path in _plugin_files(texts, listing):
        files[path] = listing[path]
    files |= {path: listing[path] for path in listing if _shadows(path, roots)}
    sections = {path: _section_digest(path, text) for path, text in texts.items() if _is_section_file(path)}
    return Frozen(files, sections, roots)


def refusals(
    repository: BareRepository, frozen: Frozen, commit: str, node_ids: Collection[str], *, moved: Collection[str] = ()
) -> list[Refusal]:
    """What differs from the frozen files in `commit`, each by the name of its cheat and its path.

    Compared are git's modes and object ids. `moved` are paths the project's branch itself changed meanwhile, which the
    developer does not answer for. A new test file beside the frozen ones is no difference; a new helper is one.
    """
    listing, now = repository.listing(commit), freeze(repository, commit, node_ids)
    found = []
    for path, entry in frozen.files.items():
        if path not in moved and listing.get(path) != entry:
            found.append(name_change(repository, path, entry, listing.get(path), listing, node_ids))
    for path, entry in now.files.items():
        if path not in frozen.files and path not in moved and not _is_new_test(path, entry):
            found.append(_added(path, entry))
    for path in sorted({*frozen.sections, *now.sections} - set(moved)):
        if frozen.sections.get(path, _NOTHING) != now.sections.get(path, _NOTHING):
            has_addopts = path in listing and "addopts" in repository.text_of(listing[path])
            cheat = Cheat.DESELECTED if has_addopts else Cheat.TEST_SETTINGS
            found.append(Refusal(cheat, path, f"{path} sets the tests' settings otherwise than when they were frozen."))
    return sorted(found, key=lambda refusal: (refusal.path, refusal.cheat))


def moved_paths(repository: BareRepository, base: str, onto: str) -> set[str]:
    """Paths the project's branch changed from `base` to `onto`."""
    if base == onto:
        return set()
    before, after = repository.listing(base), repository.listing(onto)
    return {path for path in {*before, *after} if before.get(path) != after.get(path)}


def _added(path: str, entry: TreeEntry) -> Refusal:
    name = PurePosixPath(path).name
    if entry.mode == "120000":
        return Refusal(Cheat.SYMLINK, path, f"{path} is a new symbolic link among the frozen tests.")
    if name == "conftest.py":
        return Refusal(Cheat.CONFTEST, path, f"{path} is new: a conftest can change what every frozen test means.")
    if name in SETTINGS:
        return Refusal(Cheat.TEST_SETTINGS, path, f"{path} is new and sets how the frozen tests are run.")
    if name in HOOKS or name.endswith(".pth") or _top(path) in RUNNERS | sys.stdlib_module_names:
        return Refusal(Cheat.SHADOWING, path, f"{path} is new and takes the place of a module the test run imports.")
    return Refusal(Cheat.CHANGED_HELPER, path, f"{path} is new among the frozen tests' helpers; hand it in with them.")


def _is_new_test(path: str, entry: TreeEntry) -> bool:
    return bool(_TEST_FILE.fullmatch(PurePosixPath(path).name)) and entry.mode == "100644"


def _is_guarded(path: str, roots: Collection[str]) -> bool:
    name = PurePosixPath(path).name
    return (
        path.startswith(tuple(roots))
        or name in SETTINGS | HOOKS | {"conftest.py"}
        or name.endswith(".pth")
        or path in CI_FILES
        or path.startswith(CI_FOLDERS)
    )


def _top(path: str) -> str:
    """The module name a path at a folder's top would be imported by."""
    parts = PurePosixPath(path).parts
    name = parts[-2] if parts[-1] == "__init__.py" and len(parts) > 1 else parts[-1]
    return name.removesuffix(".py")


def _shadows(path: str, roots: Collection[str]) -> bool:
    """Whether `path` is importable from the tree's top, `src` or a test folder under the name of a runner's module."""
    if not path.endswith(".py"):
        return False
    inside = next((path.removeprefix(root) for root in (*roots, "src/") if path.startswith(root)), path)
    first, _, rest = inside.partition("/")
    name = first if rest else first.removesuffix(".py")
    is_module = not rest or rest == "__init__.py"
    return is_module and name in RUNNERS | sys.stdlib_module_names


def _plugin_files(texts: Mapping[str, str], listing: Listing) -> set[str]:
    """Files of plugins that settings, entry points or a conftest name."""
    modules: set[str] = set()
    for path, text in texts.items():
        modules |= set(_PLUGIN.findall(text))
        modules |= {word for part in _PLUGINS.findall(text) for word in _WORD.findall(part)}
        if PurePosixPath(path).name == "pyproject.toml":
            points = _table(_toml(text), "project", "entry-points").get("pytest11")
            modules |= {str(value).split(":")[0] for value in points.values()} if isinstance(points, dict) else set()
    found = set()
    for module in modules:
        stem = module.replace(".", "/")
        names = (f"{stem}.py", f"{stem}/__init__.py")
        found |= {path for path in listing if path.removeprefix("src/") in names}
    return found


_NOTHING = digest_of({})


def _is_section_file(path: str) -> bool:
    return PurePosixPath(path).name in SECTION_FILES


def _section_digest(path: str, text: str) -> str:
    """Digest of the parts of a settings file that decide how tests are run; a broken file counts as its whole text."""
    name = PurePosixPath(path).name
    try:
        if name == "pyproject.toml":
            return digest_of(_toml_sections(tomllib.loads(text)))
        if name == "package.json":
            data = json.loads(text)
            kept = ("scripts", "jest", "mocha", "vitest", "ava")
            return digest_of({key: data[key] for key in kept if key in data} if isinstance(data, dict) else {})
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.read_string(text)
        parts = [s for s in parser.sections() if re.match(r"(tool:)?pytest|coverage:|options\.entry_points|tox", s)]
        return digest_of({part: dict(parser[part]) for part in parts})
    except (ValueError, RecursionError, configparser.Error):
        return digest_of(text)


def _toml_sections(data: dict[str, Any]) -> dict[str, Any]:
    tool = _table(data, "tool")
    kept = {f"tool.{key}": tool[key] for key in ("pytest", "coverage", "tox", "nox", "hatch", "pdm") if key in tool}
    points = _table(data, "project", "entry-points").get("pytest11")
    return json.loads(json.dumps(kept | ({"pytest11": points} if points else {}), default=str))


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def _table(data: dict[str, Any], *keys: str) -> dict[str, Any]:
    for key in keys:
        found = data.get(key)
        data = found if isinstance(found, dict) else {}
    return data
