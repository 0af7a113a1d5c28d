"""The gate's rule: one total pure function that every tool call of every runner is asked through."""

from dataclasses import dataclass

from leadroom.guardrails.enums import Decision, RoleAccess, ToolKind

WRITING_KINDS = frozenset({ToolKind.EDIT, ToolKind.DELETE, ToolKind.MOVE, ToolKind.EXECUTE})
READING_KINDS = frozenset({ToolKind.READ, ToolKind.SEARCH})


@dataclass(frozen=True)
class Ruling:
    """The decision and the sentence the agent and the transcript get."""

    decision: Decision
    reason: str

    @property
    def is_allowed(self) -> bool:
        return self.decision is Decision.ALLOW


def decide(*, kind: ToolKind, access: RoleAccess, is_offered: bool, is_run_live: bool, is_confined: bool) -> Ruling:
    """May this run use a tool of this kind now?

    `is_offered`: the role's toolbox has the tool. `is_run_live`: the run is the current generation and running.
    `is_confined`: the machine gives isolation level 1. Rules are read from the top; the first that fits decides.
    """
    if not is_run_live:
        return Ruling(Decision.DENY, "This run is no longer the live one; stop.")
    if not is_offered:
        return Ruling(Decision.DENY, "Your role has no such tool; use only the tools you were given.")
    if kind in (ToolKind.HOUSE, ToolKind.THINK):
        return Ruling(Decision.ALLOW, "Leadroom's own tools check their input themselves.")
    if not is_confined:
        return Ruling(Decision.DENY, "The sandbox does not work on this machine, so nothing that touches it runs.")
    if kind in READING_KINDS:
        if access is RoleAccess.NOTHING:
            return Ruling(Decision.DENY, "Your role works without the repository.")
        return Ruling(Decision.ALLOW, "Reading inside the sandbox.")
    if kind in WRITING_KINDS:
        if access is RoleAccess.WRITE:
            return Ruling(Decision.ALLOW, "Writing inside the run's own tree.")
        return Ruling(Decision.DENY, "Your role only reads; propose the change in what you submit instead.")
    return Ruling(Decision.DENY, "Nothing leaves the sandbox: fetching and other outside effects are closed.")
