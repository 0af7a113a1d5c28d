"""What happened after the merges: incidents, flow samples, tickets; and what shipping each item took."""

from django.db import models
from django.db.models import Q

from leadroom.outcomes.enums import Came, MatchState
from leadroom.projects.models import Project, WorkItem
from leadroom.triage.enums import Severity
from leadroom.worktrees.models import Stitch

ID_LENGTH = 200
LABEL_LENGTH = 120


class Ingress(models.Model):
    """The door of one project for webhooks. Secrets are sealed; the one before may live on until `previous_until`."""

    project = models.OneToOneField(Project, models.CASCADE, related_name="ingress")
    sealed_secret = models.TextField()
    sealed_previous = models.TextField(blank=True)
    previous_until = models.DateTimeField(null=True)
    rotated_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"webhooks of {self.project}"


class Delivery(models.Model):
    """A webhook that was taken in; its id is never taken twice (Standard Webhooks: `webhook-id`)."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="webhook_deliveries")
    webhook_id = models.CharField(max_length=ID_LENGTH)
    kind = models.CharField(max_length=40)
    records = models.PositiveIntegerField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "webhook_id"], name="one_delivery_per_webhook_id")]

    def __str__(self) -> str:
        return self.webhook_id


class Incident(models.Model):
    """Something broke in production. `paths` are the files it names, as the sender wrote them."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="incidents")
    external_id = models.CharField(max_length=ID_LENGTH)
    title = models.CharField(max_length=300)
    severity = models.CharField(max_length=10, choices=Severity.choices, default=Severity.MAJOR)
    opened_at = models.DateTimeField()
    paths = models.JSONField(default=list)
    came = models.CharField(max_length=8, choices=Came.choices)
    kept_at = models.DateTimeField()

    class Meta:
        ordering = ["-opened_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["project", "external_id"], name="one_incident_per_external_id")]
        indexes = [models.Index(fields=["project", "opened_at"], name="incident_by_time")]

    def __str__(self) -> str:
        return self.title


class IncidentMatch(models.Model):
    """An incident within seven days of a merge. Counts only once a person confirmed it; `files` are those both name."""

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="matches")
    stitch = models.ForeignKey(Stitch, models.CASCADE, related_name="incident_matches")
    state = models.CharField(max_length=9, choices=MatchState.choices, default=MatchState.SUGGESTED)
    files = models.JSONField(default=list)
    suggested_at = models.DateTimeField()
    decided_by = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "stitch"], name="one_match_per_incident_and_merge"),
            models.CheckConstraint(
                condition=Q(state="SUGGESTED") | Q(decided_at__isnull=False), name="decided_match_has_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"incident {self.incident_id} after merge {self.stitch_id}, {self.state}"


class FlowSample(models.Model):
    """The 95th percentile of a flow's response time over one window of the team's own monitor, in milliseconds."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="flow_samples")
    external_id = models.CharField(max_length=ID_LENGTH)
    flow = models.CharField(max_length=LABEL_LENGTH)
    p95_ms = models.FloatField()
    at = models.DateTimeField()
    came = models.CharField(max_length=8, choices=Came.choices)
    kept_at = models.DateTimeField()

    class Meta:
        ordering = ["at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["project", "external_id"], name="one_sample_per_external_id"),
            models.CheckConstraint(condition=Q(p95_ms__gte=0), name="sample_not_negative"),
        ]
        indexes = [models.Index(fields=["project", "at", "flow", "p95_ms"], name="sample_by_time")]

    def __str__(self) -> str:
        return f"{self.flow}: {self.p95_ms:g} ms"


class Ticket(models.Model):
    """A support ticket with its tags."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="tickets")
    external_id = models.CharField(max_length=ID_LENGTH)
    title = models.CharField(max_length=300)
    tags = models.JSONField(default=list)
    opened_at = models.DateTimeField()
    came = models.CharField(max_length=8, choices=Came.choices)
    kept_at = models.DateTimeField()

    class Meta:
        ordering = ["-opened_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["project", "external_id"], name="one_ticket_per_external_id")]
        indexes = [models.Index(fields=["project", "opened_at"], name="ticket_by_time")]

    def __str__(self) -> str:
        return self.title


class ItemMeasure(models.Model):
    """What shipping one item took, measured once from the ledger when it was done (outcomes.measuring).

    Seconds are elapsed ones; `worked + human + machine` is the item's whole life. `cost_micros` is in millionths of
    a dollar, null where a model of the item has no price. `paths` are the files of its merge, null where git could
    not say. `version` names the rules it was measured by.
    """

    item = models.OneToOneField(WorkItem, models.CASCADE, related_name="measure")
    project = models.ForeignKey(Project, models.CASCADE, related_name="measures")
    stitch = models.OneToOneField(Stitch, models.CASCADE, null=True, related_name="measure")
    shipped_at = models.DateTimeField()
    planned = models.PositiveIntegerField()
    unplanned = models.PositiveIntegerField()
    worked_seconds = models.FloatField()
    human_seconds = models.FloatField()
    machine_seconds = models.FloatField()
    align_seconds = models.FloatField()
    review_seconds = models.FloatField()
    first_review_seconds = models.FloatField(null=True)
    sent_back = models.PositiveIntegerField()
    failed_checks = models.PositiveIntegerField()
    input_tokens = models.PositiveBigIntegerField()
    output_tokens = models.PositiveBigIntegerField()
    cost_micros = models.PositiveBigIntegerField(null=True)
    paths = models.JSONField(null=True)
    version = models.PositiveSmallIntegerField()

    class Meta:
        indexes = [models.Index(fields=["project", "shipped_at"], name="measure_by_time")]

    def __str__(self) -> str:
        return f"item {self.item_id} as shipped"


class Advice(models.Model):
    """A hint on the ceiling of running agents. Leadroom gives it and never follows it by itself.

    `facts` holds the figures it rests on (shape: outcomes.rules.WeekFacts).
    """

    ceiling = models.PositiveSmallIntegerField()
    suggested = models.PositiveSmallIntegerField()
    word = models.CharField(max_length=20)
    sentence = models.CharField(max_length=500)
    break_in = models.CharField(max_length=500)
    facts = models.JSONField(default=dict)
    given_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "advice"

    def __str__(self) -> str:
        return self.sentence
