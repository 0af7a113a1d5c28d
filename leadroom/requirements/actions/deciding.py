"""Writes of decisions: picks, own answers, whole proposals, what is put off, and the hand-over to the agent."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.live.news import publish_item
from leadroom.projects.enums import Stage
from leadroom.projects.models import WorkItem
from leadroom.requirements import rules
from leadroom.requirements.actions.proposing import begin
from leadroom.requirements.actions.sitting import close_sittings, is_elsewhere, spend
from leadroom.requirements.enums import AmbiguityState, Care, Kind, Way
from leadroom.requirements.models import Alignment, Ambiguity, Proposal, Remark
from leadroom.requirements.queries import ambiguities_of

_TAKEN = "{} was decided meanwhile, in another tab or by somebody else; theirs was kept."


@dataclass(frozen=True)
class Answer:
    """One row of the form of a round. `way` is assume, own, defer or decide; `text` counts for own only."""

    key: str
    way: str
    seen: str
    text: str = ""


@transaction.atomic
def resolve(
    *,
    ambiguity: Ambiguity,
    by: Actor,
    now: dt.datetime,
    seen_digest: str | None,
    picked: int | None = None,
    own_answer: str = "",
    was: str = "",
    keys: int = 0,
    user_id: int | None = None,
) -> None:
    """Decide one ambiguity by candidate position or own words, or change a decision that was not handed over yet.

    `was` is the decision that was seen (Ambiguity.decision), `keys` the key presses it took. Raises Conflict when
    somebody decided it first or it changed since it was seen; BadInput for no or two answers; NotPermitted.
    """
    spend(item=ambiguity.item, user_id=user_id, keys=keys, decisions=1, at=now)
    _resolve(
        ambiguity,
        by=by,
        now=now,
        seen_digest=seen_digest,
        picked=picked,
        own_answer=own_answer,
        was=was,
        way=Way.OWN if own_answer.strip() else Way.PICK,
        user_id=user_id,
    )


def _resolve(
    ambiguity: Ambiguity,
    *,
    by: Actor,
    now: dt.datetime,
    seen_digest: str | None,
    picked: int | None,
    way: str,
    own_answer: str = "",
    was: str = "",
    user_id: int | None,
) -> None:
    rules.check_resolve(ambiguity, by=by, seen_digest=seen_digest, was=was)
    own_answer = own_answer.strip()
    if (picked is None) == (not own_answer):
        raise BadInput("Pick one candidate or write an own answer, not both; nothing was decided.")
    if len(own_answer) > rules.OWN_ANSWER_LIMIT:
        size, limit = f"{len(own_answer):,}", f"{rules.OWN_ANSWER_LIMIT:,}"
        raise BadInput(f"The answer has {size} characters; {limit} is the limit. Nothing was decided.")
    if picked is not None and picked not in {c.position for c in ambiguity.candidates.all()}:
        raise BadInput("There is no such candidate; nothing was decided. Pick one that is shown.")
    before = ambiguity.decision
    _decide(ambiguity, AmbiguityState.RESOLVED, picked=picked, own_answer=own_answer, way=way, user_id=user_id, now=now)
    payload = {"key": ambiguity.key, "picked": picked, "own_answer": own_answer, "seen": seen_digest or "", "way": way}
    _record(ambiguity, "requirements.ambiguity.resolved", by=by, now=now, payload={**payload, "instead_of": before})


def _decide(ambiguity: Ambiguity, state: str, *, user_id: int | None, now: dt.datetime | None, **fields: Any) -> None:
    """Compare-and-set on what the row was when it was read. Raises Conflict."""
    found = Ambiguity.objects.filter(pk=ambiguity.pk, state=ambiguity.state, decided_at=ambiguity.decided_at)
    fields = {"picked": None, "own_answer": "", "way": "", **fields}
    if not found.update(state=state, decided_by_id=user_id, decided_at=now, handed_at=None, **fields):
        raise Conflict(_TAKEN.format(ambiguity.key))
    ambiguity.state, ambiguity.decided_at, ambiguity.decided_by_id = state, now, user_id
    ambiguity.picked, ambiguity.own_answer, ambiguity.handed_at = fields["picked"], fields["own_answer"], None


def _record(ambiguity: Ambiguity, verb: str, *, by: Actor, now: dt.datetime, payload: Mapping[str, Any]) -> None:
    subject = f"requirements.ambiguity:{ambiguity.pk}"
    record(by=by, now=now, verb=verb, subject=subject, item_id=ambiguity.item_id, payload=payload)
    publish_item(ambiguity.item_id, "pick")


@transaction.atomic
def reopen(*, ambiguity: Ambiguity, by: Actor, now: dt.datetime, keys: int = 0, user_id: int | None = None) -> None:
    """Take a decision back before it is handed to the agent. Raises NotPermitted, Conflict."""
    rules.check_reopen(ambiguity, by=by)
    spend(item=ambiguity.item, user_id=user_id, keys=keys, decisions=0, at=now)
    _decide(ambiguity, AmbiguityState.OPEN, user_id=None, now=None)
    _record(ambiguity, "requirements.ambiguity.reopened", by=by, now=now, payload={"key": ambiguity.key})


@transaction.atomic
def reopen_batch(
    *, item: WorkItem, decided_at: dt.datetime, by: Actor, now: dt.datetime, keys: int = 0, user_id: int | None = None
) -> int:
    """Undo what one press decided: every row with that very moment, all or none. Returns how many.

    Raises Conflict when there is none, or one of them was decided anew; NotPermitted once they were handed over.
    """
    rows = list(ambiguities_of(item).filter(decided_at=decided_at).exclude(state=AmbiguityState.OPEN))
    if not rows:
        raise Conflict("These decisions were taken back or changed already; nothing was undone.")
    for ambiguity in rows:
        reopen(ambiguity=ambiguity, by=by, now=now)
    spend(item=item, user_id=user_id, keys=keys, decisions=0, at=now)
    return len(rows)


@transaction.atomic
def resolve_recommended(
    *,
    item: WorkItem,
    by: Actor,
    now: dt.datetime,
    seen: Mapping[str, str] | None = None,
    keys: int = 0,
    user_id: int | None = None,
) -> int:
    """Take the recommendation of every open ambiguity; all or none. Returns how many.

    `seen` maps keys to the digests the person saw; None is the mechanism, for light items and for what the lead left to
    the agent. Raises NotPermitted, Conflict (also when a question appeared that was not seen).
    """
    if seen is not None:
        rules.check_approve_all(item, by=by)
    way = Way.ALL if seen is not None else Way.LIGHT
    rows = _open_rows(item, seen)
    for ambiguity in rows:
        _resolve(
            ambiguity,
            by=by,
            now=now,
            seen_digest=None if seen is None else seen[ambiguity.key],
            picked=ambiguity.recommended,
            way=way if ambiguity.care == Care.ASK else Way.DELEGATED,
            user_id=user_id,
        )
    if rows and not is_elsewhere(item, user_id):
        spend(item=item, user_id=user_id, keys=keys, decisions=len(rows), at=now)
    return len(rows)


def _open_rows(item: WorkItem, seen: Mapping[str, str] | None) -> list[Ambiguity]:
    """Open rows, without those left to the agent when a person decides. Raises Conflict for one that was not seen."""
    rows = list(ambiguities_of(item).filter(state=AmbiguityState.OPEN).select_related("item"))
    if seen is None:
        return rows
    rows = [row for row in rows if rules.is_asked(row, item.risk) or row.key in seen]
    if unseen := [row.key for row in rows if row.key not in seen]:
        raise Conflict(f"{unseen[0]} appeared after you opened the page; nothing was picked. Look again.")
    return rows


@transaction.atomic
def take_proposal(
    *,
    proposal: Proposal,
    seen_digest: str,
    seen: Mapping[str, str],
    swaps: Mapping[str, int],
    by: Actor,
    now: dt.datetime,
    keys: int = 0,
    user_id: int | None = None,
) -> int:
    """“Approve B, but row 3 takes the second”: every open choice as the proposal says, or as `swaps` (key to position).

    `seen` maps keys to digests. All or none; returns how many. Raises NotPermitted, Conflict, BadInput.
    """
    item = proposal.item
    rules.check_approve_all(item, by=by)
    if seen_digest != proposal.digest:
        raise Conflict("The proposal changed since you saw it; nothing was picked. Look again.")
    if strange := sorted(set(swaps) - set(proposal.choices)):
        raise BadInput(f"The proposal has no row {strange[0][:20]}; nothing was picked.")
    rows = [row for row in _open_rows(item, seen) if row.key in proposal.choices]
    if not rows:
        raise Conflict("Every row of this proposal is decided already; nothing was changed.")
    for ambiguity in rows:
        _resolve(
            ambiguity,
            by=by,
            now=now,
            seen_digest=seen[ambiguity.key],
            picked=swaps.get(ambiguity.key, proposal.choices[ambiguity.key]),
            way=Way.PICK if ambiguity.key in swaps else Way.PROPOSAL,
            user_id=user_id,
        )
    spend(item=item, user_id=user_id, keys=keys, decisions=len(rows), at=now)
    return len(rows)


@transaction.atomic
def answer_round(
    *, item: WorkItem, answers: Sequence[Answer], by: Actor, now: dt.datetime, keys: int = 0, user_id: int | None = None
) -> int:
    """The one form of a round of questions; all or none. Returns how many. Raises as resolve and defer."""
    open_rows = {row.key: row for row in ambiguities_of(item).select_related("item") if row.kind == Kind.QUESTION}
    for answer in answers:
        row = open_rows.get(answer.key)
        if row is None:
            raise Conflict(f"There is no question {answer.key[:20]} any more; nothing was decided. Look again.")
        if answer.way == "defer":
            defer(ambiguity=row, by=by, now=now, user_id=user_id)
        elif answer.way == "decide":
            set_care(ambiguity=row, care=Care.DECIDE, by=by, now=now)
        else:
            given = {"own_answer": answer.text} if answer.way == "own" else {"picked": row.recommended}
            resolve(ambiguity=row, by=by, now=now, seen_digest=answer.seen, user_id=user_id, **given)
    spend(item=item, user_id=user_id, keys=keys, decisions=0, at=now)
    return len(answers)


@transaction.atomic
def defer(*, ambiguity: Ambiguity, by: Actor, now: dt.datetime, keys: int = 0, user_id: int | None = None) -> None:
    """Leave the question open on purpose; the document lists it. Raises NotPermitted, Conflict."""
    _put_off(ambiguity, AmbiguityState.DEFERRED, "deferred", by=by, now=now, keys=keys, user_id=user_id)


@transaction.atomic
def probe(*, ambiguity: Ambiguity, by: Actor, now: dt.datetime, keys: int = 0, user_id: int | None = None) -> None:
    """“Ask me more”: the agent asks what would settle it, or proposes it anew. Raises NotPermitted, Conflict."""
    _put_off(ambiguity, AmbiguityState.PROBED, "probed", by=by, now=now, keys=keys, user_id=user_id)


def _put_off(
    ambiguity: Ambiguity, to: AmbiguityState, word: str, *, by: Actor, now: dt.datetime, keys: int, user_id: int | None
) -> None:
    rules.check_put_off(ambiguity, to, by=by)
    spend(item=ambiguity.item, user_id=user_id, keys=keys, decisions=1, at=now)
    _decide(ambiguity, to, user_id=user_id, now=now)
    _record(ambiguity, f"requirements.ambiguity.{word}", by=by, now=now, payload={"key": ambiguity.key})


@transaction.atomic
def remark(*, ambiguity: Ambiguity, text: str, user_id: int, by: Actor, now: dt.datetime, keys: int = 0) -> Remark:
    """Say something beside a decision; the agent reads it with the picks. Raises NotPermitted, BadInput."""
    rules.check_remark(ambiguity, text, by=by)
    spend(item=ambiguity.item, user_id=user_id, keys=keys, decisions=0, at=now)
    made = Remark.objects.create(ambiguity=ambiguity, text=text.strip(), user_id=user_id, made_at=now)
    _record(
        ambiguity, "requirements.ambiguity.remarked", by=by, now=now, payload={"key": ambiguity.key, "text": made.text}
    )
    return made


@transaction.atomic
def set_care(*, ambiguity: Ambiguity, care: Care, by: Actor, now: dt.datetime) -> None:
    """“Ask me” or “you decide”, by a person, over any default. Raises NotPermitted."""
    rules.check_set_care(ambiguity, by=by)
    Ambiguity.objects.filter(pk=ambiguity.pk).update(care=care, care_reason=f"{by.name} said so"[:200])
    ambiguity.care = care
    payload = {"key": ambiguity.key, "care": care}
    _record(ambiguity, "requirements.ambiguity.care_set", by=by, now=now, payload=payload)


@transaction.atomic
def say_enough(*, item: WorkItem, by: Actor, now: dt.datetime, keys: int = 0, user_id: int | None = None) -> int:
    """No more questions: those that are open become deferred ones, later ones too. Returns how many were deferred."""
    if not by.is_human:
        raise NotPermitted("Only a person says that it is enough.")
    if item.stage != Stage.ALIGN:
        raise NotPermitted("Alignment of this item is over; no more questions come.")
    alignment = begin(item=item, by=by, now=now)
    Alignment.objects.filter(pk=alignment.pk).update(enough_at=now)
    spend(item=item, user_id=user_id, keys=keys, decisions=0, at=now)
    rows = ambiguities_of(item).filter(state=AmbiguityState.OPEN, kind=Kind.QUESTION)
    for row in rows:
        _decide(row, AmbiguityState.DEFERRED, way=Way.ENOUGH, user_id=user_id, now=now)
    record(
        by=by,
        now=now,
        verb="requirements.questions.ended",
        subject=f"requirements.alignment:{alignment.pk}",
        item_id=item.pk,
        payload={"deferred": [row.key for row in rows]},
    )
    publish_item(item.pk, "pick")
    return len(rows)


@transaction.atomic
def hand_over_now(*, item: WorkItem, by: Actor, now: dt.datetime, keys: int = 0, user_id: int | None = None) -> None:
    """Give up the time to undo: the decisions go to the agent at once. Raises NotPermitted."""
    rules.check_hand_over(item, list(ambiguities_of(item)), by=by)
    alignment = begin(item=item, by=by, now=now)
    spend(item=item, user_id=user_id, keys=keys, decisions=0, at=now)
    Alignment.objects.filter(pk=alignment.pk).update(go_at=now)
    record(
        by=by,
        now=now,
        verb="requirements.decisions.released",
        subject=f"requirements.alignment:{alignment.pk}",
        item_id=item.pk,
    )
    publish_item(item.pk, "pick")


@transaction.atomic
def hand_over(*, item: WorkItem, by: Actor, now: dt.datetime) -> list[str]:
    """Fix every decision and return the keys; what is left to the agent takes its recommendation.

    Called in the transaction that tells the agent. Raises NotPermitted while something is still asked.
    """
    rows = list(ambiguities_of(item).select_related("item"))
    if any(rules.is_asked(row, item.risk) for row in rows):
        raise NotPermitted("A question is still open; nothing was handed over.")
    resolve_recommended(item=item, by=by, now=now)
    handed = [row.key for row in rows if row.handed_at is None]
    Ambiguity.objects.filter(item=item, handed_at=None).update(handed_at=now)
    close_sittings(item=item, at=now)
    record(
        by=by,
        now=now,
        verb="requirements.decisions.handed",
        subject=f"projects.item:{item.pk}",
        item_id=item.pk,
        payload={"keys": handed},
    )
    publish_item(item.pk, "pick")
    return handed
