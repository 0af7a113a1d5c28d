"""Writes of the requirements document."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.digest import digest_of
from leadroom.lib.errors import BadInput, Conflict
from leadroom.live.news import publish_item
from leadroom.projects.models import WorkItem
from leadroom.requirements import document_rules
from leadroom.requirements.contract import read_contract
from leadroom.requirements.models import Revision
from leadroom.requirements.queries import latest_revision


@transaction.atomic
def submit_document(
    *, item: WorkItem, body: Mapping[str, Any], run_id: int | None, by: Actor, now: dt.datetime
) -> Revision:
    """Store the next revision; the same content again from the same run returns the stored one.

    Raises BadInput, NotPermitted.
    """
    document_rules.check_document(item, body, list(item.ambiguities.all()), by=by)
    digest, last = digest_of(dict(body)), latest_revision(item)
    if last is not None and last.digest == digest and last.run_id == run_id:
        return last
    return _keep(item, body, last, run_id=run_id, by=by, now=now, verb="requirements.document.submitted")


@transaction.atomic
def import_document(*, item: WorkItem, text: str, by: Actor, now: dt.datetime) -> Revision:
    """Store a document that a person wrote as Markdown (docs/requirements-document.md) as the next revision.

    The content of the newest revision again returns that one and stores nothing. Raises BadInput naming the line or
    part, NotPermitted, Conflict when the text was exported before the newest revision came.
    """
    document_rules.check_can_import(item, by=by)
    contract = read_contract(text)
    document_rules.check_fields(contract.body)
    document_rules.check_document(item, contract.body, list(item.ambiguities.all()), by=by)
    last = latest_revision(item)
    if last is not None and last.digest == digest_of(contract.body):
        return last
    document_rules.check_not_overtaken(
        contract.digest, list(item.revisions.order_by("number").values_list("number", "digest"))
    )
    return _keep(
        item,
        contract.body,
        last,
        run_id=None,
        by=by,
        now=now,
        verb="requirements.document.imported",
        text_digest=digest_of(text),
    )


@transaction.atomic
def change_document(*, item: WorkItem, text: str, seen: str, wanted: str, by: Actor, now: dt.datetime) -> Revision:
    """Store the next revision of a document that left alignment; what rests on it is the caller's to take back.

    `seen` is the digest of the newest revision, `wanted` that of the text's content, both as the person saw them
    compared. Raises BadInput, NotPermitted, Conflict.
    """
    document_rules.check_can_change(item, by=by)
    body, last = read_change(item, text), latest_revision(item)
    if last is None or last.digest != seen:
        raise Conflict(
            "The document changed since you compared it; nothing was stored. Compare with the newest revision."
        )
    if digest_of(body) != wanted:
        raise Conflict("This is not the text that was compared; nothing was stored. Compare it again.")
    if last.digest == wanted:
        raise BadInput(f"This is revision {last.number} word for word; there is nothing to change.")
    text_digest = digest_of(text)
    return _keep(
        item, body, last, run_id=None, by=by, now=now, verb="requirements.document.changed", text_digest=text_digest
    )


def read_change(item: WorkItem, text: str) -> dict[str, Any]:
    """The body of a text that may replace the settled document. Reads only. Raises BadInput, Conflict."""
    contract = read_contract(text)
    document_rules.check_change(contract.body, list(item.ambiguities.all()))
    known = list(item.revisions.order_by("number").values_list("number", "digest"))
    document_rules.check_not_overtaken(contract.digest, known)
    return contract.body


def _keep(
    item: WorkItem,
    body: Mapping[str, Any],
    last: Revision | None,
    *,
    run_id: int | None,
    by: Actor,
    now: dt.datetime,
    verb: str,
    **payload: str,
) -> Revision:
    """The next revision, its ledger entry and its news. Raises Conflict when somebody else stored one just now."""
    digest, number = digest_of(dict(body)), last.number + 1 if last else 1
    try:
        with transaction.atomic():
            revision = Revision.objects.create(
                item=item,
                number=number,
                body=dict(body),
                digest=digest,
                confidence=body["confidence"],
                run_id=run_id,
                created_at=now,
            )
    except IntegrityError as error:
        raise Conflict(f"Revision {number} was stored meanwhile; yours was not. Look, then repeat.") from error
    record(
        by=by,
        now=now,
        verb=verb,
        subject=f"requirements.revision:{revision.pk}",
        item_id=item.pk,
        payload={"number": revision.number, "digest": digest, "confidence": revision.confidence, **payload},
    )
    publish_item(item.pk, "document")
    return revision
