"""Structured reports, the findings they are read as, and the links between findings."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from leadroom.agents.models import Run
from leadroom.projects.models import Project, WorkItem
from leadroom.triage.adjudication import Said
from leadroom.triage.enums import (
    OPEN_FINDINGS,
    SEVERITY_OF,
    FindingState,
    LinkKind,
    LinkState,
    Priority,
    ReportState,
    ReportStatus,
    Route,
    Severity,
    SuggestedAction,
)

_LEADS = Q(root=None)
_WAITS = Q(root=None, state__in=[str(state) for state in OPEN_FINDINGS])
_NOT_LOOKED_AT = _WAITS & Q(is_looked_at=False)


class Report(models.Model):
    """A run's structured report. `body` has every field of the tool `report` (docs/agent-tools.md).

    `contradictions` are `{"about", "sentence"}`: what our own record says against its claims, compared last with the
    verification `compared_with` (0 for none, null before any comparison).
    """

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
    contradictions = models.JSONField(default=list)
    compared_with = models.BigIntegerField(null=True)

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
    `adjudicates`: a model may be asked about suggestions, at most `asks_per_day` times a day; `asked_today` counts the
    questions of the day `asked_on`. After a failure, told in `ask_problem`, nothing is asked before `ask_again_at`.
    """

    project = models.OneToOneField(Project, models.CASCADE, related_name="shelf")
    reports = models.PositiveIntegerField(default=0)
    judged = models.PositiveIntegerField(default=0)
    accepted = models.PositiveIntegerField(default=0)
    expected = models.FloatField(default=0.0)
    adjudicates = models.BooleanField(default=False)
    asks_per_day = models.PositiveSmallIntegerField(default=40)
    asked_on = models.DateField(null=True)
    asked_today = models.PositiveSmallIntegerField(default=0)
    ask_problem = models.CharField(max_length=500, blank=True)
    ask_again_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.reports} reports of {self.project}"


class Finding(models.Model):
    """One thing that was reported. `root` is the oldest finding of its group, null for that one itself.

    `facts` and `terms` are what the engine's extractor `extractor` read; they can be made anew from title and body.
    `origin` names it where it was brought in from, empty for what came any other way.
    `rank`, `points`, `claimed`, `workaround` and `hazard` are of this report alone. Of a finding that leads its group
    these are of the whole group, and are kept true by `actions.groups`: `size`, `worst` (rank of the highest severity),
    `reporters` (distinct), `last_seen_at`, `priority` with its `rationale`, and `weighed`, the inputs of the formula.
    `decided_priority` and `decided_worst` are what the last route was decided on.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="findings")
    report = models.OneToOneField(Report, models.CASCADE, null=True, related_name="finding")
    title = models.CharField(max_length=300)
    body = models.TextField(blank=True)
    severity = models.CharField(max_length=10, choices=Severity.choices, default=Severity.INFO)
    state = models.CharField(max_length=12, choices=FindingState.choices, default=FindingState.NEW)
    seen_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    reporter = models.CharField(max_length=200, blank=True)
    is_from_agent = models.BooleanField(default=False)
    suggested_action = models.CharField(
        max_length=12, choices=SuggestedAction.choices, default=SuggestedAction.ACKNOWLEDGE
    )
    rank = models.PositiveSmallIntegerField(default=0)
    points = models.PositiveSmallIntegerField(default=0)
    claimed = models.PositiveSmallIntegerField(default=1)
    affected = models.CharField(max_length=200, blank=True)
    workaround = models.PositiveSmallIntegerField(default=0)
    workaround_text = models.CharField(max_length=300, blank=True)
    hazard = models.PositiveSmallIntegerField(default=0)
    size = models.PositiveIntegerField(default=1)
    worst = models.PositiveSmallIntegerField(default=0)
    reporters = models.PositiveIntegerField(default=1)
    last_seen_at = models.DateTimeField()
    is_regression = models.BooleanField(default=False)
    priority = models.CharField(max_length=2, choices=Priority.choices, default=Priority.P3)
    rationale = models.CharField(max_length=500, blank=True)
    rubric = models.CharField(max_length=20, blank=True)
    weighed = models.JSONField(default=dict)
    weighed_at = models.DateTimeField(null=True)
    raised_at = models.DateTimeField(null=True)
    route = models.CharField(max_length=12, choices=Route.choices, blank=True)
    decided_priority = models.CharField(max_length=2, choices=Priority.choices, blank=True)
    decided_worst = models.PositiveSmallIntegerField(default=0)
    snoozed_until = models.DateTimeField(null=True)
    is_unread = models.BooleanField(default=True)
    is_looked_at = models.BooleanField(default=False)
    root = models.ForeignKey("self", models.CASCADE, null=True, related_name="members")
    same_text = models.CharField(max_length=32)
    facts = models.JSONField()
    terms = models.BinaryField()
    is_indexed = models.BooleanField(default=True)
    extractor = models.PositiveSmallIntegerField()
    origin = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [  # with state and root in them the inbox reads its order and its grid from the index alone
            models.Index(fields=["project", "same_text"], name="finding_same_text"),
            models.Index(fields=["project", "root", "state"], name="finding_groups"),
            models.Index(fields=["root", "reporter"], name="finding_reporters"),
            models.Index(
                fields=["project", "priority", "seen_at", "id", "state", "root"],
                condition=_WAITS,
                name="finding_waits_in_order",
            ),
            models.Index(
                fields=["project", "worst", "suggested_action", "id", "state", "root"],
                condition=_WAITS,
                name="finding_waits_by_cell",
            ),
            models.Index(fields=["project", "state", "id"], condition=_LEADS, name="finding_by_state"),
            models.Index(fields=["project", "id"], condition=_LEADS, name="finding_leads"),
            models.Index(
                fields=["is_looked_at"], condition=_WAITS & Q(is_looked_at=False), name="finding_not_looked_at"
            ),
            models.Index(fields=["weighed_at"], condition=_WAITS, name="finding_weighed"),
            models.Index(fields=["snoozed_until"], condition=Q(state=FindingState.SNOOZED.value), name="finding_wakes"),
            models.Index(fields=["project", "raised_at"], condition=Q(raised_at__isnull=False), name="finding_raised"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "origin"], condition=~Q(origin=""), name="brought_in_once_from_its_origin"
            )
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def root_pk(self) -> int:
        return self.root_id or self.pk

    @property
    def worst_severity(self) -> Severity:
        """The highest severity of the group."""
        return SEVERITY_OF[self.worst]


class Habit(models.Model):
    """How one reporter of a project uses severities: `ranks` is the sum over its `reports`."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="habits")
    reporter = models.CharField(max_length=200)
    reports = models.PositiveIntegerField(default=0)
    ranks = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "reporter"], name="one_habit_per_reporter")]

    def __str__(self) -> str:
        return f"{self.reporter}: {self.reports} reports"


