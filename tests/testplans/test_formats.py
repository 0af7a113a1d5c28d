"""Plans as Markdown, YAML and Gherkin, and results as JUnit XML and CTRF: what goes out comes in again."""

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import JUnitXml

from leadroom.lib.errors import BadInput
from leadroom.testplans.formats.feature import from_feature, to_feature
from leadroom.testplans.formats.markdown import from_markdown, to_markdown
from leadroom.testplans.formats.plain import SIZE_LIMIT, from_yaml, read_plan, to_yaml
from leadroom.testplans.formats.results import CaseOutcome, to_ctrf, to_junit
from leadroom.web.plans.case_form import shaped_plan
from tests import factories as f

ABOUT: dict[str, Any] = {"number": 2, "digest": "sha256:00", "item_title": "Split by shares"}
NASTY = st.sampled_from(
    [
        "## Cases", "- **Layer** unit", "Feature: x", "# no comment", "@tag", "Given that", '"""', "a\n\n\n  b", " x ",
        '"quoted"', "1. one", "* star", "<b>&amp;</b>", "`code` *emph*", "| a | b |", "Scenario: y", "\\", "yes",
        "null", "2026-01-01", "- ", "---", "é ü 漢 🎉", "\u202e\u200b", "x\ty", "key: value", "Summary: z", "none",
        "&a *a", "why —",
    ]
)  # fmt: skip
TEXT = st.one_of(NASTY, st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\r"), max_size=40))
SENTENCE = TEXT.filter(bool)
KEY = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True)


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    is_node = draw(st.booleans())
    return {
        "id": draw(KEY),
        "layer": draw(st.sampled_from(["unit", "integration", "end_to_end"])),
        "title": draw(SENTENCE),
        "criteria": draw(st.lists(KEY.filter(lambda key: key != "none"), max_size=3)),
        "precondition": draw(TEXT),
        "steps": draw(st.lists(SENTENCE, max_size=3)),
        "expected": draw(SENTENCE),
        "flow": draw(TEXT),
        "path": draw(st.sampled_from(["happy", "error", "boundary"])),
        "priority": draw(st.sampled_from(["must", "should"])),
        "node_id": draw(SENTENCE) if is_node else "",
        "command": "" if is_node else draw(SENTENCE),
        "holds_before": draw(st.booleans()),
    }


PLANS = st.fixed_dictionaries(
    {
        "summary": SENTENCE,
        "cases": st.lists(cases(), min_size=1, max_size=3),
        "forbidden_zones": st.lists(SENTENCE, max_size=2),
        "failure_modes": st.lists(SENTENCE, max_size=2),
        "environment": TEXT,
        "not_covered": st.lists(st.fixed_dictionaries({"what": SENTENCE, "why": SENTENCE}), max_size=2),
    }
)


@settings(max_examples=60, deadline=None)
@given(PLANS)
def test_a_plan_comes_back_from_every_format_as_it_was(body: dict[str, Any]) -> None:
    assert from_yaml(to_yaml(body, **ABOUT)) == body
    assert from_markdown(to_markdown(body, **ABOUT)) == body
    assert from_feature(to_feature(body, item_title="Split by shares")) == body


@pytest.mark.parametrize("write", [to_yaml, to_markdown])
def test_the_format_is_told_by_how_the_text_begins(write: Any) -> None:
    body = shaped_plan(f.plan_shape())
    assert read_plan(write(body, **ABOUT)) == body
    assert read_plan("# ours\n" + to_feature(body, item_title="x")) == body
    assert read_plan("---\n" + to_yaml(body, **ABOUT)) == body


def test_markdown_reads_well() -> None:
    text = to_markdown(shaped_plan(f.plan_shape()), **ABOUT)
    for line in (
        "## Summary",
        "### U-001 Parts add up in U-001",
        "- **Criteria** AC-001, AC-002",
        "- **Given** A group of three.",
        "- **Step** Split 10.00 by 1, 1, 1.",
        "- **Expected** 3.34, 3.33 and 3.33.",
        "- **Node id** tests/test_shares.py::test_u_001",
        "## Hands off",
        "- **Amounts above a million** — They are refused before.",
    ):
        assert line in text.splitlines()


def test_a_feature_reads_well() -> None:
    text = to_feature(shaped_plan(f.plan_shape()), item_title="Split by shares")
    for line in (
        "Feature: Split by shares",
        "  @id:U-001 @layer:unit @path:happy @priority:must @proves:AC-001 @proves:AC-002",
        "  Scenario: Parts add up in U-001",
        "    Given A group of three.",
        "    When Split 10.00 by 1, 1, 1.",
        "    Then 3.34, 3.33 and 3.33.",
    ):
        assert line in text.splitlines()


