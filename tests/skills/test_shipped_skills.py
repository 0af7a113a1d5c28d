"""What a shipped skill tells an agent is true of the tools that agent really has."""

import json
import re
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path

import frontmatter
import pytest
from django.conf import settings
from pydantic import ValidationError

from leadroom.agents.enums import Role
from leadroom.requirements.lint import check_questions
from leadroom.runners.shapes import Shape
from leadroom.runners.tools import TOOLBOX, tools_of
from leadroom.skills.manifest import Manifest, read_manifest
from leadroom.skills.queries import manifests_for

FOLDERS = sorted(path.parent for path in settings.SKILLS_DIR.glob("*/SKILL.md"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHOWN = {
    "requirement-alignment": {"AmbiguityShape", "QuestionShape", "Criterion"},
    "test-planning": {"CaseShape"},
    "plan-review": {"FindingShape"},
    "development": {"Ask"},
    "acceptance-verification": {"VerdictShape"},
    "structured-report": {"ReportShape"},
}
TEACHES = {
    "requirement-alignment": ("propose_ambiguities", "ask_questions", "submit_document"),
    "test-planning": ("submit_plan",),
    "plan-review": ("submit_review",),
    "development": ("set_phase", "submit_tests", "ask"),
    "acceptance-verification": ("submit_verdicts",),
    "structured-report": ("report",),
}
every_skill = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def _parts(annotation: object) -> Iterator[object]:
    yield annotation
    for argument in typing.get_args(annotation):
        yield from _parts(argument)


def _shapes_in(shape: type[Shape]) -> Iterator[type[Shape]]:
    yield shape
    for field in shape.model_fields.values():
        for part in _parts(field.annotation):
            if isinstance(part, type) and issubclass(part, Shape):
                yield from _shapes_in(part)


def _words_of(shapes: Iterable[type[Shape]]) -> set[str]:
    """Field names and the fixed values a field may take."""
    words: set[str] = set()
    for shape in shapes:
        for name, field in shape.model_fields.items():
            words.add(name)
            for part in _parts(field.annotation):
                if typing.get_origin(part) is typing.Literal:
                    words |= set(typing.get_args(part))
    return words


ALL_SHAPES = {shape for tool in TOOLBOX.values() for shape in _shapes_in(tool.shape)}


def _terms(manifest: Manifest) -> list[str]:
    """Every single word in backticks outside the examples: a tool, a field, or a value of one."""
    return re.findall(r"`([A-Za-z]+(?:_[A-Za-z]+)*)`", FENCE.sub("", manifest.body))


def _examples(manifest: Manifest) -> list[object]:
    return [json.loads(text) for language, text in FENCE.findall(manifest.body) if language == "json"]


def _accepting(example: object, shapes: Iterable[type[Shape]]) -> set[str]:
    names = set()
    for shape in shapes:
        try:
            shape.model_validate(example)
        except ValidationError:
            continue
        names.add(shape.__name__)
    return names


def test_the_skills_of_this_version_are_there() -> None:
    assert {folder.name for folder in FOLDERS} >= {*SHOWN, "design-principles"}


@every_skill
def test_loads_and_names_roles_that_exist(folder: Path) -> None:
    manifest = read_manifest(folder)
    assert manifest.roles
    assert set(manifest.roles) <= set(Role.values)
    assert frontmatter.load(str(folder / "SKILL.md"))["license"] == "MIT"


@pytest.mark.parametrize("role", Role.values)
def test_each_role_has_its_craft_and_the_report(role: str) -> None:
    names = [manifest.name for manifest in manifests_for(role)]
    assert "structured-report" in names
    assert len(names) >= 2


@every_skill
def test_speaks_only_of_tools_its_roles_have(folder: Path) -> None:
    manifest = read_manifest(folder)
    named = {term for term in _terms(manifest) if term in TOOLBOX}
    for role in manifest.roles:
        missing = named - {tool.name for tool in tools_of(role)}
        assert not missing, f"the {role} has no {sorted(missing)}"


@every_skill
def test_every_term_is_a_tool_a_field_or_a_value(folder: Path) -> None:
    unknown = set(_terms(read_manifest(folder))) - set(TOOLBOX) - _words_of(ALL_SHAPES)
    assert not unknown


@every_skill
def test_every_example_would_be_accepted(folder: Path) -> None:
    manifest = read_manifest(folder)
    shapes = {shape for role in manifest.roles for tool in tools_of(role) for shape in _shapes_in(tool.shape)}
    accepted = [_accepting(example, shapes) for example in _examples(manifest)]
    assert all(accepted), "an example fits no tool of this skill's roles"
    assert set().union(*accepted) >= SHOWN.get(folder.name, set())


@pytest.mark.parametrize("name", sorted(TEACHES))
def test_leaves_out_no_field_of_the_tools_it_teaches(name: str) -> None:
    body = read_manifest(settings.SKILLS_DIR / name).body
    taught = {shape for tool in TEACHES[name] for shape in _shapes_in(TOOLBOX[tool].shape)}
    fields = {field for shape in taught for field in shape.model_fields}
    assert {field for field in fields if not re.search(rf"\b{field}\b", body)} == set()


def test_planned_cases_shown_say_how_they_are_run_in_exactly_one_way() -> None:
    for example in _examples(read_manifest(settings.SKILLS_DIR / "test-planning")):
        assert isinstance(example, dict)
        assert bool(example["node_id"]) != bool(example["command"])


def test_what_alignment_shows_would_pass_its_own_lint() -> None:
    for example in _examples(read_manifest(settings.SKILLS_DIR / "requirement-alignment")):
        assert isinstance(example, dict)
        if "question" in example:
            asked = {"candidates": [{"title": example.get("assume", "")}], **example}
            assert check_questions([asked], known=[], before={}) == []
