"""Words and moves of what happened after a merge."""

from django.db.models import TextChoices

from leadroom.lib.states import StateMachine, Turn


class Came(TextChoices):
    """How a record from outside came in."""

    WEBHOOK = "webhook", "by webhook"
    CSV = "csv", "by CSV"


class Lane(TextChoices):
    """What the time of an item was spent on; at every moment exactly one."""

    WORKED = "worked", "Agent worked"
    HUMAN = "human", "Waited for a human"
    MACHINE = "machine", "Waited for the machine"


class MatchState(TextChoices):
    SUGGESTED = "SUGGESTED", "Suggested"
    CONFIRMED = "CONFIRMED", "Confirmed"
    REJECTED = "REJECTED", "Rejected"


MATCHES = StateMachine(
    "match of an incident",
    MatchState,
    start=MatchState.SUGGESTED,
    moves={
        MatchState.SUGGESTED: (MatchState.CONFIRMED, MatchState.REJECTED),
        MatchState.CONFIRMED: (MatchState.REJECTED,),
        MatchState.REJECTED: (MatchState.CONFIRMED,),
    },
    turns={
        MatchState.SUGGESTED: Turn.HUMAN,
        MatchState.CONFIRMED: Turn.HUMAN,
        MatchState.REJECTED: Turn.HUMAN,
    },
)
