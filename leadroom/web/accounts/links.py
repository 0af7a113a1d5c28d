"""One-time sign-in links: made on the command line, good once and for `PASSWORD_RESET_TIMEOUT` seconds."""

import datetime as dt

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode


class LinkTokens(PasswordResetTokenGenerator):
    """Tokens bound to the user's last sign-in to the microsecond, so that the first use ends all of them."""

    key_salt = "leadroom.web.accounts.links"

    def _make_hash_value(self, user: AbstractBaseUser, timestamp: int) -> str:
        seen = user.last_login.isoformat() if user.last_login else ""
        return f"{user.pk}:{user.password}:{seen}:{timestamp}"


tokens = LinkTokens()


def login_url(user: User) -> str:
    """The absolute address of a page that signs this user in once. Writes nothing."""
    name = urlsafe_base64_encode(str(user.pk).encode())
    return settings.PUBLIC_URL + reverse("accounts:link", args=[name, tokens.make_token(user)])


def user_of(name: str, token: str) -> User | None:
    """The active user a link belongs to, None when it is wrong, used or too old."""
    try:
        pk = int(urlsafe_base64_decode(name).decode())
    except (ValueError, UnicodeDecodeError):
        return None
    if not 0 < pk < 2**63:
        return None
    user = get_user_model().objects.filter(pk=pk, is_active=True).first()
    return user if tokens.check_token(user, token) else None


def use_up(user: User, *, now: dt.datetime) -> bool:
    """Spend the user's links. False when another request was first, even by a moment."""
    spent = get_user_model().objects.filter(pk=user.pk, last_login=user.last_login).update(last_login=now)
    return spent == 1
