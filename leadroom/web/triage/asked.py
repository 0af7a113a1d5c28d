"""What the inbox is asked for: a view of findings, and what a press on it means."""

import datetime as dt
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.http import QueryDict

from leadroom.lib.errors import BadInput
from leadroom.triage.enums import OPEN_FINDINGS, FindingState, LinkKind, Route, Severity, SuggestedAction
from leadroom.web.triage.forms import PK_DIGITS

MOST_AT_ONCE = 200
SHOWN = {"": "Waiting", "all": "All", **{state.lower(): state.label for state in FindingState}}
WHO = {"": "Everybody", "agent": "Agents", "human": "People"}
SNOOZES = {"worse": None, "day": dt.timedelta(days=1), "week": dt.timedelta(days=7), "month": dt.timedelta(days=30)}


@dataclass(frozen=True)
class View:
    """Which findings are listed. `show` is empty for those that wait. `upto`: the newest finding when the page was
    opened, so that nothing jumps in while somebody reads; `after`: the last finding of the page before.
    """

    severity: str = ""
    action: str = ""
    show: str = ""
    who: str = ""
    words: str = ""
    upto: int = 0
    after: int = 0

    @property
    def is_narrowed(self) -> bool:
        return bool(self.severity or self.action or self.show or self.who or self.words)

    def changed(self, **changes: str | int) -> str:
        """The query string of this view with some of it changed, from its first page."""
        return replace(self, **{"after": 0, **changes}).query  # type: ignore[arg-type]

    @property
    def query(self) -> str:
        fields = {"severity": self.severity, "action": self.action, "show": self.show, "who": self.who}
        fields |= {"q": self.words, "upto": str(self.upto or ""), "after": str(self.after or "")}
        return urlencode({name: value for name, value in fields.items() if value})

    @property
    def kept(self) -> str:
        """What is kept under a name: neither the page nor the moment."""
        return self.changed(upto=0)


def number_in(text: str) -> int:
    """A row's id, 0 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= PK_DIGITS else 0


def read_view(query: QueryDict) -> View:
    """The view of a query string; words nobody knows are passed over."""
    severity, action = query.get("severity", ""), query.get("action", "")
    show, who = query.get("show", ""), query.get("who", "")
    return View(
        severity=severity if severity in Severity.values else "",
        action=action if action in SuggestedAction.values else "",
        show=show if show in SHOWN else "",
        who=who if who in WHO else "",
        words="".join(letter for letter in " ".join(query.get("q", "")[:200].split()) if letter.isprintable()),
        upto=number_in(query.get("upto", "")),
        after=number_in(query.get("after", "")),
    )


def read_route(form: QueryDict) -> Route:
    """Raises BadInput for anything but the six routes."""
    to = form.get("to", "")
    if to not in Route.values or to == Route.SNOOZE:
        raise BadInput("That is no route; nothing was changed. Load the page again.")
    return Route(to)


def read_seen(form: QueryDict, *, is_own: bool) -> tuple[str, ...]:
    """States of which a finding must still be in one: the row's own, or for those ticked beside a waiting one, waiting.

    Empty when the form says nothing of it.
    """
    said = form.get("seen", "")
    if is_own or not said:
        return (said,) if said else ()
    return OPEN_FINDINGS if said in OPEN_FINDINGS else ()


def read_snooze(form: QueryDict, now: dt.datetime) -> dt.datetime | None:
    """Until when; None until it gets worse. Raises BadInput."""
    until = form.get("until", "worse")
    if until not in SNOOZES:
        raise BadInput("Say until when to put it off: until it gets worse, a day, a week or a month.")
    span = SNOOZES[until]
    return None if span is None else now + span


def read_kind(form: QueryDict) -> LinkKind:
    """Raises BadInput."""
    kind = form.get("kind", LinkKind.SAME)
    if kind not in LinkKind.values:
        raise BadInput("Say whether the two are the same, related, or a regression; nothing was changed.")
    return LinkKind(kind)


def ticked(form: QueryDict) -> list[int]:
    """Ids of the rows that were selected. Raises BadInput for too many at once."""
    found = list(dict.fromkeys(pk for text in form.getlist("tick") if (pk := number_in(text))))
    if len(found) > MOST_AT_ONCE:
        raise BadInput(f"{len(found)} findings are selected; {MOST_AT_ONCE} at once is the limit. Nothing was changed.")
    return found


def numbers_in(text: str) -> list[int]:
    """Ids in a text like `3,14`; anything else in it is passed over. At most MOST_AT_ONCE."""
    return [pk for part in text.split(",")[:MOST_AT_ONCE] if (pk := number_in(part.strip()))]
