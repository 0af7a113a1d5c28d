"""Ambiguities with their candidates and proposals, the sittings that decide them, and the document in revisions."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from leadroom.lib.digest import digest_of
from leadroom.projects.models import WorkItem
from leadroom.requirements.enums import AmbiguityState, Care, Confidence, Dimension, Kind, Strategy, Way


class Alignment(models.Model):
    """How one item is aligned. `round` counts question rounds; `go_at` is when a person last said “hand over now”.

    An item with `is_held` stays in ALIGN, loaded, until it is fired.
    """

    item = models.OneToOneField(WorkItem, models.CASCADE, related_name="alignment")
    strategy = models.CharField(max_length=8, choices=Strategy.choices)
    strategy_reason = models.CharField(max_length=300)
    round = models.PositiveSmallIntegerField(default=0)
    enough_at = models.DateTimeField(null=True)
    go_at = models.DateTimeField(null=True)
    is_held = models.BooleanField(default=False)
    fired_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"alignment of item {self.item_id}"


class Sitting(models.Model):
    """One person's attention on one item: at most one is open per person, because alignment is serial.

    `active_seconds` is the time between acts, at most rules.PAUSE_SECONDS of each gap; `keys` counts key presses and
    clicks as the browser told them, `decisions` the ambiguities decided.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="sittings")
    item = models.ForeignKey(WorkItem, models.CASCADE, related_name="sittings")
    opened_at = models.DateTimeField()
    last_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    active_seconds = models.FloatField(default=0)
    keys = models.PositiveIntegerField(default=0)
    decisions = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["user"], condition=Q(closed_at=None), name="one_open_sitting_per_user")
        ]

    def __str__(self) -> str:
        return f"{self.user} on item {self.item_id}"


class Ambiguity(models.Model):
    """Something the request leaves open: a choice of candidates, or a question with the answer the agent would assume.

    `handed_at` is when its decision was given to the agent; until then a person may change it. `round` is the question
    round, 0 for choices. `opened_by` names the keys whose answers opened a question. `despite` is the agent's word
    against our finding that the material answers it already.
    """

    item = models.ForeignKey(WorkItem, models.CASCADE, related_name="ambiguities")
    key = models.CharField(max_length=20)
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=8, choices=Kind.choices, default=Kind.CHOICE)
    round = models.PositiveSmallIntegerField(default=0)
    opened_by = models.JSONField(default=list)
    question = models.TextField()
    why = models.TextField()
    dimension = models.CharField(max_length=12, choices=Dimension.choices)
    despite = models.TextField(blank=True)
    recommended = models.PositiveSmallIntegerField()
    care = models.CharField(max_length=6, choices=Care.choices, default=Care.ASK)
    care_reason = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=10, choices=AmbiguityState.choices, default=AmbiguityState.OPEN)
    picked = models.PositiveSmallIntegerField(null=True)
    own_answer = models.TextField(blank=True)
    way = models.CharField(max_length=10, choices=Way.choices, blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    handed_at = models.DateTimeField(null=True)
    forgotten_at = models.DateTimeField(null=True)
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

    @property
    def decision(self) -> str:
        """Which decision stands; empty while it is open. Who changes it says which one they saw."""
        if self.state == AmbiguityState.OPEN:
            return ""
        moment = self.decided_at.isoformat() if self.decided_at else ""
        return digest_of([self.state, self.picked, self.own_answer, moment])[7:19]


class Candidate(models.Model):
    """One way to resolve an ambiguity: 1 likely, 2 plausible alternative, 3 ambitious.

    `conflicts` names candidates of other ambiguities it cannot be combined with, as `A-003:2`. A source of our own
    repository that is not there has `found: false`.
    """

    ambiguity = models.ForeignKey(Ambiguity, models.CASCADE, related_name="candidates")
    position = models.PositiveSmallIntegerField()
    title = models.CharField(max_length=300)
    rationale = models.TextField()
    consequences = models.TextField(blank=True)
    if_wrong = models.TextField(blank=True)
    confidence = models.FloatField()
    sources = models.JSONField(default=list)
    conflicts = models.JSONField(default=list)

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


class Proposal(models.Model):
    """A complete draft: one candidate for every choice. `choices` maps ambiguity keys to positions.

    `is_assembled` when Leadroom put it together because the agent offered none.
    """

    item = models.ForeignKey(WorkItem, models.CASCADE, related_name="proposals")
    key = models.CharField(max_length=1)
    title = models.CharField(max_length=300)
    summary = models.TextField(blank=True)
    choices = models.JSONField()
    is_assembled = models.BooleanField(default=False)

    class Meta:
        ordering = ["item", "key"]
        constraints = [models.UniqueConstraint(fields=["item", "key"], name="one_proposal_per_key")]

    def __str__(self) -> str:
        return f"{self.key} {self.title}"

    @property
    def digest(self) -> str:
        """What an approval of the whole proposal binds to, with the digests of its ambiguities."""
        return digest_of([self.key, self.title, self.summary, self.choices])


class Remark(models.Model):
    """A person's comment on an ambiguity; the agent reads it with the decision."""

    ambiguity = models.ForeignKey(Ambiguity, models.CASCADE, related_name="remarks")
    text = models.TextField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return self.text[:60]


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
