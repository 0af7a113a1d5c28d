"""Who may leave which entry. No action is without one, so what is refused here cannot happen at all."""

from leadroom.lib.actors import Actor, ActorKind
from leadroom.lib.errors import NotPermitted

AGENT_VERBS = frozenset(
    {
        "agents.elicitation.asked",
        "agents.run.phase_set",
        "projects.item.risk_set",
        "requirements.ambiguities.proposed",
        "requirements.document.submitted",
        "requirements.questions.asked",
        "testplans.plan.reviewed",
        "testplans.plan.submitted",
        "triage.report.filed",
        "verification.verdicts.submitted",
        "worktrees.tree.committed",
    }
)
"""Everything an agent ever does to a record. It approves, decides, signs, starts and stops nothing."""


def check_may_record(by: Actor, verb: str) -> None:
    """Raises NotPermitted for an agent that does what only people, or Leadroom by its own rules, may do."""
    if by.kind is ActorKind.AGENT and verb not in AGENT_VERBS:
        raise NotPermitted(f"An agent may not do this ({verb}); nothing was changed.")
