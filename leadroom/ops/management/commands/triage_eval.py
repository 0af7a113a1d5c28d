"""Measures the triage engine on labelled reports."""

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from leadroom.lib.errors import BadInput
from leadroom.ops import evaluation


class Command(BaseCommand):
    """`triage_eval FILE.jsonl[.gz] [--json] [--links OUT.csv] [--database URL]`; format in docs/triage.md."""

    help = "Runs labelled reports through the triage engine in a database of its own and prints how it did."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--json", action="store_true", help="one JSON object, nothing else")
        parser.add_argument("--links", type=Path, help="write every link and suggestion with its evidence here (CSV)")
        parser.add_argument(
            "--database",
            default=os.environ.get("DATABASE_URL", ""),
            help="a Postgres address gets a schema of its own, dropped afterwards; otherwise a temporary SQLite file",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if os.environ.get(evaluation.INSIDE):
                figures = evaluation.run(options["file"], options["links"])
            else:
                figures = evaluation.in_a_child(options["file"], options["links"], options["database"])
        except BadInput as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(figures))
            return
        for name, value in figures.items():
            self.stdout.write(f"{name.replace('_', ' '):16} {value:,}")
