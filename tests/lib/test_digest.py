"""Digests are what approvals bind to: equal things, equal digests, whoever computes them."""

import hashlib
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadroom.lib.digest import canonical_json, digest_of
from leadroom.lib.shapes import clip, count_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_a_value_keeps_its_digest_through_storage(value: object) -> None:
    assert digest_of(json.loads(json.dumps(value))) == digest_of(value)


def test_the_order_of_keys_does_not_matter_and_the_order_of_items_does() -> None:
    assert digest_of({"a": 1, "b": [1, 2]}) == digest_of({"b": [1, 2], "a": 1})
    assert digest_of([1, 2]) != digest_of([2, 1])


def test_text_and_bytes_have_the_digest_everybody_else_computes() -> None:
    wanted = "sha256:" + hashlib.sha256("Grüße".encode()).hexdigest()
    assert digest_of("Grüße") == digest_of("Grüße".encode()) == wanted


def test_half_a_character_has_a_digest_too() -> None:
    """JSON of a model can hold one; it must not break what counts it."""
    assert digest_of("\ud800") != digest_of("\ud801")
    assert digest_of({"text": "\ud800"}) != digest_of({"text": "\ud801"})


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), {1, 2}])
def test_what_json_has_no_form_for_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        canonical_json(value)


def test_shapes_of_text() -> None:
    assert clip("abc", 3) == "abc"
    assert clip("a" * 2_003, 3) == "aaa… (2,000 more characters)"
    assert (count_of(1, "case"), count_of(2_000, "case")) == ("1 case", "2,000 cases")
    assert count_of(0, "query", "queries") == "0 queries"
