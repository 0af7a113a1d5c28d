"""Files of findings: what each kind is read as, and what is said of one that cannot be read."""

import datetime as dt
import json
from typing import Any

import pytest

from leadroom.lib.errors import BadInput
from leadroom.triage.imports.reading import Kind, read
from leadroom.triage.imports.rows import Reading

SARIF: dict[str, Any] = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {
                "driver": {
                    "name": "bandit",
                    "rules": [
                        {
                            "id": "B608",
                            "fullDescription": {"text": "SQL is built from text."},
                            "properties": {"security-severity": "7.5"},
                        },
                        {"id": "B101", "messageStrings": {"used": {"text": "Assert in {0}."}}},
                    ],
                }
            },
            "results": [
                {
                    "ruleId": "B608",
                    "message": {"text": "Possible SQL injection"},
                    "locations": [
                        {
                            "physicalLocation": {
                                "artifactLocation": {"uri": "shop/db.py"},
                                "region": {"startLine": 12},
                            },
                            "logicalLocations": [{"fullyQualifiedName": "shop.db.find"}],
                        }
                    ],
                    "partialFingerprints": {"primaryLocationLineHash": "abc:1"},
                },
                {"ruleIndex": 1, "level": "note", "message": {"id": "used", "arguments": ["tax.py"]}},
                {"kind": "pass", "message": {"text": "fine"}},
                {"message": {"text": "old"}, "baselineState": "absent"},
                {"message": {"text": "hidden"}, "suppressions": [{"kind": "inSource"}]},
                {},
                "no result",
            ],
        }
    ],
}
JUNIT = b"""<?xml version="1.0"?><testsuites><testsuite name="s"><testsuite name="inner">
<testcase classname="tests.test_shares.TestRest" name="test_rest[3]" file="tests/test_shares.py"><failure
 message="assert 333 == 334">def test_rest():
&gt;   assert 333 == 334
E   AssertionError: assert 333 == 334
tests/test_shares.py:9: AssertionError</failure></testcase></testsuite>
<testcase classname="shop.PriceTest" name="rounds"><error message="NoClassDefFoundError: Money"/></testcase>
<testcase classname="a" name="ok"/><testcase classname="a" name="later"><skipped/></testcase>
<testcase classname="a"><failure message="?"/></testcase>
</testsuite></testsuites>"""
ISSUES: list[Any] = [
    {
        "number": 7,
        "title": "Grid overlaps",
        "body": "At 390 px.\r\nBadly.",
        "labels": [{"name": "area/ui"}, {"name": "severity: High"}],
        "createdAt": "2026-03-01T10:00:00Z",
        "url": "https://example.org/o/r/issues/7",
        "state": "OPEN",
    },
    {"number": 8, "title": "A change", "pull_request": {}},
    {"number": 9, "title": "Done long ago", "state": "closed"},
    {"number": 10, "title": "  "},
    "no issue",
]


def said(reading: Reading) -> list[tuple[int, str]]:
    return [(row.number, row.why) for row in reading.refused]


def test_sarif_results_are_read_with_rule_place_and_security_severity() -> None:
    reading = read(Kind.SARIF, json.dumps(SARIF).encode())
    first, second = reading.rows
    assert first.title == "Possible SQL injection (B608)"
    assert "**Where:** `shop/db.py:12` in `shop.db.find`" in first.body
    assert "SQL is built from text." in first.body
    assert (first.severity, second.severity) == ("major", "cosmetic")
    assert second.title == "Assert in tax.py. (B101)"
    assert first.key.startswith("sarif:")
    assert dict(reading.left_out) == {"results that passed": 1, "results that are gone": 1, "suppressed results": 1}
    assert said(reading) == [(6, "It has neither a message nor a rule."), (7, "It is no SARIF result.")]


