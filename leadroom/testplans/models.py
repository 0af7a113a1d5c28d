"""Test plans with their cases and reviews (terms of ISTQB and ISO 29119)."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from leadroom.projects.models import WorkItem
from leadroom.requirements.models import Revision
from leadroom.testplans.enums import CaseMark, CasePath, Layer, PlanState, Priority, ReviewKind, ReviewVerdict


class TestPlan(models.Model):
    """The acceptance contract of an item. `body` is what the planner submitted (docs/agent-tools.md)."""

    __test__ = False  # not a pytest class

    item = models.ForeignKey(WorkItem, models.CASCADE, related_name="plans")
    revision = models.ForeignKey(Revision, models.PROTECT, related_name="plans")
    number = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=12, choices=PlanState.choices, default=PlanState.DRAFT)
    body = models.JSONField()
    digest = models.CharField(max_length=71)
    run_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()
    frozen_at = models.DateTimeField(null=True)
    frozen_by = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["item", "number"]
        constraints = [
            models.UniqueConstraint(fields=["item", "number"], name="one_plan_per_number"),
            models.UniqueConstraint(
                fields=["item"], condition=~Q(state=PlanState.SUPERSEDED), name="one_current_plan_per_item"
            ),
            models.CheckConstraint(
                condition=~Q(state=PlanState.FROZEN) | Q(frozen_at__isnull=False), name="frozen_plan_has_time"
            ),
        ]

    def __str__(self) -> str:
        return f"plan {self.number} of item {self.item_id}"


class TestCase(models.Model):
    """One case of a plan; `node_id` (pytest) or `command` says how it is run.

    `flow` names the journey an end-to-end case walks; cases of one name are one column of the flow matrix.
    """

    __test__ = False

    plan = models.ForeignKey(TestPlan, models.CASCADE, related_name="cases")
    position = models.PositiveSmallIntegerField()
    key = models.CharField(max_length=20)
    layer = models.CharField(max_length=12, choices=Layer.choices)
    title = models.CharField(max_length=300)
    criteria = models.JSONField(default=list)
    precondition = models.TextField(blank=True)
    steps = models.JSONField(default=list)
    expected = models.TextField()
    flow = models.CharField(max_length=200, blank=True)
    path = models.CharField(max_length=8, choices=CasePath.choices)
    priority = models.CharField(max_length=6, choices=Priority.choices)
    node_id = models.CharField(max_length=500, blank=True)
    command = models.CharField(max_length=2000, blank=True)

    class Meta:
        ordering = ["plan", "position"]
        constraints = [
            models.UniqueConstraint(fields=["plan", "key"], name="one_case_per_key"),
            models.CheckConstraint(condition=~Q(node_id="") | ~Q(command=""), name="case_can_be_run"),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.title}"


class Review(models.Model):
    """One reader's verdict on one plan, with marks per case."""

    plan = models.ForeignKey(TestPlan, models.CASCADE, related_name="reviews")
    kind = models.CharField(max_length=6, choices=ReviewKind.choices)
    reviewer = models.CharField(max_length=200)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    run_id = models.BigIntegerField(null=True)
    verdict = models.CharField(max_length=8, choices=ReviewVerdict.choices)
    summary = models.TextField(blank=True)
    plan_digest = models.CharField(max_length=71)
    sent_at = models.DateTimeField()

    class Meta:
        ordering = ["plan", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=ReviewKind.AGENT, user=None) | Q(kind=ReviewKind.LEAD, user__isnull=False),
                name="lead_review_has_a_person",
            )
        ]

    def __str__(self) -> str:
        return f"{self.verdict} of {self.reviewer}"


class CaseVerdict(models.Model):
    """What a review says of one case, or of the whole plan (`case` empty); `answer` is what its author said to it."""

    review = models.ForeignKey(Review, models.CASCADE, related_name="marks")
    case = models.ForeignKey(TestCase, models.CASCADE, null=True, related_name="marks")
    mark = models.CharField(max_length=8, choices=CaseMark.choices)
    kind = models.CharField(max_length=20, blank=True)
    severity = models.CharField(max_length=10, blank=True)
    comment = models.TextField(blank=True)
    answer = models.TextField(blank=True)

    class Meta:
        ordering = ["review", "pk"]

    def __str__(self) -> str:
        return f"{self.mark} {self.case_id or 'plan'}"


class PlanEdit(models.Model):
    """A change a person made to a plan that waits for them; `before` is the whole body it replaced."""

    plan = models.ForeignKey(TestPlan, models.CASCADE, related_name="edits")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    what = models.CharField(max_length=300)
    before = models.JSONField()
    digest_before = models.CharField(max_length=71)
    digest_after = models.CharField(max_length=71)
    edited_at = models.DateTimeField()

    class Meta:
        ordering = ["plan", "pk"]

    def __str__(self) -> str:
        return self.what


class Reading(models.Model):
    """What one person last saw of an item's plans, and the review they have begun and not sent.

    `before` is the body they saw before the one they look at now. `draft` holds marks and comments by case key, each
    with the digest of the case it was made on, so that an edit resets only what it touched.
    """

    item = models.ForeignKey(WorkItem, models.CASCADE, related_name="plan_readings")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    digest = models.CharField(max_length=71)
    body = models.JSONField()
    before = models.JSONField(null=True)
    before_at = models.DateTimeField(null=True)
    draft = models.JSONField(default=dict)
    looked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["item", "user"], name="one_plan_reading_per_person")]

    def __str__(self) -> str:
        return f"{self.user_id} read the plan of item {self.item_id}"
