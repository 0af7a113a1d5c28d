"""The trust budget: what is left of it, by charges and refunds of the last hour."""

import datetime as dt
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from leadroom.guardrails.enums import TrustKind
from leadroom.lib.leases import boot_id

WINDOW_SECONDS = 3_600.0


class Dated(Protocol):
    """What is needed of a trust entry."""

    kind: str
    amount: int
    at: dt.datetime
    boot_id: str
    boot_seconds: float


@dataclass(frozen=True)
class Instant:
    """One moment on both clocks: the wall's, and seconds since this boot of the machine (sleep included)."""

    now: dt.datetime
    boot_id: str
    boot_seconds: float

    @classmethod
    def at(cls, now: dt.datetime) -> "Instant":
        """`now` and what the boot clock says at this moment."""
        return cls(now, boot_id(), time.clock_gettime(time.CLOCK_BOOTTIME))

    def age_of(self, entry: Dated) -> float:
        """Seconds since the entry. On the same boot the wall clock is not asked: somebody may have set it."""
        if entry.boot_id == self.boot_id and entry.boot_id:
            return self.boot_seconds - entry.boot_seconds
        return (self.now - entry.at).total_seconds()


def trust_left(entries: Iterable[Dated], *, limit: int, instant: Instant) -> int:
    """Charges the agent may still spend, 0 to `limit`. `entries` are oldest first.

    A refund gives back one earlier charge and is never saved up; a person's `restore` gives back all. What lies in
    the future (a clock was put back) counts as a charge and not as a refund.
    """
    spent = 0
    for entry in entries:
        age = instant.age_of(entry)
        if entry.kind == TrustKind.CHARGE:
            spent += entry.amount if age < WINDOW_SECONDS else 0
        elif entry.kind == TrustKind.RESTORE:
            spent = 0
        elif 0 <= age < WINDOW_SECONDS:
            spent = max(0, spent - entry.amount)
    return max(0, limit - spent)
