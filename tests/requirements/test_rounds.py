"""Rounds of questions: one form each, answers carry over, and they end by rule."""

from typing import Any

import pytest

from leadroom.lib.errors import BadInput, Conflict
from leadroom.projects.models import WorkItem
from leadroom.requirements import actions
from leadroom.requirements.actions.deciding import Answer
from leadroom.requirements.actions.proposing import Round
from leadroom.requirements.queries import alignment_of, ambiguities_of, is_settled, open_count
from tests import factories as f
from tests.support.refusals import refused_without_effect

pytestmark = pytest.mark.django_db
ABOUT = ("deleted groups", "late payments", "shared cars", "guests without a name", "foreign money", "rounding")


@pytest.fixture
def item() -> WorkItem:
    return f.make_item()


def question(key: str, **changes: Any) -> dict[str, Any]:
    about = ABOUT[int(key[-1]) % len(ABOUT)]
    asked = f"What should a person be shown about {about}?"
    return f.question_shape(key, **{"question": asked, "assume": f"Nothing beyond a line on {about}", **changes})


def ask(item: WorkItem, *questions: dict[str, Any]) -> Round:
    return actions.ask_questions(item=item, questions=questions, by=f.PIPELINE, now=f.NOW)


def answer(item: WorkItem, **ways: tuple[str, str]) -> int:
    """`Q_001=("own", "text")`; the one form of the round."""
    digests = {row.key: row.digest for row in ambiguities_of(item)}
    lead = f.lead_of(item.project)
    answers = [Answer(k.replace("_", "-"), way, digests[k.replace("_", "-")], text) for k, (way, text) in ways.items()]
    return actions.answer_round(item=item, answers=answers, user_id=lead.pk, by=f.human(lead), now=f.NOW)


def states(item: WorkItem) -> dict[str, str]:
    return {row.key: row.state for row in ambiguities_of(item)}


def test_a_round_is_answered_in_one_form_each_row_its_own_way(item: WorkItem) -> None:
    ask(item, *(question(f"Q-00{n}") for n in range(1, 5)))
    assert open_count(item) == 4
    answer(item, Q_001=("assume", ""), Q_002=("own", "Show both dates."), Q_003=("defer", ""), Q_004=("decide", ""))
    rows = {row.key: row for row in ambiguities_of(item)}
    assert (rows["Q-001"].picked, rows["Q-002"].own_answer) == (1, "Show both dates.")
    assert (rows["Q-003"].state, rows["Q-004"].care) == ("DEFERRED", "decide")
    assert is_settled(item, f.NOW)


def test_the_form_is_all_or_none(item: WorkItem) -> None:
    ask(item, question("Q-001"), question("Q-002"))
    with refused_without_effect(BadInput, "Pick one candidate or write an own answer"):
        answer(item, Q_001=("assume", ""), Q_002=("own", "  "))
    with refused_without_effect(Conflict, "There is no question Q-009"):
        lead = f.lead_of(item.project)
        actions.answer_round(item=item, answers=[Answer("Q-009", "assume", "")], by=f.human(lead), now=f.NOW)


def test_a_later_round_asks_only_what_answers_opened(item: WorkItem) -> None:
    ask(item, question("Q-001"))
    with refused_without_effect(BadInput, "Q-001 opened it, and nobody answered Q-001 yet"):
        ask(item, question("Q-002", opened_by=["Q-001"]))
    answer(item, Q_001=("assume", ""))
    actions.hand_over(item=item, by=f.PIPELINE, now=f.NOW)
    with refused_without_effect(BadInput, "Q-002: a later round asks only what answers opened"):
        ask(item, question("Q-002"))
    second = ask(item, question("Q-002", opened_by=["Q-001"]))
    assert (second.deferred_because, [row.round for row in second.questions]) == ("", [2])
    assert states(item) == {"Q-001": "RESOLVED", "Q-002": "OPEN"}


def test_a_repeat_is_refused(item: WorkItem) -> None:
    ask(item, question("Q-001"))
    answer(item, Q_001=("assume", ""))
    with refused_without_effect(BadInput, "Q-007 asks the same as Q-001"):
        ask(item, question("Q-007", question=question("Q-001")["question"], opened_by=["Q-001"]))


def test_trivial_questions_are_deferred_unasked(item: WorkItem) -> None:
    made = ask(item, question("Q-001", confidence=0.95), question("Q-002", confidence=0.9))
    assert "these are trivial" in made.deferred_because
    assert set(states(item).values()) == {"DEFERRED"}
    assert is_settled(item, f.NOW)


def test_the_limit_of_rounds_ends_them(item: WorkItem) -> None:
    for n in range(1, 4):
        ask(item, question(f"Q-00{n}", opened_by=[f"Q-00{n - 1}"] if n > 1 else []))
        answer(item, **{f"Q_00{n}": ("assume", "")})
    made = ask(item, question("Q-004", opened_by=["Q-003"]))
    assert made.deferred_because == "The limit of 3 rounds of questions for a standard item is reached"
    assert states(item)["Q-004"] == "DEFERRED"
    assert alignment_of(item).round == 3  # type: ignore[union-attr]


def test_enough_defers_what_is_open_and_whatever_comes(item: WorkItem) -> None:
    ask(item, question("Q-001"), question("Q-002"))
    lead = f.lead_of(item.project)
    assert actions.say_enough(item=item, user_id=lead.pk, by=f.human(lead), now=f.NOW) == 2
    assert is_settled(item, f.NOW)
    actions.hand_over(item=item, by=f.PIPELINE, now=f.NOW)
    later = ask(item, question("Q-003", opened_by=["Q-001"]))
    assert later.deferred_because == "The lead said that it is enough"
    assert set(states(item).values()) == {"DEFERRED"}


def test_a_repeated_call_changes_nothing(item: WorkItem) -> None:
    ask(item, question("Q-001"))
    again = ask(item, question("Q-001", assume="Something else"))
    assert [row.candidates.get().title for row in again.questions] == [question("Q-001")["assume"]]
    assert alignment_of(item).round == 1  # type: ignore[union-attr]
