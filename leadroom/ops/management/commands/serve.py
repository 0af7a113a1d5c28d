"""`manage.py serve`: one process of Leadroom, for installations that run their processes themselves."""

import os
from typing import Any

from django.conf import settings
from django.core.management import CommandError
from django.core.management.base import BaseCommand, CommandParser
from django.db import Error as DatabaseError

from leadroom.lib.errors import LeadroomError
from leadroom.ops import database, launch


class Command(BaseCommand):
    help = "Becomes a web process, a worker or beat. Web passes the same checks of its address as `up`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("part", nargs="?", default="web", choices=["web", "worker", "beat"])

    def handle(self, *args: Any, **options: Any) -> None:
        commands = {"web": _web, "worker": _worker, "beat": _beat}
        try:
            argv = commands[options["part"]]()
        except LeadroomError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            cure = "run `python manage.py migrate` and check DATABASE_URL"
            raise CommandError(f"The database is not ready ({str(error).strip()}); {cure}.") from error
        os.chdir(settings.BASE_DIR)
        os.execv(argv[0], argv)


def _web() -> tuple[str, ...]:
    has_password = launch.is_loopback(settings.HOST) or database.has_password()
    launch.check_can_bind(settings.HOST, public_url=settings.PUBLIC_URL, has_password=has_password)
    launch.listen(settings.HOST, settings.PORT).close()
    return launch.web_command("-b", settings.HOST, "-p", str(settings.PORT))


def _worker() -> tuple[str, ...]:
    return launch.worker_command(settings.HOST_NAME)


def _beat() -> tuple[str, ...]:
    return launch.beat_command(settings.HOME_DIR)
