"""show where everybody stands"""

import argparse

from evenly.money import format_amount
from evenly.store import Store


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("group")


def run(options: argparse.Namespace, store: Store) -> None:
    for person, cents in store.load(options.group).balances().items():
        print(f"{person:<12} {format_amount(cents):>12}")
