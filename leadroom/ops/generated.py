"""Documents that are generated from the code, and the check that they are fresh."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class GeneratedDocCommand(BaseCommand, ABC):
    """Writes `path` from `text()`; with --check compares instead and fails with the cure."""

    path = ""
    requires_system_checks: list[str] = []

    @abstractmethod
    def text(self) -> str:
        """The document as it should be."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="fail when the file is not what would be written")

    def handle(self, *args: Any, **options: Any) -> None:
        target: Path = settings.BASE_DIR / self.path
        wanted = self.text()
        if not options["check"]:
            target.parent.mkdir(exist_ok=True)
            target.write_text(wanted, encoding="utf-8")
            self.stdout.write(f"{self.path} written")
        elif not target.exists() or target.read_text(encoding="utf-8") != wanted:
            command = type(self).__module__.rsplit(".", 1)[-1]
            raise CommandError(f"{self.path} is not fresh; run `python manage.py {command}` and commit it.")
