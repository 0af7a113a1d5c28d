"""What every request passes: the same-origin rule, and refusals turned into answers a person can read."""

import json
from collections.abc import Callable

from django.conf import settings
from django.db import DataError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.csrf import csrf_failure

from leadroom.lib.errors import LeadroomError
from leadroom.web.refusals import status_of

Handler = Callable[[HttpRequest], HttpResponse]
SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def zone_middleware(get_response: Handler) -> Handler:
    """Times in the zone of the person's hours; in the installation's for who has set none."""

    def answer(request: HttpRequest) -> HttpResponse:
        hours = getattr(request.user, "reading_hours", None)
        with timezone.override(hours.tz if hours else None):
            return get_response(request)

    return answer


def leave_bare(request: HttpRequest) -> None:
    """Nothing of the person is read or drawn in the answer: whoever sent this may not be they."""
    request.is_bare = True  # type: ignore[attr-defined]


def forged(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The answer to a form without its token."""
    leave_bare(request)
    return csrf_failure(request, reason)


class SameOriginMiddleware:
    """Unsafe methods only from our own scheme, host and port: another local port is another origin."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method not in SAFE_METHODS:
            site = request.headers.get("Sec-Fetch-Site", "same-origin")
            origin = request.headers.get("Origin")
            if site not in ("same-origin", "none") or (origin and origin not in settings.LIVE_ORIGINS):
                leave_bare(request)
                return refusal(request, 403, "This request came from another site, so nothing was changed.")
        return self.get_response(request)


class RefusalMiddleware:
    """A refusal raised anywhere below becomes its sentence: a toast for htmx, a page otherwise."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if isinstance(error, LeadroomError):
            return refusal(request, status_of(error), str(error))
        if isinstance(error, OperationalError) and "locked" in str(error):
            answer = refusal(request, 503, "The database is busy; nothing was changed. Try again in a few seconds.")
            answer["Retry-After"] = "3"
            return answer
        if isinstance(error, DataError):  # Postgres takes no NUL in a text
            return refusal(request, 422, "This holds characters that cannot be stored; nothing was changed.")
        return None


def refusal(request: HttpRequest, status: int, sentence: str) -> HttpResponse:
    """The sentence as the caller can show it."""
    if request.headers.get("HX-Request") == "true":
        answer = HttpResponse(status=status)
        answer["HX-Reswap"] = "none"
        answer["HX-Trigger"] = json.dumps({"toast": {"text": sentence, "kind": "bad"}})
        return answer
    return render(request, "refusal.html", {"sentence": sentence, "status": status}, status=status)
