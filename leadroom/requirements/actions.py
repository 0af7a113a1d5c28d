"""Writes of alignment."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import IntegrityError, transaction

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.digest import digest_of
from leadroom.lib.errors import BadInput, Conflict
from leadroom.live.news import publish_item
from leadroom.projects.models import WorkItem
from leadroom.requirements import rules
from leadroom.requirements.contract import read_contract
from leadroom.requirements.enums import AmbiguityState
from leadroom.requirements.models import Ambiguity, Candidate, Revision
from leadroom.requirements.queries import ambiguities_of, latest_revision


@transaction.atomic
def propose(
    *, item: WorkItem, ambiguities: Sequence[Mapping[str, Any]], by: Actor, now: dt.datetime
) -> list[Ambiguity]:
    """Store the agent's ambiguities (shapes of `propose_ambiguities` in docs/agent-tools.md).

    A key that is stored already is left as it is, so a repeated call changes nothing. Raises BadInput, NotPermitted.
    """
    rules.check_can_propose(item, ambiguities)
    known = {a.key: a for a in ambiguities_of(item)}
    for given in ambiguities:
        if given["key"] in known:
            continue
        ambiguity = Ambiguity.objects.create(
            item=item,
            position=len(known) + 1,
            proposed_at=now,
            **{name: given[name] for name in ("key", "question", "why", "dimension", "recommended")},
        )
        Candidate.objects.bulk_create(
            Candidate(ambiguity=ambiguity, position=n, **candidate)
            for n, candidate in enumerate(given["candidates"], start=1)
        )
        known[ambiguity.key] = ambiguity
    record(
        by=by,
        now=now,
        verb="requirements.ambiguities.proposed",
        subject=f"projects.item:{item.pk}",
        item_id=item.pk,
        payload={"keys": [a["key"] for a in ambiguities]},
        sources=[s for a in ambiguities for c in a["candidates"] for s in c["sources"]],
    )
    publish_item(item.pk, "ambiguities")
    return list(known.values())


@transaction.atomic
def resolve(
    *,
    ambiguity: Ambiguity,
    by: Actor,
    now: dt.datetime,
    seen_digest: str | None,
    picked: int | None = None,
    own_answer: str = "",
    user_id: int | None = None,
) -> None:
    """Decide one ambiguity by candidate position or own words.

    Raises Conflict when somebody decided it first or it changed since it was seen; BadInput for no or two answers.
    """
    rules.check_resolve(ambiguity, by=by, seen_digest=seen_digest)
    own_answer = own_answer.strip()
    if (picked is None) == (not own_answer):
        raise BadInput("Pick one candidate or write an own answer, not both; nothing was decided.")
    if len(own_answer) > rules.OWN_ANSWER_LIMIT:
        size, limit = f"{len(own_answer):,}", f"{rules.OWN_ANSWER_LIMIT:,}"
        raise BadInput(f"The answer has {size} characters; {limit} is the limit. Nothing was decided.")
    if picked is not None and picked not in {c.position for c in ambiguity.candidates.all()}:
        raise BadInput("There is no such candidate; nothing was decided. Pick one that is shown.")
    _decide(ambiguity, AmbiguityState.RESOLVED, picked=picked, own_answer=own_answer, user_id=user_id, now=now)
    record(
        by=by,
        now=now,
        verb="requirements.ambiguity.resolved",
        subject=f"requirements.ambiguity:{ambiguity.pk}",
        item_id=ambiguity.item_id,
        payload={"key": ambiguity.key, "picked": picked, "own_answer": own_answer, "seen": seen_digest or ""},
    )
    publish_item(ambiguity.item_id, "pick")


def _decide(
    ambiguity: Ambiguity,
    state: AmbiguityState,
    *,
    picked: int | None,
    own_answer: str,
    user_id: int | None,
    now: dt.datetime | None,
) -> None:
    changed = Ambiguity.objects.filter(pk=ambiguity.pk, state=ambiguity.state).update(
        state=state, picked=picked, own_answer=own_answer, decided_by_id=user_id, decided_at=now
    )
    if not changed:
        raise Conflict(f"{ambiguity.key} was decided meanwhile, in another tab or by somebody else; theirs was kept.")
    ambiguity.state, ambiguity.picked, ambiguity.own_answer = state, picked, own_answer


@transaction.atomic
def reopen(*, ambiguity: Ambiguity, by: Actor, now: dt.datetime) -> None:
    """Take a pick back while the item is still aligned. Raises NotPermitted, Conflict."""
    rules.check_reopen(ambiguity, by=by)
    _decide(ambiguity, AmbiguityState.OPEN, picked=None, own_answer="", user_id=None, now=None)
    record(
        by=by,
        now=now,
        verb="requirements.ambiguity.reopened",
        subject=f"requirements.ambiguity:{ambiguity.pk}",
        item_id=ambiguity.item_id,
        payload={"key": ambiguity.key},
    )
    publish_item(ambiguity.item_id, "pick")


@transaction.atomic
def resolve_recommended(
    *,
    item: WorkItem,
    by: Actor,
    now: dt.datetime,
    seen: Mapping[str, str] | None = None,
    user_id: int | None = None,
) -> int:
    """Take the recommendation of every open ambiguity; all or none. Returns how many.

    `seen` maps keys to the digests the person saw; None is the mechanism for light items. Raises NotPermitted,
    Conflict (also when a question appeared that was not seen).
    """
    if seen is not None:
        rules.check_approve_all(item, by=by)
    count = 0
    for ambiguity in ambiguities_of(item).filter(state=AmbiguityState.OPEN):
        if seen is not None and ambiguity.key not in seen:
            raise Conflict(f"{ambiguity.key} appeared after you opened the page; nothing was picked. Look again.")
        resolve(
            ambiguity=ambiguity,
            by=by,
            now=now,
            seen_digest=None if seen is None else seen[ambiguity.key],
            picked=ambiguity.recommended,
            user_id=user_id,
        )
        count += 1
    return count


@transaction.atomic
def submit_document(
    *, item: WorkItem, body: Mapping[str, Any], run_id: int | None, by: Actor, now: dt.datetime
) -> Revision:
    """Store the next revision; the same content again from the same run returns the stored one.

    Raises BadInput, NotPermitted.
    """
    rules.check_document(item, body, _keys(item))
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
    rules.check_can_import(item, by=by)
    contract = read_contract(text)
    rules.check_fields(contract.body)
    rules.check_document(item, contract.body, _keys(item))
    last = latest_revision(item)
    if last is not None and last.digest == digest_of(contract.body):
        return last
    rules.check_not_overtaken(contract.digest, list(item.revisions.order_by("number").values_list("number", "digest")))
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


def _keys(item: WorkItem) -> set[str]:
    return set(item.ambiguities.values_list("key", flat=True))


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
