"""What two reports have in common and what not, as numbers: the only thing the model sees.

All features are ratios, counts or flags that mean the same in a project of ten reports and one of a hundred thousand.
"""

import dataclasses
import math
from collections.abc import Iterable
from itertools import pairwise

from leadroom.triage.engine import terms
from leadroom.triage.engine.extraction import FIELDS, Facts

NAMES: tuple[str, ...] = (
    "score_share", "score_log", "score_of_best", "rank", "title_score_share", "title_rank",
    "cosine", "held_by_old", "held_by_new", "rarest_shared", "three_rarest_shared", "shared_rare", "shared",
    "title_cosine", "title_in_old", "title_in_new", "title_least", "title_pairs", "title_same", "title_edit",
    "rarest_unshared_new_title", "rarest_unshared_old_title", "unshared_new_title", "unshared_old_title",
    "new_title_in_old_all", "old_title_in_new_all",
    *(f"{field}_{what}" for field in FIELDS for what in ("shared", "overlap", "clash")),
    "top_frame", "title_numbers_clash", "same_test", "same_error", "error_words", "same_path", "path_clash",
    "same_symbol", "symbol_clash", "line_apart", "same_commit", "actual_words", "kind_clash",
    "days_log", "same_day", "same_hour", "length_new", "length_old", "length_ratio", "fields_shared", "fields_clashed",
)  # fmt: skip


@dataclasses.dataclass(slots=True)
class Side:
    """One report of a pair: its facts, its weighed terms, when it came (unix seconds)."""

    facts: Facts
    weighed: terms.Weighed
    seen_at: float


@dataclasses.dataclass(slots=True)
class Found:
    """How retrieval found a candidate: its scores and ranks (from 0) in the lists, None where it is not on one."""

    score: int = 0
    rank: int | None = None
    title_score: int = 0
    title_rank: int | None = None


@dataclasses.dataclass(slots=True)
class Search:
    """What is common to all candidates of one search: the best scores and the most a report could score."""

    most: int
    best: int
    title_most: int


def features(new: Side, old: Side, found: Found, search: Search) -> list[float]:
    """The features of one pair, in the order of NAMES."""
    values = [
        found.score / max(1, search.most),
        math.log1p(found.score),
        found.score / max(1, search.best),
        1 / (1 + found.rank) if found.rank is not None else 0.0,
        found.title_score / max(1, search.title_most),
        1 / (1 + found.title_rank) if found.title_rank is not None else 0.0,
    ]
    values += _of_terms(new, old)
    values += _of_titles(new, old)
    shared_fields = clashed = 0
    for field in FIELDS:
        mine, theirs = getattr(new.facts, field), getattr(old.facts, field)
        both = len(set(mine) & set(theirs)) if mine and theirs else 0
        clash = float(bool(mine and theirs and not both))
        shared_fields += bool(both)
        clashed += bool(clash)
        values += [math.log1p(both), both / max(1, min(len(mine), len(theirs))), clash]
    values += _of_labels(new.facts, old.facts)
    days = abs(new.seen_at - old.seen_at) / 86_400
    lengths = sorted((new.facts.words, old.facts.words))
    values += [
        math.log1p(days),
        float(days < 1),
        float(days < 1 / 24),
        math.log1p(new.facts.words),
        math.log1p(old.facts.words),
        (lengths[0] + 1) / (lengths[1] + 1),
        float(shared_fields),
        float(clashed),
    ]
    return values


def _of_terms(new: Side, old: Side) -> list[float]:
    mine, theirs = new.weighed.heavy, old.weighed.heavy
    shared = mine.keys() & theirs.keys()
    dot = sum(mine[key][0] * theirs[key][0] * mine[key][1] * mine[key][1] for key in shared)
    cosine = dot / math.sqrt(new.weighed.squares * old.weighed.squares) if shared else 0.0
    rare = sorted((mine[key][1] for key in shared), reverse=True)
    in_new = sum(mine[key][0] * mine[key][1] for key in shared)
    in_old = sum(theirs[key][0] * theirs[key][1] for key in shared)
    return [
        cosine,
        in_new / max(1, new.weighed.total),
        in_old / max(1, old.weighed.total),
        rare[0] / terms.SCALE if rare else 0.0,
        sum(rare[:3]) / terms.SCALE,
        float(sum(1 for r in rare if r > 4 * terms.SCALE)),
        math.log1p(len(rare)),
    ]


def _of_titles(new: Side, old: Side) -> list[float]:
    mine, theirs = new.weighed.title, old.weighed.title
    shared = mine.keys() & theirs.keys()
    sum_new, sum_old = new.weighed.title_total, old.weighed.title_total
    in_new = sum(mine[key] for key in shared) / max(1, sum_new)
    in_old = sum(theirs[key] for key in shared) / max(1, sum_old)
    squares = new.weighed.title_squares * old.weighed.title_squares
    cosine = sum(mine[key] * theirs[key] for key in shared) / math.sqrt(squares) if squares else 0.0
    a, b = new.facts.title, old.facts.title
    pairs_new, pairs_old = set(pairwise(a)), set(pairwise(b))
    pairs = len(pairs_new & pairs_old) / max(1, min(len(pairs_new), len(pairs_old)))
    words_new, words_old = set(a), set(b)
    edit = len(words_new & words_old) / max(1, len(words_new | words_old))
    only_new = [r for key, r in mine.items() if key not in theirs]
    only_old = [r for key, r in theirs.items() if key not in mine]
    reach_old = sum(r for key, r in mine.items() if key in old.weighed.heavy) / max(1, sum_new)
    reach_new = sum(r for key, r in theirs.items() if key in new.weighed.heavy) / max(1, sum_old)
    return [
        cosine,
        in_new,
        in_old,
        min(in_new, in_old),
        pairs,
        float(a == b),
        edit,
        max(only_new, default=0) / terms.SCALE,
        max(only_old, default=0) / terms.SCALE,
        float(len(only_new)),
        float(len(only_old)),
        reach_old,
        reach_new,
    ]


def _of_labels(new: Facts, old: Facts) -> list[float]:
    a, b = new.labels, old.labels

    def same(name: str) -> float:
        return float(bool(a.get(name)) and a.get(name) == b.get(name))

    def clash(name: str) -> float:
        return float(bool(a.get(name) and b.get(name)) and a.get(name) != b.get(name))

    lines = (a.get("line"), b.get("line"))
    apart = math.log1p(abs(int(lines[0][:9]) - int(lines[1][:9]))) if lines[0] and lines[1] else -1.0
    return [
        float(bool(new.frames) and bool(old.frames) and new.frames[-1] == old.frames[-1]),
        float(bool(new.title_numbers and old.title_numbers) and not set(new.title_numbers) & set(old.title_numbers)),
        same("test"),
        same("error"),
        overlap(a.get("error", "").split(), b.get("error", "").split()),
        same("path"),
        clash("path"),
        same("symbol"),
        clash("symbol"),
        apart,
        same("commit"),
        overlap(a.get("actual", "").split(), b.get("actual", "").split()),
        float(bool(new.kind and old.kind) and new.kind != old.kind),
    ]


def overlap(a: Iterable[str], b: Iterable[str]) -> float:
    """Jaccard index of two collections; 0.0 when one is empty."""
    mine, theirs = set(a), set(b)
    return len(mine & theirs) / len(mine | theirs) if mine and theirs else 0.0
