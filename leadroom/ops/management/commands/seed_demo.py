"""`manage.py seed_demo`: the rehearsal project, with an item already moving."""

from typing import Any

import httpx2
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from leadroom.agents.actions import set_endpoint
from leadroom.agents.queries import REHEARSAL
from leadroom.lib.actors import system
from leadroom.lib.clock import now
from leadroom.ops.demo import make_repository
from leadroom.pipeline.connecting import connect_project
from leadroom.projects.actions import create_item
from leadroom.projects.models import Project
from leadroom.projects.people import first_lead

BY = system("seed")


class Command(BaseCommand):
    help = "Creates the rehearsal project and its items, once. Needs the rehearsal server."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", default="", help="script of the one item to add; another word: the project alone")

    def handle(self, *args: Any, **options: Any) -> None:
        project = Project.objects.filter(is_rehearsal=True).first()
        if project is not None and not options["only"]:
            self.stdout.write("The rehearsal project is there already.")
            return
        demo = self._fetch()
        lead = first_lead()
        project = project or self._make_project(demo, lead)
        there = set(project.items.values_list("rehearsal_script", flat=True))
        more = demo["more"] if options["only"] else []
        for item in [*demo["items"], *more]:
            if options["only"] in ("", item["script"]) and item["script"] not in there:
                create_item(
                    project=project,
                    request=item["request"],
                    title=item["title"],
                    stitch_owner=lead,
                    rehearsal_script=item["script"],
                    by=BY,
                    now=now(),
                )
        self.stdout.write(f"The rehearsal project {demo['title']} is there.")

    def _make_project(self, demo: dict[str, Any], lead: User) -> Project:
        folder = settings.HOME_DIR / "rehearsal" / "repositories" / demo["slug"]
        make_repository(folder, demo["files"])
        project = connect_project(name=demo["title"], source=folder, lead=lead, by=BY, now=now(), is_rehearsal=True)
        set_endpoint(project=project, role="", base_url=REHEARSAL, model="rehearsal", key=None, by=BY, now=now())
        return project

    def _fetch(self) -> dict[str, Any]:
        if not settings.REHEARSAL_URL:
            raise CommandError("The rehearsal server's address is not known; start Leadroom with `manage.py up`.")
        try:
            answer = httpx2.get(f"{settings.REHEARSAL_URL}/demo", timeout=10.0)
            answer.raise_for_status()
            return answer.json()
        except httpx2.HTTPError as error:
            raise CommandError(
                f"The rehearsal server at {settings.REHEARSAL_URL} does not answer ({error})."
            ) from error
