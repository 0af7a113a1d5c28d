"""What the inbox is asked for."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import QueryDict

from leadroom.lib.errors import BadInput
from leadroom.triage.enums import ReportState, Severity, SuggestedAction

PK_DIGITS = 18


@dataclass(frozen=True)
class Filters:
    """Which reports are listed; `before` is the keyset position (a report's id), 0 for the newest."""

    severity: str = ""
    action: str = ""
    is_unread_only: bool = False
    before: int = 0

    @property
    def is_set(self) -> bool:
        return bool(self.severity or self.action or self.is_unread_only)

    def query(self, **changes: str) -> str:
        """The query string of the same filters with some of them changed; the position is left out unless given."""
        fields = {"severity": self.severity, "action": self.action, "show": "unread" if self.is_unread_only else ""}
        return urlencode({name: value for name, value in {**fields, **changes}.items() if value})

    @property
    def own_query(self) -> str:
        return self.query(before=str(self.before) if self.before else "")


def read_filters(query: QueryDict) -> Filters:
    """Filters of a query string; words nobody knows are passed over."""
    severity, action, before = query.get("severity", ""), query.get("action", ""), query.get("before", "")
    is_number = before.isascii() and before.isdigit() and len(before) <= PK_DIGITS
    return Filters(
        severity=severity if severity in Severity.values else "",
        action=action if action in SuggestedAction.values else "",
        is_unread_only=query.get("show") == "unread",
        before=int(before) if is_number else 0,
    )


def read_state(query: QueryDict) -> ReportState:
    """Raises BadInput for anything but READ and UNREAD."""
    try:
        return ReportState(query.get("state", ""))
    except ValueError as error:
        raise BadInput("Say whether the report is read or unread; nothing was changed.") from error
