"""`manage.py login_link`: a sign-in link for the browser, good once and for a short time."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management import CommandError
from django.core.management.base import BaseCommand, CommandParser

from leadroom.lib.errors import BadInput
from leadroom.projects.people import first_lead
from leadroom.web.accounts.links import login_url


class Command(BaseCommand):
    help = "Prints a one-time sign-in link. On a new installation it makes the first user, `lead`."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", default="", help="sign-in name; the first lead when left out")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            user = _named(options["user"]) if options["user"] else first_lead()
        except BadInput as error:
            raise CommandError(str(error)) from error
        self.stdout.write(login_url(user))


def _named(name: str) -> User:
    users = get_user_model().objects.filter(is_active=True)
    try:
        return users.get(username=name)
    except User.DoesNotExist:
        known = ", ".join(users.order_by("pk").values_list("username", flat=True)[:10]) or "nobody"
        raise CommandError(f"There is no active user named {name!r}. Known are: {known}.") from None
