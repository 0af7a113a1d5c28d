"""Who did it: the `by=` of every action."""

from dataclasses import dataclass
from enum import StrEnum


class ActorKind(StrEnum):
    HUMAN = "human"
    AGENT = "agent"
    SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """Kind, id within that kind (user id, run id, or a part of Leadroom) and a name for people."""

    kind: ActorKind
    id: str
    name: str

    @property
    def is_human(self) -> bool:
        return self.kind is ActorKind.HUMAN


def system(part: str) -> Actor:
    """Leadroom itself, by the part of it that acts, such as `pipeline`."""
    return Actor(ActorKind.SYSTEM, part, f"Leadroom ({part})")
