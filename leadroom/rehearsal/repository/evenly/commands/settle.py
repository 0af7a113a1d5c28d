"""list the payments that make everybody even"""

import argparse

from evenly.money import format_amount
from evenly.settle import settle_up
from evenly.store import Store


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("group")


def run(options: argparse.Namespace, store: Store) -> None:
    payments = settle_up(store.load(options.group).balances())
    for payment in payments:
        print(f"{payment.giver} pays {payment.taker} {format_amount(payment.cents)}")
    if not payments:
        print("everybody is even")
