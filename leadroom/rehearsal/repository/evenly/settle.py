"""Who pays whom so that everybody is even."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Payment:
    """One person gives another some cents."""

    giver: str
    taker: str
    cents: int


def settle_up(balances: dict[str, int]) -> list[Payment]:
    """Payments that bring every balance to 0, largest debt first; none when all are even."""
    open_balances = dict(balances)
    payments: list[Payment] = []
    while any(open_balances.values()):
        giver = min(open_balances, key=lambda person: (open_balances[person], person))
        taker = max(open_balances, key=lambda person: (open_balances[person], person))
        cents = min(-open_balances[giver], open_balances[taker])
        payments.append(Payment(giver, taker, cents))
        open_balances[giver] += cents
        open_balances[taker] -= cents
    return payments
