"""What forbids a link that nobody asked for. Each check answers with a sentence for people, or with nothing.

The words of two different problems can be nearly all the same; so it is what differs that decides here.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterator

from leadroom.triage.engine import patterns as p
from leadroom.triage.engine.extraction import Facts, read_part, squeezed, title_words
from leadroom.triage.engine.features import overlap
from leadroom.triage.engine.terms import stem

MINIMAL_PAIR = 0.5
"""Two lines that share this much (Jaccard) and are not equal were worded alike: the difference is the point."""
FEWEST_WORDS = 4
"""Content words that a title without a body needs to say what it is about."""


@dataclasses.dataclass(frozen=True)
class Text:
    """One report as the guard reads it."""

    title: str
    body: str
    facts: Facts


Check = Callable[[Text, Text], str]


def vetoes(new: Text, old: Text, *, fields_agree: bool) -> list[str]:
    """Sentences that speak against linking by itself; empty when nothing does.

    `fields_agree`: test, error and place are the same in both, so titles may be worded differently.
    """
    checks = (*ALWAYS, *(FOR_FIELDS if fields_agree else FOR_PROSE))
    return list(dict.fromkeys(said for check in checks if (said := check(new, old))))


def says_little(text: Text) -> bool:
    """Whether a title alone (no body) is too general to be the same as another."""
    return text.facts.words == 0 and len(_content(text.title)) < FEWEST_WORDS


def _content(text: str) -> set[str]:
    return {stem(word) for word in title_words(text) if word not in p.STOP or word in p.NEGATION}


def _placeholder(new: Text, old: Text) -> str:
    if new.facts.is_placeholder or old.facts.is_placeholder:
        return "A template's placeholder was left in one of them."
    return ""


def _title_numbers(new: Text, old: Text) -> str:
    a, b = _numbers(new.title), _numbers(old.title)
    if a == b:
        return ""
    sides = [_few(side) for side in (a - b, b - a) if side]
    said = "The titles have different numbers" if len(sides) == 2 else "Only one title has"
    return f"{said}: {' and '.join(sides)}."


def _numbers(title: str) -> set[str]:
    return {word for word in title_words(title) if any(letter.isdigit() for letter in word)}


def _versions(new: Text, old: Text) -> str:
    a, b = set(new.facts.versions), set(old.facts.versions)
    return f"They name different versions: {_few(a - b)} and {_few(b - a)}." if a and b and a != b else ""


def _empty_body(new: Text, old: Text) -> str:
    is_empty = new.facts.words == 0 or old.facts.words == 0
    return "One has no body, and the titles differ." if is_empty and new.facts.title != old.facts.title else ""


def _kind(new: Text, old: Text) -> str:
    a, b = new.facts.kind, old.facts.kind
    return "One tells of a fault, the other asks for something." if a and b and a != b else ""


def _title_words(new: Text, old: Text) -> str:
    a, b = _content(new.title), _content(old.title)
    if a - b and b - a:
        return f"Each title has a word the other lacks: {_few(a - b)} and {_few(b - a)}."
    return ""


def _title_negation(new: Text, old: Text) -> str:
    a, b = set(new.facts.title) & p.NEGATION, set(old.facts.title) & p.NEGATION
    return f"One title denies what the other says: {_few(a ^ b)}." if a != b else ""


def _title_order(new: Text, old: Text) -> str:
    a, b = new.facts.title, old.facts.title
    return "The titles have the same words in another order." if a != b and Counter(a) == Counter(b) else ""


def _facts_apart(new: Text, old: Text) -> str:
    for name, words in (
        ("exceptions", "exceptions"), ("frames", "stack frames"), ("paths", "paths"), ("names", "names"),
        ("codes", "codes"), ("tests", "tests"),
    ):  # fmt: skip
        a, b = set(getattr(new.facts, name)), set(getattr(old.facts, name))
        if a and b and not a & b:
            return f"They share none of their {words}: {_few(a)} and {_few(b)}."
    return ""


def _fact_on_each_side(new: Text, old: Text) -> str:
    for name, words in (("paths", "path"), ("names", "name"), ("codes", "code"), ("exceptions", "exception")):
        a, b = set(getattr(new.facts, name)), set(getattr(old.facts, name))
        if a - b and b - a:
            return f"Each has a {words} the other lacks: {_few(a - b)} and {_few(b - a)}."
    return ""


def _body_differs(new: Text, old: Text) -> str:
    """Bodies that are nearly copies must not differ in a number, a denial, a word on each side, or in their order."""
    a, b = title_words_of_body(new.body), title_words_of_body(old.body)
    if a == b or not a or not b:
        return ""
    mine, theirs = Counter(a), Counter(b)
    only_new, only_old = set(mine - theirs), set(theirs - mine)
    if not only_new and not only_old:
        return "The bodies have the same words in another order."
    if only_new & p.NEGATION or only_old & p.NEGATION:
        return f"One body denies what the other says: {_few((only_new | only_old) & p.NEGATION)}."
    digits = {word for word in only_new | only_old if any(letter.isdigit() for letter in word)}
    if digits:
        return f"The bodies have different numbers: {_few(digits)}."
    if (only_new - p.STOP) and (only_old - p.STOP):
        return f"Each body has a word the other lacks: {_few(only_new - p.STOP)} and {_few(only_old - p.STOP)}."
    return "" if overlap(a, b) >= MINIMAL_PAIR else "One body says much that the other does not."


def title_words_of_body(body: str) -> list[str]:
    """Words, numbers and operators of a body in order."""
    return [word.lower() for word in p.TITLE_TOKEN.findall(squeezed(read_part(body)))]


def _labels_clash(new: Text, old: Text) -> str:
    a, b = new.facts.labels, old.facts.labels
    for name in ("test", "error", "path", "symbol", "line"):
        if a.get(name) and b.get(name) and not _is_same(name, a[name], b[name]):
            return f"They give another {name}: {a[name][:80]} and {b[name][:80]}."
    return ""


def same_test(a: str, b: str) -> bool:
    """Whether two test ids are one, also when only one of them names the parameters."""
    return a == b or a.startswith(f"{b}[") or b.startswith(f"{a}[")


def _is_same(name: str, a: str, b: str) -> bool:
    if name == "test":
        return same_test(a, b)
    if name == "symbol":
        return a == b or a.endswith(f".{b}") or b.endswith(f".{a}")
    return a == b


def _minimal_pair(new: Text, old: Text) -> str:
    for name, a, b in _lines(new, old):
        first, second = title_words(a), title_words(b)
        if first != second and overlap(first, second) >= MINIMAL_PAIR:
            mine, theirs = set(first) - set(second), set(second) - set(first)
            return f"{name} are worded alike and differ in {_few(mine | theirs) or 'their order'}."
    return ""


def are_siblings(new: Text, old: Text) -> bool:
    """Whether the titles are worded alike and differ: likely two of a kind, so others are suggested before them."""
    a, b = new.facts.title, old.facts.title
    return a != b and overlap(a, b) >= MINIMAL_PAIR


def _lines(new: Text, old: Text) -> Iterator[tuple[str, str, str]]:
    yield "The titles", new.title, old.title
    for label in ("actual", "expected"):
        a, b = new.facts.labels.get(label), old.facts.labels.get(label)
        if a and b:
            yield f"What they call {label}", _own_words(a, new), _own_words(b, old)


def _own_words(line: str, text: Text) -> str:
    """A line without the error that the report quotes: it stands in a field of its own, which is compared too."""
    error = text.facts.labels.get("error", "")
    return line.replace(error, " ") if len(error) > 8 else line


def _other_cause(new: Text, old: Text) -> str:
    a, b = ({squeezed(said) for said in p.CAUSE.findall(read_part(text.body))} for text in (new, old))
    return f"They give another cause: {_few(a)} and {_few(b)}." if a and b and not a & b else ""


def _frames_apart(new: Text, old: Text) -> str:
    a, b = new.facts.frames, old.facts.frames
    return f"Their stacks end elsewhere: {a[-1]} and {b[-1]}." if a and b and a[-1] != b[-1] else ""


def _few(words: set[str]) -> str:
    return ", ".join(sorted(words)[:4])


ALWAYS: tuple[Check, ...] = (_placeholder, _versions, _empty_body, _labels_clash)
FOR_PROSE: tuple[Check, ...] = (
    _kind, _title_numbers, _title_words, _title_negation, _title_order, _facts_apart, _fact_on_each_side, _minimal_pair,
    _body_differs,
)  # fmt: skip
FOR_FIELDS: tuple[Check, ...] = (_minimal_pair, _frames_apart, _other_cause)
