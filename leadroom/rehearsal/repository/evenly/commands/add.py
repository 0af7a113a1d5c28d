"""add an expense"""

import argparse

from evenly.group import Expense
from evenly.money import format_amount, parse_amount
from evenly.store import Store


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("group")
    parser.add_argument("payer")
    parser.add_argument("amount", help="like 42.50")
    parser.add_argument("note")
    parser.add_argument("--for", dest="people", metavar="NAMES", help="like ana,ben; default everybody")


def run(options: argparse.Namespace, store: Store) -> None:
    group = store.load(options.group)
    people = tuple(options.people.split(",")) if options.people else group.members
    expense = Expense(options.payer, parse_amount(options.amount), options.note, people)
    group.add(expense)
    store.save(group)
    print(f"{expense.payer} paid {format_amount(expense.cents)} for {expense.note}")
