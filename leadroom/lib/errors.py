"""Refusals. The text of each is one sentence or two for a human: what is wrong, what was kept, what to do."""


class LeadroomError(Exception):
    """Base of every refusal this house raises on purpose."""


class NotPermitted(LeadroomError):
    """A rule forbids the move; the text is the tooltip of the disabled button."""


class Conflict(LeadroomError):
    """Somebody else was first, or the thing changed since it was seen."""


class Locked(NotPermitted):
    """The read-only switch forbids it for now; nothing was changed (HTTP 423)."""


class BadInput(LeadroomError):
    """What came in cannot be used; nothing was changed."""


class Fenced(LeadroomError):
    """This worker was replaced by a later generation and must stop writing at once."""
