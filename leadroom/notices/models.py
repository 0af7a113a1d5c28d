"""Which card was told to whom, where; and the chats a person has joined."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from leadroom.notices.enums import Channel, MessageState
from leadroom.projects.models import Project

URL_LENGTH = 500


class ChatHook(models.Model):
    """A chat that a person's cards are told to, of one project or of all they lead. Their quiet time counts."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="chat_hooks")
    project = models.ForeignKey(Project, models.CASCADE, null=True, related_name="chat_hooks")
    url = models.CharField(max_length=URL_LENGTH)
    sealed_secret = models.TextField()
    made_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.url


class Message(models.Model):
    """One webhook to a chat. `body` is the JSON text that was signed; the same text goes out at every try."""

    hook = models.ForeignKey(ChatHook, models.CASCADE, related_name="messages")
    webhook_id = models.CharField(max_length=40, unique=True)
    body = models.TextField()
    state = models.CharField(max_length=8, choices=MessageState.choices, default=MessageState.PENDING)
    problem = models.CharField(max_length=500, blank=True)
    made_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["state"])]

    def __str__(self) -> str:
        return self.webhook_id


class Notice(models.Model):
    """A card told to a person, once per channel. `card` names the card and when it began to wait."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="notices")
    channel = models.CharField(max_length=8, choices=Channel.choices)
    message = models.ForeignKey(Message, models.CASCADE, null=True, related_name="notices")
    hook = models.ForeignKey(ChatHook, models.CASCADE, null=True, related_name="notices")
    card = models.CharField(max_length=120)
    text = models.CharField(max_length=300)
    told_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["user", "card"], condition=Q(hook=None), name="card_told_once_in_browser"),
            models.UniqueConstraint(fields=["hook", "card"], condition=~Q(hook=None), name="card_told_once_per_chat"),
        ]

    def __str__(self) -> str:
        return self.text
