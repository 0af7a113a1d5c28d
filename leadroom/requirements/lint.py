"""What makes a question worth a lead's attention: it stands alone, its candidates differ, nothing answers it already.

Pure. Each finding is a sentence that the agent can act on.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rapidfuzz import fuzz

SAME_QUESTION = 92.0
"""Of 100; measured on pairs that differ in wording only (tests/requirements/test_lint.py)."""
SAME_CANDIDATE = 90.0
SHARED_WORDS = 0.5
"""Share of a question's content words that a sentence must have to be about the same matter."""

_POINTS_ELSEWHERE = re.compile(
    r"\b(as|see|mentioned|described|listed|discussed) (above|below|before|earlier|previously)\b"
    r"|\b(above|previous|preceding|next|former|latter) (question|one|point|item|ambiguity|option)\b"
    r"|^(and |or |so |then )?(what|how) about (this|that|it|these|those|them)\b"
    r"|^(should|is|does|can|will|must|could|would|do|are) (it|this|that|these|those|they|them)\b"
    r"|^(same|ditto)\b",
    re.IGNORECASE,
)
_KEY = re.compile(r"\b[A-Z]-\d{3}\b")
_LABEL = re.compile(
    r"(option|candidate|choice|variant|alternative|approach|version|plan) ?([a-z]|\d{1,2}|one|two|three)?"
    r"|yes|no|maybe|both|neither|none|other|default|custom|simple|advanced|n/?a|tbd|todo|unknown|any|all|as is|"
    r"status quo|do nothing|it depends|to be (decided|defined|discussed)|keep( it)? as is",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W_][\w'’-]*", re.UNICODE)
_NEGATING = "no not never without none nobody nothing cannot can't don't doesn't won't isn't"
_IDLE = """
a an and any are as at be been being both but by can could did do does each either every for from had has have how if in
into is it its may might more most must no nor not of off on one only or other our out over own same shall she should so
some such than that the their them then there these they this those to too under until up use used was we were what when
where whether which while who whom whose why will with would you your
"""
_NEGATION, _STOP = frozenset(_NEGATING.split()), frozenset(_IDLE.split())


@dataclass(frozen=True)
class Known:
    """A text that may answer a question already; `where` names it to the agent, such as `the request`."""

    where: str
    text: str


def check_questions(
    given: Sequence[Mapping[str, Any]], *, known: Iterable[Known], before: Mapping[str, str]
) -> list[str]:
    """Everything wrong with what an agent wants to ask, as sentences that name the key; empty when all is well.

    `given` has `key, question, why, candidates`, perhaps `despite`; `before` maps keys asked earlier in this item to
    their questions.
    """
    texts, found = list(known), []
    earlier = dict(before)
    for ambiguity in given:
        key = ambiguity["key"]
        found += _standing(key, ambiguity["question"])
        found += _labels(key, ambiguity["question"], ambiguity["candidates"])
        found += _differing(key, ambiguity["candidates"])
        found += _repeated(key, ambiguity["question"], earlier)
        if not ambiguity.get("despite"):
            found += _answered(key, ambiguity["question"], ambiguity["candidates"], texts)
        earlier[key] = ambiguity["question"]
    return found


def is_repeat(question: str, earlier: str) -> bool:
    """Whether two questions ask the same: nearly the same words, the same numbers, the same negations."""
    if _guard(question) != _guard(earlier):
        return False
    return fuzz.token_sort_ratio(_plain(question), _plain(earlier)) >= SAME_QUESTION


def content_words(text: str) -> set[str]:
    """Words that carry meaning, without case and common endings."""
    return {_stem(word) for word in _words(text) if word not in _STOP and len(word) > 1}


def _standing(key: str, question: str) -> list[str]:
    if len(content_words(question)) < 2:
        return [f"{key}: “{_short(question)}” does not stand alone; name the thing and the situation it is about."]
    if others := [other for other in _KEY.findall(question) if other != key]:
        return [f"{key}: the question refers to {others[0]}, which the lead need not have read; say it in words."]
    if match := _POINTS_ELSEWHERE.search(question.strip()):
        return [f"{key}: “{match.group(0)}” points to something outside the question; name what is meant."]
    return []


def _labels(key: str, question: str, candidates: Sequence[Mapping[str, Any]]) -> list[str]:
    found = []
    for number, candidate in enumerate(candidates, start=1):
        title = candidate["title"].strip().strip(".:!")
        if _LABEL.fullmatch(title):
            found.append(f"{key}, candidate {number}: “{title}” is a bare label; say in the title what would be built.")
        told = candidate.get("consequences", "")
        if told and (_plain(told) == _plain(title) or len(_words(told)) < 3):
            found.append(f"{key}, candidate {number}: the consequences only repeat the title; say what somebody sees.")
    return found


def _differing(key: str, candidates: Sequence[Mapping[str, Any]]) -> list[str]:
    for second in range(1, len(candidates)):
        for first in range(second):
            one, other = candidates[first]["title"], candidates[second]["title"]
            if _guard(one) == _guard(other) and fuzz.token_sort_ratio(_plain(one), _plain(other)) >= SAME_CANDIDATE:
                return [
                    f"The candidates of {key} do not differ: {first + 1} “{_short(one)}” and {second + 1} "
                    f"“{_short(other)}”; give real alternatives or drop it."
                ]
    return []


def _repeated(key: str, question: str, earlier: Mapping[str, str]) -> list[str]:
    for other, asked in earlier.items():
        if other != key and is_repeat(question, asked):
            return [f"{key} asks the same as {other}: “{_short(asked)}”. Ask it once."]
    return []


def _answered(key: str, question: str, candidates: Sequence[Mapping[str, Any]], known: Iterable[Known]) -> list[str]:
    """A sentence that is about the question and says exactly one of the candidates answers it."""
    titles = [content_words(candidate["title"]) for candidate in candidates]
    if len(titles) < 2:
        return []
    own = [title - set().union(*titles[:n], *titles[n + 1 :]) for n, title in enumerate(titles)]
    asked = content_words(question) - set().union(*titles)
    for text in known:
        for number, sentence in _sentences(text.text):
            said = content_words(sentence)
            shared = asked & said
            if len(shared) < 2 or len(shared) < SHARED_WORDS * len(asked) or _NEGATION & set(_words(sentence)):
                continue
            chosen = [n for n, title in enumerate(titles) if own[n] and title and title <= said]
            if len(chosen) == 1 and not any(own[n] & said for n in range(len(titles)) if n != chosen[0]):
                return [
                    f"{key} is answered already by {text.where}, line {number}: “{_short(sentence)}”. Use that, or "
                    "say in `despite` what it leaves open."
                ]
    return []


def _sentences(text: str) -> Iterable[tuple[int, str]]:
    """Sentences with the number of the line they begin in; a paragraph's lines are one text."""
    number = 1
    for paragraph in re.split(r"(\n\s*\n|\n(?=\s*[-*#\d]))", text):
        line = number + len(paragraph) - len(paragraph.lstrip("\n")) if paragraph.strip() else number
        for sentence in re.split(r"(?<=[.!?:;])\s+", paragraph.replace("\n", " ")):
            if sentence.strip():
                yield line, sentence.strip()
        number += paragraph.count("\n")


def _guard(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """Numbers and ids, and negations: two texts that differ in one of them mean different things."""
    words = _words(text)
    return frozenset(w for w in words if any(c.isdigit() for c in w)), frozenset(words) & _NEGATION


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _plain(text: str) -> str:
    return " ".join(_words(text))


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def _short(text: str) -> str:
    return text if len(text) <= 120 else text[:119] + "…"
