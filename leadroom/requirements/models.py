"""Ambiguities with their candidates, and the requirements document in revisions."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from leadroom.lib.digest import digest_of
from leadroom.projects.models import WorkItem
from leadroom.requirements.enums import AmbiguityState, Confidence, Dimension


class Ambiguity(models.Model):
    """Something the request leaves open, with two or three candidate resolutions."""

    item = models.ForeignKey(WorkItem, models.CASCADE, related_name="ambiguities")
    key = models.CharField(max_length=20)
    position = models.PositiveSmallIntegerField()
    question = models.TextField()
    why = models.TextField()
    dimension = models.CharField(max_length=12, choices=Dimension.choices)
    recommended = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=AmbiguityState.choices, default=AmbiguityState.OPEN)
    picked = models.PositiveSmallIntegerField(null=True)
    own_answer = models.TextField(blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    proposed_at = models.DateTimeField()

    class Meta:
        ordering = ["item", "position"]
        verbose_name_plural = "ambiguities"
        constraints = [
            models.UniqueConstraint(fields=["item", "key"], name="one_ambiguity_per_key"),
            models.CheckConstraint(
                condition=~Q(state="RESOLVED") | Q(picked__isnull=False) | ~Q(own_answer=""),
                name="resolved_means_answered",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} {self.question[:60]}"

    @property
    def digest(self) -> str:
        """What a pick binds to: the question and every candidate as shown."""
        shown = [[c.position, c.title, c.rationale, c.consequences, c.confidence] for c in self.candidates.all()]
        return digest_of([self.key, self.question, self.why, self.recommended, shown])


class Candidate(models.Model):
    """One way to resolve an ambiguity: 1 likely, 2 plausible alternative, 3 ambitious."""

    ambiguity = models.ForeignKey(Ambiguity, models.CASCADE, related_name="candidates")
    position = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=300)
    rationale = models.TextField()
    consequences = models.TextField()
    if_wrong = models.TextField()
    confidence = models.FloatField()
    sources = models.JSONField(default=list)

    class Meta:
        ordering = ["ambiguity", "position"]
        constraints = [
            models.UniqueConstraint(fields=["ambiguity", "position"], name="one_candidate_per_position"),
            models.CheckConstraint(
                condition=Q(confidence__gte=0) & Q(confidence__lte=1), name="candidate_confidence_0_to_1"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Revision(models.Model):
    """One version of an item's requirements document; never changed once written.

    `body` has the fields of the tool `submit_document` (docs/agent-tools.md).
    """

    item = models.ForeignKey(WorkItem, models.CASCADE, related_name="revisions")
    number = models.PositiveSmallIntegerField()
    body = models.JSONField()
    digest = models.CharField(max_length=71)
    confidence = models.CharField(max_length=6, choices=Confidence.choices)
    run_id = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["item", "number"]
        constraints = [models.UniqueConstraint(fields=["item", "number"], name="one_revision_per_number")]

    def __str__(self) -> str:
        return f"document {self.number} of item {self.item_id}"

    @property
    def criteria(self) -> dict[str, str]:
        """Criterion id to its text, in document order."""
        return {c["id"]: c["text"] for goal in self.body["goals"] for c in goal["criteria"]}
