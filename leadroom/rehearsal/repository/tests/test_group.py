import pytest

from evenly.errors import EvenlyError
from evenly.group import Expense, Group, from_data, split_evenly, to_data


def test_left_over_cents_go_to_the_first_people():
    assert split_evenly(1000, ("ana", "ben", "cleo")) == {"ana": 334, "ben": 333, "cleo": 333}


def test_balances_add_up_to_zero():
    group = Group("trip", ("ana", "ben", "cleo"))
    group.add(Expense("ana", 1000, "dinner", ("ana", "ben", "cleo")))
    group.add(Expense("ben", 701, "taxi", ("ben", "cleo")))
    assert group.balances() == {"ana": 666, "ben": 17, "cleo": -683}


def test_a_stranger_cannot_take_part():
    group = Group("trip", ("ana", "ben"))
    with pytest.raises(EvenlyError, match="'zoe' is not in the group 'trip'"):
        group.add(Expense("ana", 100, "tea", ("ana", "zoe")))
    assert group.expenses == []


def test_a_group_survives_its_file_format():
    group = Group("trip", ("ana", "ben"))
    group.add(Expense("ana", 999, "museum", ("ben",)))
    assert from_data(to_data(group)) == group
