"""What a holder writes: fenced by its generation, in order, exactly once."""

import datetime as dt
from collections.abc import Callable

import pytest

from leadroom.agents import actions, holding
from leadroom.agents.enums import HELD, EventKind, Phase, Role, RunState, WaitReason
from leadroom.agents.models import Elicitation, Run, RunEvent, RunMessage, RunNote
from leadroom.agents.queries import events_after, expired_runs, session_of
from leadroom.ledger.models import Entry
from leadroom.lib.errors import Fenced, NotPermitted
from tests import factories as f
from tests.support.refusals import refused_without_effect
from tests.support.snapshot import changed_tables, snapshot
from tests.support.together import run_together

pytestmark = pytest.mark.django_db
LATER = f.NOW + dt.timedelta(seconds=2)


def line(text: str, kind: EventKind = EventKind.MESSAGE) -> holding.Line:
    return holding.Line(kind, {"text": text}, f.NOW)


def claim(run: Run, *, ceiling: int = 9) -> int | None:
    return holding.claim(run_id=run.pk, ceiling=ceiling, host="here", boot_id="boot", now=f.NOW)


@pytest.fixture
def run() -> Run:
    return f.make_running_run(f.make_item(), Role.DEVELOPER)


HOLDER_WRITES: dict[str, Callable[[Run], object]] = {
    "append_events": lambda run: holding.append_events(run=run, lines=[line("late")], now=LATER),
    "append_events, fields only": lambda run: holding.append_events(run=run, lines=[], now=LATER, model="other"),
    "renew": lambda run: holding.renew(run=run, now=LATER),
    "set_phase": lambda run: holding.set_phase(run=run, phase=Phase.CODE, note="late", now=LATER),
    "ask": lambda run: holding.ask(run=run, question="?", why="", recommendation="", options=[], now=LATER),
    "wait": lambda run: holding.wait(run=run, reason=WaitReason.ANSWER, now=LATER),
    "limit": lambda run: holding.limit(run=run, until=LATER, now=LATER),
    "unlimit": lambda run: holding.unlimit(run=run, now=LATER),
    "complete": lambda run: holding.complete(run=run, now=LATER),
    "fail": lambda run: holding.fail(run=run, reason="late", now=LATER),
    "lose": lambda run: holding.lose(run=run, reason="late", now=LATER),
}


def _lost(run: Run) -> None:
    holding.lose(run=run, reason="The worker died.", now=f.NOW)


def _stopped(run: Run) -> None:
    actions.stop(run=run, by=f.human(f.lead_of(run.item.project)), now=f.NOW)


def _held_by_another(run: Run) -> None:
    _lost(run)
    run.refresh_from_db(fields=["generation"])
    actions.retry(run=run, by=f.human(f.lead_of(run.item.project)), now=f.NOW)
    assert claim(run) == 3


@pytest.mark.parametrize("taken", [_lost, _stopped, _held_by_another])
@pytest.mark.parametrize("name", HOLDER_WRITES)
def test_a_holder_that_was_replaced_writes_nothing(run: Run, name: str, taken: Callable[[Run], None]) -> None:
    taken(Run.objects.select_related("item__project", "agent").get(pk=run.pk))
    with refused_without_effect(Fenced, "run"):
        HOLDER_WRITES[name](run)


class TestClaiming:
    def test_a_claim_makes_a_generation_and_a_lease(self) -> None:
        run = f.make_run(f.make_item())
        assert claim(run) == 1
        run.refresh_from_db()
        assert (run.state, run.generation, run.host, run.boot_id) == ("RUNNING", 1, "here", "boot")
        assert run.lease_expires_at == f.NOW + dt.timedelta(seconds=holding.START_SECONDS)
        assert [event.payload["text"] for event in run.events.all()] == ["Started on here"]

    def test_a_run_is_claimed_once(self) -> None:
        run = f.make_run(f.make_item())
        claim(run)
        before = snapshot()
        assert claim(run) is None
        assert changed_tables(before) == {}

    def test_the_ceiling_counts_runs_that_wait_for_a_rate_limit_and_not_those_that_wait_for_a_person(self) -> None:
        limited, asking, queued = (f.make_running_run(f.make_item()) for _ in range(3))
        holding.limit(run=limited, until=LATER, now=f.NOW)
        holding.wait(run=asking, reason=WaitReason.PICKS, now=f.NOW)
        fresh = f.make_run(f.make_item())
        assert claim(fresh, ceiling=2) is None
        assert claim(fresh, ceiling=3) == 1
        assert Run.objects.filter(state__in=HELD).count() == 3
        assert queued.state == RunState.RUNNING

    @pytest.mark.django_db(transaction=True)
    def test_two_workers_do_not_exceed_the_ceiling(self) -> None:
        runs = [f.make_run(f.make_item()) for _ in range(4)]
        answers = run_together(*(lambda run=run: claim(run, ceiling=2) for run in runs))
        assert sorted(answers, key=str) == [1, 1, None, None]
        assert Run.objects.filter(state__in=HELD).count() == 2

    @pytest.mark.django_db(transaction=True)
    def test_two_workers_do_not_get_the_same_run(self) -> None:
        run = f.make_run(f.make_item())
        answers = run_together(*(lambda: claim(run) for _ in range(3)))
        assert sorted(answers, key=str) == [1, None, None]
        assert Entry.objects.filter(verb="agents.run.started").count() == 1


