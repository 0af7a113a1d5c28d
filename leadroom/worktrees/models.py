"""Working trees of runs, and the stitch that brings an item's work home."""

from pathlib import Path

from django.conf import settings
from django.db import models
from django.db.models import Q

from leadroom.agents.models import Run
from leadroom.projects.models import WorkItem
from leadroom.worktrees.enums import StitchState, WorktreeState


class Worktree(models.Model):
    """An isolated tree of one run; `head` is the last commit Leadroom fetched from it."""

    run = models.OneToOneField(Run, models.PROTECT, related_name="worktree")
    name = models.CharField(max_length=80, unique=True)
    base = models.CharField(max_length=40)
    head = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=WorktreeState.choices, default=WorktreeState.ACTIVE)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name

    @property
    def path(self) -> Path:
        return self.run.item.project.folder / "trees" / self.name

    @property
    def has_work(self) -> bool:
        return self.head != self.base

    @property
    def ref(self) -> str:
        return f"refs/leadroom/runs/{self.run_id}"


class Stitch(models.Model):
    """The join of an item: `commit` merged onto `onto` gives `tree`; signed, it is published as `published_ref`."""

    item = models.ForeignKey(WorkItem, models.CASCADE, related_name="stitches")
    state = models.CharField(max_length=10, choices=StitchState.choices, default=StitchState.PENDING)
    commit = models.CharField(max_length=40)
    onto = models.CharField(max_length=40, blank=True)
    tree = models.CharField(max_length=40, blank=True)
    trial = models.CharField(max_length=40, blank=True)
    conflicts = models.JSONField(default=list)
    sentence = models.TextField(blank=True)
    signed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    signed_at = models.DateTimeField(null=True)
    merge_commit = models.CharField(max_length=40, blank=True)
    published_ref = models.CharField(max_length=250, blank=True)
    problem = models.TextField(blank=True)
    created_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True)
    merged_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "stitches"
        constraints = [
            models.UniqueConstraint(
                fields=["item"], condition=~Q(state=StitchState.ABORTED), name="one_stitch_per_item"
            ),
            models.CheckConstraint(
                condition=~Q(state__in=[StitchState.SIGNED, StitchState.MERGED])
                | (Q(signed_by__isnull=False) & ~Q(sentence="")),
                name="merged_means_signed",
            ),
        ]

    def __str__(self) -> str:
        return f"stitch of item {self.item_id}"

    @property
    def digest(self) -> str:
        """What a signature binds to: the tried merge itself."""
        return f"{self.onto}..{self.commit}={self.tree}"
