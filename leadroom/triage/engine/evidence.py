"""What two reports share and what differs, in words: a reader needs the second to refuse a sibling."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from leadroom.triage.engine.extraction import FIELDS, Facts
from leadroom.triage.engine.features import Side
from leadroom.triage.engine.terms import key_of, words

MOST_WORDS, MOST_FACTS = 10, 6


@dataclasses.dataclass(frozen=True)
class Evidence:
    """`shared` and `only_new` / `only_old`: kind of fact (`words`, `paths`, ...) to what was found of it."""

    shared: Mapping[str, list[str]]
    only_new: Mapping[str, list[str]]
    only_old: Mapping[str, list[str]]
    against: list[str]

    def plain(self) -> dict[str, Any]:
        """For a JSON column."""
        return dataclasses.asdict(self)


def evidence(new: Side, old: Side, title: str, body: str, against: list[str]) -> Evidence:
    """Rarest shared words first; of the titles, the words that only one of them has."""
    keys = new.weighed.heavy.keys() & old.weighed.heavy.keys()
    known = {key_of(word): word for word in words(f"{title}\n{body}")}
    rare = sorted((-new.weighed.heavy[key][1], known[key]) for key in keys if key in known)
    shared = {"words": [word for _, word in rare[:MOST_WORDS]]}
    mine, theirs = set(new.facts.title), set(old.facts.title)
    only_new = {"title": sorted(mine - theirs)[:MOST_WORDS]}
    only_old = {"title": sorted(theirs - mine)[:MOST_WORDS]}
    for field in FIELDS:
        a, b = getattr(new.facts, field), getattr(old.facts, field)
        shared[field] = [one for one in a if one in b][:MOST_FACTS]
        only_new[field] = [one for one in a if one not in b][:MOST_FACTS]
        only_old[field] = [one for one in b if one not in a][:MOST_FACTS]
    _labels(new.facts, old.facts, shared, only_new, only_old)
    return Evidence(_filled(shared), _filled(only_new), _filled(only_old), against)


def _labels(new: Facts, old: Facts, *into: dict[str, list[str]]) -> None:
    shared, only_new, only_old = into
    for name in sorted(new.labels.keys() & old.labels.keys()):
        if new.labels[name] == old.labels[name]:
            shared[name] = [new.labels[name]]
        else:
            only_new[name], only_old[name] = [new.labels[name]], [old.labels[name]]


def _filled(found: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {name: values for name, values in found.items() if values}