class TestTranscript:
    def test_lines_messages_notes_and_fields_are_one_write(self, run: Run) -> None:
        note = RunNote.objects.create(run=run, text="Mind the cents.", author="Ada", written_at=f.NOW)
        last = holding.append_events(
            run=run,
            lines=[line("a"), line("b", EventKind.THOUGHT)],
            messages=[{"role": "user", "content": "hi"}, {"role": "assistant", "content": [{"type": "text"}]}],
            delivered=[note],
            now=LATER,
            input_tokens=12,
        )
        run.refresh_from_db()
        assert (last, run.last_seq, run.last_line, run.input_tokens) == (3, 3, "a", 12)
        assert (run.last_event_at, run.lease_expires_at) == (LATER, LATER + dt.timedelta(seconds=holding.LEASE_SECONDS))
        assert [(e.seq, e.kind) for e in events_after(run.pk, 1)] == [(2, "message"), (3, "thought")]
        assert session_of(run) == [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": [{"type": "text"}]},
        ]
        note.refresh_from_db()
        assert note.delivered_at == LATER
        holding.append_events(run=run, lines=[], messages=[{"role": "user", "content": "on"}], now=LATER)
        assert [m.position for m in RunMessage.objects.filter(run=run)] == [0, 1, 2]

    def test_what_no_database_can_hold_is_shown_as_a_mark(self, run: Run) -> None:
        nasty = {"text": "a\x00b\ud800c", "input": {"k\x00": ["\udfff", 1, None]}}
        holding.append_events(
            run=run,
            lines=[holding.Line(EventKind.TOOL_CALL, nasty, f.NOW)],
            messages=[{"role": "assistant", "content": [{"text": "\x00"}]}],
            now=LATER,
        )
        event = RunEvent.objects.get(run=run, kind="tool_call")
        assert event.payload == {"text": "a\ufffdb\ufffdc", "input": {"k\ufffd": ["\ufffd", 1, None]}}
        assert session_of(run) == [{"role": "assistant", "content": [{"text": "\ufffd"}]}]
        holding.fail(run=run, reason="it said \x00", now=LATER)
        assert Run.objects.get(pk=run.pk).failure == "it said \ufffd"

    @pytest.mark.parametrize(
        ("lines", "shown"),
        [
            ([line("one\ntwo\n")], "two"),
            ([line("said"), line("thought", EventKind.THOUGHT), line("42", EventKind.USAGE)], "said"),
            ([holding.Line(EventKind.TOOL_CALL, {"title": "Reads a.py", "text": "x"}, f.NOW)], "Reads a.py"),
            ([line("x" * 400)], "x" * 300),
            ([line("  \n")], "before"),
        ],
    )
    def test_the_board_shows_the_last_spoken_line(self, run: Run, lines: list, shown: str) -> None:
        holding.append_events(run=run, lines=[line("before")], now=LATER)
        holding.append_events(run=run, lines=lines, now=LATER)
        run.refresh_from_db()
        assert run.last_line == shown

    @pytest.mark.django_db(transaction=True)
    def test_writers_at_once_leave_no_gap_and_no_double(self) -> None:
        run = f.make_running_run(f.make_item(), Role.DEVELOPER)

        def write(name: int) -> Callable[[], None]:
            def work() -> None:
                own = Run.objects.get(pk=run.pk)
                for n in range(8):
                    message = {"role": "user", "content": f"{name}.{n}"}
                    holding.append_events(
                        run=own, lines=[line(f"{name}.{n}.{m}") for m in range(3)], messages=[message], now=LATER
                    )

            return work

        assert run_together(*(write(name) for name in range(4))) == [None] * 4
        events = list(RunEvent.objects.filter(run=run).order_by("seq"))
        assert [event.seq for event in events] == list(range(1, 98))
        texts = [event.payload["text"] for event in events[1:]]
        assert len(set(texts)) == 96
        for name in range(4):
            own = [text for text in texts if text.startswith(f"{name}.")]
            assert own == [f"{name}.{n}.{m}" for n in range(8) for m in range(3)]
        assert [m.position for m in run.messages.all()] == list(range(32))


