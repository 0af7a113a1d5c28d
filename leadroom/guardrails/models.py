"""The read-only switch of each scope, and the bounds of a project's agents: policy, trust, claims, parked actions.

Agents, runs and items live on higher floors, so they are named by their ids here.
"""

from django.db import models
from django.db.models import Q

from leadroom.guardrails.enums import (
    FLOOR,
    ClaimOutcome,
    Lock,
    PatternKind,
    RequestState,
    ScopeKind,
    SwitchState,
    TrustKind,
)
from leadroom.projects.models import Project


class Switch(models.Model):
    """What a person, or a rule of Leadroom's, set for one scope, and how far it is proven.

    `target` is the id of the project or agent, 0 for everything; `project` is the project concerned (none for
    everything). `epoch` grows with every change, so that an answer about an older one is told apart. `checks` are
    the findings of the last verification: name, ok and a sentence each.
    """

    kind = models.CharField(max_length=10, choices=ScopeKind.choices)
    target = models.PositiveBigIntegerField(default=0)
    project = models.ForeignKey(Project, models.CASCADE, null=True, related_name="switches")
    level = models.CharField(max_length=10, choices=Lock.choices, default=Lock.OPEN)
    state = models.CharField(max_length=10, choices=SwitchState.choices, default=SwitchState.OFF)
    epoch = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=500, blank=True)
    set_by = models.CharField(max_length=200, blank=True)
    set_at = models.DateTimeField(null=True)
    verified_at = models.DateTimeField(null=True)
    verified_seconds = models.FloatField(null=True)
    checks = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["kind", "target"], name="one_switch_per_scope"),
            models.CheckConstraint(
                condition=Q(level=Lock.OPEN, state=SwitchState.OFF)
                | (Q(level__in=[Lock.PAUSED, Lock.READ_ONLY]) & ~Q(state=SwitchState.OFF)),
                name="open_switch_is_off",
            ),
        ]
        verbose_name_plural = "switches"

    def __str__(self) -> str:
        return f"{self.key}: {self.level}"

    @property
    def key(self) -> str:
        """The scope as the flag file names it: `everything`, `project:3`, `agent:7`."""
        return self.kind if self.kind == ScopeKind.EVERYTHING else f"{self.kind}:{self.target}"


class Policy(models.Model):
    """The bounds of a project's agents; a project without a row has these defaults.

    `trust_per_hour`: unsourced answers per agent in a sliding hour. `misses_allowed`: misses in a row before an agent
    goes read-only. `approval_minutes`: how long a granted action may wait before it is carried out.
    `dashboards`: addresses, one a line, that the lead vouches for as sources.
    `fetch_hosts`: servers, one a line, that may be fetched from (`servers.read_servers`).
    """

    project = models.OneToOneField(Project, models.CASCADE, related_name="policy")
    trust_per_hour = models.PositiveSmallIntegerField(default=5)
    confidence_floor = models.FloatField(default=FLOOR)
    misses_allowed = models.PositiveSmallIntegerField(default=3)
    approval_minutes = models.PositiveSmallIntegerField(default=30)
    dashboards = models.TextField(blank=True)
    fetch_hosts = models.TextField(blank=True)

    class Meta:
        verbose_name_plural = "policies"
        constraints = [
            models.CheckConstraint(
                condition=Q(confidence_floor__gte=0) & Q(confidence_floor__lte=1), name="floor_0_to_1"
            )
        ]

    def __str__(self) -> str:
        return f"policy of {self.project}"


class IrreversiblePattern(models.Model):
    """A project's own irreversible action: a shell-style pattern, and what it does in words."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="irreversible_patterns")
    kind = models.CharField(max_length=8, choices=PatternKind.choices)
    pattern = models.CharField(max_length=200)
    words = models.CharField(max_length=200)

    class Meta:
        ordering = ["project", "kind", "pattern"]
        constraints = [models.UniqueConstraint(fields=["project", "kind", "pattern"], name="one_pattern_each")]

    def __str__(self) -> str:
        return f"{self.kind} {self.pattern}"


class TrustEntry(models.Model):
    """One charge or refund of an agent's trust.

    Its age is told by the boot clock while the machine is the same one, so a wall clock that is set neither empties
    nor fills a budget.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="trust_entries")
    agent_id = models.BigIntegerField()
    run_id = models.BigIntegerField(null=True)
    kind = models.CharField(max_length=8, choices=TrustKind.choices)
    amount = models.PositiveSmallIntegerField(default=1)
    reason = models.CharField(max_length=500)
    cause = models.CharField(max_length=120)
    by_name = models.CharField(max_length=200)
    at = models.DateTimeField()
    boot_id = models.CharField(max_length=40, blank=True)
    boot_seconds = models.FloatField(default=0)

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "trust entries"
        constraints = [models.UniqueConstraint(fields=["agent_id", "kind", "cause"], name="one_trust_entry_per_cause")]

    def __str__(self) -> str:
        return f"{self.kind} {self.reason[:60]}"


class Claim(models.Model):
    """Something an agent was so and so sure of, and what became of it. `counted` is the value the floor was applied to.

    `kind` is the kind of task (the role); `what` says in a word what was claimed (a report, a recommendation).
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="claims")
    agent_id = models.BigIntegerField()
    run_id = models.BigIntegerField()
    item_id = models.BigIntegerField()
    kind = models.CharField(max_length=12)
    what = models.CharField(max_length=120)
    claimed = models.FloatField()
    counted = models.FloatField()
    made_at = models.DateTimeField()
    outcome = models.CharField(max_length=8, choices=ClaimOutcome.choices, blank=True, default=ClaimOutcome.OPEN)
    outcome_why = models.CharField(max_length=300, blank=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["agent_id", "kind"]), models.Index(fields=["item_id", "outcome"])]
        constraints = [
            models.UniqueConstraint(fields=["run_id", "what"], name="one_claim_each"),
            models.CheckConstraint(
                condition=Q(claimed__gte=0, claimed__lte=1, counted__gte=0, counted__lte=1), name="claim_0_to_1"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.what}: {self.claimed:.2f}"


class PermissionRequest(models.Model):
    """An action that waits for a person (ACP: session/request_permission). The row is the question.

    `digest` covers tool, input and the content of the files it names; a grant is good for that digest, with `nonce`,
    once, until `expires_at`. `why` is the gate's reason code, `blast_radius` what the action does in words.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="permission_requests")
    agent_id = models.BigIntegerField()
    agent_name = models.CharField(max_length=200)
    run_id = models.BigIntegerField()
    item_id = models.BigIntegerField()
    tool = models.CharField(max_length=60)
    input = models.JSONField()
    digest = models.CharField(max_length=71)
    nonce = models.CharField(max_length=43, unique=True)
    why = models.CharField(max_length=20)
    sentence = models.TextField()
    blast_radius = models.JSONField(default=list)
    sources = models.JSONField(default=list)
    evidence = models.JSONField(default=list)
    state = models.CharField(max_length=8, choices=RequestState.choices, default=RequestState.PENDING)
    answer = models.TextField(blank=True)
    answered_by_name = models.CharField(max_length=200, blank=True)
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["run_id", "state"]), models.Index(fields=["item_id", "state"])]
        constraints = [
            models.UniqueConstraint(
                fields=["run_id", "digest"],
                condition=Q(state__in=[RequestState.PENDING, RequestState.GRANTED]),
                name="one_open_request_per_action",
            ),
            models.CheckConstraint(
                condition=Q(state=RequestState.PENDING) | Q(answered_at__isnull=False), name="answered_means_answered"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool} of run {self.run_id}: {self.state}"
