"""Questions that are not worth a lead's attention are found, with the place; good ones pass."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadroom.requirements.lint import Known, check_questions, is_repeat

REQUEST = Known(
    "the request",
    "Guests forget their bookings.\n\nPlease send each reminder by email, 24 hours before the start.\n\n"
    "- Old bookings stay untouched.\n",
)


def choice(question: str, *titles: str, key: str = "A-001", **more: Any) -> dict[str, Any]:
    told = [f"Somebody sees result number {n} of this." for n in range(9)]
    candidates = [{"title": title, "consequences": told[n]} for n, title in enumerate(titles)]
    return {"key": key, "question": question, "candidates": candidates, **more}


def found(*given: dict[str, Any], known: tuple[Known, ...] = (), before: dict[str, str] | None = None) -> str:
    return "\n".join(check_questions(given, known=known, before=before or {}))


GOOD = choice(
    "Until when may a guest cancel a booking?", "Up to 24 hours before the start", "Any time before the start"
)


def test_a_question_with_real_alternatives_passes() -> None:
    assert found(GOOD, known=(REQUEST,)) == ""


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("Should it be fast?", "does not stand alone"),
        ("What about this?", "does not stand alone"),
        ("Should it keep old bookings in the list?", "“Should it” points to something outside the question"),
        ("Who may cancel a booking, as mentioned above?", "“mentioned above” points to something outside"),
        ("Does the previous question also hold for group bookings?", "“previous question” points to"),
        ("Which limit holds for group bookings under A-004?", "refers to A-004"),
    ],
)
def test_a_question_that_does_not_stand_alone(question: str, words: str) -> None:
    assert words in found(choice(question, "Only the owner", "Every guest"))


@pytest.mark.parametrize("title", ["Option A", "Yes", "option 2", "Other", "TBD", "Keep as is", "Default."])
def test_a_bare_label(title: str) -> None:
    assert "is a bare label" in found(choice("Who may cancel a group booking?", title, "Every guest"))


def test_consequences_that_repeat_the_title() -> None:
    bare = choice("Who may cancel a group booking?", "Only the owner", "Every guest")
    bare["candidates"][0]["consequences"] = "Only the owner."
    assert "A-001, candidate 1: the consequences only repeat the title" in found(bare)


def test_candidates_that_do_not_differ() -> None:
    same = choice("Who may cancel a group booking?", "The owner of the booking", "the booking owner — of the")
    assert "The candidates of A-001 do not differ: 1" in found(same)


@pytest.mark.parametrize(
    "titles",
    [
        ("Keep it for 30 days", "Keep it for 90 days"),
        ("Send a message", "Send no message"),
        ("Archive the group", "Remove the group"),
    ],
)
def test_one_number_negation_or_verb_is_a_difference(titles: tuple[str, str]) -> None:
    assert found(choice("What should happen to a group after a trip?", *titles)) == ""


def test_a_question_the_request_answers_is_shown_its_line() -> None:
    manufactured = choice("Should each reminder before the start be sent by email or phone?", "By email", "By phone")
    said = found(manufactured, known=(REQUEST,))
    assert "A-001 is answered already by the request, line 3: “Please send each reminder by email" in said
    assert found({**manufactured, "despite": "Guests without an address are not mentioned."}, known=(REQUEST,)) == ""


def test_a_sentence_that_names_both_or_denies_one_answers_nothing() -> None:
    asked = choice("Should each reminder before the start be sent by email or phone?", "By email", "By phone")
    both = Known("the request", "Send each reminder by email or by phone before the start.")
    denied = Known("the request", "Do not send each reminder by email before the start.")
    assert found(asked, known=(both, denied)) == ""


def test_the_same_question_twice_here_or_earlier() -> None:
    other = choice("Until when may a guest cancel a booking ?", "Up to an hour before", "Never at all", key="A-002")
    assert "A-002 asks the same as A-001" in found(GOOD, other)
    assert "A-002 asks the same as A-009" in found(other, before={"A-009": GOOD["question"]})


def test_every_finding_is_told_at_once() -> None:
    said = found(choice("Should it be fast?", "Yes", "No"), choice("What about that?", "A", "B", key="A-002"))
    assert said.count("\n") >= 3
    assert "A-001" in said
    assert "A-002" in said


@given(st.text(max_size=200), st.text(max_size=200), st.text(max_size=60), st.text(max_size=60))
def test_hostile_text_never_breaks_the_lint(question: str, known: str, one: str, other: str) -> None:
    found(choice(question, one, other), known=(Known("the request", known),))


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_two_questions_that_differ_in_a_number_are_two(one: int, other: int) -> None:
    asked = "May a group have more than {} members at the same time?"
    assert is_repeat(asked.format(one), asked.format(other)) == (one == other)
