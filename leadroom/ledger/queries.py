"""Reading the ledger."""

from dataclasses import dataclass

from django.db.models import QuerySet

from leadroom.ledger.models import SOURCES_DIGEST, ChainHead, Entry, Source, sources_digest
from leadroom.lib.digest import digest_of


@dataclass(frozen=True)
class ChainCheck:
    """How many entries were read, and a sentence per break (empty when the chain holds)."""

    entries: int
    breaks: tuple[str, ...]


def check_chain() -> ChainCheck:
    """Recompute every hash from the first entry to the head. Reads the whole table in chunks."""
    breaks, previous, count = [], "", 0
    for entry in Entry.objects.order_by("pk").prefetch_related("sources").iterator(2000):
        count += 1
        if entry.previous_hash != previous:
            breaks.append(f"entry {entry.pk} does not follow the entry before it")
        if digest_of(entry.hashed_fields()) != entry.hash:
            breaks.append(f"entry {entry.pk} was changed after it was written")
        sources = sorted(entry.sources.all(), key=lambda source: source.pk)
        if entry.payload.get(SOURCES_DIGEST, "") != (sources_digest(sources) if sources else ""):
            breaks.append(f"the sources of entry {entry.pk} were changed after it was written")
        previous = entry.hash
    head = ChainHead.objects.filter(pk=1).first() or ChainHead(hash="", count=0)
    if (head.hash, head.count) != (previous, count):
        breaks.append(f"the head names {head.count} entries, {count} are there: the tail was cut or added to")
    return ChainCheck(count, tuple(breaks))


def history_of_item(item_id: int) -> QuerySet[Entry]:
    """Entries of a work item, newest first."""
    return Entry.objects.filter(item_id=item_id).order_by("-pk")


def sources_of_item(item_id: int) -> QuerySet[Source]:
    """Declared sources of a work item with their entries, oldest first."""
    return Source.objects.filter(entry__item_id=item_id).select_related("entry").order_by("pk")