def test_a_moved_line_keeps_the_key_of_a_fingerprinted_result() -> None:
    moved = json.loads(json.dumps(SARIF))
    moved["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 99
    before, after = (read(Kind.SARIF, json.dumps(log).encode()).rows for log in (SARIF, moved))
    assert before[0].key == after[0].key
    assert before[1].key != after[1].key


def test_junit_failures_are_read_in_the_template() -> None:
    reading = read(Kind.JUNIT, JUNIT)
    first, second = sorted(reading.rows, key=lambda row: row.title, reverse=True)
    assert first.title == "test_rest[3] fails: AssertionError: assert 333 == 334"
    assert "**Test:** `tests/test_shares.py::TestRest::test_rest[3]`" in first.body
    assert "**Error:** `AssertionError: assert 333 == 334`" in first.body
    assert second.title == "rounds breaks before it can run: NoClassDefFoundError: Money"
    assert "**Test:** `shop.PriceTest::rounds`" in second.body
    assert dict(reading.left_out) == {"tests that passed": 1, "skipped tests": 1}
    assert [why for _, why in said(reading)] == ["It is a failure of a test without a name."]


@pytest.mark.parametrize("form", ["list", "one", "search", "pages"])
def test_github_issues_are_read_in_every_form_they_come_in(form: str) -> None:
    whole = {
        "list": json.dumps(ISSUES),
        "one": json.dumps(ISSUES[0]),
        "search": json.dumps({"total_count": 5, "items": ISSUES}),
        "pages": json.dumps(ISSUES[:2]) + "\n" + json.dumps(ISSUES[2:]),
    }[form]
    reading = read(Kind.GITHUB, whole.encode())
    (row,) = reading.rows
    assert (row.title, row.severity) == ("Grid overlaps", "major")
    assert row.body == "At 390 px.\nBadly.\n\nFrom https://example.org/o/r/issues/7"
    assert row.at == dt.datetime(2026, 3, 1, 10, tzinfo=dt.UTC)
    assert row.key == "github:https://example.org/o/r/issues/7"
    if form != "one":
        assert dict(reading.left_out) == {"pull requests": 1, "closed issues": 1}
        assert said(reading) == [(4, "It has no title."), (5, "It is no JSON object.")]


def test_csv_is_read_by_the_names_of_its_columns_and_rows_that_do_not_fit_are_named() -> None:
    table = (
        "\ufeffSummary;Priority;Steps;ID;Mood;created\n"
        '"Suche ist langsam; sehr";P1;"eins\nzwei";17;gut;2026-01-02\n'
        "zu kurz;P2\n"
        ";;;;;\n"
        ";P2;x;18;;\n"
    )
    reading = read(Kind.CSV, table.encode())
    (row,) = reading.rows
    assert (row.title, row.severity, row.key) == ("Suche ist langsam; sehr", "major", "csv:17")
    assert row.body == "**Reproduce:** eins / zwei"
    assert row.at == dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
    assert said(reading) == [(3, "It has 2 cells; the heading has 6."), (5, "It has no title.")]
    assert reading.notes == ["Columns nobody knows were left out: Mood."]


MARKDOWN = """# Issue 1: Login button does nothing on the phone

**Type:** bug
**Severity:** High
**Persona:** novice
## Steps to reproduce
1. Open the page at 390 px
2. Press Login
```
# not a heading
```
## Expected
The form opens.
## Actual
Nothing happens.

# Export as a table
- Type: feature request
- Description: People paste groups into spreadsheets.

# Only a title
"""


def test_issues_of_the_zero_review_contract_are_read_and_what_lacks_is_named() -> None:
    reading = read(Kind.ZERO_REVIEW, MARKDOWN.encode())
    bug, wish = reading.rows
    assert (bug.title, bug.severity) == ("Login button does nothing on the phone", "major")
    assert "**Reproduce:** 1. Open the page at 390 px / 2. Press Login" in bug.body
    assert "**Expected:** The form opens.\n**Actual:** Nothing happens.\n**Affected:** novice" in bug.body
    assert wish.title == "Export as a table"
    assert "People paste groups" in wish.body
    assert said(reading) == [(3, "As a bug it lacks reproduction, expected, actual.")]


def test_the_contract_is_read_from_front_matter_and_from_json_too() -> None:
    given = {"title": "Total is wrong", "steps_to_reproduce": ["add", "look"], "expected": "3", "actual": "2", "id": 4}
    from_json = read(Kind.ZERO_REVIEW, json.dumps({"issues": [given]}).encode()).rows[0]
    matter = "---\ntitle: Total is wrong\nid: 4\nexpected: '3'\nactual: '2'\n---\n## Reproduction\nadd\nlook\n"
    from_markdown = read(Kind.ZERO_REVIEW, matter.encode()).rows[0]
    assert from_json == from_markdown
    assert from_json.key == "zero-review:4"


BROKEN = {
    "an empty file": (b"  \n", "The file is empty"),
    "no UTF-8": (b'[{"title": "\xff\xfe\xfa"}]', "no text in UTF-8"),
}


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("how", sorted(BROKEN))
def test_what_is_no_text_is_told(kind: Kind, how: str) -> None:
    data, sentence = BROKEN[how]
    expected = "no whole JUnit XML" if kind is Kind.JUNIT and how == "no UTF-8" else sentence
    with pytest.raises(BadInput, match=expected) as told:
        read(kind, data)
    assert "othing was taken in" in str(told.value)


@pytest.mark.parametrize(
    ("kind", "data", "sentence"),
    [
        (Kind.SARIF, json.dumps(SARIF).encode()[:-50], "no whole JSON at line 1"),
        (Kind.SARIF, b'{"version": "2.0.0", "runs": []}', "SARIF 2.0.0 is not read, only 2.1.0"),
        (Kind.SARIF, b"[1]", "no SARIF log"),
        (Kind.SARIF, b'{"version": NaN}', "no whole JSON"),
        (Kind.GITHUB, b"[" * 100_000, "no whole JSON"),
        (Kind.GITHUB, b'[{"title": "cut o', "no whole JSON at line 1"),
        (Kind.GITHUB, b'{"message": "Not Found"}', "The file holds no issues"),
        (Kind.JUNIT, JUNIT[:300], "It may have been cut off"),
        (Kind.JUNIT, b'<!DOCTYPE a [<!ENTITY b "c">]><testsuites/>', "declare a document type"),
        (Kind.JUNIT, b"<html></html>", "no whole JUnit XML"),
        (Kind.CSV, b'title,body\nA,"cut off in the mid', "breaks off inside quotes"),
        (Kind.CSV, b"name of it,what\nA,B\n", "Row 1 must name the columns.*it names: name of it, what"),
        (Kind.CSV, b"title,summary\nA,B\n", "more than one column for title"),
        (Kind.ZERO_REVIEW, b"---\ntitle: [\n---\n", "front matter cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_whole_is_refused_in_a_sentence(kind: Kind, data: bytes, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence) as told:
        read(kind, data)
    assert "othing was taken in" in str(told.value)


def test_a_file_of_too_many_or_too_much_is_refused_with_what_to_do() -> None:
    rows = "title\n" + "Again\n" * 12
    with pytest.raises(BadInput, match=r"holds 12 findings; 10 is the most at once here.*split it"):
        read(Kind.CSV, rows.encode(), most=10)
    with pytest.raises(BadInput, match="20,000,000 is the limit"):
        read(Kind.CSV, b"x" * 20_000_001)


def test_texts_no_database_takes_are_mended_and_long_ones_are_kept() -> None:
    issue = {"title": "half \ud83d and \x00", "body": "x" * 1_000_000, "number": 1}
    (row,) = read(Kind.GITHUB, json.dumps([issue]).encode()).rows
    assert row.title == "half \ufffd and \ufffd"
    assert len(row.body) == 1_000_000