FOREIGN = '''
@shares
Feature: Sharing
  Somebody pays.

  Background:
    Given a group of three

  Rule: Cents
    @AC-002
    Scenario: No cent is lost
      Given an amount
        """
        10.00
        """
      When it is split
      And it is shown
      Then nothing is lost
      But nobody pays twice
'''


def test_anybodys_feature_is_read_as_far_as_it_goes() -> None:
    body = from_feature(FOREIGN)
    assert body["summary"] == "Somebody pays."
    assert body["cases"] == [
        {
            "id": "E-001", "layer": "end_to_end", "title": "No cent is lost", "criteria": ["AC-002"],
            "precondition": "a group of three\nan amount\n10.00", "steps": ["it is split", "it is shown"],
            "expected": "nothing is lost\nnobody pays twice", "flow": "", "path": "happy", "priority": "must",
            "node_id": "", "command": "", "holds_before": False,
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "There is no text to import"),
        ("x" * (SIZE_LIMIT + 1), "1,000,000 is the limit"),
        ("just words", "it has no field `cases`"),
        ("cases: [", "this is not YAML"),
        ("a: &a [x]\ncases: [*a, *a]", "Line 2: a plan has no aliases"),
        ("Feature: x\n  Scenario: y\n    Nonsense here\n    Given a\n  wrong", "This is not Gherkin"),
        ("Feature: x\n Scenario Outline: y\n  Given <a>\n  Examples:\n   | a |\n   | 1 |", "Line 2: “y” has examples"),
        ("## Summary\n\nA.\n\n## Cases\n\n- **Layer** unit", "Line 7: under “Cases” come"),
        ("## Cases\n\n### U-001 T\n\n- **Colour** red", "Line 5: a line of a case begins with one of Layer"),
        ("## Cases\n\n### U-001\n", "Line 3: a case begins with its id"),
        ("## Summary\n\n> quote", "Line 3: a quote, code, a numbered list"),
        ("## Elsewhere\n\nwords", "Line 3: this has no place under “Elsewhere”"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_plan(text)
    assert sentence in str(caught.value)
    assert "Nothing was changed." in str(caught.value)


def test_a_date_or_number_in_yaml_is_refused_with_its_field() -> None:
    with pytest.raises(BadInput, match=r"cases 1 title: .*string.* Nothing was changed"):
        shaped_plan(f.plan_shape(cases=[f.case_shape("U-001", "unit", title=3)]))


WORDS = ["passed", "failed", "error", "skipped", "missing"]
OUTCOMES = st.lists(
    st.builds(
        CaseOutcome,
        key=KEY,
        title=TEXT,
        layer=st.sampled_from(["unit", "integration"]),
        run_by=TEXT,
        word=st.sampled_from(WORDS),
        seconds=st.floats(0, 10_000).map(lambda value: round(value, 3)),
        message=TEXT,
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(OUTCOMES)
def test_results_come_back_from_junit(rows: list[CaseOutcome]) -> None:
    suites = list(JUnitXml.fromstring(to_junit("Shares", rows).encode()))
    read = [case for suite in suites for case in suite]
    kinds = {"passed": [], "failed": ["Failure"], "skipped": ["Skipped"], "error": ["Error"], "missing": ["Error"]}
    assert [[type(entry).__name__ for entry in case.result] for case in read] == [kinds[row.word] for row in rows]
    assert [(case.classname, case.time) for case in read] == [(row.layer, row.seconds) for row in rows]
    for case, row in zip(read, rows, strict=True):
        if "".join(filter(str.isprintable, row.title)) == row.title:
            assert case.name == f"{row.key} {row.title}"
    assert sum(suite.failures for suite in suites) == sum(row.word == "failed" for row in rows)


@settings(max_examples=60, deadline=None)
@given(OUTCOMES)
def test_results_come_back_from_ctrf(rows: list[CaseOutcome]) -> None:
    at = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
    report = json.loads(to_ctrf("Shares", rows, started=at, ended=at + dt.timedelta(seconds=2), commit="c" * 40))
    results = report["results"]
    assert report["reportFormat"] == "CTRF"
    assert [(t["extra"]["case"], t["rawStatus"], t.get("message", "")) for t in results["tests"]] == [
        (row.key, row.word, row.message) for row in rows
    ]
    summary = results["summary"]
    assert summary["tests"] == len(rows) == sum(summary[w] for w in ("passed", "failed", "pending", "skipped", "other"))
    assert summary["stop"] - summary["start"] == 2000
    assert {t["status"] for t in results["tests"]} <= {"passed", "failed", "skipped", "pending", "other"}
