"""What comes in from outside: whole or not at all, with row numbers and reasons."""

import datetime as dt

import pytest

from leadroom.outcomes.intake import FLOW_SAMPLE, INCIDENT, MOST_BYTES, TICKET, BadRows, Shape, rows_of_csv

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
GOOD = {"id": "I-1", "title": "Totals are off", "opened_at": "2026-11-21T10:00:00+01:00"}


def read(text: str | bytes, shape: Shape = INCIDENT) -> list[dict]:
    data = text.encode() if isinstance(text, str) else text
    return shape.read(rows_of_csv(data, shape), now=NOW, first_row=2)


def problems(text: str | bytes, shape: Shape = INCIDENT) -> list[str]:
    with pytest.raises(BadRows) as refused:
        read(text, shape)
    assert "Nothing was stored." in str(refused.value)
    return [str(one) for one in refused.value.problems]


def test_columns_in_any_order_with_a_byte_order_mark_and_quotes() -> None:
    header, cells = "\ufefftitle,ID,opened_at,paths,severity", '"Off, by a cent",I-1,2026-11-21T10:00:00Z'
    text = f"{header}\n{cells},evenly/money.py; a.py,MINOR\n"
    assert read(text) == [
        {
            "external_id": "I-1",
            "title": "Off, by a cent",
            "opened_at": dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC),
            "severity": "minor",
            "paths": ["evenly/money.py", "a.py"],
        }
    ]


def test_wrong_columns_are_named() -> None:
    assert problems("id,name,opened_at,id\n1,2,3,4\n") == [
        "Row 1: The header lacks title; has name, which nobody knows; has id twice. "
        "Columns: id, title, opened_at, severity, paths."
    ]
    assert "lacks id, title, opened_at" in problems("")[0]


def test_every_wrong_row_is_named_with_its_number() -> None:
    text = (
        "id,title,opened_at,severity\n"
        "1,Good,2026-11-21T10:00:00Z,\n"
        ",No id,2026-11-21T10:00:00Z,\n"
        "3,No zone,2026-11-21T10:00:00,\n"
        "4,Ahead,2026-11-22T09:06:00Z,\n"
        "5,Odd,2026-11-21T10:00:00Z,terrible\n"
        "1,Twice,2026-11-21T10:00:00Z,\n"
        "7,No time,yesterday,\n"
    )
    found = problems(text)
    assert [one.split(":")[0] for one in found] == ["Row 3", "Row 4", "Row 5", "Row 6", "Row 7", "Row 8"]
    for one, word in zip(found, ("no id", "zone", "future", "terrible", "row 2", "yesterday"), strict=True):
        assert word in one


def test_ragged_rows_and_broken_quotes() -> None:
    assert problems("id,title,opened_at\n1,x,2026-11-21T10:00:00Z,more\n") == ["Row 2: has 4 cells, the header 3."]
    assert "cannot be read as CSV" in problems('id,title,opened_at\n1,"x"y,2026-11-21T10:00:00Z\n')[0]


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"\xff\xfe\x00", "UTF-8"),
        (b"id,title,opened_at\n" + b"x" * MOST_BYTES, "limit"),
        (b"id,title,opened_at\n", "no rows"),
        (b"id,title,opened_at\n" + b"1,x,2026-11-21T10:00:00Z\n" * 5_001, "5,000 rows"),
    ],
)
def test_files_that_cannot_be_used(data: bytes, word: str) -> None:
    assert word in problems(data)[0]


@pytest.mark.parametrize("value", ["NaN", "inf", "-1", "1e12", "fast", True, None, [1]])
def test_a_p95_is_a_number_of_milliseconds(value: object) -> None:
    row = {"id": "1", "flow": "checkout", "at": "2026-11-21T10:00:00Z", "p95_ms": value}
    with pytest.raises(BadRows):
        FLOW_SAMPLE.read([row], now=NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"title": {"a": 1}},
        {"title": "x" * 301},
        {"id": True},
        {"colour": "red"},
        {"opened_at": 12},
        {"opened_at": "1999-01-01T00:00:00Z"},
        {"paths": ["a", 1]},
        {"paths": ["a"] * 1 + [f"p{n}" for n in range(100)]},
    ],
)
def test_json_records_are_held_to_the_same(change: dict) -> None:
    with pytest.raises(BadRows):
        INCIDENT.read([{**GOOD, **change}], now=NOW)
    assert INCIDENT.read([GOOD], now=NOW)


def test_what_no_database_stores_becomes_a_mark() -> None:
    (row,) = INCIDENT.read([{**GOOD, "title": "a\x00b\ud800"}], now=NOW)
    assert row["title"] == "a\ufffdb\ufffd"


def test_a_list_or_a_number_is_no_record() -> None:
    with pytest.raises(BadRows):
        TICKET.read([1, None, "x", []], now=NOW)
