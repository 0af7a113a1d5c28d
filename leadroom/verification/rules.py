"""What a verification's results add up to."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.projects.enums import STAGES
from leadroom.testplans.enums import PlanState
from leadroom.testplans.models import TestCase, TestPlan
from leadroom.verification.enums import Answer, ExemptionKind, Outcome, VerificationState
from leadroom.verification.gates import SEEDED_FAULTS
from leadroom.verification.models import CaseResult, HandIn, VerificationRun

REASON_MIN, REASON_MAX = 8, 500


def check_request(plan: TestPlan, hand_in: HandIn | None) -> None:
    if plan.state != PlanState.FROZEN:
        raise NotPermitted("Only a frozen plan is verified.")
    if hand_in is not None and (not hand_in.is_accepted or hand_in.thawed_at or hand_in.plan_digest != plan.digest):
        raise NotPermitted("Only frozen tests of this very plan are verified.")


def check_hand_in(plan: TestPlan, *, has_frozen: bool) -> None:
    """Tests are handed in once: what was frozen is changed by nobody but the lead, who thaws it."""
    if plan.state != PlanState.FROZEN:
        raise NotPermitted("Tests are handed in for a frozen plan only; nothing was stored.")
    if has_frozen:
        raise NotPermitted(
            "The tests of this plan are frozen already; nothing was changed. If a frozen test is wrong, `ask` the "
            "lead with the criterion and the case side by side."
        )


def check_thaw(hand_in: HandIn, *, by: Actor) -> None:
    if not by.is_human:
        raise NotPermitted("Only a person thaws frozen tests.")
    if not hand_in.is_accepted or hand_in.thawed_at:
        raise NotPermitted("These tests are not frozen.")
    if STAGES.is_final(hand_in.item.stage):
        raise NotPermitted("The item is closed; its tests stay frozen.")


def check_exempt(case: TestCase, kind: str, *, by: Actor, newest: CaseResult | None) -> None:
    """A quarantine is for a flaky case alone; anything else that fails is repaired or planned anew."""
    if not by.is_human:
        raise NotPermitted("Only a person exempts a case.")
    if STAGES.is_final(case.plan.item.stage):
        raise NotPermitted("The item is closed; nothing is exempted any more.")
    if kind == ExemptionKind.QUARANTINE and (newest is None or newest.outcome != Outcome.FLAKY):
        raise NotPermitted(f"{case.key} is not flaky: it does not pass once and fail once on the same files.")


def checked_reason(reason: str) -> str:
    """The reason on one line. Raises BadInput for none that says anything."""
    reason = " ".join(reason.split())
    if len(reason) < REASON_MIN:
        raise BadInput("Say in a few words why; nothing was changed.")
    if len(reason) > REASON_MAX:
        raise BadInput(f"The reason has {len(reason)} characters; {REASON_MAX} is the limit. Nothing was changed.")
    return reason


def check_verdicts(rows: Sequence[Mapping[str, Any]], criteria: Sequence[str]) -> None:
    """Every criterion once, and evidence for each word. Raises BadInput listing what is wrong, all at once."""
    counts = Counter(row["criterion"] for row in rows)
    problems = [f"- {key} is no criterion of the document." for key in counts if key not in criteria]
    problems += [f"- {key} has no verdict." for key in criteria if key not in counts]
    problems += [f"- {key} has {n} verdicts; give one." for key, n in counts.items() if n > 1]
    problems += [
        f"- {row['criterion']} is {row['answer']} and names no file; say where the behaviour is."
        for row in rows
        if row["answer"] == Answer.YES and not row["file"].strip()
    ]
    if problems:
        raise BadInput("Nothing was stored. Mend these and submit again:\n" + "\n".join(problems[:40]))


def check_requeue(verification: VerificationRun, *, by: Actor) -> None:
    if not by.is_human:
        raise NotPermitted("Only a person runs a broken verification again.")
    if verification.state != VerificationState.ERRORED:
        raise NotPermitted("Only a verification that could not run is run again; a result stands.")


def check_faults(verification: VerificationRun, *, by: Actor) -> None:
    """Seeded faults are tried on work that passed, where the risk asks for them. Raises NotPermitted."""
    if not by.is_human:
        raise NotPermitted("Only a person has the seeded faults tried again.")
    if verification.state != VerificationState.PASSED:
        raise NotPermitted("Seeded faults are tried once every case has passed.")
    if not (verification.hand_in_id and verification.onto and SEEDED_FAULTS[verification.item.risk]):
        raise NotPermitted("This item's risk asks for no seeded faults.")


def state_of(outcomes: Iterable[str]) -> VerificationState:
    """PASSED only when every case ran and passed: skipped or missing is not passed. No cases at all is FAILED."""
    every = list(outcomes)
    passed = bool(every) and all(outcome == Outcome.PASSED for outcome in every)
    return VerificationState.PASSED if passed else VerificationState.FAILED
