"""Words and moves of test plans."""

from django.db.models import TextChoices

from leadroom.lib.states import StateMachine, Turn


class PlanState(TextChoices):
    DRAFT = "DRAFT", "Draft"
    AGENT_REVIEW = "AGENT_REVIEW", "In review by an agent"
    LEAD_REVIEW = "LEAD_REVIEW", "In your review"
    RETURNED = "RETURNED", "Sent back"
    FROZEN = "FROZEN", "Frozen"
    SUPERSEDED = "SUPERSEDED", "Superseded"


PLANS = StateMachine(
    "test plan",
    PlanState,
    start=PlanState.DRAFT,
    moves={
        PlanState.DRAFT: (PlanState.AGENT_REVIEW, PlanState.SUPERSEDED),
        PlanState.AGENT_REVIEW: (
            PlanState.LEAD_REVIEW,
            PlanState.RETURNED,
            PlanState.FROZEN,
            PlanState.SUPERSEDED,
        ),
        PlanState.LEAD_REVIEW: (PlanState.FROZEN, PlanState.RETURNED, PlanState.SUPERSEDED),
        PlanState.RETURNED: (PlanState.SUPERSEDED,),
        PlanState.FROZEN: (PlanState.SUPERSEDED,),
        PlanState.SUPERSEDED: (),
    },
    turns={
        PlanState.DRAFT: Turn.MACHINE,
        PlanState.AGENT_REVIEW: Turn.AGENT,
        PlanState.LEAD_REVIEW: Turn.HUMAN,
        PlanState.RETURNED: Turn.AGENT,
        PlanState.FROZEN: Turn.MACHINE,
        PlanState.SUPERSEDED: Turn.NOBODY,
    },
)


class Layer(TextChoices):
    UNIT = "unit", "Unit"
    INTEGRATION = "integration", "Integration"
    END_TO_END = "end_to_end", "End to end"


class CasePath(TextChoices):
    HAPPY = "happy", "Happy path"
    ERROR = "error", "Error path"
    BOUNDARY = "boundary", "Boundary"


class Priority(TextChoices):
    MUST = "must", "Must"
    SHOULD = "should", "Should"


class ReviewKind(TextChoices):
    AGENT = "agent", "Agent"
    LEAD = "lead", "Lead"


class ReviewVerdict(TextChoices):
    APPROVE = "approve", "Approve"
    CHANGE = "change", "Change"


class CaseMark(TextChoices):
    APPROVE = "approve", "Approve"
    CHANGE = "change", "Change"
    DROP = "drop", "Drop"
    NOTE = "note", "Finding"
