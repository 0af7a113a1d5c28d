"""The engine alone: what is read from texts, weighed, compared and forbidden."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadroom.triage.engine import model, terms
from leadroom.triage.engine.extraction import HEAD, extract, facts_from, same_text
from leadroom.triage.engine.features import NAMES, Found, Search, Side, features
from leadroom.triage.engine.guard import Text, vetoes

TEMPLATE = """**Expected:** The test passes.
**Reproduce:** `python -m pytest tests/test_shares.py::test_rest[3]`
**Where:** `src/evenly/shares.py:31` in `Shares.split`
**Commit:** `a24c9d6bc9`

```
tests/test_shares.py:12: in test_rest
src/evenly/shares.py:31: in split
E   AssertionError: assert 333 == 334
```
"""


def test_the_template_is_read_also_from_its_trace_and_command() -> None:
    assert extract("Shares do not add up", TEMPLATE).labels == {
        "expected": "the test passes.",
        "command": "python -m pytest tests/test_shares.py::test_rest[3]",
        "commit": "a24c9d6bc9",
        "error": "assertionerror: assert 333 == 334",
        "test": "tests/test_shares.py::test_rest[3]",
        "path": "evenly/shares.py",
        "line": "31",
        "symbol": "shares.split",
    }


def test_facts_of_free_text() -> None:
    facts = extract(
        "CVE-2022-42889: POST /api/reports returns 500 in 1.10.0",
        "java.net.SocketTimeoutException: read\n  at org.acme.Pool.take(Pool.java:88)\n"
        'see web/views.py and `--init-db`, "not ready yet"',
    )
    assert facts.exceptions == ["sockettimeoutexception"]
    assert facts.frames == ["pool.take"]
    assert {"web/views.py", "/api/reports"} <= set(facts.paths)
    assert {"cve-2022-42889", "status 500"} <= set(facts.codes)
    assert facts.versions == ["1.10.0"]
    assert "--init-db" in facts.names
    assert facts.messages == ["--init-db", "not ready yet"]
    assert facts.kind == "bug"


@given(st.text(max_size=400), st.text(max_size=2000))
def test_any_text_has_facts_that_survive_storing(title: str, body: str) -> None:
    facts = extract(title, body)
    assert facts_from(json.loads(json.dumps(facts.plain()))) == facts
    weights, in_title = terms.counted(title, body, facts)
    weighed = terms.heaviest(weights, in_title, terms.rarities(weights, {}, 0, {}))
    assert terms.unpacked(weighed.packed()) == weighed
    side = Side(facts, weighed, 0.0)
    row = features(side, side, Found(), Search(0, 0, 0))
    assert len(row) == len(NAMES)
    assert all(0.0 <= p <= 1.0 for p in model.load().probabilities([row]))


@given(st.text(min_size=1, max_size=200))
def test_white_space_is_no_difference_and_anything_else_is(text: str) -> None:
    assert same_text("a", text) == same_text(" a ", f"\n{text} ")
    assert same_text("a", text) != same_text("a", f"{text}x")


def test_what_lies_beyond_the_limit_is_not_read_and_its_end_is() -> None:
    facts = extract("t", f"{'word ' * HEAD} OverflowError at the end")
    assert facts.exceptions == ["overflowerror"]


@pytest.mark.parametrize("turned", [False, True])
def test_a_report_has_nothing_against_itself_and_each_veto_says_why(turned: bool) -> None:
    a = Text("Export of 3 rows fails", TEMPLATE, extract("Export of 3 rows fails", TEMPLATE))
    b = Text("Export of 4 rows fails", TEMPLATE, extract("Export of 4 rows fails", TEMPLATE))
    assert vetoes(a, a, fields_agree=False) == []
    first, second = (b, a) if turned else (a, b)
    assert any("different numbers" in said for said in vetoes(first, second, fields_agree=False))


def test_a_rarer_word_weighs_more_and_common_ones_are_known_from_the_start() -> None:
    assert terms.rarity(1, 1000, 0.0005) > terms.rarity(500, 1000, 0.0005) >= 1
    assert terms.rarity(0, 0, 0.38) < terms.rarity(0, 0, 0.0005)
