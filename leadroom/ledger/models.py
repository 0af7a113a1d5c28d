"""Append-only entries, each carrying the hash of the one before it, and the sources they name."""

import datetime as dt
from collections.abc import Iterable
from typing import Any, NoReturn

from django.db import models

from leadroom.lib.digest import digest_of
from leadroom.lib.errors import NotPermitted

SOURCES_DIGEST = "sources_digest"
"""Name in an entry's payload under which its sources are hashed with it."""


class AppendOnly(models.QuerySet):
    def update(self, **kwargs: Any) -> NoReturn:
        raise NotPermitted("Ledger rows are never changed.")

    def delete(self) -> NoReturn:
        raise NotPermitted("Ledger rows are never deleted.")


class AppendOnlyModel(models.Model):
    """A row that is written once."""

    objects = AppendOnly.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise NotPermitted("Ledger rows are never changed.")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotPermitted("Ledger rows are never deleted.")


class Entry(AppendOnlyModel):
    """One write: who did what to which subject, and what caused it."""

    at = models.DateTimeField()
    actor_kind = models.CharField(max_length=8)
    actor_id = models.CharField(max_length=64)
    actor_name = models.CharField(max_length=200)
    verb = models.CharField(max_length=80)
    subject = models.CharField(max_length=120)
    item_id = models.BigIntegerField(null=True, db_index=True)
    payload = models.JSONField(default=dict)
    cause = models.CharField(max_length=120, blank=True)
    previous_hash = models.CharField(max_length=71)
    hash = models.CharField(max_length=71, unique=True)

    class Meta:
        ordering = ["pk"]
        indexes = [
            models.Index(fields=["subject"]),
            models.Index(fields=["actor_id", "at"], name="entries_of_an_actor"),
        ]
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.verb} {self.subject}"

    def hashed_fields(self) -> list[Any]:
        """What the hash covers, in order; the time in UTC to the microsecond."""
        return [
            self.previous_hash,
            self.at.isoformat(timespec="microseconds"),
            self.actor_kind,
            self.actor_id,
            self.actor_name,
            self.verb,
            self.subject,
            self.item_id,
            self.payload,
            self.cause,
        ]


class ChainHead(models.Model):
    """The one row that orders writers: its lock is held until the entry's transaction commits."""

    hash = models.CharField(max_length=71)
    count = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.count} entries"


class Source(AppendOnlyModel):
    """Where a claim comes from (W3C PROV `wasDerivedFrom`), as declared by an agent or as observed by Leadroom.

    `is_resolved` is None where nobody looked (entries of people and of the time before). `why` says in a sentence what
    was found or why it does not count; `revision` is a commit or version, `digest` covers the content that was found.
    """

    entry = models.ForeignKey(Entry, models.PROTECT, related_name="sources")
    kind = models.CharField(max_length=40)
    uri = models.CharField(max_length=500)
    note = models.CharField(max_length=500, blank=True)
    is_observed = models.BooleanField(default=False)
    is_resolved = models.BooleanField(null=True)
    why = models.CharField(max_length=500, blank=True)
    revision = models.CharField(max_length=80, blank=True)
    digest = models.CharField(max_length=71, blank=True)
    retrieved_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.kind}: {self.uri}"

    def hashed_fields(self) -> list[Any]:
        """What the entry's hash covers: what was declared, and what was found if somebody looked."""
        said = [self.kind, self.uri, self.note]
        if self.is_resolved is None:
            return said
        at = self.retrieved_at.astimezone(dt.UTC).isoformat(timespec="microseconds") if self.retrieved_at else ""
        return [*said, self.is_observed, self.is_resolved, self.why, self.revision, self.digest, at]


def sources_digest(sources: Iterable[Source]) -> str:
    """Digest of what sources say, in their order."""
    return digest_of([source.hashed_fields() for source in sources])
