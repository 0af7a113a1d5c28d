"""Which gates an item passes: more risk, more of them (PRODUCT, risk table). A gate that is skipped says why."""

from dataclasses import dataclass

from leadroom.projects.enums import Risk

REPEATS: dict[str, int] = {Risk.LIGHT: 0, Risk.STANDARD: 1, Risk.CRITICAL: 2}
"""Times all cases run once more in shuffled order."""
SEEDED_FAULTS: dict[str, int] = {Risk.LIGHT: 0, Risk.STANDARD: 12, Risk.CRITICAL: 24}
"""Faults seeded into the changed lines at most."""


@dataclass(frozen=True)
class Gate:
    """A gate with what it does, and per risk why it is skipped (a risk that is absent passes it)."""

    name: str
    title: str
    what: str
    skipped: dict[str, str]


@dataclass(frozen=True)
class GateView:
    """A gate as it stands for one item; `why_skipped` is empty when it applies."""

    name: str
    title: str
    what: str
    why_skipped: str

    @property
    def applies(self) -> bool:
        return not self.why_skipped


_LIGHT = "Skipped because the item is light: its change fits in one sentence and is easily undone"
GATES = (
    Gate("plan_review", "Plan review by an agent", "A fresh session looks for holes in the plan.", {}),
    Gate(
        "lead_review",
        "Plan review by the lead",
        "A person approves the plan before anything is built.",
        {Risk.LIGHT: f"{_LIGHT}, so machine checks and an agent's review suffice."},
    ),
    Gate(
        "blind_spots",
        "Blind-spot checklist",
        "The lead ticks boundaries, error paths and intent by hand.",
        {
            Risk.LIGHT: f"{_LIGHT}.",
            Risk.STANDARD: "Skipped because the item is standard: the reviewer's summary is read instead.",
        },
    ),
    Gate("red_check", "Red check", "Every case fails on the base commit, for the reason expected.", {}),
    Gate("frozen", "Frozen tests", "Tests and what decides their meaning are compared in git objects.", {}),
    Gate("cases", "Every case, run by Leadroom", "A clean checkout of the merge, in the sandbox.", {}),
    Gate(
        "repeat",
        "Repeated and shuffled",
        "All cases run again in another order, to find flaky ones.",
        {Risk.LIGHT: f"{_LIGHT}; a flaky case would show at the next item."},
    ),
    Gate(
        "verifier",
        "Verifier",
        "An agent that knows nothing of the work judges every criterion.",
        {Risk.LIGHT: f"{_LIGHT}; the owner reads it when signing."},
    ),
    Gate(
        "seeded_faults",
        "Seeded faults",
        "Small faults in the changed lines show what the plan would not notice.",
        {Risk.LIGHT: f"{_LIGHT}; the lines it changes are few enough to read."},
    ),
    Gate("signature", "Signed merge", "One person stands for the join.", {}),
)


def gates_of(risk: str) -> tuple[GateView, ...]:
    """Every gate in the order an item meets them."""
    return tuple(GateView(g.name, g.title, g.what, g.skipped.get(risk, "")) for g in GATES)


def applies(name: str, risk: str) -> bool:
    """Whether an item of this risk passes the gate. Raises KeyError for an unknown name."""
    return risk not in {gate.name: gate for gate in GATES}[name].skipped
