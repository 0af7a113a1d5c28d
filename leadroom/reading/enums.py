"""Words and moves of reading sessions."""

from django.db.models import TextChoices

from leadroom.lib.states import StateMachine, Turn


class SessionState(TextChoices):
    SCHEDULED = "SCHEDULED", "Ready"
    OPEN = "OPEN", "Open"
    PAUSED = "PAUSED", "Paused"
    CLOSED = "CLOSED", "Closed"


SESSIONS = StateMachine(
    "reading session",
    SessionState,
    start=SessionState.SCHEDULED,
    moves={
        SessionState.SCHEDULED: (SessionState.OPEN, SessionState.CLOSED),
        SessionState.OPEN: (SessionState.PAUSED, SessionState.CLOSED),
        SessionState.PAUSED: (SessionState.OPEN, SessionState.CLOSED),
        SessionState.CLOSED: (),
    },
    turns={
        SessionState.SCHEDULED: Turn.HUMAN,
        SessionState.OPEN: Turn.HUMAN,
        SessionState.PAUSED: Turn.HUMAN,
        SessionState.CLOSED: Turn.NOBODY,
    },
)


class Ending(TextChoices):
    """Why a session was closed."""

    DONE = "done", "Read to the end"
    ENDED = "ended", "Ended by the lead"
    EMPTY = "empty", "Nothing waited"
    MISSED = "missed", "Nobody came"
    STALE = "stale", "Left lying until the next window"


class Verdict(TextChoices):
    """What became of one item of a session. LEFT is an item that the session ended before."""

    WAITING = "WAITING", "Waits"
    DECIDED = "DECIDED", "Decided"
    READ = "READ", "Read"
    LATER = "LATER", "Later, until it gets worse"
    SKIPPED = "SKIPPED", "Next session"
    GONE = "GONE", "Settled elsewhere"
    LEFT = "LEFT", "Not reached"


ITEMS = StateMachine(
    "session item",
    Verdict,
    start=Verdict.WAITING,
    moves={
        Verdict.WAITING: (
            Verdict.DECIDED,
            Verdict.READ,
            Verdict.LATER,
            Verdict.SKIPPED,
            Verdict.GONE,
            Verdict.LEFT,
        ),
        Verdict.DECIDED: (Verdict.WAITING,),
        Verdict.READ: (Verdict.WAITING,),
        Verdict.LATER: (Verdict.WAITING,),
        Verdict.SKIPPED: (Verdict.WAITING,),
        Verdict.GONE: (),
        Verdict.LEFT: (),
    },
    turns={
        Verdict.WAITING: Turn.HUMAN,
        Verdict.DECIDED: Turn.HUMAN,
        Verdict.READ: Turn.HUMAN,
        Verdict.LATER: Turn.HUMAN,
        Verdict.SKIPPED: Turn.HUMAN,
        Verdict.GONE: Turn.NOBODY,
        Verdict.LEFT: Turn.NOBODY,
    },
)


class Cause(TextChoices):
    """What may break through to a person outside a session and in quiet time; OTHER never does."""

    DATA_LOSS = "data_loss", "Data loss"
    SECURITY = "security", "Security"
    SPEND_CAP = "spend_cap", "Spend cap reached"
    READ_ONLY_FAILURE = "read_only_failure", "Read-only is not holding"
    OTHER = "other", "Everything else"


class Interrupts(TextChoices):
    """What may notify a person outside quiet time."""

    NEEDS_INPUT = "needs_input", "When an agent needs my input, and what is urgent"
    URGENT = "urgent", "Only what is urgent"


class RawVerdict(TextChoices):
    """What the lead says of an original in the weekly raw read."""

    UNREAD = "", "Not read yet"
    RIGHT = "right", "Triage had it right"
    MISSED = "missed", "Triage missed something"
