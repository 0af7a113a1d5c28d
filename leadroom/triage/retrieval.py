"""From a new text to its candidates: facts, weighed terms, two searches, and the features of every pair."""

import dataclasses
import datetime as dt
from collections.abc import Mapping

from leadroom.triage import index
from leadroom.triage.engine import extraction, terms
from leadroom.triage.engine.features import Found, Search, Side, features
from leadroom.triage.models import Finding

MOST_BY_WORDS, MOST_BY_TITLE, MOST_SAME = 40, 20, 3


@dataclasses.dataclass(frozen=True)
class Candidate:
    """An earlier finding that a new text may be about, with the features of the pair."""

    finding_id: int
    root_id: int
    side: Side
    values: list[float]


@dataclasses.dataclass(frozen=True)
class Weighing:
    """A new text by itself: its side of a pair, its terms' keys, and how many of the project's reports have each."""

    side: Side
    counted: list[int]
    counts: Mapping[int, int]
    same_text: str


@dataclasses.dataclass(frozen=True)
class Gathered:
    """What is known of a new text before anything is decided. `same` are findings of the same text, oldest first."""

    weighing: Weighing
    same: list[int]
    candidates: list[Candidate]


def weigh(
    *, project_id: int, reports: int, title: str, body: str, seen_at: dt.datetime, background: Mapping[str, float]
) -> Weighing:
    """Reads facts and weighs terms. `reports` is how many the project has had."""
    facts = extraction.extract(title, body)
    weights, in_title = terms.counted(title, body, facts)
    keys = [terms.key_of(term) for term in weights]
    counts = index.counts_of(project_id, keys)
    weighed = terms.heaviest(weights, in_title, terms.rarities(weights, counts, reports, background))
    side = Side(facts, weighed, seen_at.timestamp())
    return Weighing(side, keys, counts, extraction.same_text(title, body))


def gather(project_id: int, weighing: Weighing) -> Gathered:
    """The candidates of a weighed text. Reads only."""
    same = Finding.objects.filter(project_id=project_id, same_text=weighing.same_text).order_by("pk")
    same_ids = list(same.values_list("pk", flat=True)[:MOST_SAME])
    found, search = _searched(project_id, weighing.side.weighed, weighing.counts)
    for finding_id in same_ids:
        found.setdefault(finding_id, Found())
    return Gathered(weighing, same_ids, _candidates(weighing.side, found, search))


def _searched(project_id: int, weighed: terms.Weighed, counts: Mapping[int, int]) -> tuple[dict[int, Found], Search]:
    rare = {key: rarity * weight // terms.SCALE for key, (weight, rarity) in weighed.heavy.items()}
    by_words = index.search(project_id, rare, counts, MOST_BY_WORDS)
    title_rare = {key ^ terms.TITLE_MARK: rarity for key, rarity in weighed.title.items()}
    title_counts = {key ^ terms.TITLE_MARK: counts.get(key, 0) for key in weighed.title}
    by_title = index.search(project_id, title_rare, title_counts, MOST_BY_TITLE)
    found: dict[int, Found] = {}
    for rank, (finding_id, score) in enumerate(by_words):
        found[finding_id] = Found(score=score, rank=rank)
    for rank, (finding_id, score) in enumerate(by_title):
        one = found.setdefault(finding_id, Found())
        one.title_score, one.title_rank = score, rank
    most = sum(rare[key] * weight for key, (weight, _) in weighed.heavy.items())
    title_most = sum(title_rare.values()) * terms.SCALE
    return found, Search(most, by_words[0][1] if by_words else 0, title_most)


def _candidates(side: Side, found: Mapping[int, Found], search: Search) -> list[Candidate]:
    rows = Finding.objects.filter(pk__in=list(found)).order_by("pk")
    made = []
    for pk, root, facts, packed, seen_at in rows.values_list("pk", "root_id", "facts", "terms", "seen_at"):
        old = Side(extraction.facts_from(facts), terms.unpacked(bytes(packed)), seen_at.timestamp())
        made.append(Candidate(pk, root or pk, old, features(side, old, found[pk], search)))
    return made
