"""Words and moves of requirement alignment."""

from django.db.models import TextChoices

from leadroom.lib.states import StateMachine, Turn


class AmbiguityState(TextChoices):
    OPEN = "OPEN", "Open"
    RESOLVED = "RESOLVED", "Resolved"
    DEFERRED = "DEFERRED", "Deferred"
    DISMISSED = "DISMISSED", "Dismissed"


AMBIGUITIES = StateMachine(
    "ambiguity",
    AmbiguityState,
    start=AmbiguityState.OPEN,
    moves={
        AmbiguityState.OPEN: (AmbiguityState.RESOLVED, AmbiguityState.DEFERRED, AmbiguityState.DISMISSED),
        AmbiguityState.RESOLVED: (AmbiguityState.OPEN,),
        AmbiguityState.DEFERRED: (AmbiguityState.OPEN, AmbiguityState.RESOLVED),
        AmbiguityState.DISMISSED: (),
    },
    turns={
        AmbiguityState.OPEN: Turn.HUMAN,
        AmbiguityState.RESOLVED: Turn.AGENT,
        AmbiguityState.DEFERRED: Turn.HUMAN,
        AmbiguityState.DISMISSED: Turn.NOBODY,
    },
)


class Dimension(TextChoices):
    SCOPE = "scope", "Scope"
    USERS = "users", "Users"
    BEHAVIOUR = "behaviour", "Behaviour"
    CONSTRAINTS = "constraints", "Constraints"
    INTEGRATION = "integration", "Integration"


class Confidence(TextChoices):
    HIGH = "HIGH", "High"
    MEDIUM = "MEDIUM", "Medium"
    LOW = "LOW", "Low"
