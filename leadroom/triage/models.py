"""Structured reports, the findings they are read as, and the links between findings."""

from django.db import models
from django.db.models import Q

from leadroom.agents.models import Run
from leadroom.projects.models import Project, WorkItem
from leadroom.triage.enums import (
    FindingState,
    LinkKind,
    LinkState,
    ReportState,
    ReportStatus,
    Severity,
    SuggestedAction,
)


class Report(models.Model):
    """A run's structured report. `body` has every field of the tool `report` (docs/agent-tools.md)."""

    item = models.ForeignKey(WorkItem, models.CASCADE, related_name="reports")
    run = models.ForeignKey(Run, models.CASCADE, related_name="reports")
    status = models.CharField(max_length=12, choices=ReportStatus.choices)
    summary = models.CharField(max_length=300)
    severity = models.CharField(max_length=10, choices=Severity.choices)
    suggested_action = models.CharField(max_length=12, choices=SuggestedAction.choices)
    confidence = models.FloatField()
    body = models.JSONField()
    state = models.CharField(max_length=8, choices=ReportState.choices, default=ReportState.UNREAD)
    filed_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(confidence__gte=0) & Q(confidence__lte=1), name="report_confidence_0_to_1"
            )
        ]

    def __str__(self) -> str:
        return self.summary


class Shelf(models.Model):
    """What the engine keeps for one project. Its row is locked while a finding is taken in, so order is certain.

    `judged` suggestions had probabilities that add up to `expected`; people accepted `accepted` of them.
    """

    project = models.OneToOneField(Project, models.CASCADE, related_name="shelf")
    reports = models.PositiveIntegerField(default=0)
    judged = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)
    expected = models.FloatField(default=0.0)

    def __str__(self) -> str:
        return f"{self.reports} reports of {self.project}"


class Finding(models.Model):
    """One thing that was reported. `root` is the oldest finding of its group, null for that one itself.

    `facts` and `terms` are what the engine's extractor `extractor` read; they can be made anew from title and body.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="findings")
    report = models.OneToOneField(Report, models.CASCADE, null=True, related_name="finding")
    title = models.CharField(max_length=300)
    body = models.TextField(blank=True)
    severity = models.CharField(max_length=10, choices=Severity.choices, default=Severity.INFO)
    state = models.CharField(max_length=8, choices=FindingState.choices, default=FindingState.OPEN)
    seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    root = models.ForeignKey("self", models.CASCADE, null=True, related_name="members")
    same_text = models.CharField(max_length=32)
    facts = models.JSONField()
    terms = models.BinaryField()
    is_indexed = models.BooleanField(default=True)
    extractor = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["project", "same_text"], name="finding_same_text"),
            models.Index(fields=["project", "root", "state"], name="finding_groups"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def root_pk(self) -> int:
        return self.root_id or self.pk


class Link(models.Model):
    """`newer` and `older` may be or are about the same. Never merges anything; `CUT` stays as a memory.

    `evidence` is what the engine saw (shape: engine.evidence.Evidence.plain); empty for a link made by hand.
    """

    newer = models.ForeignKey(Finding, models.CASCADE, related_name="links_to_older")
    older = models.ForeignKey(Finding, models.CASCADE, related_name="links_to_newer")
    kind = models.CharField(max_length=10, choices=LinkKind.choices, default=LinkKind.SAME)
    state = models.CharField(max_length=9, choices=LinkState.choices, default=LinkState.SUGGESTED)
    by_itself = models.BooleanField(default=False)
    probability = models.FloatField(null=True)
    evidence = models.JSONField(default=dict)
    engine = models.CharField(max_length=40, blank=True)
    made_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["newer", "older"], name="one_link_per_pair"),
            models.UniqueConstraint(
                fields=["newer"], condition=Q(state="LINKED", kind="SAME"), name="one_older_finding_each"
            ),
            models.CheckConstraint(condition=Q(newer__gt=models.F("older")), name="link_points_to_the_older"),
        ]

    def __str__(self) -> str:
        return f"{self.newer_id} to {self.older_id}, {self.state}"


class CannotLink(models.Model):
    """A person said that these two are not the same: nothing links them, or their groups, by itself again."""

    newer = models.ForeignKey(Finding, models.CASCADE, related_name="cannot_older")
    older = models.ForeignKey(Finding, models.CASCADE, related_name="cannot_newer")
    said_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["newer", "older"], name="one_cannot_link_per_pair"),
            models.CheckConstraint(condition=Q(newer__gt=models.F("older")), name="cannot_link_points_to_the_older"),
        ]

    def __str__(self) -> str:
        return f"{self.newer_id} is not {self.older_id}"


class TermCount(models.Model):
    """In how many reports of a project a term occurs. An index, not a record: it can be made anew from the findings."""

    pk = models.CompositePrimaryKey("project_id", "term")
    project_id = models.BigIntegerField()
    term = models.BigIntegerField()
    count = models.IntegerField()

    def __str__(self) -> str:
        return f"{self.term}: {self.count}"


class Posting(models.Model):
    """A heavy term of a finding. The weight is part of the key, so that a search reads the key alone."""

    pk = models.CompositePrimaryKey("project_id", "term", "finding_id", "weight")
    project_id = models.BigIntegerField()
    term = models.BigIntegerField()
    finding_id = models.BigIntegerField()
    weight = models.SmallIntegerField()

    def __str__(self) -> str:
        return f"{self.term} in {self.finding_id}"


class DriftCheck(models.Model):
    """The golden set, run through one version of the engine. `figures` has the keys of `triage_eval`."""

    engine = models.CharField(max_length=40)
    is_good = models.BooleanField()
    figures = models.JSONField()
    ran_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.engine}: {'good' if self.is_good else 'drifted'}"
