"""Brings findings in from a file."""

import json
import sys
from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from leadroom.lib.actors import system
from leadroom.lib.clock import now
from leadroom.lib.errors import LeadroomError
from leadroom.projects.models import Project
from leadroom.triage import actions
from leadroom.triage.imports.reading import Kind, kind_of
from leadroom.triage.imports.rows import SIZE_LIMIT


class Command(BaseCommand):
    """`import_findings FILE --project SLUG --kind sarif|junit|github|csv|zero-review [--json]`; `-` reads stdin."""

    help = "Takes the findings of a file into triage; none, when the file cannot be read whole."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="a file, or - for what is piped in")
        parser.add_argument("--project", required=True, help="the project's slug, as in its address, or its number")
        parser.add_argument("--kind", required=True, choices=Kind.values)
        parser.add_argument("--json", action="store_true", help="one JSON object, nothing else")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            data = _bytes_of(options["file"])
            found = actions.import_findings(
                project=_project(options["project"]),
                kind=kind_of(options["kind"]),
                data=data,
                by=system("import"),
                now=now(),
            )
        except LeadroomError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}; nothing was taken in.") from error
        if options["json"]:
            self.stdout.write(json.dumps(asdict(found)))
            return
        for line in [found.sentence, *found.notes]:
            self.stdout.write(line)
        for row in found.refused:
            self.stdout.write(f"row {row.number}: {row.why}")


def _bytes_of(name: str) -> bytes:
    """At most one byte more than may be read, so that a file that is too large says so."""
    if name == "-":
        return sys.stdin.buffer.read(SIZE_LIMIT + 1)
    with Path(name).open("rb") as file:
        return file.read(SIZE_LIMIT + 1)


def _project(name: str) -> Project:
    rows = Project.objects.filter(slug=name)
    found = rows.first() or (Project.objects.filter(pk=int(name)).first() if name.isdecimal() else None)
    if found is None:
        known = ", ".join(Project.objects.values_list("slug", flat=True)[:20]) or "none"
        raise CommandError(f"There is no project {name!r}; nothing was taken in. There are: {known}.")
    return found
