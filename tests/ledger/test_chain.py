"""The ledger is append-only, in one chain, and says so when somebody went around it."""

import datetime as dt
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection, models, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadroom.ledger.actions import record
from leadroom.ledger.models import ChainHead, Entry, Source
from leadroom.ledger.queries import check_chain, history_of_item, sources_of_item
from leadroom.lib.actors import Actor, ActorKind, system
from leadroom.lib.errors import LeadroomError, NotPermitted
from tests.support.refusals import refused
from tests.support.together import run_together

NOW = dt.datetime(2026, 11, 22, 9, 0, 0, 123456, tzinfo=dt.UTC)
TEST = system("test")
SOURCES = [{"kind": "file", "uri": "evenly/money.py:3", "note": "cents"}, {"kind": "requirement", "uri": "AC-001"}]


def write(number: int = 0, **changes: object) -> Entry:
    given: dict = {"verb": "tests.thing.happened", "subject": f"tests.thing:{number}", "item_id": 7, **changes}
    return record(by=TEST, now=NOW, **given)


@pytest.mark.django_db
def test_an_entry_says_who_did_what_to_which_thing_and_why() -> None:
    entry = record(
        by=Actor(ActorKind.HUMAN, "3", "Ada"),
        now=NOW.astimezone(dt.timezone(dt.timedelta(hours=5, minutes=30))),
        verb="tests.plan.frozen",
        subject="tests.plan:4",
        item_id=7,
        payload={"number": 2, "share": 0.5, "text": "Grüße \U0001f600"},
        cause="agents.run:9",
        sources=SOURCES,
    )
    entry.refresh_from_db()
    assert (entry.actor_kind, entry.actor_id, entry.actor_name, entry.at) == ("human", "3", "Ada", NOW)
    assert (entry.verb, entry.subject, entry.item_id, entry.cause) == (
        "tests.plan.frozen",
        "tests.plan:4",
        7,
        "agents.run:9",
    )
    assert entry.payload["text"] == "Grüße \U0001f600"
    assert [(s.kind, s.uri, s.note) for s in sources_of_item(7)] == [
        ("file", "evenly/money.py:3", "cents"),
        ("requirement", "AC-001", ""),
    ]
    assert list(history_of_item(7)) == [entry]
    assert check_chain().breaks == ()


@pytest.mark.django_db
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=8),
        st.text(max_size=8) | st.integers() | st.booleans() | st.none() | st.lists(st.text(max_size=4), max_size=3),
        max_size=4,
    )
)
def test_whatever_a_payload_holds_the_chain_still_holds(db: None, payload: dict) -> None:
    write(payload=payload)
    assert check_chain().breaks == ()


@pytest.mark.django_db
def test_an_empty_ledger_is_whole() -> None:
    assert check_chain().entries == 0
    assert check_chain().breaks == ()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.save(),
        lambda entry: entry.delete(),
        lambda entry: Entry.objects.filter(pk=entry.pk).update(verb="x"),
        lambda entry: Entry.objects.filter(pk=entry.pk).delete(),
        lambda entry: Entry.objects.bulk_update([entry], ["verb"]),
        lambda entry: Entry.objects.update_or_create(pk=entry.pk, defaults={"verb": "x"}),
        lambda entry: entry.sources.get(uri="AC-001").save(),
        lambda entry: entry.sources.get(uri="AC-001").delete(),
        lambda entry: entry.sources.update(uri="x"),
        lambda entry: Source.objects.all().delete(),
    ],
)
def test_the_model_changes_and_deletes_nothing(change: Callable[[Entry], object]) -> None:
    entry = write(sources=SOURCES)
    with pytest.raises(NotPermitted, match="Ledger rows are never"), transaction.atomic():
        change(entry)
    assert check_chain().breaks == ()
    assert Source.objects.count() == 2


def _rows(model: type[models.Model]) -> models.QuerySet:
    """As somebody with the database's password has them."""
    return models.QuerySet(model)


