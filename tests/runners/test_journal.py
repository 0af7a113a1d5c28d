"""The holder's pen when the database does not answer."""

import asyncio

import pytest
from django.db import OperationalError

from leadroom.agents import holding
from leadroom.agents.enums import EventKind
from leadroom.runners import journal as journals
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


def _lines(run):
    return [event.payload["text"] for event in run.events.filter(kind=EventKind.NOTICE)]


def _write(run, text):
    async def write() -> None:
        journal = journals.Journal(run)
        journal.write(EventKind.NOTICE, text=text)
        await journal.flush()

    asyncio.run(write())


def test_lines_wait_for_a_busy_database(monkeypatch):
    run, store, failures = factories.make_running_run(factories.make_item()), holding.append_events, iter(range(2))

    def busy(**given):
        if next(failures, None) is not None:
            raise OperationalError("database is locked")
        return store(**given)

    monkeypatch.setattr(journals, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(holding, "append_events", busy)
    _write(run, "once")
    assert _lines(run) == ["once"]


def test_a_write_whose_answer_was_lost_is_not_done_twice(monkeypatch):
    run, store, failures = factories.make_running_run(factories.make_item()), holding.append_events, iter(range(1))

    def answer_lost(**given):
        done = store(**given)
        if next(failures, None) is not None:
            raise OperationalError("server closed the connection unexpectedly")
        return done

    monkeypatch.setattr(journals, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(holding, "append_events", answer_lost)
    _write(run, "once")
    assert _lines(run) == ["once"]


def test_patience_ends(monkeypatch):
    run = factories.make_running_run(factories.make_item())

    def gone(**given):
        raise OperationalError("no route to host")

    monkeypatch.setattr(journals, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(journals, "PATIENCE_SECONDS", 0.05)
    monkeypatch.setattr(holding, "append_events", gone)
    with pytest.raises(OperationalError):
        _write(run, "never")
    assert _lines(run) == []
