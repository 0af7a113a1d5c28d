"""The gate's rule, walked over every combination of its inputs and through the table people read."""

import dataclasses
import itertools
import math
from pathlib import Path
from typing import Any

import pytest

from leadroom.agents.enums import ROLE_ACCESS, Role
from leadroom.guardrails.enums import (
    Approval,
    Decision,
    Irreversibility,
    Lock,
    Reason,
    RoleAccess,
    Standing,
    ToolKind,
    Zone,
)
from leadroom.guardrails.rules import FLOOR, HARMLESS_KINDS, Facts, Ruling, decide
from leadroom.runners.tools import TOOLBOX

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "gate.md"
YES_NO = (True, False)
CONFIDENCES = {
    Standing.NOT_CLAIMED: None,
    Standing.ABOVE: FLOOR,
    Standing.BELOW: math.nextafter(FLOOR, 0),
    Standing.UNUSABLE: math.nan,
}
CHANGES_FILES = {ToolKind.EDIT, ToolKind.DELETE, ToolKind.MOVE, ToolKind.EXECUTE}
EFFECTS = CHANGES_FILES | {ToolKind.HOUSE}
AXES = (ToolKind, RoleAccess, YES_NO, YES_NO, YES_NO, Lock, Zone, (1, 0), Standing, Irreversibility, Approval)


def _facts(*values: Any) -> Facts:
    kind, access, offered, live, confined, lock, zone, trust, standing, irreversibility, approval = values
    return Facts(
        kind=kind,
        access=access,
        is_offered=offered,
        is_run_live=live,
        is_confined=confined,
        lock=lock,
        zone=zone,
        trust_left=trust,
        confidence=CONFIDENCES[standing],
        irreversibility=irreversibility,
        approval=approval,
    )


PRODUCT = [
    facts
    for facts in itertools.starmap(_facts, itertools.product(*AXES))
    if (facts.is_offered and facts.is_run_live)
    or (facts.zone, facts.trust_left, facts.confidence) == (Zone.NONE, 1, None)
]
RULED = [(facts, decide(facts)) for facts in PRODUCT]
PLAIN = Facts(
    kind=ToolKind.EDIT, access=RoleAccess.WRITE, is_offered=True, is_run_live=True, is_confined=True, zone=Zone.TREE
)


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def documented() -> list[dict[str, str]]:
    """The rows of the table, each as column to cell."""
    lines = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("|")]
    head = cells(lines[0])
    return [dict(zip(head, cells(line), strict=True)) for line in lines[2:]]


def described(facts: Facts) -> dict[str, str]:
    """The facts in the words of the document."""
    return {
        "offered": "yes" if facts.is_offered else "no",
        "live": "yes" if facts.is_run_live else "no",
        "lock": facts.lock.value,
        "kind": facts.kind.value,
        "access": facts.access.value,
        "sandbox": "yes" if facts.is_confined else "no",
        "zone": facts.zone.value,
        "standing": facts.standing.value,
        "approval": facts.approval.value,
        "irreversible": facts.irreversibility.value,
        "trust": "left" if facts.trust_left > 0 else "empty",
    }


def fits(row: dict[str, frozenset[str] | None], words: dict[str, str]) -> bool:
    return all(allowed is None or words[column] in allowed for column, allowed in row.items())


def parsed(row: dict[str, str]) -> dict[str, frozenset[str] | None]:
    everything: dict[str, frozenset[str]] = {}
    for facts in (PLAIN, *PRODUCT[:1]):
        for column in described(facts):
            everything[column] = frozenset()
    everything |= {
        "lock": frozenset(Lock.values), "kind": frozenset(ToolKind.values), "access": frozenset(RoleAccess.values),
        "zone": frozenset(Zone.values), "standing": frozenset(Standing.values),
        "approval": frozenset(Approval.values), "irreversible": frozenset(Irreversibility.values),
        "trust": frozenset({"left", "empty"}), "sandbox": frozenset({"yes", "no"}), "live": frozenset({"yes", "no"}),
        "offered": frozenset({"yes", "no"}),
    }  # fmt: skip
    conditions: dict[str, frozenset[str] | None] = {}
    for column, values in everything.items():
        cell = row[column]
        given = frozenset(word.strip() for word in cell.removeprefix("not ").split(",") if word.strip())
        assert given <= values, f"{column}: {cell!r} has a word nobody uses"
        conditions[column] = None if not cell else values - given if cell.startswith("not ") else given
    return conditions


def test_the_document_and_the_code_agree_on_every_combination() -> None:
    rows = documented()
    conditions = [(parsed(row), row["decision"], row["code"]) for row in rows]
    used = set()
    for facts, ruling in RULED:
        words = described(facts)
        number, (_, decision, code) = next((n, row) for n, row in enumerate(conditions) if fits(row[0], words))
        assert (ruling.decision, ruling.code) == (decision, code), facts
        used.add(number)
    assert used == set(range(len(rows))), "a row of the document that no combination reaches"


def test_every_reason_is_reached_and_says_a_sentence() -> None:
    assert {ruling.code for _, ruling in RULED} == set(Reason)
    for sentence in {ruling.reason for _, ruling in RULED}:
        assert sentence.endswith(".")
        assert sentence[0].isupper()


def allowed() -> list[Facts]:
    return [facts for facts, ruling in RULED if ruling.is_allowed]


def without_leave(code: Reason) -> list[Facts]:
    return [facts for facts, ruling in RULED if ruling.is_allowed and ruling.code != code]