class TestLife:
    def test_a_phase_is_said_in_row_transcript_and_ledger(self, run: Run) -> None:
        holding.set_phase(run=run, phase=Phase.TESTS, note="the plan's tests", now=LATER)
        run.refresh_from_db()
        assert run.phase == "tests"
        assert run.events.last().payload == {"phase": "tests", "text": "Tests: the plan's tests"}

    def test_a_waiting_run_goes_on_with_what_it_waited_for(self, run: Run) -> None:
        holding.wait(run=run, reason=WaitReason.PICKS, now=LATER)
        run.refresh_from_db()
        assert (run.state, run.wait_reason, run.lease_expires_at) == ("WAITING", "picks", None)
        actions.resume(run=run, text="Take the first.", by=f.PIPELINE, now=LATER)
        run.refresh_from_db()
        assert (run.state, run.wait_reason, run.queued_at) == ("QUEUED", "", LATER)
        assert [note.text for note in run.notes.filter(delivered_at=None)] == ["Take the first."]
        assert claim(run) == 2

    def test_a_question_is_one_row_however_often_it_is_asked(self, run: Run) -> None:
        asked = [
            holding.ask(run=run, question=q, why="", recommendation="", options=["a"], now=LATER) for q in ("Who?", "?")
        ]
        assert asked[0].pk == asked[1].pk
        assert Elicitation.objects.get().question == "Who?"

    def test_a_rate_limit_comes_and_goes(self, run: Run) -> None:
        holding.limit(run=run, until=LATER, now=f.NOW)
        assert Run.objects.get(pk=run.pk).limited_until == LATER
        holding.renew(run=run, now=LATER)
        holding.unlimit(run=run, now=LATER)
        run.refresh_from_db()
        assert (run.state, run.limited_until) == ("RUNNING", None)

    def test_a_limited_run_can_fail(self, run: Run) -> None:
        holding.limit(run=run, until=LATER, now=f.NOW)
        holding.fail(run=run, reason="No quota left.", now=LATER)
        run.refresh_from_db()
        assert (run.state, run.failure, run.ended_at, run.limited_until) == ("FAILED", "No quota left.", LATER, None)

    def test_a_completed_run_says_how_many_lines_it_had(self, run: Run) -> None:
        holding.append_events(run=run, lines=[line("done")], now=LATER)
        holding.complete(run=run, now=LATER)
        assert Entry.objects.get(verb="agents.run.completed").payload == {"events": 3, "text": "Completed"}
        assert Run.objects.get(pk=run.pk).ended_at == LATER

    @pytest.mark.parametrize("end", [holding.complete, lambda **given: holding.wait(reason=WaitReason.PICKS, **given)])
    def test_a_limited_run_neither_completes_nor_waits(self, run: Run, end: Callable[..., None]) -> None:
        holding.limit(run=run, until=LATER, now=f.NOW)
        with refused_without_effect(NotPermitted, "This run is waiting for the model's rate limit"):
            end(run=run, now=LATER)

    def test_a_lease_that_ran_out_is_found_and_a_renewed_one_is_not(self, run: Run) -> None:
        end = f.NOW + dt.timedelta(seconds=holding.START_SECONDS)
        assert not expired_runs(end).exists()
        assert list(expired_runs(end + dt.timedelta(milliseconds=1))) == [run]
        holding.renew(run=run, now=end)
        assert not expired_runs(end + dt.timedelta(milliseconds=1)).exists()
        holding.complete(run=run, now=end)
        assert not expired_runs(end + dt.timedelta(days=1)).exists()
