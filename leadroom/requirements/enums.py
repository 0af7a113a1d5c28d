"""Words and moves of requirement alignment."""

from django.db.models import TextChoices

from leadroom.lib.states import StateMachine, Turn


class AmbiguityState(TextChoices):
    OPEN = "OPEN", "Open"
    RESOLVED = "RESOLVED", "Resolved"
    DEFERRED = "DEFERRED", "Deferred"
    DISMISSED = "DISMISSED", "Dismissed"
    PROBED = "PROBED", "Ask me more"


AMBIGUITIES = StateMachine(
    "ambiguity",
    AmbiguityState,
    start=AmbiguityState.OPEN,
    moves={
        AmbiguityState.OPEN: (
            AmbiguityState.RESOLVED,
            AmbiguityState.DEFERRED,
            AmbiguityState.PROBED,
            AmbiguityState.DISMISSED,
        ),
        AmbiguityState.RESOLVED: (AmbiguityState.OPEN,),
        AmbiguityState.DEFERRED: (AmbiguityState.OPEN, AmbiguityState.RESOLVED),
        AmbiguityState.PROBED: (AmbiguityState.OPEN, AmbiguityState.DISMISSED),
        AmbiguityState.DISMISSED: (),
    },
    turns={
        AmbiguityState.OPEN: Turn.HUMAN,
        AmbiguityState.RESOLVED: Turn.AGENT,
        AmbiguityState.DEFERRED: Turn.HUMAN,
        AmbiguityState.DISMISSED: Turn.NOBODY,
        AmbiguityState.PROBED: Turn.AGENT,
    },
)


class Kind(TextChoices):
    """A choice has two or three candidates; a question has one, the answer the agent would assume."""

    CHOICE = "choice", "Choice"
    QUESTION = "question", "Question"


class Care(TextChoices):
    """Who decides: the lead marks what they care about, and leaves the rest (PRODUCT section 3)."""

    ASK = "ask", "Ask me"
    DECIDE = "decide", "You decide"


class Strategy(TextChoices):
    PROPOSE = "propose", "Proposals"
    QUESTION = "question", "Questions first"
    MIXED = "mixed", "Questions and proposals"


class Way(TextChoices):
    """How a decision came about."""

    PICK = "pick", "picked"
    OWN = "own", "own answer"
    ALL = "all", "all recommended"
    PROPOSAL = "proposal", "by proposal"
    DELEGATED = "delegated", "left to the agent"
    LIGHT = "light", "light risk"
    ENOUGH = "enough", "questions ended"


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
