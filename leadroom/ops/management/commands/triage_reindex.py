"""Makes the triage index of projects anew from their findings."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from leadroom.lib.actors import system
from leadroom.lib.clock import now
from leadroom.projects.models import Project
from leadroom.triage import actions
from leadroom.triage.engine import extraction
from leadroom.triage.models import Finding


class Command(BaseCommand):
    """`triage_reindex [--if-changed]`: after an update that reads reports differently; links and cuts stay."""

    help = "Reads the findings of every project anew and makes the triage index from that."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-changed", action="store_true", help="only projects that an older one read")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = Finding.objects.all()
        if options["if_changed"]:
            rows = rows.exclude(extractor=extraction.VERSION)
        projects = Project.objects.filter(pk__in=rows.values("project_id").distinct())
        for project in projects:
            read = actions.reindex(project=project, by=system("triage"), now=now())
            self.stdout.write(f"{project.slug}: {read:,} findings read anew.")
        if not projects:
            self.stdout.write("Nothing to read anew.")
