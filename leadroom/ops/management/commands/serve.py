"""`manage.py serve`: one web process, for installations that run their processes themselves."""

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management import CommandError
from django.core.management.base import BaseCommand
from django.db import Error as DatabaseError

from leadroom.lib.errors import LeadroomError
from leadroom.ops import database, launch


class Command(BaseCommand):
    help = "Becomes a web process on LEADROOM_HOST and LEADROOM_PORT, after the checks that `up` makes."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            has_password = launch.is_loopback(settings.HOST) or database.has_password()
            launch.check_can_bind(settings.HOST, public_url=settings.PUBLIC_URL, has_password=has_password)
        except LeadroomError as error:
            raise CommandError(str(error)) from error
        except DatabaseError as error:
            raise CommandError(
                f"The database is not ready ({error}); run `python manage.py migrate` first."
            ) from error
        argv = [sys.executable, "-m", "daphne", "-b", settings.HOST, "-p", str(settings.PORT)]
        os.chdir(settings.BASE_DIR)
        os.execv(sys.executable, [*argv, "-v", "0", "--no-server-name", "leadroom.asgi:application"])
