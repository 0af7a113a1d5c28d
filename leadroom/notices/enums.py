"""Words and moves of what is sent to people."""

from django.db.models import TextChoices

from leadroom.lib.states import StateMachine, Turn


class Channel(TextChoices):
    BROWSER = "browser", "Browser"
    CHAT = "chat", "Chat webhook"


class MessageState(TextChoices):
    PENDING = "PENDING", "Being sent"
    SENT = "SENT", "Sent"
    FAILED = "FAILED", "Not delivered"


MESSAGES = StateMachine(
    "message to a chat",
    MessageState,
    start=MessageState.PENDING,
    moves={
        MessageState.PENDING: (MessageState.SENT, MessageState.FAILED),
        MessageState.SENT: (),
        MessageState.FAILED: (),
    },
    turns={
        MessageState.PENDING: Turn.MACHINE,
        MessageState.SENT: Turn.NOBODY,
        MessageState.FAILED: Turn.NOBODY,
    },
)
