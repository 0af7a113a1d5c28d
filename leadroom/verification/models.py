"""Runs of the frozen plan by Leadroom itself, with one result per case."""

from django.db import models

from leadroom.projects.models import WorkItem
from leadroom.testplans.models import TestCase, TestPlan
from leadroom.verification.enums import Outcome, VerificationState


class VerificationRun(models.Model):
    """One run of all cases of `plan` in a clean checkout of `commit`."""

    item = models.ForeignKey(WorkItem, models.CASCADE, related_name="verifications")
    plan = models.ForeignKey(TestPlan, models.PROTECT, related_name="verifications")
    plan_digest = models.CharField(max_length=71)
    commit = models.CharField(max_length=40)
    state = models.CharField(max_length=8, choices=VerificationState.choices, default=VerificationState.QUEUED)
    generation = models.PositiveIntegerField(default=0)
    host = models.CharField(max_length=120, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    problem = models.TextField(blank=True)
    output = models.TextField(blank=True)
    queued_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["item", "plan", "commit"], name="one_verification_per_commit_and_plan")
        ]

    def __str__(self) -> str:
        return f"verification {self.pk} of {self.commit[:8]}"


class CaseResult(models.Model):
    """What became of one case."""

    verification = models.ForeignKey(VerificationRun, models.CASCADE, related_name="results")
    case = models.ForeignKey(TestCase, models.PROTECT, related_name="results")
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    seconds = models.FloatField(default=0)
    message = models.TextField(blank=True)

    class Meta:
        ordering = ["verification", "case__position"]
        constraints = [models.UniqueConstraint(fields=["verification", "case"], name="one_result_per_case")]

    def __str__(self) -> str:
        return f"{self.case_id} {self.outcome}"
