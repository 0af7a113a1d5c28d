"""What a tool call works with, and what it comes to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from leadroom.agents.enums import WaitReason
from leadroom.agents.models import Run
from leadroom.guardrails.watch import SwitchWatch
from leadroom.lib.leases import holder_mark
from leadroom.sandbox.profiles import Profile
from leadroom.worktrees.models import Worktree


def nothing_to_note() -> None:
    """Outside the gate a call leaves no note."""


@dataclass(frozen=True)
class Workplace:
    """The run, its tree (None for roles without a repository) and the sandbox profile its machine tools get.

    `watch` is the holder's eye on the read-only switch; None where nobody holds the run (tests, trials). `note` writes
    down what the gate found out about the call at hand, in the transaction of what it delivers.
    """

    run: Run
    worktree: Worktree | None
    profile: Profile | None
    watch: SwitchWatch | None = None
    note: Callable[[], None] = nothing_to_note

    @property
    def marker(self) -> str:
        """What the sandbox registry finds this run's processes by."""
        return holder_mark(settings.HOME_DIR, f"run-{self.run.pk}")


@dataclass(frozen=True)
class ToolCall:
    """A call as the agent made it; `input` is whatever JSON it sent."""

    id: str
    name: str
    input: Any


@dataclass(frozen=True)
class Outcome:
    """What the agent is told, and what follows for the run.

    `waits` parks the run; `ends` is the state-ending report; `is_malformed` counts towards the limit of unreadable
    calls; `extra` goes to the transcript (paths, diff, fetched, parked).
    """

    text: str
    is_error: bool = False
    waits: WaitReason = WaitReason.NONE
    ends: bool = False
    blocked_because: str = ""
    is_malformed: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
