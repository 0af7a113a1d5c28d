"""What the session page is told."""

from django.http import QueryDict

from leadroom.lib.errors import BadInput
from leadroom.reading.enums import RawVerdict, Verdict
from leadroom.triage.enums import Route

PRESSED = {"read": Verdict.READ, "later": Verdict.LATER, "skip": Verdict.SKIPPED}


def read_verdict(form: QueryDict) -> Verdict:
    """Raises BadInput for anything but read, later and skip."""
    found = PRESSED.get(form.get("verdict", ""))
    if found is None:
        raise BadInput("Say whether it is read, put off or for the next session; nothing was changed.")
    return found


def read_raw_verdict(form: QueryDict) -> RawVerdict:
    """Raises BadInput for anything but right and missed."""
    try:
        return RawVerdict(form.get("verdict", ""))
    except ValueError as error:
        raise BadInput("Say whether triage had it right; nothing was changed.") from error


def read_route(form: QueryDict) -> Route | None:
    """Where a finding goes, None when the form says nothing of it. Raises BadInput for an unknown word."""
    said = form.get("route", "")
    if not said:
        return None
    if said not in Route.values or said == Route.SNOOZE:
        raise BadInput("A finding is decided, fixed, followed up, known, acknowledged or dropped; nothing was changed.")
    return Route(said)
