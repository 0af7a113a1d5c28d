"""Words of a report as weighted terms: what the index stores and what a search asks for.

Weights are BM25's term saturation with the title counted `TITLE_BOOST` times (Robertson & Zaragoza 2009, section 3.6,
fields weighted before saturation); they and the inverse document frequencies are whole numbers, so that SQLite and
Postgres add up to the same score.
"""

import dataclasses
import functools
import hashlib
import math
import struct
from collections import Counter
from collections.abc import Iterable, Mapping

from leadroom.triage.engine import patterns as p
from leadroom.triage.engine.extraction import Facts, read_part

HEAVIEST = 60
"""Terms of one report that are indexed and compared."""
MOST_COUNTED = 160
"""Distinct terms of one report that count towards frequencies."""
TITLE_BOOST = 3
K1, B, USUAL_LENGTH = 1.2, 0.5, 120
SCALE = 64
MOST_TITLE = 24
TITLE_MARK = 0x5A5A_5A5A_5A5A_5A5A
"""A word's key, exclusive-or this, is its key in the list of title words, searched beside that of all words."""
BACKGROUND = 200
"""Reports that the background frequencies weigh as much as: a young project knows common words from the start."""
RARE_SHARE = 0.0005
"""Background share of a word that the background does not list."""


@functools.lru_cache(maxsize=20_000)
def key_of(term: str) -> int:
    """A term as a signed 64-bit number, the same on every machine."""
    return int.from_bytes(
        hashlib.blake2b(term.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big", signed=True
    )


@functools.lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """A light suffix cut; it need not be a word, only the same for the forms of one."""
    for suffix in ("ations", "ation", "ing", "ies", "ed", "es", "ion", "er", "s"):
        if len(word) > len(suffix) + 3 and word.endswith(suffix):
            return word[: -len(suffix)]
    return word


def words(text: str) -> list[str]:
    """Stems of a text, parts of CamelCase words beside the whole; scripts without spaces as pairs of characters."""
    found: list[str] = []
    for word in p.WORD.findall(text):
        lower = word.lower()
        if lower in p.STOP or len(word) > 60:
            continue
        if not word.isascii() and p.WIDE.search(word):
            found += [word[i : i + 2] for i in range(max(1, len(word) - 1))]
            continue
        found.append(stem(lower))
        if lower != word and not word[1:].islower():
            parts = p.CAMEL_PART.findall(word)
            if len(parts) > 1:
                found += [stem(part.lower()) for part in parts if len(part) > 1]
    return found


def counted(title: str, body: str, facts: Facts) -> tuple[dict[str, float], list[str]]:
    """Term to its BM25 weight (0 to K1 + 1), and the title's words, which are among them.

    Typed terms are facts: `x:` exception, `f:` frame, `p:` path, `c:` code, `n:` name or test.
    """
    in_title = list(dict.fromkeys(words(title[:300])))[:MOST_TITLE]
    tally: Counter[str] = Counter(words(read_part(body)))
    for word in in_title:
        tally[word] += TITLE_BOOST
    length = min(sum(tally.values()), 3000)
    for sign, found in (("x", facts.exceptions), ("f", facts.frames), ("p", facts.paths), ("c", facts.codes)):
        for one in found:
            tally[f"{sign}:{one}"] += 2
    for one in (*facts.names, *facts.tests):
        tally[f"n:{one}"] += 1
    slope = K1 * (1 - B + B * length / USUAL_LENGTH)
    weights = {term: n * (K1 + 1) / (n + slope) for term, n in tally.items()}
    if len(weights) > MOST_COUNTED:
        kept = sorted(weights, key=lambda term: (term not in in_title, -weights[term], term))[:MOST_COUNTED]
        weights = {term: weights[term] for term in kept}
    return weights, in_title


def rarity(count: int, reports: int, share: float) -> int:
    """Inverse document frequency times SCALE, at least 1: `count` of `reports` have it, elsewhere `share` has."""
    seen = count + BACKGROUND * share
    return max(1, round(SCALE * math.log((reports + BACKGROUND + 1) / (seen + 0.5))))


def rarities(
    terms: Iterable[str], counts: Mapping[int, int], reports: int, background: Mapping[str, float]
) -> dict[str, int]:
    """Term to its rarity among `reports` reports of a project. `counts` is by key."""
    return {term: rarity(counts.get(key_of(term), 0), reports, background.get(term, RARE_SHARE)) for term in terms}


@dataclasses.dataclass(slots=True)
class Weighed:
    """A report's terms as the index keeps them: key to (weight times SCALE, rarity), title word's key to rarity.

    `total` and `squares` are the sums of weight times rarity and of its square, `title_...` those of the rarity.
    """

    heavy: dict[int, tuple[int, int]]
    title: dict[int, int]
    total: int
    squares: int
    title_total: int
    title_squares: int

    def packed(self) -> bytes:
        """For a binary column, about 750 bytes."""
        weights = [number for pair in self.heavy.values() for number in pair]
        sums = (self.total, self.squares, self.title_total, self.title_squares)
        form = f"<HH4q{len(self.heavy)}q{len(self.title)}q{len(weights)}H{len(self.title)}H"
        counts = (len(self.heavy), len(self.title))
        return struct.pack(form, *counts, *sums, *self.heavy, *self.title, *weights, *self.title.values())


def unpacked(packed: bytes) -> Weighed:
    """The inverse of `Weighed.packed`."""
    heavy, title = struct.unpack_from("<HH", packed)
    numbers = struct.unpack_from(f"<{4 + heavy + title}q{2 * heavy + title}H", packed, 4)
    keys, titles, rest = numbers[4 : 4 + heavy], numbers[4 + heavy : 4 + heavy + title], numbers[4 + heavy + title :]
    pairs = zip(rest[0 : 2 * heavy : 2], rest[1 : 2 * heavy : 2], strict=True)
    return Weighed(dict(zip(keys, pairs, strict=True)), dict(zip(titles, rest[2 * heavy :], strict=True)), *numbers[:4])


def heaviest(weights: Mapping[str, float], in_title: Iterable[str], rare: Mapping[str, int]) -> Weighed:
    """The HEAVIEST terms by weight times rarity, and the title's words."""
    scaled = {term: round(weight * SCALE) for term, weight in weights.items()}
    order = sorted(scaled, key=lambda term: (-scaled[term] * rare[term], term))[:HEAVIEST]
    heavy = {key_of(term): (scaled[term], rare[term]) for term in order}
    title = {key_of(word): rare[word] for word in in_title if word in rare}
    products = [weight * rarity for weight, rarity in heavy.values()]
    squares = sum(product * product for product in products)
    return Weighed(heavy, title, sum(products), squares, sum(title.values()), sum(r * r for r in title.values()))
