"""The requirements document as Markdown: what goes out comes back, what is not understood is refused with its place."""

import contextlib
import datetime as dt
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from leadroom.lib.errors import BadInput
from leadroom.requirements.contract import from_contract, from_markdown, to_markdown
from leadroom.requirements.document_rules import check_fields
from leadroom.runners.shapes import SubmitDocument
from tests import factories as f

_CHARACTERS = st.one_of(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0"),
    st.sampled_from("-#*`_\\[]<>&;:\n \t|~=+.)(1!\"'—{}\r\x0b\x85\xa0\u2028"),
)
_SNIPPETS = st.sampled_from(
    "---¦\n\n¦**¦*(because: A-001)*¦*(resolved)*¦```\n¦&amp;¦&#10;¦\\¦\\\n¦## ¦- ¦1. ¦> ¦    ¦[a]: b¦<b>¦`a``"  # noqa: SIM905
    "¦— ¦title: x¦AC-001¦G-001 ¦\n===¦ #¦é¦👩\u200d💻¦\u202e¦<!-- x -->".split("¦")
)


def texts(limit: int = 60) -> st.SearchStrategy[str]:
    pieces = st.lists(st.one_of(st.text(_CHARACTERS, max_size=8), _SNIPPETS), min_size=1, max_size=8)
    return pieces.map("".join).map(lambda text: text[:limit]).filter(bool)


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """A document that the tool `submit_document` takes."""
    key = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True)
    goals: list[dict[str, Any]] = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        criteria = [
            {"id": f"AC-{number}{n:02}", "text": draw(texts()), "because": draw(st.lists(key, min_size=1, max_size=3))}
            for n in range(draw(st.integers(0, 2)))
        ]
        goals.append({"id": f"G-{number:03}", "text": draw(texts()), "criteria": criteria})
    return {
        "title": draw(texts(300)),
        "goals": goals,
        "constraints": draw(st.lists(texts(), max_size=3)),
        "non_goals": draw(st.lists(texts(), max_size=2)),
        "scope_boundary": draw(texts()),
        "scenarios": draw(st.lists(st.fixed_dictionaries({"persona": texts(), "text": texts()}), max_size=2)),
        "open_questions": draw(
            st.lists(
                st.fixed_dictionaries({"text": texts(), "state": st.sampled_from(["resolved", "deferred"])}), max_size=2
            )
        ),
        "confidence": draw(st.sampled_from(["HIGH", "MEDIUM", "LOW"])),
        "missing": draw(st.lists(texts(), max_size=2)),
    }


def exported(body: dict[str, Any], **changes: Any) -> str:
    given = {"number": 3, "digest": "sha256:ab", "item_title": "Split: by shares"}
    return to_markdown(body, **{**given, **changes})


def document(**changes: str) -> str:
    """The factory's document as Markdown, with pieces of it replaced."""
    text = exported(f.document_shape())
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


def edited(*changes: tuple[str, str]) -> str:
    return document(**dict(changes))


class TestRoundTrip:
    @settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(bodies())
    @example(
        f.document_shape(constraints=["a\n- b\n\n1. c\n", "C:\\x\\*", "`a` and *b*", "---", "\x85", "a ` b", "**x**"])
    )
    @example(f.document_shape(scenarios=[{"persona": "Ana — she: **x**\n", "text": "— so:\n- it\n- goes"}]))
    @example(f.document_shape(scenarios=[{"persona": "`", "text": "`"}, {"persona": "*a", "text": "b*"}]))
    @example(f.document_shape(title="---\n: x", scope_boundary="\n\n# a\n===\n\tb \\"))
    def test_what_goes_out_comes_back(self, body: dict[str, Any]) -> None:
        assert SubmitDocument.model_validate(body).model_dump() == body
        check_fields(body)
        assert from_markdown(exported(body)) == body

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(bodies())
    def test_a_browser_may_change_the_line_ends(self, body: dict[str, Any]) -> None:
        assert from_markdown("\n\n" + exported(body).replace("\n", "\r\n") + "\r\n ") == body

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(st.one_of(texts(), st.sampled_from(["## Goals\n", "### G-001 x\n", "- a\n", "---\ntitle: x\n---\n"])))
    )
    def test_any_text_is_read_or_refused(self, pieces: list[str]) -> None:
        for read in (from_markdown, from_contract):
            with contextlib.suppress(BadInput):
                body = read("".join(pieces))
                check_fields(body)
                SubmitDocument.model_validate(body)

    def test_plain_words_stay_plain(self) -> None:
        text = exported(
            f.document_shape(constraints=["Use `decimal`, *never* floats (see a_b.py)."]),
            sponsor="Lea Lead",
            created=dt.datetime(2026, 11, 22, 9, tzinfo=dt.UTC),
        )
        for line in (
            "title: Split by shares",
            "version: 3",
            "confidence: HIGH",
            "item: 'Split: by shares'",
            "sponsor: Lea Lead",
            "created: '2026-11-22T09:00:00+00:00'",
            "### G-001 Uneven parts add up.",
            "- **AC-001** Parts follow the shares. *(because: request)*",
            "- Use `decimal`, *never* floats (see a_b.py).",
            "- **Ana, who books** — She pays for two rooms.",
            "- Show shares in balances? *(deferred)*",
        ):
            assert line in text.split("\n")
        assert "## Missing" not in text

    def test_the_front_matter_is_yaml_for_everybody(self) -> None:
        front = exported(f.document_shape(title="no"), item_title="a\nb: 'c'").split("---\n")[1]
        assert yaml.safe_load(front)["title"] == "no"
        assert yaml.safe_load(front)["item"] == "a\nb: 'c'"


