"""The gate's rule, one total pure function that every tool call of every runner is asked through; who may switch."""

from dataclasses import dataclass

from leadroom.guardrails.enums import (
    FLOOR,
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
from leadroom.lib.actors import Actor, ActorKind
from leadroom.lib.errors import BadInput, NotPermitted

WRITING_KINDS = frozenset({ToolKind.EDIT, ToolKind.DELETE, ToolKind.MOVE, ToolKind.EXECUTE})
READING_KINDS = frozenset({ToolKind.READ, ToolKind.SEARCH})
SPEAKING_KINDS = frozenset({ToolKind.THINK, ToolKind.ANSWER})
HARMLESS_KINDS = READING_KINDS | SPEAKING_KINDS
"""What goes on while a scope is read-only: looking and talking."""


@dataclass(frozen=True)
class Facts:
    """Everything the decision rests on, read at the moment of the call.

    `kind` and `access`: what the tool does and what the role may touch. `is_offered`: the role's toolbox has the tool.
    `is_run_live`: the run is the current generation and running. `is_confined`: the machine gives isolation level 1.
    `lock`: the read-only switch over every scope of the run. `zone`: the worst place among the call's paths, or where
    its address leads. `trust_left`: charges the agent may still spend this hour. `confidence`: calibrated, 0 to 1, None
    when this action claims none; `floor`: the project's. `irreversibility`, `approval`: of exactly this action.
    """

    kind: ToolKind
    access: RoleAccess
    is_offered: bool
    is_run_live: bool
    is_confined: bool
    lock: Lock = Lock.OPEN
    zone: Zone = Zone.NONE
    trust_left: int = 1
    confidence: float | None = None
    floor: float = FLOOR
    irreversibility: Irreversibility = Irreversibility.NO
    approval: Approval = Approval.NONE

    @property
    def standing(self) -> Standing:
        """The confidence against the floor. A NaN is unusable: it compares false with everything."""
        if self.confidence is None:
            return Standing.NOT_CLAIMED
        if not 0 <= self.confidence <= 1:
            return Standing.UNUSABLE
        return Standing.ABOVE if self.confidence >= self.floor else Standing.BELOW


@dataclass(frozen=True)
class Ruling:
    """The decision, its reason as a code, and the sentence the agent, the transcript and the page get."""

    decision: Decision
    code: Reason
    reason: str

    @property
    def is_allowed(self) -> bool:
        return self.decision is Decision.ALLOW

    @property
    def is_parked(self) -> bool:
        return self.decision is Decision.PARK


def decide(facts: Facts) -> Ruling:
    """May this run use this tool now? Total and pure; docs/gate.md has the same rules as a table.

    Each group of rules is asked in turn and the first that has an answer decides.
    """
    return _standing_of_run(facts) or _of_the_switch(facts) or _of_the_place(facts) or _of_the_action(facts)


def _standing_of_run(facts: Facts) -> Ruling | None:
    if not facts.is_run_live:
        return Ruling(Decision.DENY, Reason.NOT_LIVE, "This run is no longer the live one; stop.")
    if not facts.is_offered:
        return Ruling(
            Decision.DENY, Reason.NOT_OFFERED, "Your role has no such tool; use only the tools you were given."
        )
    return None


def _of_the_switch(facts: Facts) -> Ruling | None:
    if facts.lock is Lock.PAUSED:
        return Ruling(Decision.PARK, Reason.PAUSED, "Paused: nothing goes on until a person lets it.")
    if facts.lock is Lock.OPEN or facts.kind in HARMLESS_KINDS:
        return None
    if facts.lock is Lock.UNREADABLE:
        return Ruling(
            Decision.DENY,
            Reason.FLAG_UNREADABLE,
            "Leadroom cannot read its read-only flag, and what it cannot read counts as read-only; nothing was done.",
        )
    return Ruling(
        Decision.DENY,
        Reason.READ_ONLY,
        "Read-only: nothing may be changed until a person unlocks it. Read, think and ask; nothing was done.",
    )


def _of_the_place(facts: Facts) -> Ruling | None:
    if facts.kind in SPEAKING_KINDS:
        return Ruling(Decision.ALLOW, Reason.HARMLESS, "Thinking and asking change nothing.")
    if facts.kind is ToolKind.HOUSE:
        return None
    if not facts.is_confined:
        return Ruling(
            Decision.DENY,
            Reason.NOT_CONFINED,
            "The sandbox does not work on this machine, so nothing that touches it runs.",
        )
    if facts.kind in READING_KINDS:
        if facts.access is RoleAccess.NOTHING:
            return Ruling(Decision.DENY, Reason.NO_REPOSITORY, "Your role works without the repository.")
        if facts.zone in (Zone.OUTSIDE, Zone.LISTED):
            return Ruling(Decision.DENY, Reason.OUTSIDE, "That lies outside your tree; there is nothing for you there.")
        return Ruling(Decision.ALLOW, Reason.READING, "Reading inside the sandbox.")
    if facts.kind is ToolKind.FETCH:
        return _of_the_fetch(facts)
    if facts.kind not in WRITING_KINDS:
        return Ruling(Decision.DENY, Reason.CLOSED, "Nothing leaves the sandbox: outside effects are closed.")
    return _of_the_write(facts)


def _of_the_fetch(facts: Facts) -> Ruling | None:
    """Asking another system for something: only what the lead listed, and not by a role that is to see nothing else."""
    if facts.access is RoleAccess.NOTHING:
        return Ruling(
            Decision.DENY, Reason.NO_REPOSITORY, "Your role judges what it was handed, without repository or servers."
        )
    if facts.zone is not Zone.LISTED:
        return Ruling(
            Decision.DENY,
            Reason.UNLISTED,
            "The lead has not listed that server for this project, so nothing was asked of it. Go on without it, or "
            "ask the lead to list it in the project's bounds.",
        )
    return None


def _of_the_write(facts: Facts) -> Ruling | None:
    if facts.access is not RoleAccess.WRITE:
        return Ruling(
            Decision.DENY, Reason.ROLE_READS, "Your role only reads; propose the change in what you submit instead."
        )
    if facts.zone in (Zone.OUTSIDE, Zone.LISTED):
        return Ruling(Decision.DENY, Reason.OUTSIDE, "That lies outside your tree; nothing was written.")
    if facts.zone is Zone.CONTROL:
        return Ruling(
            Decision.DENY, Reason.CONTROL_FILE, "That file controls git or the run itself; it is not yours to change."
        )
    if facts.zone is Zone.FORBIDDEN:
        return Ruling(
            Decision.DENY, Reason.FORBIDDEN_ZONE, "The frozen test plan forbids changes there; nothing was written."
        )
    return None


def _of_the_action(facts: Facts) -> Ruling:
    """What has an effect: trust, confidence, and what cannot be undone."""
    if facts.standing is Standing.UNUSABLE:
        return Ruling(
            Decision.DENY,
            Reason.CONFIDENCE_UNUSABLE,
            "The confidence must be a number from 0 to 1, such as 0.65; nothing was done.",
        )
    if facts.approval is Approval.REFUSED:
        return Ruling(Decision.DENY, Reason.REFUSED, "A person refused exactly this; do it another way, or ask.")
    if facts.approval is Approval.CHANGED:
        return Ruling(
            Decision.DENY, Reason.CHANGED, "What was approved is not what you are about to do; nothing was done."
        )
    if facts.irreversibility is Irreversibility.UNSUPPORTED:
        return Ruling(
            Decision.DENY,
            Reason.UNSUPPORTED,
            "This cannot be undone, so it needs sources and test evidence first; nothing was done.",
        )
    if facts.approval is Approval.GRANTED:
        return Ruling(Decision.ALLOW, Reason.APPROVED, "A person approved exactly this.")
    if facts.irreversibility is Irreversibility.SUPPORTED:
        return Ruling(
            Decision.PARK, Reason.IRREVERSIBLE, "This cannot be undone, so it waits for a person's approval of it."
        )
    if facts.trust_left <= 0:
        return Ruling(
            Decision.PARK,
            Reason.TRUST_EMPTY,
            "The trust budget of this hour is spent on unsourced answers, so this waits for a person.",
        )
    if facts.standing is Standing.BELOW:
        return Ruling(
            Decision.PARK,
            Reason.BELOW_FLOOR,
            f"A confidence that counts as {facts.confidence:.2f} is below the floor {facts.floor:.2f}, so this waits "
            "for a person.",
        )
    return Ruling(Decision.ALLOW, Reason.WITHIN_BOUNDS, "Within the role, the sandbox and every budget.")


def check_press(level: Lock, *, by: Actor) -> None:
    """Raises NotPermitted for an agent, BadInput for a level nobody can set."""
    if by.kind is ActorKind.AGENT:
        raise NotPermitted("An agent does not set the read-only switch; nothing was changed.")
    if level not in (Lock.PAUSED, Lock.READ_ONLY):
        raise BadInput("A scope is paused or made read-only; nothing was changed.")


def check_release(*, by: Actor) -> None:
    """Raises NotPermitted unless a signed-in person asks."""
    if not by.is_human:
        raise NotPermitted("Only a signed-in person unlocks; nothing was changed.")
