"""start a group"""

import argparse

from evenly.errors import EvenlyError
from evenly.group import Group
from evenly.store import Store


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("group")
    parser.add_argument("members", nargs="+")


def run(options: argparse.Namespace, store: Store) -> None:
    if options.group in store.names():
        raise EvenlyError(f"there is a group named '{options.group}' already.")
    store.save(Group(options.group, tuple(dict.fromkeys(options.members))))
    print(f"started {options.group}")
