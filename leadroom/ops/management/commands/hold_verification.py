"""`manage.py hold_verification PK GENERATION`: the process of one verification; started by Leadroom, not by people."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from leadroom.verification.running import hold_verification


class Command(BaseCommand):
    help = "Holds one verification until it waits or ends. Started by Leadroom itself."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pk", type=int)
        parser.add_argument("generation", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        hold_verification(options["pk"], options["generation"])