def _swap(first: int, second: int) -> None:
    one, two = (dict(_rows(Entry).filter(pk=pk).values("subject", "hash").get()) for pk in (first, second))
    _rows(Entry).filter(pk=first).update(hash="parked")
    _rows(Entry).filter(pk=second).update(**one)
    _rows(Entry).filter(pk=first).update(**two)


def _cut(pk: int) -> None:
    _rows(Source).filter(entry__gte=pk).delete()
    _rows(Entry).filter(pk__gte=pk)._raw_delete("default")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("tamper", "sentence"),
    [
        (lambda pks: _rows(Entry).filter(pk=pks[2]).update(actor_name="Somebody else"), "entry {2} was changed"),
        (
            lambda pks: _rows(Entry).filter(pk=pks[2]).update(at=NOW + dt.timedelta(microseconds=1)),
            "entry {2} was changed",
        ),
        (lambda pks: _rows(Entry).filter(pk=pks[2]).update(payload={"n": 3}), "entry {2} was changed"),
        (lambda pks: _rows(Entry).filter(pk=pks[2])._raw_delete("default"), "entry {3} does not follow"),
        (lambda pks: _swap(pks[1], pks[2]), "entry {1} was changed"),
        (lambda pks: _cut(pks[3]), "the head names 5 entries, 3 are there"),
        (lambda pks: _rows(ChainHead).update(count=6), "the head names 6 entries, 5 are there"),
        (
            lambda pks: _rows(Source).filter(entry=pks[4], kind="file").update(uri="other.py"),
            "the sources of entry {4}",
        ),
        (lambda pks: _rows(Source).filter(entry=pks[4]).delete(), "the sources of entry {4} were changed"),
        (lambda pks: Source.objects.create(entry_id=pks[0], kind="file", uri="x"), "the sources of entry {0}"),
    ],
)
def test_tampering_past_the_model_is_seen(tamper: Callable[[list[int]], object], sentence: str) -> None:
    pks = [write(n, payload={"n": n}).pk for n in range(4)]
    pks.append(write(4, sources=SOURCES).pk)
    assert check_chain().breaks == ()
    tamper(pks)
    assert any(sentence.format(*pks) in told for told in check_chain().breaks), check_chain().breaks


@pytest.mark.django_db
def test_an_entry_shares_the_fate_of_its_transaction() -> None:
    write()

    def write_and_fail() -> None:
        write(2, sources=SOURCES)
        raise LeadroomError("refused after all")

    with refused(LeadroomError, "refused after all"):
        write_and_fail()
    assert Entry.objects.count() == 1
    assert Source.objects.count() == 0
    assert check_chain().breaks == ()
    write(3)
    assert check_chain().entries == 2


@pytest.mark.django_db(transaction=True)
def test_threads_that_write_at_once_make_one_chain() -> None:
    def burst(writer: int) -> Callable[[], None]:
        def work() -> None:
            for n in range(15):
                write(writer * 100 + n)

        return work

    assert run_together(*(burst(writer) for writer in range(4))) == [None] * 4
    checked = check_chain()
    assert (checked.entries, checked.breaks) == (60, ())
    assert len(set(Entry.objects.values_list("subject", flat=True))) == 60


PROCESS = """
import django
django.setup()
from leadroom.ledger.actions import record
from leadroom.lib.actors import system
from leadroom.lib.clock import now
for n in range(25):
    record(by=system("test"), now=now(), verb="tests.thing.happened", subject=f"tests.thing:{n}")
"""


@pytest.mark.django_db(transaction=True)
def test_processes_that_write_at_once_make_one_chain() -> None:
    given = connection.settings_dict
    url = f"sqlite:///{given['NAME']}"
    if connection.vendor != "sqlite":
        url = f"postgres://{given['USER']}@{str(given['HOST']).replace('/', '%2F')}/{given['NAME']}"
    env = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "leadroom.settings"}
    root = Path(__file__).resolve().parents[2]
    writers = [subprocess.Popen([sys.executable, "-c", PROCESS], env=env, cwd=root) for _ in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    checked = check_chain()
    assert (checked.entries, checked.breaks) == (75, ())
