"""`manage.py hold_run PK GENERATION`: the process that holds one run; started by Leadroom, not by people."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from leadroom.runners.holder import hold_run


class Command(BaseCommand):
    help = "Holds one run until it waits or ends. Started by Leadroom itself."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pk", type=int)
        parser.add_argument("generation", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        hold_run(options["pk"], options["generation"])