def test_a_run_that_is_not_live_or_a_tool_that_is_not_offered_comes_to_nothing() -> None:
    assert all(facts.is_run_live and facts.is_offered for facts in allowed())


def test_nothing_changes_files_without_an_own_tree_and_a_sandbox() -> None:
    for facts in allowed():
        if facts.kind in CHANGES_FILES:
            assert facts.access == RoleAccess.WRITE
            assert facts.is_confined
            assert facts.zone in (Zone.NONE, Zone.TREE)


def test_nothing_touches_the_machine_unconfined_and_nothing_leaves_it() -> None:
    unconfined = {facts.kind for facts in allowed() if not facts.is_confined}
    assert unconfined == {ToolKind.HOUSE, ToolKind.THINK, ToolKind.ANSWER}
    assert ToolKind.OTHER not in {facts.kind for facts in allowed()}


def test_a_fetch_goes_to_a_listed_server_or_nowhere() -> None:
    fetched = [facts for facts in allowed() if facts.kind is ToolKind.FETCH]
    assert fetched
    for facts in fetched:
        assert facts.zone is Zone.LISTED
        assert facts.lock is Lock.OPEN
        assert facts.access is not RoleAccess.NOTHING
        assert facts.is_confined
        assert facts.irreversibility is Irreversibility.NO or facts.approval is Approval.GRANTED


def test_a_server_is_no_place_for_files() -> None:
    assert {facts.kind for facts in allowed() if facts.zone is Zone.LISTED} == {
        ToolKind.FETCH, ToolKind.HOUSE, ToolKind.THINK, ToolKind.ANSWER
    }  # fmt: skip


def test_while_read_only_agents_look_and_talk_and_nothing_else() -> None:
    locked = {facts.kind for facts in allowed() if facts.lock in (Lock.READ_ONLY, Lock.UNREADABLE)}
    assert locked == HARMLESS_KINDS == {ToolKind.READ, ToolKind.SEARCH, ToolKind.THINK, ToolKind.ANSWER}


def test_while_paused_nothing_goes_on_and_nothing_is_refused_for_it() -> None:
    paused = [ruling for facts, ruling in RULED if facts.lock is Lock.PAUSED and facts.is_offered and facts.is_run_live]
    assert {(ruling.decision, ruling.code) for ruling in paused} == {(Decision.PARK, Reason.PAUSED)}


def test_trust_and_confidence_are_consulted_for_every_effect() -> None:
    """Fails the build when either stops mattering: without a person's leave, neither an empty budget nor a low claim
    lets anything with an effect through."""
    for facts in without_leave(Reason.APPROVED):
        if facts.kind in EFFECTS:
            assert facts.trust_left > 0
            assert facts.standing in (Standing.NOT_CLAIMED, Standing.ABOVE)
    for kind in EFFECTS:
        effect = dataclasses.replace(PLAIN, kind=kind)
        assert decide(effect).is_allowed
        assert decide(dataclasses.replace(effect, trust_left=0)).code == Reason.TRUST_EMPTY
        assert decide(dataclasses.replace(effect, confidence=0.1)).code == Reason.BELOW_FLOOR
        assert decide(dataclasses.replace(effect, confidence=0.1, floor=0.1)).is_allowed


@pytest.mark.parametrize("claimed", [math.nan, math.inf, -math.inf, -0.01, 1.01, 65])
def test_a_confidence_that_is_no_share_of_one_is_refused(claimed: float) -> None:
    ruling = decide(dataclasses.replace(PLAIN, confidence=claimed))
    assert (ruling.decision, ruling.code) == (Decision.DENY, Reason.CONFIDENCE_UNUSABLE)


def test_what_cannot_be_undone_needs_evidence_and_a_person() -> None:
    for facts in allowed():
        if facts.kind in EFFECTS and facts.irreversibility is not Irreversibility.NO:
            assert facts.irreversibility is Irreversibility.SUPPORTED
            assert facts.approval is Approval.GRANTED


def test_a_persons_leave_opens_no_lock_zone_or_role() -> None:
    for facts, ruling in RULED:
        if ruling.code == Reason.APPROVED:
            assert facts.lock is Lock.OPEN
            if facts.kind is ToolKind.FETCH:
                assert facts.zone is Zone.LISTED
                assert facts.access is not RoleAccess.NOTHING
            elif facts.kind is not ToolKind.HOUSE:
                assert facts.zone in (Zone.NONE, Zone.TREE)
                assert facts.access is RoleAccess.WRITE


def test_only_the_developer_writes_and_every_role_can_work() -> None:
    assert [role for role in Role if ROLE_ACCESS[role] == RoleAccess.WRITE] == [Role.DEVELOPER]
    assert ROLE_ACCESS[Role.REVIEWER] == RoleAccess.NOTHING
    for tool in TOOLBOX.values():
        for role in tool.roles:
            zone = Zone.LISTED if tool.kind is ToolKind.FETCH else Zone.TREE
            facts = dataclasses.replace(PLAIN, kind=tool.kind, access=ROLE_ACCESS[role], zone=zone)
            assert decide(facts).is_allowed, (tool.name, role)


def test_a_ruling_cannot_be_changed_afterwards() -> None:
    ruling = Ruling(Decision.DENY, Reason.READ_ONLY, "No.")
    with pytest.raises(dataclasses.FrozenInstanceError):
        ruling.decision = Decision.ALLOW  # type: ignore[misc]
