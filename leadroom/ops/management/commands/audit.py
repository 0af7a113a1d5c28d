"""`manage.py audit verify|anchor|export`: the ledger checked, held fast outside the database, and written out."""

import json
import os
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from leadroom.ledger.queries import exported
from leadroom.lib.clock import now
from leadroom.projects.models import Project, WorkItem
from leadroom.worktrees.anchors import anchor_head, audit


class Command(BaseCommand):
    help = "Verifies the ledger's chain and anchors (exit status 1 when something does not hold), anchors, exports."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=("verify", "anchor", "export"))
        parser.add_argument("--json", action="store_true", help="verify: one JSON object instead of lines")
        parser.add_argument("--project", default="", help="export: only entries of this project's items, by its slug")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["what"] == "verify":
            self._verify(is_json=options["json"])
        elif options["what"] == "anchor":
            held = anchor_head(now=now())
            self.stdout.write(f"the head is held by {held} control repositories")
            if not held:
                raise CommandError("Nothing holds the head: there is no entry yet, or no project with a repository.")
        else:
            self._export(options["project"])

    def _verify(self, *, is_json: bool) -> None:
        found = audit()
        if is_json:
            self.stdout.write(json.dumps({"ok": not found.breaks, **asdict(found)}))
        else:
            self.stdout.write(
                f"{found.entries} entries, {found.anchors} anchors; anchored up to {found.anchored_entries}"
            )
            for line in found.breaks:
                self.stdout.write(f"BROKEN  {line}")
            if not found.breaks:
                self.stdout.write("the chain holds")
        if found.breaks:
            sys.exit(1)

    def _export(self, slug: str) -> None:
        item_ids = None
        if slug:
            if not Project.objects.filter(slug=slug).exists():
                raise CommandError(f"There is no project {slug!r}; nothing was written.")
            item_ids = list(WorkItem.objects.filter(project__slug=slug).values_list("pk", flat=True))
        try:
            for line in exported(item_ids):
                self.stdout.write(json.dumps(line, ensure_ascii=False, sort_keys=True))
        except BrokenPipeError:  # whoever reads has read enough, as `| head` does
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
