"""What is guarded of a commit, and what of it a later commit may not change."""

import shutil
from collections.abc import Iterator

import pytest

from leadroom.verification.enums import Cheat
from leadroom.verification.freezing import freeze, moved_paths, refusals, test_roots
from tests.verification.sample import NODES, PRODUCT, SETTINGS, TESTS, Sample, made

test_roots.__test__ = False  # type: ignore[attr-defined] - a function of the house, no test


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    with made(tmp_path_factory.mktemp("freezing")) as found:
        yield found


def cheats(sample: Sample, commit: str) -> list[tuple[str, str]]:
    return [(str(r.cheat), r.path) for r in refusals(sample.control, sample.frozen, commit, NODES)]


@pytest.mark.parametrize(
    ("nodes", "roots"),
    [
        (["tests/test_a.py::test_x"], ("tests/",)),
        (["tests/unit/deep/test_a.py::test_x", "tests/test_b.py::test_y"], ("tests/",)),
        (["pkg/sub/tests/unit/test_a.py::test_x"], ("pkg/sub/tests/",)),
        (["checks/test_a.py::test_x"], ("checks/",)),
        (["test_a.py::test_x"], ()),
    ],
)
def test_the_tests_own_folders(nodes: list[str], roots: tuple[str, ...]) -> None:
    assert test_roots(nodes) == roots


def test_the_plans_tests_and_what_decides_their_meaning_are_frozen(sample: Sample) -> None:
    assert set(sample.frozen.files) >= {"tests/test_discount.py"}
    assert set(sample.frozen.sections) == {"pyproject.toml"}
    assert "shop/discount.py" not in sample.frozen.files


def test_product_and_new_tests_and_other_sections_may_change(sample: Sample) -> None:
    commit = sample.commit(
        "honest",
        **{
            "shop/discount_py": PRODUCT.replace("100", "200"),
            "tests/test_more_py": TESTS,
            "pyproject.toml": SETTINGS.replace('name = "shop"', 'name = "shop"\nversion = "2"'),
            "README.md": "Words.\n",
        },
    )
    assert cheats(sample, commit) == []


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"tests/helper_py": "X = 1\n"}, [("changed_helper", "tests/helper.py")]),
        ({"shop/conftest_py": "X = 1\n"}, [("conftest", "shop/conftest.py")]),
        ({"tox.ini": "[pytest]\n"}, [("test_settings", "tox.ini")]),
        ({"setup.cfg": "[tool:pytest]\nxfail_strict = 0\n"}, [("test_settings", "setup.cfg")]),
        ({"setup.cfg": "[metadata]\nname = shop\n"}, []),
        ({"package.json": '{"scripts": {"test": "true"}}'}, [("test_settings", "package.json")]),
        ({"package.json": '{"name": "shop"}'}, []),
        ({"json_py": "def loads(text): return {}\n"}, [("shadowing", "json.py")]),
        ({"usercustomize_py": "X = 1\n"}, [("shadowing", "usercustomize.py")]),
        ({"shop/paths.pth": "import os\n"}, [("shadowing", "shop/paths.pth")]),
        ({".github/workflows/ci.yml": "on: push\n"}, [("changed_helper", ".github/workflows/ci.yml")]),
        ({"noxfile_py": "X = 1\n"}, [("shadowing", "noxfile.py")]),
        (
            {"pyproject.toml": '[project]\nname = "shop"\n\n[tool.coverage.run]\nomit = ["*"]\n'},
            [("test_settings", "pyproject.toml")],
        ),
        ({"pyproject.toml": "[tool.pytest\n"}, [("test_settings", "pyproject.toml")]),
    ],
    ids=str,
)
def test_what_is_new_or_changed_is_named(sample: Sample, files: dict[str, str], found: list[tuple[str, str]]) -> None:
    assert cheats(sample, sample.commit("other", **files)) == found


def test_a_plugin_that_settings_name_is_frozen_with_the_tests(sample: Sample) -> None:
    settings = SETTINGS + 'addopts = "-p shop.plugin"\n'
    commit = sample.commit("plugin", **{"pyproject.toml": settings, "shop/plugin_py": "X = 1\n"})
    assert "shop/plugin.py" in freeze(sample.control, commit, NODES).files


def test_what_the_branch_itself_changed_is_not_the_developers_to_answer_for(sample: Sample) -> None:
    onto = sample.commit("by somebody else", **{"tests/test_discount_py": TESTS + "\n\nEXTRA = 1\n"})
    moved = moved_paths(sample.control, sample.work, onto)
    assert moved == {"tests/test_discount.py"}
    assert refusals(sample.control, sample.frozen, onto, NODES, moved=moved) == []
    assert [r.cheat for r in refusals(sample.control, sample.frozen, onto, NODES)] == [Cheat.CHANGED_HELPER]


def test_frozen_files_are_laid_over_in_the_object_store(sample: Sample) -> None:
    bent = sample.commit("bent", **{"tests/test_discount_py": "def test_a_large_order(): pass\n"})
    laid = sample.control.lay_over(bent, sample.frozen.files)
    assert laid != bent
    assert sample.control.file_at(laid, "tests/test_discount.py") == TESTS.encode()
    assert sample.control.lay_over(bent, sample.frozen.files) == laid, "the same files give the same commit"
    assert sample.control.lay_over(sample.work, sample.frozen.files) == sample.work


def test_a_folder_that_was_a_link_is_replaced_and_never_followed(sample: Sample) -> None:
    """The base has `tests` as a link out of the tree; the hand-in has a folder there."""
    sample.source.git("switch", "-q", "--detach", sample.base)
    shutil.rmtree(sample.source.path / "tests", ignore_errors=True)
    (sample.source.path / "tests").symlink_to("/etc")
    base = sample.bring(sample.source.commit("a link"))
    sample.source.git("switch", "-q", "main")
    laid = sample.control.lay_over(base, sample.frozen.files)
    tree = sample.control.path.parent / "trees" / "linked"
    sample.control.checkout_clean(tree, commit=laid)
    assert (tree / "tests").is_dir()
    assert not (tree / "tests").is_symlink()


def test_one_of_two_equal_assertions_that_is_weakened_is_found(sample: Sample) -> None:
    twice = "    assert isinstance(discount(50), int)\n"
    assert TESTS.count(twice) == 2
    commit = sample.commit("weaker", **{"tests/test_discount_py": TESTS.replace(twice, "    assert True\n", 1)})
    assert cheats(sample, commit) == [("weakened", "tests/test_discount.py")]