class Decision(models.Model):
    """What became of a finding that leads its group, by a person or by a rule, with the reason; may be undone.

    `before` holds the finding's fields that an undo gives back. `item` and `run_id` are what came of it: the
    item that was made or sent back to work, the run that was told. `carried_out_at` is when the pipeline did that.
    """

    finding = models.ForeignKey(Finding, models.CASCADE, related_name="decisions")
    route = models.CharField(max_length=12, choices=Route.choices)
    actor_kind = models.CharField(max_length=8)
    actor_id = models.CharField(max_length=60)
    actor_name = models.CharField(max_length=200)
    is_automatic = models.BooleanField(default=False)
    why = models.CharField(max_length=500, blank=True)
    note = models.TextField(blank=True)
    priority = models.CharField(max_length=2, choices=Priority.choices)
    worst = models.PositiveSmallIntegerField()
    size = models.PositiveIntegerField()
    before = models.JSONField(default=dict)
    snoozed_until = models.DateTimeField(null=True)
    decided_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)
    undone_by_name = models.CharField(max_length=200, blank=True)
    undone_by_id = models.CharField(max_length=60, blank=True)
    item = models.ForeignKey(WorkItem, models.SET_NULL, null=True, related_name="decisions")
    is_new_item = models.BooleanField(default=False)
    run_id = models.BigIntegerField(null=True)
    outcome = models.CharField(max_length=300, blank=True)
    carried_out_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(
                fields=["decided_at"],
                condition=Q(carried_out_at=None, undone_at=None, route__in=["FIX", "FOLLOW_UP"]),
                name="decision_to_carry_out",
            ),
            models.Index(
                fields=["item"],
                condition=Q(settled_at=None, carried_out_at__isnull=False),
                name="decision_to_settle",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.finding_id}: {self.route}"


class Adjudication(models.Model):
    """What a model said of two texts, asked twice with their order swapped; found again by their `digest`.

    It pre-fills a suggestion and never links. `said` is a word of adjudication.Said.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="adjudications")
    digest = models.CharField(max_length=64)
    said = models.CharField(max_length=9, choices=Said.choices)
    newer_quote = models.CharField(max_length=300, blank=True)
    older_quote = models.CharField(max_length=300, blank=True)
    why = models.CharField(max_length=500, blank=True)
    prompt = models.PositiveSmallIntegerField()
    model = models.CharField(max_length=120)
    asked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "digest"], name="one_opinion_per_pair_of_texts")]

    def __str__(self) -> str:
        return f"{self.said} ({self.model})"


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
    opinion = models.ForeignKey(Adjudication, models.SET_NULL, null=True, related_name="links")
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


class SavedFilter(models.Model):
    """A person's own view of the inbox: a name and the query string it stands for."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="inbox_filters")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=500)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="one_inbox_filter_per_name")]

    def __str__(self) -> str:
        return self.name


class RuleDraft(models.Model):
    """A recurrent low finding that agents are to stop reporting: a rule for a skill, not in force by itself.

    `effect` is how many reports it would have kept back when it was written.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="rule_drafts")
    finding = models.OneToOneField(Finding, models.CASCADE, related_name="rule_draft")
    text = models.TextField()
    effect = models.PositiveIntegerField()
    made_by_name = models.CharField(max_length=200)
    made_at = models.DateTimeField()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"rule draft for finding {self.finding_id}"
