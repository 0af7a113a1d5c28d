"""A group of people, what they spent, and where each of them stands."""

from dataclasses import dataclass, field
from typing import Any

from evenly.errors import EvenlyError


def split_evenly(cents: int, people: tuple[str, ...]) -> dict[str, int]:
    """The same for everyone; the first people named pay the cents that are left over."""
    each, left = divmod(cents, len(people))
    return {person: each + (position < left) for position, person in enumerate(people)}


@dataclass(frozen=True)
class Expense:
    """Something one person paid for some people of the group."""

    payer: str
    cents: int
    note: str
    people: tuple[str, ...]

    def split(self) -> dict[str, int]:
        """What each person's part of the expense is, in cents."""
        return split_evenly(self.cents, self.people)


@dataclass
class Group:
    """People who share expenses."""

    name: str
    members: tuple[str, ...]
    expenses: list[Expense] = field(default_factory=list)

    def add(self, expense: Expense) -> None:
        """Adds an expense. Raises EvenlyError when it names somebody who is not in the group."""
        for person in (expense.payer, *expense.people):
            if person not in self.members:
                raise EvenlyError(f"'{person}' is not in the group '{self.name}'.")
        self.expenses.append(expense)

    def balances(self) -> dict[str, int]:
        """Cents each member gets back (positive) or still owes (negative); they add up to 0."""
        totals = dict.fromkeys(self.members, 0)
        for expense in self.expenses:
            totals[expense.payer] += expense.cents
            for person, part in expense.split().items():
                totals[person] -= part
        return totals


def to_data(group: Group) -> dict[str, Any]:
    """A group as plain data for a JSON file."""
    expenses = [vars(expense) | {"people": list(expense.people)} for expense in group.expenses]
    return {"name": group.name, "members": list(group.members), "expenses": expenses}


def from_data(data: dict[str, Any]) -> Group:
    """The group that `to_data` wrote."""
    expenses = [Expense(**entry | {"people": tuple(entry["people"])}) for entry in data["expenses"]]
    return Group(data["name"], tuple(data["members"]), expenses)
