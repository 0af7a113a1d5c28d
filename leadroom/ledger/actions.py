"""The only way into the ledger."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from leadroom.ledger import rules
from leadroom.ledger.models import SOURCES_DIGEST, ChainHead, Entry, Source, sources_digest
from leadroom.lib.actors import Actor
from leadroom.lib.digest import digest_of
from leadroom.lib.shapes import storable


@transaction.atomic
def record(
    *,
    by: Actor,
    now: dt.datetime,
    verb: str,
    subject: str,
    item_id: int | None = None,
    payload: Mapping[str, Any] | None = None,
    cause: str = "",
    sources: Iterable[Mapping[str, Any]] = (),
) -> Entry:
    """Append one entry, chained to the last, in the caller's transaction.

    `verb` is `room.thing.past` (`testplans.plan.frozen`), `subject` is `room.thing:id`. `sources` are mappings with
    `kind`, `uri` and maybe `note` and `found` (what a look at it gave, see ledger.provenance); the payload carries
    their digest, so that the chain covers them too.
    Raises NotPermitted for what an agent may not do; the caller's transaction takes everything back.
    """
    rules.check_may_record(by, verb)
    given = [_source(source) for source in storable(list(sources))]
    kept: dict[str, Any] = storable(payload or {})
    if given:
        kept[SOURCES_DIGEST] = sources_digest(given)
    head, _ = ChainHead.objects.select_for_update().get_or_create(pk=1, defaults={"hash": ""})
    entry = Entry(
        at=now.astimezone(dt.UTC),
        actor_kind=by.kind,
        actor_id=by.id,
        actor_name=storable(by.name)[:200],
        verb=verb,
        subject=subject,
        item_id=item_id,
        payload=kept,
        cause=cause,
        previous_hash=head.hash,
    )
    entry.hash = digest_of(entry.hashed_fields())
    entry.save()
    head.hash, head.count = entry.hash, head.count + 1
    head.save(update_fields=["hash", "count"])
    for source in given:
        source.entry = entry
    Source.objects.bulk_create(given)
    return entry


def _source(given: Mapping[str, Any]) -> Source:
    source = Source(kind=given["kind"][:40], uri=given["uri"][:500], note=given.get("note", "")[:500])
    if found := given.get("found"):
        source.is_resolved, source.is_observed = bool(found["counts"]), bool(found.get("observed", False))
        source.why, source.revision = found["why"][:500], found.get("revision", "")[:80]
        source.digest = found.get("digest", "")[:71]
        source.retrieved_at = dt.datetime.fromisoformat(found["at"]) if found.get("at") else None
    return source
