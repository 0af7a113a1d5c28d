"""`manage.py check_environment PK 0`: the process of one readiness check; started by Leadroom, not by people."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from leadroom.pipeline.environments import hold_check


class Command(BaseCommand):
    help = "Tries a project's environment profile in the sandbox. Started by Leadroom itself."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("pk", type=int)
        parser.add_argument("generation", type=int)

    def handle(self, *args: Any, **options: Any) -> None:
        hold_check(options["pk"])
