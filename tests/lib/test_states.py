"""State machines are checked when they are imported."""

import pytest
from django.apps import apps
from django.db.models import TextChoices

from leadroom.lib.errors import NotPermitted
from leadroom.lib.states import StateMachine, Turn


class Light(TextChoices):
    RED = "RED", "Red"
    GREEN = "GREEN", "Green"
    BROKEN = "BROKEN", "Broken"


MOVES = {Light.RED: [Light.GREEN], Light.GREEN: [Light.RED, Light.BROKEN], Light.BROKEN: []}
TURNS = {Light.RED: Turn.MACHINE, Light.GREEN: Turn.HUMAN, Light.BROKEN: Turn.NOBODY}


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> dict[str, StateMachine]:
    """What these tests build does not reach the documents."""
    fresh: dict[str, StateMachine] = {}
    monkeypatch.setattr(StateMachine, "registry", fresh)
    return fresh


def machine(*, moves: dict = MOVES, turns: dict = TURNS) -> StateMachine:
    return StateMachine("light", Light, start=Light.RED, moves=moves, turns=turns)


def without(table: dict, state: Light) -> dict:
    return {key: value for key, value in table.items() if key is not state}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"moves": without(MOVES, Light.BROKEN)}, "moves has no row for [Light.BROKEN]"),
        ({"turns": without(TURNS, Light.GREEN)}, "turns has no row for [Light.GREEN]"),
        ({"moves": {**MOVES, Light.GREEN: [Light.RED]}}, "no path from RED to [Light.BROKEN]"),
        ({"turns": {**TURNS, Light.BROKEN: Turn.HUMAN}}, "BROKEN must be nobody's turn exactly when nothing follows"),
        ({"turns": {**TURNS, Light.RED: Turn.NOBODY}}, "RED must be nobody's turn exactly when nothing follows"),
    ],
)
def test_a_table_that_is_not_whole_stops_the_import(registry: dict, changes: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match="light: ") as caught:
        machine(**changes)
    assert sentence in str(caught.value)
    assert not registry


def test_moves_are_those_of_the_table(registry: dict) -> None:
    light = machine()
    assert registry == {"light": light}
    legal = {(a, b) for a in Light for b in Light if light.can_move(a, b)}
    assert legal == {(Light.RED, Light.GREEN), (Light.GREEN, Light.RED), (Light.GREEN, Light.BROKEN)}
    assert light.sources_of(Light.RED) == (Light.GREEN,)
    assert [state for state in Light if light.is_final(state)] == [Light.BROKEN]
    assert light.turn("GREEN") is Turn.HUMAN


def test_an_illegal_move_is_refused_in_words(registry: dict) -> None:
    with pytest.raises(NotPermitted, match=r"This light is red, so it cannot become broken\. Nothing was changed"):
        machine().check_move("RED", "BROKEN")
    machine().check_move("RED", "GREEN")


def test_the_drawing_has_every_move_and_both_ends(registry: dict) -> None:
    assert machine().mermaid().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> RED",
        "    RED --> GREEN",
        "    GREEN --> RED",
        "    GREEN --> BROKEN",
        "    BROKEN --> [*]",
    ]


def test_every_state_of_every_record_is_in_a_machine() -> None:
    """A field named `state` without a table would be a status nobody owns."""
    tabled = {tuple(machine.states.choices) for machine in StateMachine.registry.values()}
    fields = [
        field
        for model in apps.get_models()
        if model.__module__.startswith("leadroom.")
        for field in model._meta.fields
        if field.name == "state"
    ]
    assert len(fields) >= 7
    untabled = [str(field) for field in fields if tuple(field.choices or ()) not in tabled]
    assert not untabled


@pytest.mark.parametrize("name", ["work item", "run", "ambiguity", "test plan", "stitch", "verification", "report"])
def test_every_machine_of_the_house_says_whose_turn_it_is(name: str) -> None:
    machine = StateMachine.registry[name]
    for state in machine.states:
        assert isinstance(machine.turn(state), Turn)
        assert machine.is_final(state) == (machine.turn(state) is Turn.NOBODY)
