"""Runs in the hands of people and of the pipeline."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction

from leadroom.agents import actions, holding
from leadroom.agents.enums import RUNS, Role, RunState
from leadroom.agents.models import Elicitation, Run
from leadroom.agents.queries import latest_run, next_queued, open_elicitations, running_count
from leadroom.agents.rules import NOTE_LIMIT
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict, LeadroomError, NotPermitted
from leadroom.projects.models import WorkItem
from tests import factories as f
from tests.support.refusals import refused_without_effect
from tests.support.together import run_together

pytestmark = pytest.mark.django_db


@pytest.fixture
def item() -> WorkItem:
    return f.make_item()


def lead(run: Run) -> Actor:
    return f.human(f.lead_of(run.item.project))


def in_state(run: Run, state: str) -> Run:
    Run.objects.filter(pk=run.pk).update(state=state)
    return Run.objects.select_related("item__project", "agent").get(pk=run.pk)


class TestQueueing:
    def test_attempts_of_a_role_are_counted(self, item: WorkItem) -> None:
        first = f.make_running_run(item)
        assert (first.attempt, first.lane, first.brief_digest[:7]) == (1, "main", "sha256:")
        holding.complete(run=first, now=f.NOW)
        assert f.make_run(item).attempt == 2
        assert f.make_run(item, Role.DEVELOPER).attempt == 1
        assert latest_run(item, Role.REQUIREMENTS) == Run.objects.get(role="requirements", attempt=2)

    @pytest.mark.parametrize("state", RunState)
    def test_a_role_has_one_open_run_on_an_item(self, item: WorkItem, state: RunState) -> None:
        in_state(f.make_run(item), state)
        if RUNS.is_final(state):
            assert f.make_run(item).attempt == 2
        else:
            with refused_without_effect(Conflict, "A requirements agent is at work on this item already"):
                f.make_run(item)

    @pytest.mark.django_db(transaction=True)
    def test_two_workers_queue_it_once(self) -> None:
        item = f.make_item()
        answers = run_together(*(lambda: f.make_run(item) for _ in range(3)))
        assert sorted(type(answer).__name__ for answer in answers) == ["Conflict", "Conflict", "Run"]
        assert Run.objects.count() == 1

    def test_the_database_itself_keeps_a_second_open_run_out(self, item: WorkItem) -> None:
        first = in_state(f.make_run(item), RunState.COMPLETED)
        f.make_run(item)
        with pytest.raises(IntegrityError, match=r"one_open_run_per_role_and_lane|UNIQUE"), transaction.atomic():
            Run.objects.filter(pk=first.pk).update(state=RunState.LOST)

    def test_the_oldest_waits_in_front(self) -> None:
        runs = [f.make_run(f.make_item()) for _ in range(3)]
        assert next_queued(2) == runs[:2]
        assert running_count() == 0


MOVES: dict[str, tuple[Callable[[Run, Actor], None], set[RunState], str]] = {
    "stop": (
        lambda run, by: actions.stop(run=run, by=by, now=f.NOW),
        {s for s in RunState if not RUNS.is_final(s)},
        "Only a person stops a run",
    ),
    "retry": (
        lambda run, by: actions.retry(run=run, by=by, now=f.NOW),
        {RunState.LOST, RunState.FAILED, RunState.HALTED},
        "Only a person resumes a lost or failed run",
    ),
    "steer": (
        lambda run, by: actions.steer(run=run, text=" Mind the cents. ", by=by, now=f.NOW),
        {RunState.QUEUED, RunState.RUNNING, RunState.WAITING, RunState.LIMITED},
        "Only a person steers a run",
    ),
}


@pytest.mark.parametrize("state", RunState)
@pytest.mark.parametrize("name", MOVES)
def test_what_a_person_may_do_depends_on_the_state(item: WorkItem, name: str, state: RunState) -> None:
    move, allowed, _ = MOVES[name]
    run = in_state(f.make_run(item), state)
    if state in allowed:
        move(run, lead(run))
        return
    with refused_without_effect(NotPermitted, "The run "):
        move(run, lead(run))


@pytest.mark.parametrize("name", MOVES)
def test_agents_and_mechanisms_do_none_of_it(item: WorkItem, name: str) -> None:
    move, allowed, words = MOVES[name]
    run = in_state(f.make_run(item), min(allowed))
    for by in (f.PIPELINE, holding.actor_of(run)):
        with refused_without_effect(NotPermitted, words):
            move(run, by)


class TestStopping:
    def test_a_stop_is_final_and_fences_the_holder(self, item: WorkItem) -> None:
        run = f.make_running_run(item)
        actions.stop(run=run, by=lead(run), now=f.NOW)
        run.refresh_from_db()
        assert (run.state, run.generation, run.ended_at) == ("CANCELLED", 2, f.NOW)
        assert run.failure == f"Stopped by {lead(run).name}"

    def test_everything_of_an_item_is_stopped_together(self, item: WorkItem) -> None:
        done = f.make_running_run(item, Role.PLANNER)
        holding.complete(run=done, now=f.NOW)
        for role in (Role.REQUIREMENTS, Role.DEVELOPER):
            f.make_running_run(item, role)
        actions.stop_open_runs(item=item, by=f.human(f.lead_of(item.project)), now=f.NOW)
        assert sorted(Run.objects.values_list("state", flat=True)) == ["CANCELLED", "CANCELLED", "COMPLETED"]

    def test_a_run_that_moved_meanwhile_is_not_stopped_blindly(self, item: WorkItem) -> None:
        run = f.make_running_run(item)
        stale = Run.objects.select_related("item__project").get(pk=run.pk)
        holding.complete(run=run, now=f.NOW)
        with refused_without_effect(Conflict, "The run moved on meanwhile"):
            actions.stop(run=stale, by=lead(run), now=f.NOW)


class TestRetrying:
    def test_a_lost_run_goes_on_under_the_next_generation(self, item: WorkItem) -> None:
        run = f.make_stopped_run(item)
        actions.retry(run=run, by=lead(run), now=f.NOW)
        run.refresh_from_db()
        assert (run.state, run.failure, run.ended_at, run.attempt) == ("QUEUED", "", None, 1)
        assert holding.claim(run_id=run.pk, ceiling=1, host="h", boot_id="b", now=f.NOW) == 3

    @pytest.mark.django_db(transaction=True)
    def test_a_double_click_resumes_once(self) -> None:
        pk = f.make_stopped_run(f.make_item()).pk
        by = f.human(f.make_user())
        answers = run_together(*(lambda: actions.retry(run=Run.objects.get(pk=pk), by=by, now=f.NOW) for _ in range(2)))
        assert answers.count(None) == 1
        assert isinstance(next(a for a in answers if a is not None), LeadroomError)


class TestNotes:
    def test_a_note_waits_for_the_agents_next_turn(self, item: WorkItem) -> None:
        run = f.make_running_run(item)
        actions.steer(run=run, text="  Mind the cents.\n", by=lead(run), now=f.NOW)
        note = run.notes.get()
        assert (note.text, note.author, note.delivered_at) == ("Mind the cents.", lead(run).name, None)

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("", "The note is empty; nothing was sent"),
            (" \n", "The note is empty"),
            ("x" * (NOTE_LIMIT + 1), "The note has 20,001 characters; 20,000 is the limit. Nothing was sent."),
        ],
    )
    def test_what_is_no_note_is_refused(self, item: WorkItem, text: str, words: str) -> None:
        question = f.make_question(item)
        run = question.run
        with refused_without_effect(BadInput, words):
            actions.steer(run=run, text=text, by=lead(run), now=f.NOW)
        with refused_without_effect(BadInput, words):
            actions.answer(elicitation=question, text=text, user_id=1, by=lead(run), now=f.NOW)


class TestAnswering:
    def answer(self, question: Elicitation, text: str = "Yes", by: Actor | None = None) -> None:
        user = f.lead_of(question.run.item.project)
        actions.answer(elicitation=question, text=text, user_id=user.pk, by=by or f.human(user), now=f.NOW)

    def test_the_answer_reaches_the_agent_and_the_run_goes_on(self, item: WorkItem) -> None:
        question = f.make_question(item)
        assert list(open_elicitations([item.project_id])) == [question]
        self.answer(question, " Yes, do. ")
        question.refresh_from_db()
        assert (question.answer, question.answered_by) == ("Yes, do.", f.lead_of(item.project))
        assert question.run.notes.get().text == f"Answer of {f.lead_of(item.project).username}: Yes, do."
        assert Run.objects.get().state == "QUEUED"
        assert not open_elicitations([item.project_id]).exists()

    def test_the_second_answer_is_told_that_the_first_was_sent(self, item: WorkItem) -> None:
        question = f.make_question(item)
        stale = Elicitation.objects.select_related("run__item__project").get(pk=question.pk)
        self.answer(question)
        with refused_without_effect(Conflict, "This question was answered meanwhile; the first answer was sent"):
            self.answer(stale, "No")
        with refused_without_effect(NotPermitted, "This question was answered already"):
            self.answer(Elicitation.objects.get(), "No")

    def test_an_agent_answers_no_question(self, item: WorkItem) -> None:
        question = f.make_question(item)
        with refused_without_effect(NotPermitted, "Only a person answers an agent's question"):
            self.answer(question, by=holding.actor_of(question.run))

    def test_the_question_of_a_stopped_run_takes_no_answer(self, item: WorkItem) -> None:
        question = f.make_question(item)
        actions.stop(run=question.run, by=lead(question.run), now=f.NOW)
        assert not open_elicitations([item.project_id]).exists()
        with refused_without_effect(NotPermitted, "This run is stopped by a person, so it cannot become queued"):
            self.answer(Elicitation.objects.get())
