"""Writes of what an agent leaves open: choices with candidates, whole proposals, rounds of questions."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from leadroom.ledger.actions import record
from leadroom.lib.actors import Actor, system
from leadroom.lib.shapes import storable
from leadroom.live.news import publish_item
from leadroom.projects.models import WorkItem
from leadroom.requirements import rules
from leadroom.requirements.enums import AmbiguityState, Care, Kind, Way
from leadroom.requirements.lint import Known, check_questions
from leadroom.requirements.models import Alignment, Ambiguity, Candidate, Proposal
from leadroom.requirements.proposals import assemble
from leadroom.requirements.queries import alignment_of, ambiguities_of, dimension_history

_SHOWN = ("key", "question", "why", "dimension", "recommended")
_RULES = system("requirements")
_FOLDED = f"below the {rules.AMBIGUITY_LIMIT} that change the work most"


@dataclass(frozen=True)
class Round:
    """What came of a round of questions; `deferred_because` is empty when they were put to the lead."""

    questions: list[Ambiguity]
    deferred_because: str


@transaction.atomic
def begin(*, item: WorkItem, by: Actor, now: dt.datetime) -> Alignment:
    """Choose how the item is aligned, by rule, once; again returns what was chosen."""
    if (known := alignment_of(item)) is not None:
        return known
    strategy, reason = rules.strategy_for(item)
    alignment = Alignment.objects.create(item=item, strategy=strategy, strategy_reason=reason)
    record(
        by=by,
        now=now,
        verb="requirements.alignment.begun",
        subject=f"requirements.alignment:{alignment.pk}",
        item_id=item.pk,
        payload={"strategy": strategy, "reason": reason},
    )
    publish_item(item.pk, "alignment")
    return alignment


@transaction.atomic
def propose(
    *,
    item: WorkItem,
    ambiguities: Sequence[Mapping[str, Any]],
    by: Actor,
    now: dt.datetime,
    proposals: Sequence[Mapping[str, Any]] = (),
    known: Iterable[Known] = (),
) -> list[Ambiguity]:
    """Store the agent's ambiguities and proposals (shapes of `propose_ambiguities` in docs/agent-tools.md).

    A key that is stored already is left as it is, so a repeated call changes nothing; one that the lead wanted to be
    asked more about is replaced and open again. Without proposals of the agent they are assembled. Returns all rows of
    the item. Raises BadInput with what the lint found, NotPermitted.
    """
    stored = {row.key: row for row in ambiguities_of(item)}
    given = [a for a in ambiguities if a["key"] not in stored or stored[a["key"]].state == AmbiguityState.PROBED]
    asked = {row.key: row.question for row in stored.values() if row.key not in {a["key"] for a in given}}
    rules.check_can_propose(item, given, known=known, before=asked)
    if proposals:
        rules.check_proposals(proposals, given)
    folded = _folded(item, stored, given)
    history = dimension_history(item)
    for shape in given:
        care, reason = rules.care_default(item, shape["dimension"], history)
        if shape["key"] in folded:
            care, reason = Care.DECIDE, _FOLDED
        _store(item, shape, stored, care=care, care_reason=reason, despite=shape.get("despite", ""), proposed_at=now)
    if given:
        _keep_proposals(item, given, proposals)
    record(
        by=by,
        now=now,
        verb="requirements.ambiguities.proposed",
        subject=f"projects.item:{item.pk}",
        item_id=item.pk,
        payload={"keys": [a["key"] for a in ambiguities], "folded": sorted(folded)},
        sources=[s for a in given for c in a["candidates"] for s in c["sources"]],
    )
    publish_item(item.pk, "ambiguities")
    return list(ambiguities_of(item))


def _folded(item: WorkItem, stored: Mapping[str, Ambiguity], given: Sequence[Mapping[str, Any]]) -> set[str]:
    waiting = sum(rules.is_asked(row, item.risk) for row in stored.values())
    room = max(0, rules.AMBIGUITY_LIMIT - waiting)
    return {shape["key"] for shape in rules.rank(given)[room:]}


def _store(item: WorkItem, shape: Mapping[str, Any], stored: dict[str, Ambiguity], **fields: Any) -> Ambiguity:
    shown = storable({name: shape[name] for name in _SHOWN})
    row = stored.get(shape["key"])
    if row is None:
        row = Ambiguity.objects.create(item=item, position=len(stored) + 1, **shown, **fields)
    else:
        again = {"state": AmbiguityState.OPEN, "decided_by": None, "decided_at": None, "handed_at": None, "way": ""}
        Ambiguity.objects.filter(pk=row.pk).update(**shown, **fields, **again)
        row.candidates.all().delete()
        row.refresh_from_db()
    Candidate.objects.bulk_create(
        Candidate(ambiguity=row, position=n, **storable(dict(candidate)))
        for n, candidate in enumerate(shape["candidates"], start=1)
    )
    stored[row.key] = row
    return row


def _keep_proposals(item: WorkItem, given: Sequence[Mapping[str, Any]], proposals: Sequence[Mapping[str, Any]]) -> None:
    kept = [{**storable(dict(p)), "is_assembled": False} for p in proposals] or assemble(given)
    Proposal.objects.filter(item=item).delete()
    Proposal.objects.bulk_create(Proposal(item=item, **proposal) for proposal in kept)


@transaction.atomic
def ask_questions(
    *,
    item: WorkItem,
    questions: Sequence[Mapping[str, Any]],
    by: Actor,
    now: dt.datetime,
    known: Iterable[Known] = (),
) -> Round:
    """Store one round of questions (shapes of `ask_questions` in docs/agent-tools.md), open for the lead.

    When a stop rule holds they are stored as deferred instead, with the answer the agent would assume. Keys that are
    stored already are left as they are. Raises BadInput, NotPermitted.
    """
    alignment = begin(item=item, by=_RULES, now=now)
    stored = {row.key: row for row in ambiguities_of(item)}
    given = [_as_ambiguity(question) for question in questions if question["key"] not in stored]
    rules.check_can_propose(item, given)
    answered = {key for key, row in stored.items() if row.state != AmbiguityState.OPEN}
    rules.check_opened_by(given, answered, alignment.round + 1)
    before = {key: row.question for key, row in stored.items()}
    rules.refuse_findings(check_questions(given, known=known, before=before))
    if not given:
        return Round([stored[q["key"]] for q in questions], "")
    reason = rules.questions_to_keep(item, alignment, [g["candidates"][0] for g in given], before)
    number, history = alignment.round + (not reason), dimension_history(item)
    rows = []
    for shape in given:
        care, why = rules.care_default(item, shape["dimension"], history)
        fields = {"kind": Kind.QUESTION, "round": number, "opened_by": shape["opened_by"], "proposed_at": now}
        if reason:
            fields |= {"state": AmbiguityState.DEFERRED, "way": Way.ENOUGH, "decided_at": now, "handed_at": now}
        rows.append(_store(item, shape, stored, care=care, care_reason=why, **fields))
    Alignment.objects.filter(pk=alignment.pk).update(round=number)
    record(
        by=by,
        now=now,
        verb="requirements.questions.asked",
        subject=f"projects.item:{item.pk}",
        item_id=item.pk,
        payload={"keys": [row.key for row in rows], "round": number, "deferred_because": reason},
        sources=[s for shape in given for s in shape["candidates"][0]["sources"]],
    )
    publish_item(item.pk, "ambiguities")
    return Round(rows, reason)


def _as_ambiguity(question: Mapping[str, Any]) -> dict[str, Any]:
    """A question is an ambiguity with one candidate: the answer the agent would assume."""
    assumed = {
        "title": question["assume"],
        "rationale": question["because"],
        "consequences": "",
        "if_wrong": "",
        "confidence": question["confidence"],
        "sources": question["sources"],
    }
    kept = {name: question[name] for name in ("key", "question", "why", "dimension", "opened_by")}
    return {**kept, "recommended": 1, "candidates": [assumed]}
