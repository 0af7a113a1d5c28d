"""The order of what waits: urgent, then who is blocked hardest, then severity, then age. Pure."""

import datetime as dt
from enum import IntEnum

from leadroom.projects.enums import Risk
from leadroom.triage.enums import Priority, ReportStatus, Severity


class Blocked(IntEnum):
    """Who stands still because of a thing that waits, hardest first."""

    AGENT = 0
    ITEM = 1
    NOBODY = 2


BLOCKED_BY_CARD = {
    "picks": Blocked.AGENT,
    "question": Blocked.AGENT,
    "approval": Blocked.AGENT,
    "finding": Blocked.NOBODY,
    "lock": Blocked.NOBODY,
}
"""Kind of card to who stands still. A card that is not named here holds its item up."""

SEVERITIES = list(Severity.values)
_OF_RISK = {Risk.CRITICAL: Severity.CRITICAL, Risk.STANDARD: Severity.MINOR, Risk.LIGHT: Severity.COSMETIC}
URGENT_LEVEL = 0
DAY = dt.timedelta(days=1)


def blocked_by_card(kind: str) -> Blocked:
    return BLOCKED_BY_CARD.get(kind, Blocked.ITEM)


def blocked_by_report(status: str) -> Blocked:
    """An agent that reported has ended; its item stands still when it said so."""
    return Blocked.NOBODY if status == ReportStatus.COMPLETE else Blocked.ITEM


def severity_of_risk(risk: str) -> str:
    """A card that says no severity of its own is as grave as its item."""
    return _OF_RISK[Risk(risk)]


def graver(severity: str, priority: str) -> str:
    """The graver of a severity and a priority (P0 is as grave as critical)."""
    rank = SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES) - 1
    return SEVERITIES[min(rank, Priority.values.index(priority))]


def level(*, is_urgent: bool, blocked: Blocked, severity: str, waited: dt.timedelta) -> int:
    """How pressing it is, 0 (urgent) to 15; smaller is worse.

    Somebody who stands still for another whole day counts as one severity worse, so that what was put off "until it
    gets worse" comes back. An unknown severity counts as the least.
    """
    if is_urgent:
        return URGENT_LEVEL
    rank = SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES) - 1
    if blocked is not Blocked.NOBODY:
        rank = max(0, rank - max(0, waited // DAY))
    return 1 + blocked * len(SEVERITIES) + rank
