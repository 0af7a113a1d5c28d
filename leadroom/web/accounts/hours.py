"""A person's hours: when they read, when they are left alone, how many decisions a day are theirs."""

import math
from typing import Any
from zoneinfo import available_timezones

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from leadroom.lib import clock
from leadroom.lib.errors import BadInput
from leadroom.reading import actions
from leadroom.reading.budget import KINDS
from leadroom.reading.enums import Interrupts
from leadroom.reading.rules import MOST_WINDOWS
from leadroom.reading.sessions import hours_of
from leadroom.web import access, answers

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONGEST_NUMBER = 6


@require_GET
def hours(request: HttpRequest) -> HttpResponse:
    """The form."""
    found = hours_of(access.person_id(request), clock.now())
    context = {
        "hours": found,
        "reading": _rows("reading", found.windows, MOST_WINDOWS),
        "quiet": _rows("quiet", found.quiet, MOST_WINDOWS),
        "zones": sorted(available_timezones()),
        "interrupts": [(value, label, value == found.interrupts) for value, label in Interrupts.choices],
        "kinds": [(name, kind.word, found.weights.get(name, kind.weight)) for name, kind in KINDS.items()],
        "has_address": bool(request.user.email),  # type: ignore[union-attr]
    }
    return render(request, "accounts/hours.html", context)


def _rows(name: str, windows: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """`count` rows of form fields; those beyond the windows are empty."""
    empty = {"start": "", "end": "", "days": []}
    rows = [*windows, *[empty] * (count - len(windows))]
    return [
        {
            "n": n,
            "prefix": f"{name}-{n}",
            "start": row["start"],
            "end": row["end"],
            "days": [(day, word, day in row["days"]) for day, word in enumerate(DAYS)],
        }
        for n, row in enumerate(rows, start=1)
    ]


@require_POST
def set_hours(request: HttpRequest) -> HttpResponse:
    """Store them."""
    form = request.POST
    interrupts = form.get("interrupts", "")
    if interrupts not in Interrupts.values:
        raise BadInput("Say what may interrupt you; nothing was stored.")
    actions.set_hours(
        user_id=access.person_id(request),
        zone=form.get("zone", ""),
        reading=_windows(form, "reading"),
        quiet=_windows(form, "quiet"),
        interrupts=interrupts,
        is_mailed=form.get("is_mailed") == "1",
        budget=int(_number(form, "budget")),
        weights={name: _number(form, f"weight-{name}") for name in KINDS},
        by=access.person(request),
        now=clock.now(),
    )
    return answers.done(request, "Your hours are stored", reverse("accounts:hours"))


def _windows(form: QueryDict, name: str) -> list[dict[str, Any]]:
    """The rows that have a start or an end; an empty row is no window."""
    found = []
    for n in range(1, MOST_WINDOWS + 1):
        start, end = form.get(f"{name}-{n}-start", ""), form.get(f"{name}-{n}-end", "")
        if start or end:
            found.append({"start": start, "end": end, "days": form.getlist(f"{name}-{n}-days")})
    return found


def _number(form: QueryDict, name: str) -> float:
    """Raises BadInput for what is no finite number; ranges are checked by the action."""
    text = form.get(name, "").strip()
    try:
        number = float(text)
        if len(text) > _LONGEST_NUMBER or not math.isfinite(number):
            raise ValueError
        return number
    except ValueError as error:
        word = name.replace("-", " of ").capitalize()
        raise BadInput(f"{word} is a number such as 1 or 0.5; nothing was stored.") from error