class TestStrictReading:
    def test_white_space_wrapping_and_order_are_free(self) -> None:
        text = """

---
Confidence:   high
title:   Split by shares
---
## non-goals
* Percentages.
##   SCOPE BOUNDARY
The command
add.

## Goals

### G-001   Uneven parts
add up?
"""
        text = text.replace("### G-001   Uneven parts\nadd up?", "###   G-001   Uneven parts add up. ###")
        text += "\n\n-   **AC-001**   Parts follow\n    the shares.   *(because: request,A-001 )*\n"
        assert from_markdown(text) == {
            "title": "Split by shares",
            "goals": [
                {
                    "id": "G-001",
                    "text": "Uneven parts add up.",
                    "criteria": [{"id": "AC-001", "text": "Parts follow the shares.", "because": ["request", "A-001"]}],
                }
            ],
            "constraints": [],
            "non_goals": ["Percentages."],
            "scope_boundary": "The command add.",
            "scenarios": [],
            "open_questions": [],
            "confidence": "HIGH",
            "missing": [],
        }

    @pytest.mark.parametrize(
        ("old", "new", "words"),
        [
            ("**AC-002** ", "", "Line 14: a criterion has an id and a cause"),
            (" *(because: request)*", "", "Line 13: a criterion has an id and a cause"),
            ("### G-001 ", "### ", "Line 11: a goal begins with its id"),
            ("## Goals", "## Aims", "Line 9: there is no section “Aims”"),
            ("## Non-goals", "## Constraints", "the section “Constraints” stands there twice"),
            ("## Goals", "Hello.\n\n## Goals", "Line 9: text before the first section"),
            ("- Percentages.", "Percentages.", "write what belongs to “Non-goals” as items of a list"),
            ("- Old groups still load.", "-", "this item is empty"),
            ("**Ana, who books** — ", "", "a scenario says who and what"),
            (" *(deferred)*", "", "an open question ends with its state"),
            ("- **AC-001**", "First:\n\n- **AC-001**", "Line 13: in Goals stand headings"),
            ("confidence: HIGH", "confidence: SURE", "The confidence is “SURE”; it must be HIGH, MEDIUM or LOW."),
            ("confidence: HIGH", "", "The front matter has no `confidence`"),
            ("title: Split by shares", "title: [a, b]", "`title` of the front matter must be one text"),
            ("title: Split by shares", "title: 'a", "The front matter is not YAML"),
            ("title: Split by shares", "title: " + "[" * 2_000, "The front matter"),
            ("title: Split by shares", "a: " + "b" * 10_001, "The front matter has more than 10,000 characters"),
            ("## Goals", "# Another\n\n## Goals", "the title is “Another” here and “Split by shares” in the front"),
            ("The command add.", "\0", "The text holds a NUL"),
            ("The command add.", "a" * 24_001, "this paragraph has 24,001 characters"),
            ("The command add.", "\n" * 20_001, "more than 20,000 lines"),
            ("The command add.", "a" * 1_000_000, "1,000,000 is the limit"),
        ],
    )
    def test_what_is_wrong_is_named_with_its_place(self, old: str, new: str, words: str) -> None:
        with pytest.raises(BadInput) as refusal:
            from_markdown(edited((old, new)))
        assert words in str(refusal.value)
        assert "othing was stored" in str(refusal.value)

    def test_a_name_in_the_front_matter_cannot_reach_the_library(self) -> None:
        text = edited(("version: 3", "content: x\nhandler: y\ntext: z\n1: 2\n? [a]\n: b"))
        with pytest.raises(BadInput, match="front matter is not YAML"):
            from_markdown(text)
        assert from_markdown(edited(("version: 3", "content: x\nhandler: y"))) == f.document_shape()


