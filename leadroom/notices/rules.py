"""What may be told, and where messages may go."""

import datetime as dt

from leadroom.lib import outward
from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.notices.models import URL_LENGTH
from leadroom.reading.queries import Waiting

FRESH = dt.timedelta(minutes=15)
"""A browser is told of a card this long; what is older waits in the panel."""
MOST_AT_ONCE = 3
MOST_HOOKS = 10


def card_key(card: Waiting) -> str:
    """Names a card and when it began to wait, so that the same question asked anew is told anew."""
    return f"{card.kind}-{card.subject_id}-{int(card.since.timestamp())}"


def check_own(user_id: int, *, by: Actor) -> None:
    """Raises NotPermitted for anybody but the person whose chat it is."""
    if not by.is_human or by.id != str(user_id):
        raise NotPermitted("A chat belongs to the person who joined it; nothing was changed.")


def check_url(url: str, *, may_be_private: bool) -> str:
    """The address as it is kept. Raises BadInput; where its name leads is looked at before each sending."""
    url = url.strip()
    if fault := outward.fault_of(url, may_be_private=may_be_private, limit=URL_LENGTH):
        raise BadInput(f"{fault}; nothing was stored.")
    return url
