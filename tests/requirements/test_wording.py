"""The difference of two documents: nothing is lost, nothing is invented, and it never takes long."""

import time
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from leadroom.requirements.wording import Section, word_changes
from tests import factories as f


def changed(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Section]:
    return {section.name: section for section in word_changes(old, new) if section.is_changed}


def test_the_same_document_has_no_change() -> None:
    sections = word_changes(f.document_shape(), f.document_shape())
    assert not any(section.is_changed for section in sections)
    assert [s.name for s in sections][:5] == ["Title", "Confidence", "G-001", "AC-001", "AC-002"]


def test_a_changed_word_is_one_word() -> None:
    found = changed(f.document_shape(title="Split by equal shares"), f.document_shape(title="Split by given shares"))
    assert list(found) == ["Title"]
    assert found["Title"].runs == [
        ("same", "Split by "),
        ("removed", "equal "),
        ("added", "given "),
        ("same", "shares"),
    ]


def test_criteria_are_matched_by_id_and_a_cause_is_a_change() -> None:
    new = f.document_shape(because="A-001")
    new["goals"][0]["criteria"].insert(0, {"id": "AC-003", "text": "It is quick.", "because": ["request"]})
    del new["goals"][0]["criteria"][1]
    found = changed(f.document_shape(), new)
    assert list(found) == ["AC-003", "AC-002", "AC-001"]
    assert found["AC-003"].runs == [("added", "It is quick.\n(because: request)")]
    assert ("added", "A-001)") in found["AC-002"].runs
    assert [kind for kind, _ in found["AC-001"].runs] == ["removed"]


def test_lists_show_what_came_and_went() -> None:
    found = changed(
        f.document_shape(constraints=["a", "b", "c"]), f.document_shape(constraints=["a", "c"], non_goals=[])
    )
    assert found["Constraints"].runs == [("same", "a\n"), ("removed", "b\n"), ("same", "c")]
    assert found["Non-goals"].runs == [("removed", "Percentages.")]


@settings(max_examples=100, deadline=None)
@given(*[st.lists(st.sampled_from(["one ", "two ", "three\n", "  ", "é", "two\t"]), max_size=30).map("".join)] * 2)
def test_both_texts_can_be_read_off(old: str, new: str) -> None:
    (section,) = [
        s
        for s in word_changes(f.document_shape(scope_boundary=old), f.document_shape(scope_boundary=new))
        if s.name == "Scope boundary"
    ]
    assert "".join(text for kind, text in section.runs if kind != "added") == old
    assert "".join(text for kind, text in section.runs if kind != "removed") == new
    assert section.is_changed == (old != new)


def test_texts_made_to_be_slow_are_not() -> None:
    """Thousands of words that all look alike, in every part of a document."""
    old = f.document_shape(constraints=["a b " * 500] * 60, non_goals=[("a " * 40 + "b ") * 20] * 60)
    new = f.document_shape(constraints=["b a a " * 330] * 60, non_goals=[("b " * 41 + "a ") * 20] * 60)
    old["goals"] = [{"id": f"G-{n:03}", "text": "a b a " * 80, "criteria": []} for n in range(50)]
    new["goals"] = [{"id": f"G-{n:03}", "text": "b b a " * 80, "criteria": []} for n in range(50)]
    began = time.monotonic()
    found = changed(old, new)
    assert time.monotonic() - began < 5
    assert "".join(text for kind, text in found["Constraints"].runs if kind != "added") == "\n".join(old["constraints"])
