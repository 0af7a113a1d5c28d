import pytest

from evenly.errors import EvenlyError
from evenly.money import format_amount, parse_amount


@pytest.mark.parametrize(("text", "cents"), [("42.50", 4250), ("42", 4200), ("0.01", 1)])
def test_reads_amounts(text, cents):
    assert parse_amount(text) == cents


@pytest.mark.parametrize("text", ["", "0", "0.00", "-1", "1.5", "1,50", "ten"])
def test_refuses_what_is_no_amount(text):
    with pytest.raises(EvenlyError, match="is not an amount"):
        parse_amount(text)


@pytest.mark.parametrize(("cents", "text"), [(4250, "42.50"), (-5, "-0.05"), (-150, "-1.50"), (0, "0.00")])
def test_writes_amounts(cents, text):
    assert format_amount(cents) == text
