"""What stands behind a verification: gates, frozen tests, the verifier's word, and what seeded faults showed."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest

from leadroom.lib.shapes import count_of
from leadroom.projects.models import WorkItem
from leadroom.testplans.models import TestCase, TestPlan
from leadroom.testplans.queries import current_plan
from leadroom.verification.enums import Answer, Cheat
from leadroom.verification.gates import SEEDED_FAULTS, GateView, applies, gates_of
from leadroom.verification.models import CriterionVerdict, FaultCheck, HandIn, SeededFault, VerificationRun
from leadroom.verification.queries import latest_fault_check, latest_hand_in, latest_verdicts
from leadroom.verification.rules import check_thaw
from leadroom.verification.running import are_faults_tried
from leadroom.web import access
from leadroom.web.refusals import refusal_of

FILES_SHOWN = 60


@dataclass(frozen=True)
class RefusalRow:
    """One refusal of the work by the name of its cheat."""

    name: str
    path: str
    sentence: str


@dataclass(frozen=True)
class RedRow:
    """What the red check said of one case. `pk` is the case's where the lead may let it hold before the change."""

    key: str
    is_right: bool
    reason: str
    pk: int


@dataclass(frozen=True)
class Frozen:
    """The newest hand-in: frozen, thawed or refused."""

    hand_in: HandIn
    state: str
    word: str
    rows: tuple[RedRow, ...]
    wrong: int
    files: tuple[str, ...]
    more: int
    thaw_reason: str


@dataclass(frozen=True)
class CriterionScore:
    """Of the faults tried, how many the cases of one criterion noticed."""

    criterion: str
    text: str
    noticed: int
    tried: int


@dataclass(frozen=True)
class Faults:
    """The seeded faults of the newest verification that has some."""

    check: FaultCheck
    tried: int
    noticed: int
    sentence: str
    unnoticed: tuple[SeededFault, ...]
    scores: tuple[CriterionScore, ...]


@dataclass(frozen=True)
class Proof:
    """Everything of the tab beside the cases themselves."""

    gates: tuple[GateView, ...]
    skipped: int
    refusals: tuple[RefusalRow, ...]
    frozen: Frozen | None
    verdicts: tuple[CriterionVerdict, ...]
    unmet: int
    faults: Faults | None
    faults_note: str
    faults_turn: str
    faults_reason: str
    evidence: tuple[tuple[str, str], ...]
    may_quarantine: bool


def present(item: WorkItem, run: VerificationRun | None, request: HttpRequest) -> Proof:
    """In a fixed number of queries. `run` is the newest verification."""
    plan, gates = current_plan(item), gates_of(item.risk)
    check, verdicts = latest_fault_check(item), tuple(latest_verdicts(item))
    return Proof(
        gates=gates,
        skipped=sum(not gate.applies for gate in gates),
        refusals=tuple(_refusal(row) for row in run.refusals) if run else (),
        frozen=_frozen(item, plan, request),
        verdicts=verdicts,
        unmet=sum(row.answer != Answer.YES for row in verdicts),
        faults=_faults(check, plan) if check and plan else None,
        faults_note=_faults_note(item, run, check),
        faults_turn=_faults_turn(item, run),
        faults_reason=refusal_of(lambda: access.require_lead(request, item.project)),
        evidence=tuple((name, value.removeprefix("sha256:")[:10]) for name, value in run.evidence.items())
        if run
        else (),
        may_quarantine=not refusal_of(lambda: access.require_lead(request, item.project)),
    )


def _refusal(row: Mapping[str, str]) -> RefusalRow:
    return RefusalRow(str(Cheat(row["cheat"]).label), row["path"], row["sentence"])


def _frozen(item: WorkItem, plan: TestPlan | None, request: HttpRequest) -> Frozen | None:
    hand_in = latest_hand_in(item)
    if hand_in is None:
        return None
    cases = {case.key: case for case in plan.cases.all()} if plan else {}
    rows = tuple(_red_row(row, cases) for row in hand_in.cases)
    state = "thawed" if hand_in.thawed_at else "frozen" if hand_in.is_accepted else "refused"
    words = {"thawed": "Thawed", "frozen": "Frozen", "refused": "Refused"}
    files = sorted(hand_in.frozen)
    refused = refusal_of(lambda: access.require_lead(request, item.project))
    return Frozen(
        hand_in=hand_in,
        state=state,
        word=words[state],
        rows=rows,
        wrong=sum(not row.is_right for row in rows),
        files=tuple(files[:FILES_SHOWN]),
        more=max(len(files) - FILES_SHOWN, 0),
        thaw_reason=refused or refusal_of(lambda: check_thaw(hand_in, by=access.person(request))),
    )


def _red_row(row: Mapping[str, object], cases: Mapping[str, TestCase]) -> RedRow:
    key, is_right, reason = str(row["key"]), bool(row["is_right"]), str(row["reason"])
    passes = not is_right and reason.startswith("passes on the base commit") and key in cases
    return RedRow(key, is_right, reason, cases[key].pk if passes else 0)


def _faults(check: FaultCheck, plan: TestPlan) -> Faults:
    faults = list(check.faults.all())
    noticed = sum(fault.is_noticed for fault in faults)
    left = tuple(fault for fault in faults if not fault.is_noticed)
    sentence = f"The plan would not notice {'this' if len(left) == 1 else 'these'} {count_of(len(left), 'fault')}."
    if not left:
        sentence = "The plan notices every fault that was tried." if faults else ""
    keys = {
        criterion: {c.key for c in plan.cases.all() if criterion in c.criteria} for criterion in plan.revision.criteria
    }
    scores = tuple(
        CriterionScore(
            criterion,
            text,
            sum(bool(keys[criterion] & set(fault.noticed_by)) for fault in faults),
            len(faults),
        )
        for criterion, text in plan.revision.criteria.items()
    )
    return Faults(check, len(faults), noticed, sentence, left, scores if faults else ())


def _faults_note(item: WorkItem, run: VerificationRun | None, check: FaultCheck | None) -> str:
    """Why there are no seeded faults to see, empty when there are."""
    gate = next(gate for gate in gates_of(item.risk) if gate.name == "seeded_faults")
    if check is not None:
        return ""
    if not applies("seeded_faults", item.risk):
        return gate.why_skipped
    if run is None or run.state != "PASSED":
        return "They are tried once every case has passed."
    return (
        "They are tried in the background after the verdict." if are_faults_tried(run) else "They were not tried yet."
    )


def _faults_turn(item: WorkItem, run: VerificationRun | None) -> str:
    """`tried` while a process is at them, `may` when a person may have them tried, else empty."""
    is_due = run is not None and run.state == "PASSED" and run.hand_in_id and run.onto and SEEDED_FAULTS[item.risk]
    if run is None or not is_due:
        return ""
    return "tried" if are_faults_tried(run) else "may"