class TestZeroReviewContract:
    TEXT = """---
Title: Faster checkout
Version: 1.0
Confidence: HIGH
Sponsor: Ana
status: draft
---

# Faster checkout

## 1. Goals

### Goal 1: Fewer clicks

Today it takes seven.

**Acceptance Criteria:**

- [ ] Checkout takes three clicks.
- **AC7:** The total is shown
  before paying.

### No surprises

#### Acceptance criteria

1. Shipping is shown first.

## Constraints
None.

## Non-Goals
- New payment methods.

## Scope Boundary
- In: the cart.
- Out: the shop.

## Usage Scenarios
- **Novice:** Buys one book.
- Power user: buys ten.

## Open Questions
- Which currencies?
- [x] Guests too? Yes.
"""

    def test_goals_criteria_and_everything_else(self) -> None:
        body = from_contract(self.TEXT)
        check_fields(body)
        assert body == {
            "title": "Faster checkout",
            "goals": [
                {
                    "id": "G-001",
                    "text": "Fewer clicks\n\nToday it takes seven.",
                    "criteria": [
                        {"id": "AC-001", "text": "Checkout takes three clicks.", "because": ["request"]},
                        {"id": "AC-007", "text": "The total is shown before paying.", "because": ["request"]},
                    ],
                },
                {
                    "id": "G-002",
                    "text": "No surprises",
                    "criteria": [{"id": "AC-002", "text": "Shipping is shown first.", "because": ["request"]}],
                },
            ],
            "constraints": [],
            "non_goals": ["New payment methods."],
            "scope_boundary": "- In: the cart.\n- Out: the shop.",
            "scenarios": [
                {"persona": "Novice", "text": "Buys one book."},
                {"persona": "Power user", "text": "buys ten."},
            ],
            "open_questions": [
                {"text": "Which currencies?", "state": "deferred"},
                {"text": "Guests too? Yes.", "state": "resolved"},
            ],
            "confidence": "HIGH",
            "missing": [],
        }
        assert from_markdown(exported(body)) == body

    def test_without_front_matter_and_with_goals_as_a_list(self) -> None:
        text = """# Faster checkout

- **Version**: 0.1
- **Confidence**: LOW — the currencies are open
Sponsor: Ana

## Goals
1. Fewer clicks
   - Acceptance criteria:
     - Three clicks.
2. G-001: No surprises
   - AC-001: Shipping is shown first.

## Scope
The cart.

## Scenarios
### Novice
Buys one book.

## Open questions
- Which currencies?
"""
        body = from_contract(text)
        assert [(g["id"], g["text"], [(c["id"], c["text"]) for c in g["criteria"]]) for g in body["goals"]] == [
            ("G-002", "Fewer clicks", [("AC-002", "Three clicks.")]),
            ("G-001", "No surprises", [("AC-001", "Shipping is shown first.")]),
        ]
        assert (body["title"], body["confidence"]) == ("Faster checkout", "LOW")
        assert body["missing"] == ["Which currencies?"]
        assert body["scenarios"] == [{"persona": "Novice", "text": "Buys one book."}]

    def test_criteria_in_a_section_of_their_own_belong_to_the_only_goal(self) -> None:
        head = "# A\nConfidence: HIGH\n\n## Goals\n- One.\n"
        tail = "\n## Acceptance criteria\n- Seen.\n\n## Scope\nAll.\n"
        assert from_contract(head + tail)["goals"][0]["criteria"][0]["text"] == "Seen."
        with pytest.raises(BadInput, match=r"Line 8: “Acceptance criteria” belongs to no goal"):
            from_contract(head + "- Two.\n" + tail)

    def test_a_section_nobody_knows_is_refused_by_name(self) -> None:
        with pytest.raises(BadInput, match="there is no section “Budget”"):
            from_contract(self.TEXT + "\n## Budget\n- 10 days\n")

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(bodies())
    def test_ids_and_causes_of_our_own_form_are_kept(self, body: dict[str, Any]) -> None:
        read = from_contract(exported(body))
        kept = [(g["id"], [(c["id"], c["because"]) for c in g["criteria"]]) for g in read["goals"]]
        assert kept == [(g["id"], [(c["id"], c["because"]) for c in g["criteria"]]) for g in body["goals"]]
