"""Projects (one git repository each), their members, work items and streams."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.db.models import Q

from leadroom.lib.digest import digest_of
from leadroom.projects.enums import MemberRole, Origin, ProjectKind, Publish, Risk, Stage

IN_HOME = "$LEADROOM_HOME/"


class ProjectQuerySet(models.QuerySet["Project"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> "ProjectQuerySet":
        """Projects the user may look at: all for a superuser, else their memberships."""
        if getattr(user, "is_superuser", False):
            return self
        return self.filter(memberships__user_id=user.pk)


class Project(models.Model):
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    source_path = models.CharField(max_length=1000)
    default_branch = models.CharField(max_length=250)
    colour = models.PositiveSmallIntegerField(default=1)
    publish = models.CharField(max_length=8, choices=Publish.choices, default=Publish.BRANCH)
    setup_command = models.CharField(max_length=2000, blank=True)
    kind = models.CharField(max_length=8, choices=ProjectKind.choices, blank=True, default=ProjectKind.UNKNOWN)
    start_command = models.CharField(max_length=2000, blank=True)
    health_command = models.CharField(max_length=2000, blank=True)
    test_command = models.CharField(max_length=2000, blank=True)
    tools = models.JSONField(default=list, blank=True)
    plan_reviewers = models.JSONField(default=dict, blank=True)
    is_rehearsal = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    objects = ProjectQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def folder(self) -> Path:
        """Where Leadroom keeps its own copy and trees of the project."""
        return settings.HOME_DIR / "projects" / self.slug

    @property
    def source(self) -> Path:
        """The user's own repository; Leadroom reads it and publishes branches to it.

        One inside the data folder (the rehearsal's) is stored relative to it, so that the folder can be moved.
        """
        if self.source_path.startswith(IN_HOME):
            return settings.HOME_DIR / self.source_path.removeprefix(IN_HOME)
        return Path(self.source_path)

    @property
    def profile(self) -> dict[str, Any]:
        """What it takes to work on the project: what a readiness check tries, and what its digest covers."""
        return {
            "kind": self.kind,
            "set up": self.setup_command,
            "start": self.start_command,
            "health": self.health_command,
            "test": self.test_command,
            "tools": list(self.tools),
        }

    @property
    def profile_digest(self) -> str:
        return digest_of(self.profile)

    @property
    def control_path(self) -> Path:
        return self.folder / "control.git"


class ReadinessCheck(models.Model):
    """One trial of a project's environment profile in the sandbox, and what an agent could not do there.

    `findings` are `{"name", "is_ok", "sentence", "output"}` in the order they were tried. Without `ended_at` it runs.
    """

    project = models.ForeignKey(Project, models.CASCADE, related_name="readiness_checks")
    profile_digest = models.CharField(max_length=71)
    commit = models.CharField(max_length=40, blank=True)
    findings = models.JSONField(default=list)
    is_ready = models.BooleanField(default=False)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    accepted_by = models.CharField(max_length=200, blank=True)
    accepted_because = models.CharField(max_length=1000, blank=True)
    accepted_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["project", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["project"], condition=Q(ended_at=None), name="one_readiness_check_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None) | ~Q(accepted_because=""), name="acceptance_has_a_reason"
            ),
        ]

    def __str__(self) -> str:
        return f"readiness check {self.pk} of {self.project_id}"


class Membership(models.Model):
    project = models.ForeignKey(Project, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=MemberRole.choices)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["project", "user"], name="one_membership_per_user")]

    def __str__(self) -> str:
        return f"{self.user} in {self.project}"


class WorkItemQuerySet(models.QuerySet["WorkItem"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> "WorkItemQuerySet":
        return self.filter(project__in=Project.objects.visible_to(user))

    def live(self) -> "WorkItemQuerySet":
        return self.exclude(stage__in=[Stage.DONE, Stage.DROPPED])


class WorkItem(models.Model):
    """A request on its way through the stages. `request` is kept verbatim.

    `origin_ref` is the address it came from, else the name of the file, else empty; shown, never opened by Leadroom.
    """

    project = models.ForeignKey(Project, models.PROTECT, related_name="items")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    request = models.TextField()
    request_digest = models.CharField(max_length=71)
    origin = models.CharField(max_length=8, choices=Origin.choices, default=Origin.TEXT)
    origin_ref = models.CharField(max_length=1_000, blank=True)
    risk = models.CharField(max_length=8, choices=Risk.choices, default=Risk.STANDARD)
    risk_reason = models.CharField(max_length=500, blank=True)
    is_risk_judged = models.BooleanField(default=False)
    stage = models.CharField(max_length=8, choices=Stage.choices, default=Stage.ALIGN)
    stage_entered_at = models.DateTimeField()
    stitch_owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="stitches_owned")
    rehearsal_script = models.CharField(max_length=60, blank=True)
    problem = models.TextField(blank=True)
    problem_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    objects = WorkItemQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["project", "number"], name="one_number_per_project"),
            models.CheckConstraint(condition=Q(number__gte=1), name="item_number_from_one"),
        ]
        indexes = [models.Index(fields=["stage"])]

    def __str__(self) -> str:
        return f"{self.project.slug}#{self.number} {self.title}"


class Stream(models.Model):
    """One line of work of an item. First version: one per item, agent-heavy."""

    item = models.ForeignKey(WorkItem, models.CASCADE, related_name="streams")
    name = models.CharField(max_length=60)
    position = models.PositiveSmallIntegerField(default=1)

    class Meta:
        ordering = ["item", "position"]
        constraints = [models.UniqueConstraint(fields=["item", "name"], name="one_stream_per_name")]

    def __str__(self) -> str:
        return self.name


class StageVisit(models.Model):
    """When an item entered and left a stage."""

    item = models.ForeignKey(WorkItem, models.CASCADE, related_name="visits")
    stage = models.CharField(max_length=8, choices=Stage.choices)
    entered_at = models.DateTimeField()
    left_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["item"], condition=Q(left_at=None), name="one_open_visit_per_item")
        ]

    def __str__(self) -> str:
        return f"{self.item_id} {self.stage}"
