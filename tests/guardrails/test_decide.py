"""The gate's rule, walked over every combination of its inputs."""

import itertools
from pathlib import Path

import pytest

from leadroom.agents.enums import ROLE_ACCESS, Role
from leadroom.guardrails.enums import Decision, RoleAccess, ToolKind
from leadroom.guardrails.rules import Ruling, decide
from leadroom.runners.tools import TOOLBOX

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "agent-tools.md"
YES_NO = (True, False)
PRODUCT = list(itertools.product(ToolKind, RoleAccess, YES_NO, YES_NO, YES_NO))
CHANGES_FILES = {ToolKind.EDIT, ToolKind.DELETE, ToolKind.MOVE, ToolKind.EXECUTE}


def ask(kind: ToolKind, access: RoleAccess, is_offered: bool, is_run_live: bool, is_confined: bool) -> Ruling:
    return decide(kind=kind, access=access, is_offered=is_offered, is_run_live=is_run_live, is_confined=is_confined)


def documented() -> dict[tuple[str, str, str], tuple[str, str]]:
    """(kind, access, sandbox works) to (decision, reason), as a reader of the document has it."""
    text = DOCUMENT.read_text().split("## The gate")[1]
    rows = [line.strip("|").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    cells = [tuple(cell.strip() for cell in row) for row in rows]
    assert cells[0] == ("kind", "access", "sandbox works", "decision", "reason")
    return {(kind, access, works): (decision, reason) for kind, access, works, decision, reason in cells[1:]}


def test_the_document_has_every_combination_and_says_what_happens() -> None:
    table = documented()
    assert len(table) == len(ToolKind) * len(RoleAccess) * 2
    for kind, access, works in itertools.product(ToolKind, RoleAccess, YES_NO):
        ruling = ask(kind, access, True, True, works)
        assert table[kind, access, "yes" if works else "no"] == (ruling.decision, ruling.reason)


@pytest.mark.parametrize("kind", ToolKind)
def test_every_answer_is_a_decision_with_a_sentence(kind: ToolKind) -> None:
    for facts in itertools.product(RoleAccess, YES_NO, YES_NO, YES_NO):
        ruling = ask(kind, *facts)
        assert ruling.decision in Decision
        assert ruling.is_allowed == (ruling.decision == Decision.ALLOW)
        assert ruling.reason.endswith((".", ";"))


def allowed() -> list[tuple[ToolKind, RoleAccess, bool, bool, bool]]:
    return [facts for facts in PRODUCT if ask(*facts).is_allowed]


def test_something_is_allowed_for_every_role() -> None:
    assert {access for _, access, *_ in allowed()} == set(RoleAccess)


def test_a_run_that_is_not_live_may_nothing() -> None:
    assert all(is_live for *_, is_live, _ in allowed())


def test_a_tool_that_is_not_offered_is_denied() -> None:
    assert all(is_offered for _, _, is_offered, *_ in allowed())


def test_nothing_changes_files_without_an_own_tree_and_a_sandbox() -> None:
    for kind, access, _, _, is_confined in allowed():
        if kind in CHANGES_FILES:
            assert access == RoleAccess.WRITE
            assert is_confined


def test_nothing_touches_the_machine_unconfined() -> None:
    assert {kind for kind, *_, is_confined in allowed() if not is_confined} == {ToolKind.HOUSE, ToolKind.THINK}


def test_nothing_leaves_the_sandbox() -> None:
    assert {kind for kind, *_ in allowed()}.isdisjoint({ToolKind.FETCH, ToolKind.OTHER})


def test_a_role_without_repository_reads_none() -> None:
    assert {kind for kind, access, *_ in allowed() if access == RoleAccess.NOTHING} == {ToolKind.HOUSE, ToolKind.THINK}


def test_only_the_developer_writes_and_the_reviewer_sees_no_repository() -> None:
    assert [role for role in Role if ROLE_ACCESS[role] == RoleAccess.WRITE] == [Role.DEVELOPER]
    assert ROLE_ACCESS[Role.REVIEWER] == RoleAccess.NOTHING
    for tool in TOOLBOX.values():
        for role in tool.roles:
            assert ask(tool.kind, ROLE_ACCESS[role], True, True, True).is_allowed, (tool.name, role)
