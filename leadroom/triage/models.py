"""Structured reports, the one form in which a run says what came of it."""

from django.db import models
from django.db.models import Q

from leadroom.agents.models import Run
from leadroom.projects.models import WorkItem
from leadroom.triage.enums import ReportState, ReportStatus, Severity, SuggestedAction


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
