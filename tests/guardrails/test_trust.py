"""The trust budget over a sliding hour, with clocks that are moved."""

import datetime as dt
from dataclasses import dataclass

from leadroom.guardrails.trust import Instant, trust_left
from tests.factories import NOW


@dataclass
class Row:
    kind: str
    minutes_ago: float
    amount: int = 1
    boot_id: str = ""
    boot_seconds: float = 0.0

    @property
    def at(self) -> dt.datetime:
        return NOW - dt.timedelta(minutes=self.minutes_ago)


def left(*rows: Row, limit: int = 3, instant: Instant | None = None) -> int:
    return trust_left(rows, limit=limit, instant=instant or Instant(NOW, "boot", 10_000.0))


def test_each_unsourced_answer_charges_and_an_hour_later_it_is_forgotten() -> None:
    assert left() == 3
    assert left(Row("charge", 59), Row("charge", 5)) == 1
    assert left(Row("charge", 61), Row("charge", 5)) == 2
    assert left(*[Row("charge", 5)] * 9) == 0


def test_a_refund_gives_one_charge_back_and_is_never_saved_up() -> None:
    assert left(Row("charge", 9), Row("charge", 8), Row("refund", 7)) == 2
    assert left(Row("refund", 9), Row("refund", 8), Row("charge", 7)) == 2


def test_a_person_gives_the_whole_budget_back_up_to_that_moment() -> None:
    assert left(Row("charge", 9), Row("charge", 9), Row("charge", 9), Row("restore", 8)) == 3
    assert left(Row("charge", 9), Row("restore", 8, 0), Row("charge", 1)) == 2


def test_a_clock_put_forward_does_not_forgive() -> None:
    """The wall says two hours went by; the boot clock of the same machine says ten minutes."""
    row = Row("charge", 120, boot_id="boot", boot_seconds=9_400.0)
    assert left(row) == 2
    assert left(Row("charge", 120, boot_id="another boot", boot_seconds=9_400.0)) == 3


def test_after_a_clock_was_put_back_charges_count_and_refunds_do_not() -> None:
    assert left(Row("charge", -30)) == 2
    assert left(Row("charge", 5), Row("refund", -30)) == 2
