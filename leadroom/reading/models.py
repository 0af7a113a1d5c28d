"""A person's hours, reading sessions with their items, and the weekly raw read."""

import datetime as dt
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import models
from django.db.models import Q

from leadroom.projects.models import WorkItem
from leadroom.reading.enums import Ending, Interrupts, RawVerdict, SessionState, Verdict
from leadroom.reading.windows import Place, Window, window_of
from leadroom.triage.models import Report

BUDGET = 15
"""Substantive decisions a day (PRODUCT, Output and triage)."""


def default_windows() -> list[dict[str, object]]:
    """One window a working day, late enough that the day's work is in."""
    return [{"start": "17:00", "end": "18:00", "days": [0, 1, 2, 3, 4]}]


class ReadingHours(models.Model):
    """When a person reads, when nothing may ask them, and how many decisions a day are theirs.

    `windows` and `quiet` are lists of windows.Window.plain. `last_on` and `last_slot` are the last place that a session
    was made for. `weights` has only what differs from budget.KINDS. One row, for it is read with every page.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, models.CASCADE, related_name="reading_hours")
    zone = models.CharField(max_length=64)
    windows = models.JSONField(default=default_windows)
    quiet = models.JSONField(default=list)
    interrupts = models.CharField(max_length=12, choices=Interrupts.choices, default=Interrupts.NEEDS_INPUT)
    is_mailed = models.BooleanField(default=False)
    budget = models.PositiveSmallIntegerField(default=BUDGET)
    weights = models.JSONField(default=dict)
    last_on = models.DateField()
    last_slot = models.PositiveSmallIntegerField(default=0)
    changed_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "reading hours"

    def __str__(self) -> str:
        return f"hours of {self.user_id} in {self.zone}"

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)

    @property
    def reading_windows(self) -> list[Window]:
        return [window_of(plain) for plain in self.windows]

    @property
    def quiet_windows(self) -> list[Window]:
        return [window_of(plain) for plain in self.quiet]

    @property
    def last_place(self) -> Place:
        return (self.last_on, self.last_slot)


class ReadingSession(models.Model):
    """One sitting. `slot` is the window of the local date `on`, null for one begun outside any window.

    `missed` windows passed unseen before it. `zone` stays what it was when the session was made. `since` is when the
    item that is shown came up, null while nobody looks; `step` grows with every write, so that a second tab is told.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="reading_sessions")
    on = models.DateField()
    slot = models.PositiveSmallIntegerField(null=True)
    zone = models.CharField(max_length=64)
    state = models.CharField(max_length=10, choices=SessionState.choices, default=SessionState.SCHEDULED)
    missed = models.PositiveIntegerField(default=0)
    is_early = models.BooleanField(default=False)
    due_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    opened_at = models.DateTimeField(null=True)
    since = models.DateTimeField(null=True)
    active_seconds = models.FloatField(default=0.0)
    step = models.PositiveIntegerField(default=0)
    came_in_quiet = models.PositiveIntegerField(default=0)
    closed_at = models.DateTimeField(null=True)
    ending = models.CharField(max_length=8, choices=Ending.choices, blank=True)
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["user", "on", "slot"], condition=Q(slot__isnull=False), name="one_session_per_window"
            ),
            models.UniqueConstraint(
                fields=["user"], condition=~Q(state=SessionState.CLOSED), name="one_live_session_per_person"
            ),
            models.CheckConstraint(
                condition=Q(state=SessionState.CLOSED, closed_at__isnull=False)
                | (~Q(state=SessionState.CLOSED) & Q(closed_at=None)),
                name="closed_session_has_time",
            ),
        ]

    def __str__(self) -> str:
        return f"session of {self.user_id} on {self.on}"

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)


class SessionItem(models.Model):
    """One thing to read, as it stood when the session began. `kind` is that of a card, or `finding`, or `report`.

    `seconds` is how long it was looked at. `outcome` says in words what was decided, `effect` is the decision where
    it can be taken back.
    """

    session = models.ForeignKey(ReadingSession, models.CASCADE, related_name="items")
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=20)
    subject_id = models.BigIntegerField()
    item = models.ForeignKey(WorkItem, models.CASCADE, null=True, related_name="+")
    project_id = models.BigIntegerField()
    title = models.CharField(max_length=400)
    why = models.TextField(blank=True)
    recommended = models.TextField(blank=True)
    who = models.CharField(max_length=200, blank=True)
    since = models.DateTimeField()
    severity = models.CharField(max_length=10, blank=True)
    level = models.PositiveSmallIntegerField()
    is_urgent = models.BooleanField(default=False)
    verdict = models.CharField(max_length=8, choices=Verdict.choices, default=Verdict.WAITING)
    outcome = models.CharField(max_length=300, blank=True)
    effect = models.BigIntegerField(null=True)
    seconds = models.FloatField(null=True)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["session", "position"]
        constraints = [
            models.UniqueConstraint(fields=["session", "position"], name="one_session_item_per_position"),
            models.UniqueConstraint(fields=["session", "kind", "subject_id"], name="one_session_item_per_subject"),
            models.CheckConstraint(
                condition=Q(verdict=Verdict.WAITING, settled_at=None)
                | (~Q(verdict=Verdict.WAITING) & Q(settled_at__isnull=False)),
                name="settled_session_item_has_time",
            ),
        ]

    def __str__(self) -> str:
        return self.title


class Later(models.Model):
    """Put off by a person until it gets worse: until its level is below the one it had."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20)
    subject_id = models.BigIntegerField()
    level = models.PositiveSmallIntegerField()
    put_off_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "kind", "subject_id"], name="put_off_once_per_person")]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_id}, later"


class PlanSeen(models.Model):
    """A person scrolled a test plan to its end, as it stood with this digest. Evidence, not a decision."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    plan_id = models.BigIntegerField()
    digest = models.CharField(max_length=71)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "plan_id", "digest"], name="one_sight_per_plan")]

    def __str__(self) -> str:
        return f"plan {self.plan_id} seen to its end"


class RawRead(models.Model):
    """The week's sample of originals for one person, drawn from `seed`. `week` is its Monday in the person's zone."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="raw_reads")
    week = models.DateField()
    seed = models.CharField(max_length=71)
    drawn_from = models.PositiveIntegerField()
    drawn_at = models.DateTimeField()

    class Meta:
        ordering = ["-week"]
        constraints = [models.UniqueConstraint(fields=["user", "week"], name="one_raw_read_per_week")]

    def __str__(self) -> str:
        return f"raw read of the week of {self.week}"

    @property
    def until(self) -> dt.date:
        """The Sunday."""
        return self.week + dt.timedelta(days=6)


class RawReadItem(models.Model):
    """One original of the sample. `said` has what triage had made of it when it was drawn."""

    raw_read = models.ForeignKey(RawRead, models.CASCADE, related_name="items")
    position = models.PositiveSmallIntegerField()
    report = models.ForeignKey(Report, models.CASCADE, related_name="+")
    said = models.JSONField(default=dict)
    verdict = models.CharField(max_length=8, choices=RawVerdict.choices, blank=True, default=RawVerdict.UNREAD)
    read_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["raw_read", "position"]
        constraints = [models.UniqueConstraint(fields=["raw_read", "report"], name="one_raw_original_per_read")]

    def __str__(self) -> str:
        return f"original {self.report_id}"
