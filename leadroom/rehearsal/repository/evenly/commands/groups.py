"""list the groups"""

import argparse

from evenly.store import Store


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "One line for each group."


def run(options: argparse.Namespace, store: Store) -> None:
    for name in store.names():
        group = store.load(name)
        print(f"{name}: {', '.join(group.members)}")
