"""State machines as tables, checked when they are imported, drawn to docs/states.md."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Generic, TypeVar

from django.db.models import TextChoices

from leadroom.lib.errors import NotPermitted

S = TypeVar("S", bound=TextChoices)


class Turn(StrEnum):
    """Whose turn it is in a state."""

    HUMAN = "human"
    AGENT = "agent"
    MACHINE = "machine"
    NOBODY = "nobody"


class StateMachine(Generic[S]):
    """The legal moves of one record and whose turn each state is.

    `moves` has a row for every state (an empty one for an end state). Raises ValueError at import when a state
    has no row, no owner, or cannot be reached from `start`, and when an end state is anybody's turn.
    """

    registry: "dict[str, StateMachine]" = {}

    def __init__(
        self,
        name: str,
        states: type[S],
        *,
        start: S,
        moves: Mapping[S, Sequence[S]],
        turns: Mapping[S, Turn],
    ) -> None:
        self.name, self.states, self.start = name, states, start
        self.moves = {state: tuple(targets) for state, targets in moves.items()}
        self.turns = dict(turns)
        self._check()
        StateMachine.registry[name] = self

    def _check(self) -> None:
        every = set(self.states)
        for label, table in (("moves", self.moves), ("turns", self.turns)):
            if missing := every - set(table):
                raise ValueError(f"{self.name}: {label} has no row for {sorted(missing)}")
        reached, frontier = {self.start}, [self.start]
        while frontier:
            for target in self.moves[frontier.pop()]:
                if target not in reached:
                    reached.add(target)
                    frontier.append(target)
        if unreached := every - reached:
            raise ValueError(f"{self.name}: no path from {self.start} to {sorted(unreached)}")
        for state in every:
            if (not self.moves[state]) != (self.turns[state] is Turn.NOBODY):
                raise ValueError(f"{self.name}: {state} must be nobody's turn exactly when nothing follows it")

    def can_move(self, source: str, target: str) -> bool:
        return target in self.moves[self.states(source)]

    def check_move(self, source: str, target: str) -> None:
        """Raises NotPermitted with a sentence when the table has no such move."""
        if not self.can_move(source, target):
            raise NotPermitted(
                f"This {self.name} is {self.states(source).label.lower()}, so it cannot become "
                f"{self.states(target).label.lower()}. Nothing was changed; reload the page to see where it stands."
            )

    def is_final(self, state: str) -> bool:
        return not self.moves[self.states(state)]

    def turn(self, state: str) -> Turn:
        return self.turns[self.states(state)]

    def sources_of(self, target: str) -> tuple[str, ...]:
        """States from which `target` can be reached in one move."""
        return tuple(state for state, targets in self.moves.items() if target in targets)

    def mermaid(self) -> str:
        """The machine as a Mermaid state diagram."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.start.name}"]
        for state, targets in self.moves.items():
            lines += [f"    {state.name} --> {target.name}" for target in targets]
            if not targets:
                lines.append(f"    {state.name} --> [*]")
        return "\n".join(lines)
