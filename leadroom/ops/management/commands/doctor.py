"""`manage.py doctor`: is everything here that Leadroom needs, and if not, what to do."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from leadroom.ops.checks import Finding, check_everything


class Command(BaseCommand):
    help = "Checks everything the installation needs. Exit status 1 when something necessary is missing."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = check_everything()
        missing = [finding.name for finding in findings if finding.is_necessary and not finding.ok]
        if options["json"]:
            self.stdout.write(json.dumps({"ok": not missing, "checks": [asdict(f) for f in findings]}))
        else:
            for finding in findings:
                self.stdout.write(f"{_mark(finding)} {finding.name:<10} {finding.text}")
            self.stdout.write(f"\nto mend: {', '.join(missing)}" if missing else "\nall that is necessary is here")
        if missing:
            sys.exit(1)


def _mark(finding: Finding) -> str:
    if finding.ok:
        return "ok     "
    return "MISSING" if finding.is_necessary else "note   "
