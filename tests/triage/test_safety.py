"""The safety suite: two matters whose reports are nearly the same are never linked by themselves."""

import datetime as dt
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadroom.triage.actions import bring_in
from leadroom.triage.models import Link
from tests import factories as f
from tests.triage.adversarial import WRITTEN, Pair, causes, variations

pytestmark = pytest.mark.django_db

PAIRS = [*WRITTEN, *variations(), *causes()]
HOUR = dt.timedelta(hours=1)


def links_between(old: tuple[str, str], new: tuple[str, str]) -> list[Link]:
    project = f.make_project()
    for number, (title, body) in enumerate((old, new)):
        bring_in(
            project_id=project.pk, title=title, body=body, severity="minor", by=f.PIPELINE, now=f.NOW + number * HOUR
        )
    return list(Link.objects.filter(newer__project=project, by_itself=True))


def test_there_are_enough_of_them() -> None:
    assert len({(pair, turned) for pair in PAIRS for turned in (False, True)}) >= 300


@pytest.mark.parametrize("turned", [False, True], ids=["as written", "turned"])
@pytest.mark.parametrize("kind", sorted({pair.kind for pair in PAIRS}))
def test_none_of_this_kind_is_linked_by_itself(kind: str, turned: bool) -> None:
    linked: list[tuple[Pair, str]] = []
    for pair in (pair for pair in PAIRS if pair.kind == kind):
        old, new = (pair.old_title, pair.old_body), (pair.new_title, pair.new_body)
        found = links_between(new, old) if turned else links_between(old, new)
        linked += [(pair, str(link.evidence["rule"])) for link in found]
    assert linked == []


WORDS = st.sampled_from(
    re.findall(
        r"\w+",
        "export import report project list order cart sum rest share inbox page search queue worker lock cache login "
        "mail upload token branch merge build index table row title",
    )
)
SENTENCE = st.lists(WORDS, min_size=5, max_size=14)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SENTENCE, SENTENCE, st.integers(1, 9999), st.integers(1, 9999), st.booleans())
def test_one_number_apart_is_apart(title: list[str], body: list[str], a: int, b: int, in_title: bool) -> None:
    if a == b:
        b += 1
    if in_title:
        old, new = (" ".join([*title, str(a)]), " ".join(body)), (" ".join([*title, str(b)]), " ".join(body))
    else:
        old, new = (" ".join(title), " ".join([*body, str(a)])), (" ".join(title), " ".join([*body, str(b)]))
    assert links_between(old, new) == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SENTENCE, SENTENCE, WORDS, WORDS, st.integers(0, 13), st.booleans())
def test_one_word_apart_is_apart(title: list[str], body: list[str], a: str, b: str, place: int, in_title: bool) -> None:
    if a == b:
        b += "ing"
    words = title if in_title else body
    here = [*words[: place % len(words)], a, *words[place % len(words) + 1 :]]
    there = [*words[: place % len(words)], b, *words[place % len(words) + 1 :]]
    old = (" ".join(here), " ".join(body)) if in_title else (" ".join(title), " ".join(here))
    new = (" ".join(there), " ".join(body)) if in_title else (" ".join(title), " ".join(there))
    assert links_between(old, new) == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS, min_size=4, max_size=10, unique=True), SENTENCE, st.integers(0, 9), st.integers(0, 9))
def test_two_words_that_changed_places_are_apart(title: list[str], body: list[str], a: int, b: int) -> None:
    a, b = a % len(title), b % len(title)
    if a == b:
        b = (b + 1) % len(title)
    turned = list(title)
    turned[a], turned[b] = turned[b], turned[a]
    assert links_between((" ".join(title), " ".join(body)), (" ".join(turned), " ".join(body))) == []
