"""What a refusal becomes on a page: the sentence of a disabled button, and the status of an answer."""

from collections.abc import Callable

from leadroom.lib.errors import BadInput, Conflict, LeadroomError, Locked, NotPermitted

_STATUS: dict[type[LeadroomError], int] = {Locked: 423, NotPermitted: 403, Conflict: 409, BadInput: 422}


def refusal_of(check: Callable[[], object]) -> str:
    """The sentence with which `check` refuses, empty when it does not."""
    try:
        check()
    except LeadroomError as error:
        return str(error)
    return ""


def status_of(error: LeadroomError) -> int:
    """The HTTP status that goes with a refusal."""
    return next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 400)
