"""Reading the ledger."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from leadroom.ledger.models import SOURCES_DIGEST, ChainHead, Entry, Source, sources_digest
from leadroom.lib.digest import digest_of


@dataclass(frozen=True)
class ChainCheck:
    """How many entries were read, a sentence per break (empty when the chain holds), and the hashes asked for."""

    entries: int
    breaks: tuple[str, ...]
    hashes: Mapping[int, str] = field(default_factory=dict)


def check_chain(marks: Collection[int] = ()) -> ChainCheck:
    """Recompute every hash from the first entry to the head. Reads the whole table in chunks.

    `marks` are positions, counted from 1, whose recomputed hashes are wanted.
    """
    breaks, previous, count = [], "", 0
    hashes: dict[int, str] = {}
    for entry in Entry.objects.order_by("pk").prefetch_related("sources").iterator(2000):
        count += 1
        if entry.previous_hash != previous:
            breaks.append(f"entry {entry.pk} does not follow the entry before it")
        recomputed = digest_of(entry.hashed_fields())
        if count in marks:
            hashes[count] = recomputed
        if recomputed != entry.hash:
            breaks.append(f"entry {entry.pk} was changed after it was written")
        sources = sorted(entry.sources.all(), key=lambda source: source.pk)
        if entry.payload.get(SOURCES_DIGEST, "") != (sources_digest(sources) if sources else ""):
            breaks.append(f"the sources of entry {entry.pk} were changed after it was written")
        previous = entry.hash
    head = ChainHead.objects.filter(pk=1).first() or ChainHead(hash="", count=0)
    if (head.hash, head.count) != (previous, count):
        breaks.append(f"the head names {head.count} entries, {count} are there: the tail was cut or added to")
    return ChainCheck(count, tuple(breaks), hashes)


def exported(item_ids: Collection[int] | None = None) -> Iterator[dict[str, Any]]:
    """Every entry, or those of these items, with all that its hash covers and its sources, oldest first."""
    rows = Entry.objects.order_by("pk").prefetch_related("sources")
    if item_ids is not None:
        rows = rows.filter(item_id__in=item_ids)
    for entry in rows.iterator(2000):
        sources = sorted(entry.sources.all(), key=lambda source: source.pk)
        yield {
            "id": entry.pk,
            "at": entry.at.isoformat(),
            "actor": {"kind": entry.actor_kind, "id": entry.actor_id, "name": entry.actor_name},
            "verb": entry.verb,
            "subject": entry.subject,
            "item": entry.item_id,
            "payload": entry.payload,
            "cause": entry.cause,
            "sources": [source.hashed_fields() for source in sources],
            "previous_hash": entry.previous_hash,
            "hash": entry.hash,
        }


def history_of_item(item_id: int) -> QuerySet[Entry]:
    """Entries of a work item, newest first."""
    return Entry.objects.filter(item_id=item_id).order_by("-pk")


def sources_of_item(item_id: int) -> QuerySet[Source]:
    """Declared sources of a work item with their entries, oldest first."""
    return Source.objects.filter(entry__item_id=item_id).select_related("entry").order_by("pk")
