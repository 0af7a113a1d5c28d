"""The person an installation belongs to."""

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User

from leadroom.lib.errors import BadInput


def first_lead() -> User:
    """The oldest active superuser. Makes `lead`, who has no password, when there are no users at all.

    Raises BadInput when there are users but none of them is an active superuser.
    """
    users = get_user_model().objects
    if lead := users.filter(is_active=True, is_superuser=True).order_by("pk").first():
        return lead
    if users.exists():
        raise BadInput("No active user is a superuser; name one with --user NAME.")
    return users.create_superuser("lead", "", None)
