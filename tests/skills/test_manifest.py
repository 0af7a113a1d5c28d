"""A skill folder is read as the open format says; a broken one is refused with a sentence that says why."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from leadroom.lib.errors import BadInput
from leadroom.skills.manifest import SIZE_LIMIT, read_manifest
from leadroom.skills.queries import manifests_for

HEAD = "---\nname: {name}\ndescription: {description}\nmetadata:\n  roles: {roles}\n---\n"


def _skill(
    home: Path,
    folder: str,
    *,
    name: str = "",
    description: str = "Says how.",
    roles: str = "developer",
    body: str = "Do it.\n",
) -> Path:
    text = HEAD.format(name=name or folder, description=description, roles=roles) + body
    return _folder(home, folder, text.encode())


def _folder(home: Path, folder: str, content: bytes | None) -> Path:
    path = home / folder
    path.mkdir(parents=True)
    if content is not None:
        (path / "SKILL.md").write_bytes(content)
    return path


def test_reads_name_description_roles_and_body(tmp_path: Path) -> None:
    body = "# Überschrift\n\nAbove the line\n\n---\n\nbelow it\n"
    folder = _skill(tmp_path, "load-test-2", description="Ünder load.", roles="planner developer", body=body)
    manifest = read_manifest(folder)
    assert manifest.name == "load-test-2"
    assert manifest.description == "Ünder load."
    assert manifest.roles == ("planner", "developer")
    assert manifest.body.strip() == body.strip()


def test_the_digest_covers_the_front_matter_and_not_the_place(tmp_path: Path) -> None:
    here, there = _skill(tmp_path / "a", "same"), _skill(tmp_path / "b", "same")
    assert read_manifest(here).digest == read_manifest(there).digest
    other_roles = read_manifest(_skill(tmp_path / "c", "same", roles="planner"))
    other_body = read_manifest(_skill(tmp_path / "d", "same", body="Do it!\n"))
    assert len({read_manifest(here).digest, other_roles.digest, other_body.digest}) == 3


def test_a_skill_without_roles_is_read_and_loaded_by_nobody(tmp_path: Path) -> None:
    for folder, metadata in (("none", ""), ("words", "metadata: developer\n"), ("empty", "metadata:\n")):
        text = f"---\nname: {folder}\ndescription: Imported.\n{metadata}---\nDo it.\n"
        assert read_manifest(_folder(tmp_path, folder, text.encode())).roles == ()


@pytest.mark.parametrize("length", [1, 1024])
def test_takes_descriptions_up_to_the_limits(tmp_path: Path, length: int) -> None:
    assert len(read_manifest(_skill(tmp_path, "edge", description="é" * length)).description) == length


CANNOT_READ = "Skill broken: SKILL.md cannot be read as UTF-8 text"
NOT_YAML = "Skill broken: the front matter is not YAML"
WRONG_NAME = "Skill broken: `name` must equal the folder's name"
WRONG_DESCRIPTION = "Skill broken: `description` must be a text of 1 to 1,024 characters"
TOO_LARGE = "Skill broken: SKILL.md has 64,036 characters; keep it under 64,000."
NAMED = b"---\nname: broken\n"
LONG_DESCRIPTION = NAMED + b"description: " + b"x" * 1025 + b"\n---\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(None, CANNOT_READ, id="missing"),
        pytest.param(b"---\nname: broken\ndescription: caf\xe9\n---\n", CANNOT_READ, id="not UTF-8"),
        pytest.param(b"---\nname: broken\ndescription: [open\n---\n", NOT_YAML, id="bad YAML"),
        pytest.param(b"---\nname: !!python/name:os.getcwd\n---\n", NOT_YAML, id="YAML that names code"),
        pytest.param(b"", WRONG_NAME, id="empty"),
        pytest.param(b"Just Markdown.\n", WRONG_NAME, id="no front matter"),
        pytest.param(b"---\nname: broken\ndescription: Open.\n", WRONG_NAME, id="front matter left open"),
        pytest.param(b"---\n- name\n- broken\n---\n", WRONG_NAME, id="front matter is a list"),
        pytest.param(b"---\nname: other\ndescription: Says how.\n---\n", WRONG_NAME, id="name of another"),
        pytest.param(b"---\nname: 7\ndescription: Says how.\n---\n", WRONG_NAME, id="name is a number"),
        pytest.param(NAMED + b"---\n", WRONG_DESCRIPTION, id="no description"),
        pytest.param(NAMED + b"description: ''\n---\n", WRONG_DESCRIPTION, id="empty description"),
        pytest.param(NAMED + b"description: [a, b]\n---\n", WRONG_DESCRIPTION, id="description is a list"),
        pytest.param(LONG_DESCRIPTION, WRONG_DESCRIPTION, id="long description"),
        pytest.param(NAMED + b"description: x\n---\n" + b"x" * SIZE_LIMIT, TOO_LARGE, id="too large"),
    ],
)
def test_refuses_what_is_broken_and_says_why(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    with pytest.raises(BadInput) as refusal:
        read_manifest(_folder(tmp_path, "broken", content))
    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize("name", ["Load-Test", "load_test", "load--test", "-load", "load test"])
def test_refuses_names_the_format_does_not_know(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="lower case with hyphens"):
        read_manifest(_skill(tmp_path, name, name=f"'{name}'"))


def test_a_role_loads_the_skills_that_name_it_in_order_of_names(tmp_path: Path, settings: Settings) -> None:
    settings.SKILLS_DIR = tmp_path
    _skill(tmp_path, "zeal", roles="developer planner")
    _skill(tmp_path, "care", roles="developer")
    _skill(tmp_path, "plan", roles="planner")
    _folder(tmp_path, "no-skill", None)
    assert [manifest.name for manifest in manifests_for("developer")] == ["care", "zeal"]
    assert [manifest.name for manifest in manifests_for("planner")] == ["plan", "zeal"]
    assert manifests_for("reviewer") == []


def test_a_broken_skill_stops_the_loading_and_is_named(tmp_path: Path, settings: Settings) -> None:
    settings.SKILLS_DIR = tmp_path
    _skill(tmp_path, "care")
    _skill(tmp_path, "zeal", name="seal")
    with pytest.raises(BadInput, match="Skill zeal: `name`"):
        manifests_for("developer")
