"""`manage.py hold_faults PK GENERATION`: seeded faults tried once more; started by Leadroom, not by people."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from leadroom.verification.running import hold_faults


class Command(BaseCommand):
    help = "Tries the seeded faults of one verification again. Started by Leadroom itself."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pk", type=int)
        parser.add_argument("generation", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        hold_faults(options["pk"])
