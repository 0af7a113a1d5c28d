"""Agents, their runs, and everything a run said and did."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from leadroom.agents.enums import OPEN, EventKind, FailureCause, Phase, Role, RunState, WaitReason
from leadroom.projects.models import Project, WorkItem
from leadroom.skills.models import SkillVersion


class Endpoint(models.Model):
    """A server that speaks the Anthropic Messages API, for a project or for one role of it.

    `base_url` `rehearsal:` means the scripted server of this installation.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="endpoints")
    role = models.CharField(max_length=12, choices=Role.choices, blank=True)
    base_url = models.CharField(max_length=500)
    model = models.CharField(max_length=120)
    sealed_key = models.TextField(blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "role"], name="one_endpoint_per_role")]

    def __str__(self) -> str:
        return f"{self.model} at {self.base_url}"


class Agent(models.Model):
    """The seat of a role in a project."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="agents")
    role = models.CharField(max_length=12, choices=Role.choices)
    name = models.CharField(max_length=80)
    runner = models.CharField(max_length=20, default="builtin")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "role"], name="one_agent_per_role")]

    def __str__(self) -> str:
        return self.name


class Run(models.Model):
    """One agent session with one role on one item.

    `generation` is the fencing number: every holder works under the one it was started with and stops when the row
    has another. `lane` tells parallel runs of a role apart. `is_read_only`: held only to answer a question of the
    lead's while its scope is locked; nothing it has is writable.
    """

    item = models.ForeignKey(WorkItem, models.CASCADE, related_name="runs")
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="runs")
    role = models.CharField(max_length=12, choices=Role.choices)
    lane = models.CharField(max_length=60, default="main")
    attempt = models.PositiveSmallIntegerField(default=1)
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.QUEUED)
    phase = models.CharField(max_length=12, choices=Phase.choices, blank=True, default=Phase.NONE)
    wait_reason = models.CharField(max_length=8, choices=WaitReason.choices, blank=True, default=WaitReason.NONE)
    is_read_only = models.BooleanField(default=False)
    failure = models.TextField(blank=True)
    failure_cause = models.CharField(
        max_length=12, choices=FailureCause.choices, blank=True, default=FailureCause.OTHER
    )
    brief = models.TextField()
    brief_digest = models.CharField(max_length=71)
    system_prompt = models.TextField()
    skills = models.ManyToManyField(SkillVersion, related_name="runs")
    generation = models.PositiveIntegerField(default=0)
    host = models.CharField(max_length=120, blank=True)
    boot_id = models.CharField(max_length=40, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    limited_until = models.DateTimeField(null=True)
    model = models.CharField(max_length=120, blank=True)
    endpoint_url = models.CharField(max_length=500, blank=True)
    last_seq = models.PositiveBigIntegerField(default=0)
    last_event_at = models.DateTimeField(null=True)
    last_line = models.CharField(max_length=300, blank=True)
    input_tokens = models.PositiveBigIntegerField(default=0)
    output_tokens = models.PositiveBigIntegerField(default=0)
    queued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["item", "role", "lane"],
                condition=Q(state__in=OPEN),
                name="one_open_run_per_role_and_lane",
            ),
            models.UniqueConstraint(fields=["item", "role", "lane", "attempt"], name="one_run_per_attempt"),
        ]
        indexes = [models.Index(fields=["state"])]

    def __str__(self) -> str:
        return f"run {self.pk} ({self.role})"


class RunEvent(models.Model):
    """One line of a run's transcript; `(run, seq)` is the truth that every page replays."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="events")
    seq = models.PositiveBigIntegerField()
    at = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=EventKind.choices)
    payload = models.JSONField(default=dict)

    class Meta:
        ordering = ["run", "seq"]
        constraints = [models.UniqueConstraint(fields=["run", "seq"], name="one_event_per_seq")]

    def __str__(self) -> str:
        return f"{self.run_id}:{self.seq} {self.kind}"


class RunMessage(models.Model):
    """One message of the session as the model's API has it; what a resumed holder starts from."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="messages")
    position = models.PositiveIntegerField()
    role = models.CharField(max_length=10)
    content = models.JSONField()

    class Meta:
        ordering = ["run", "position"]
        constraints = [models.UniqueConstraint(fields=["run", "position"], name="one_message_per_position")]

    def __str__(self) -> str:
        return f"{self.run_id}:{self.position} {self.role}"


class RunNote(models.Model):
    """Something the agent is to be told next: picks, an answer, a word from the lead."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="notes")
    text = models.TextField()
    author = models.CharField(max_length=200)
    written_at = models.DateTimeField()
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"note to run {self.run_id}"


class Elicitation(models.Model):
    """A question an agent put to the lead in mid-run (ACP and MCP call it elicitation); the row is the question."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="elicitations")
    question = models.TextField()
    why = models.TextField()
    recommendation = models.TextField()
    options = models.JSONField(default=list)
    answer = models.TextField(blank=True)
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    answered_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run"], condition=Q(answered_at=None), name="one_open_question_per_run")
        ]

    def __str__(self) -> str:
        return self.question[:80]
