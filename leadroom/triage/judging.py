"""From candidates to a judgement: what is linked without being asked, and what is suggested, each with its evidence."""

import dataclasses
import math
from typing import Any

from leadroom.triage.engine.evidence import evidence
from leadroom.triage.engine.extraction import facts_from
from leadroom.triage.engine.guard import Text, are_siblings, vetoes
from leadroom.triage.engine.model import Model
from leadroom.triage.engine.ranking import Ranked, best_of_groups, in_order, rule_of
from leadroom.triage.enums import FindingState
from leadroom.triage.models import CannotLink, Finding, Shelf
from leadroom.triage.retrieval import Gathered

MOST_JUDGED = 10
MOST_SUGGESTED = 3
PRIOR = 20
"""Judgements that the model's own calibration weighs as much as."""
MOST_RAISED, MOST_LOWERED = 1.0, 2.0


@dataclasses.dataclass(frozen=True)
class Match:
    """An earlier finding, how sure the engine is, the rule that links it (or nothing), and the evidence to show."""

    finding_id: int
    root_id: int
    probability: float
    rule: str
    is_resolved: bool
    evidence: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Judgement:
    """`link` was found without doubt; `suggestions` are for a person; `order` is every group, most probable first."""

    link: Match | None
    suggestions: list[Match]
    order: list[Ranked]

    @property
    def is_certain(self) -> bool:
        """Whether the link needs no judgement at all: the texts are the same."""
        return self.link is not None and self.link.rule == "verbatim"

    def asked(self) -> "Judgement":
        """The same with its link as the first suggestion, for a person to decide."""
        if self.link is None:
            return self
        first = dataclasses.replace(self.link, rule="")
        return Judgement(None, [first, *self.suggestions][:MOST_SUGGESTED], self.order)


def bias_of(shelf: Shelf) -> float:
    """What people's judgements of this project add to the log-odds of suggestions: calibration in the large.

    (Smoothed log-odds of what they accepted) minus (those of what the model expected), between -2 and 1.
    """
    if not shelf.judged:
        return 0.0
    share = shelf.expected / shelf.judged
    seen = (shelf.accepted + PRIOR * share) / (shelf.judged + PRIOR)
    return max(-MOST_LOWERED, min(MOST_RAISED, _odds(seen) - _odds(share)))


def _odds(share: float) -> float:
    share = max(0.001, min(0.999, share))
    return math.log(share / (1 - share))


def judge(gathered: Gathered, *, title: str, body: str, model: Model, bias: float) -> Judgement:
    """Reads only. A positive `bias` raises suggestions, never what is linked without being asked."""
    values = [candidate.values for candidate in gathered.candidates]
    safe = model.probabilities(values, min(0.0, bias))
    shown = model.probabilities(values, bias) if bias > 0 else safe
    sure = {candidate.finding_id: p for candidate, p in zip(gathered.candidates, safe, strict=True)}
    found = [Ranked(c.finding_id, c.root_id, p) for c, p in zip(gathered.candidates, shown, strict=True)]
    found = [_certain(one) if one.finding_id in gathered.same else one for one in found]
    order = best_of_groups(found)
    new = Text(title, body, gathered.weighing.side.facts)
    looked = _looked_at(in_order(found), order, model.thresholds["suggest"])
    findings = Finding.objects.in_bulk({one.finding_id for one in looked} | {one.root_id for one in looked})
    ages = {candidate.finding_id: candidate.side.seen_at for candidate in gathered.candidates}
    matches = []
    for one in looked:
        rule, against = rule_of(
            new,
            _text(findings[one.finding_id]),
            is_same_text=one.finding_id in gathered.same,
            probability=sure[one.finding_id],
            days=abs(gathered.weighing.side.seen_at - ages[one.finding_id]) / 86_400,
            thresholds=model.thresholds,
        )
        if rule in {"fields", "model"} and one.root_id != one.finding_id:
            against = vetoes(new, _text(findings[one.root_id]), fields_agree=True)
            rule = "" if against else rule
        matches.append((one, rule, against))
    return _judgement(gathered, title, body, matches, findings, order)


def _certain(one: Ranked) -> Ranked:
    return dataclasses.replace(one, probability=1.0)


def _looked_at(found: list[Ranked], order: list[Ranked], least: float) -> list[Ranked]:
    """Findings whose text is read: the likeliest, and the best of each group that may be suggested."""
    chosen = {
        one.finding_id: one for one in (*found[:MOST_JUDGED], *order[:MOST_SUGGESTED]) if one.probability >= least
    }
    return list(chosen.values())


def _text(finding: Finding) -> Text:
    return Text(finding.title, finding.body, facts_from(finding.facts))


def _judgement(
    gathered: Gathered,
    title: str,
    body: str,
    matches: list[tuple[Ranked, str, list[str]]],
    findings: dict[int, Finding],
    order: list[Ranked],
) -> Judgement:
    sides = {candidate.finding_id: candidate.side for candidate in gathered.candidates}

    def match(one: Ranked, rule: str, against: list[str]) -> Match:
        shown = evidence(gathered.weighing.side, sides[one.finding_id], title, body, against).plain()
        resolved = findings[one.root_id].state == FindingState.RESOLVED
        return Match(one.finding_id, one.root_id, one.probability, rule, resolved, shown)

    linked = [entry for entry in matches if entry[1]]
    if any(entry[1] == "verbatim" for entry in linked):
        linked = [entry for entry in linked if entry[1] == "verbatim"]
    linked.sort(key=lambda entry: findings[entry[0].root_id].state == FindingState.RESOLVED)
    roots = {entry[0].root_id for entry in linked if findings[entry[0].root_id].state != FindingState.RESOLVED}
    link = None
    if linked and (len(roots) <= 1 or not _told_apart(roots)):
        link = match(*linked[0])
    seen: set[int] = {link.root_id} if link else set()
    suggestions: list[Match] = []
    new = Text(title, body, gathered.weighing.side.facts)
    siblings = {one.finding_id for one, _, _ in matches if are_siblings(new, _text(findings[one.finding_id]))}
    by_chance = sorted(matches, key=lambda entry: (-entry[0].probability, entry[0].finding_id))
    for one, _, against in sorted(by_chance, key=lambda entry: entry[0].finding_id in siblings):
        if one.root_id not in seen and len(suggestions) < MOST_SUGGESTED:
            seen.add(one.root_id)
            suggestions.append(match(one, "", against))
    return Judgement(link, suggestions, order)


def _told_apart(roots: set[int]) -> bool:
    """Whether a person said that two of these groups are not the same: then nobody but a person chooses."""
    pairs = CannotLink.objects.filter(newer__root_id__in=roots) | CannotLink.objects.filter(newer_id__in=roots)
    others = pairs.values_list("newer_id", "newer__root_id", "older_id", "older__root_id")
    return any((new_root or new) in roots and (old_root or old) in roots for new, new_root, old, old_root in others)
