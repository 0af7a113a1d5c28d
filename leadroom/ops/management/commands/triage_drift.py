"""Runs the golden set through the triage engine that is installed and stores how it came out."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from leadroom.lib.actors import system
from leadroom.lib.clock import now
from leadroom.lib.errors import BadInput, Conflict
from leadroom.lib.leases import HolderLock
from leadroom.ops import evaluation
from leadroom.triage import actions, queries

GOLDEN = Path(settings.BASE_DIR) / "leadroom" / "triage" / "golden.jsonl"


class Command(BaseCommand):
    """`triage_drift [--if-changed]`; exit code 1 when the golden set did not come out as it must."""

    help = "Runs the golden set through the triage engine and stores the result; the triage page shows the last one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-changed", action="store_true", help="only when this engine was not checked before")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            lock = HolderLock(settings.HOME_DIR / "run" / "triage-drift.lock")
        except Conflict:
            self.stdout.write("Another process is at it; the triage page will show what it found.")
            return
        try:
            if options["if_changed"] and not queries.needs_check(queries.last_check()):
                self.stdout.write("This engine was checked before.")
                return
            figures = evaluation.in_a_child(GOLDEN, None, "")
            check = actions.record_check(figures=figures, by=system("triage"), now=now())
        except BadInput as error:
            raise CommandError(str(error)) from error
        finally:
            lock.release()
        if not check.is_good:
            raise CommandError(f"Engine {check.engine} fails the golden set: {figures}")
        self.stdout.write(f"Engine {check.engine} passes the golden set of {figures['reports']} reports.")
