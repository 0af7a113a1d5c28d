"""Tests as they were frozen, and what Leadroom's own runs, its verifier and its seeded faults say of the work."""

from django.db import models
from django.db.models import Q

from leadroom.projects.models import WorkItem
from leadroom.testplans.models import TestCase, TestPlan
from leadroom.verification.enums import Answer, ExemptionKind, Outcome, VerificationState


class HandIn(models.Model):
    """Test bodies as a developer handed them in: the red check's word on every case and, if accepted, what is frozen.

    `cases` is a list of `{key, is_right, reason}`. `frozen` maps a path to git's mode and blob id (`100644 1f3c…`);
    `sections` maps a settings file of which only a part counts to the digest of that part.
    """

    item = models.ForeignKey(WorkItem, models.CASCADE, related_name="hand_ins")
    plan = models.ForeignKey(TestPlan, models.PROTECT, related_name="hand_ins")
    plan_digest = models.CharField(max_length=71)
    run_id = models.BigIntegerField()
    base = models.CharField(max_length=40)
    commit = models.CharField(max_length=40)
    is_accepted = models.BooleanField()
    cases = models.JSONField(default=list)
    frozen = models.JSONField(default=dict)
    sections = models.JSONField(default=dict)
    digest = models.CharField(max_length=71, blank=True)
    created_at = models.DateTimeField()
    thawed_at = models.DateTimeField(null=True)
    thawed_because = models.TextField(blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["plan"], condition=Q(is_accepted=True, thawed_at=None), name="one_frozen_hand_in_per_plan"
            )
        ]

    def __str__(self) -> str:
        return f"tests of {self.commit[:8]}"


class VerificationRun(models.Model):
    """One run of all cases of `plan` in a clean checkout of `commit`, the merge of `work` onto `onto`.

    `repeats` is how often all cases ran once more, shuffled. `refusals` is a list of `{cheat, path, sentence}`: with
    one the work is refused. `evidence` holds the digests of plan, frozen files and tree that the results are tied to.
    """

    item = models.ForeignKey(WorkItem, models.CASCADE, related_name="verifications")
    plan = models.ForeignKey(TestPlan, models.PROTECT, related_name="verifications")
    plan_digest = models.CharField(max_length=71)
    commit = models.CharField(max_length=40)
    state = models.CharField(max_length=8, choices=VerificationState.choices, default=VerificationState.QUEUED)
    generation = models.PositiveIntegerField(default=0)
    host = models.CharField(max_length=120, blank=True)
    lease_expires_at = models.DateTimeField(null=True)
    hand_in = models.ForeignKey(HandIn, models.PROTECT, null=True, related_name="verifications")
    work = models.CharField(max_length=40, blank=True)
    onto = models.CharField(max_length=40, blank=True)
    repeats = models.PositiveSmallIntegerField(default=0)
    refusals = models.JSONField(default=list)
    evidence = models.JSONField(default=dict)
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


class Exemption(models.Model):
    """What the lead lets pass in one case of a plan, and why."""

    case = models.ForeignKey(TestCase, models.PROTECT, related_name="exemptions")
    kind = models.CharField(max_length=10, choices=ExemptionKind.choices)
    reason = models.TextField()
    by = models.CharField(max_length=200)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["case", "kind"], name="one_exemption_per_case_and_kind")]

    def __str__(self) -> str:
        return f"{self.case_id} {self.kind}"


class CriterionVerdict(models.Model):
    """A verifier's word on one criterion for the work at `work`, with the file and the behaviour it rests on."""

    item = models.ForeignKey(WorkItem, models.CASCADE, related_name="criterion_verdicts")
    run_id = models.BigIntegerField()
    work = models.CharField(max_length=40)
    criterion = models.CharField(max_length=20)
    answer = models.CharField(max_length=7, choices=Answer.choices)
    file = models.CharField(max_length=500, blank=True)
    behaviour = models.TextField()
    given_at = models.DateTimeField()

    class Meta:
        ordering = ["run_id", "criterion"]
        constraints = [models.UniqueConstraint(fields=["run_id", "criterion"], name="one_answer_per_criterion")]

    def __str__(self) -> str:
        return f"{self.criterion} {self.answer}"


class FaultCheck(models.Model):
    """Small faults seeded into the changed lines, and how many of them the frozen cases noticed."""

    verification = models.OneToOneField(VerificationRun, models.CASCADE, related_name="fault_check")
    possible = models.PositiveIntegerField()
    seconds = models.FloatField()
    note = models.TextField(blank=True)
    ended_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"seeded faults of {self.verification_id}"


class SeededFault(models.Model):
    """One fault: the line before and after, and the keys of the cases that failed because of it."""

    of = models.ForeignKey(FaultCheck, models.CASCADE, related_name="faults")
    path = models.CharField(max_length=1000)
    line = models.PositiveIntegerField()
    before = models.TextField()
    after = models.TextField()
    hint = models.TextField()
    noticed_by = models.JSONField(default=list)
    is_noticed = models.BooleanField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"{self.path}:{self.line}"
