"""The command line: finds the commands, runs one, explains mistakes."""

import argparse
import importlib
import os
import pkgutil
import sys
from pathlib import Path

from evenly import commands
from evenly.errors import EvenlyError
from evenly.store import Store


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; the exit status is 1 when the person made a mistake."""
    parser = argparse.ArgumentParser(prog="evenly", description=commands.__doc__)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for found in pkgutil.iter_modules(commands.__path__):
        module = importlib.import_module(f"evenly.commands.{found.name}")
        command = subparsers.add_parser(found.name, help=module.__doc__)
        module.configure(command)
        command.set_defaults(run=module.run)
    options = parser.parse_args(arguments)
    store = Store(Path(os.environ.get("EVENLY_HOME") or Path.home() / ".evenly"))
    try:
        options.run(options, store)
    except EvenlyError as error:
        print(f"evenly: {error}", file=sys.stderr)
        return 1
    return 0
