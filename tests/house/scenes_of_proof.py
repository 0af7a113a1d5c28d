"""Scenes of hand-ins, exemptions, verdicts and seeded faults."""

from leadroom.testplans.models import TestPlan
from leadroom.verification import actions as verification
from leadroom.verification.actions import Result
from leadroom.verification.enums import ExemptionKind, Outcome
from leadroom.verification.models import SeededFault, VerificationRun
from tests import factories as f
from tests.house.scenes import WHO, Ready, lead, scene


@scene("verification.keep_hand_in", "verification.tests.frozen")
def _() -> Ready:
    plan = f.make_frozen_plan()
    return lambda: f.freeze_tests(plan)


@scene("verification.thaw", "verification.tests.thawed")
def _() -> Ready:
    plan = f.make_frozen_plan()
    hand_in = f.freeze_tests(plan)
    return lambda: verification.thaw(hand_in=hand_in, reason="The fixture is wrong.", **lead(plan))


def flaky(plan: TestPlan) -> VerificationRun:
    """A verification in which the first case passed once and failed once."""
    found = verification.request(item=plan.item, plan=plan, commit="d" * 40, **WHO)
    verification.claim(verification_id=found.pk, host="here", now=f.NOW)
    found.refresh_from_db()
    first, *rest = plan.cases.all()
    results = {case.pk: Result(Outcome.PASSED, 0.1, "") for case in rest}
    results[first.pk] = Result(Outcome.FLAKY, 0.1, "It passed once.")
    verification.finish(verification=found, results=results, output="", now=f.NOW)
    found.refresh_from_db()
    return found


@scene("verification.exempt", "verification.case.quarantined")
def _() -> Ready:
    plan = f.make_frozen_plan()
    flaky(plan)
    case, kind = plan.cases.first(), ExemptionKind.QUARANTINE
    assert case is not None
    return lambda: verification.exempt(case=case, kind=kind, reason="It waits for a clock.", **lead(plan))


@scene("verification.pass_quarantined", "verification.run.passed")
def _() -> Ready:
    plan = f.make_frozen_plan()
    found, case = flaky(plan), plan.cases.first()
    assert case is not None
    verification.exempt(case=case, kind=ExemptionKind.QUARANTINE, reason="It waits for a clock.", **lead(plan))
    return lambda: verification.pass_quarantined(verification=found, **lead(plan))


@scene("verification.submit_verdicts", "verification.verdicts.submitted")
def _() -> Ready:
    item = f.make_item()
    row = {"criterion": "AC-001", "answer": "NO", "file": "", "behaviour": "It is not there."}
    body = {"summary": "Read.", "verdicts": [row]}
    given = {"run_id": 7, "work": "c" * 40, "criteria": ["AC-001"]}
    return lambda: verification.submit_verdicts(item=item, body=body, **given, **WHO)


@scene("verification.ask_for_faults", "verification.run.faults_asked")
def _() -> Ready:
    plan = f.make_frozen_plan()
    found = f.make_verification(plan, hand_in=f.freeze_tests(plan), work="e" * 40, onto="f" * 40)
    return lambda: verification.ask_for_faults(verification=found, **lead(plan))


@scene("verification.keep_faults", "verification.run.faults_seeded")
def _() -> Ready:
    found = f.make_verification(f.make_frozen_plan())
    fault = SeededFault(path="a.py", line=1, before="a < b", after="a <= b", hint="boundary", is_noticed=False)
    return lambda: verification.keep_faults(
        verification=found, faults=[fault], possible=3, seconds=1.0, note="", now=f.NOW
    )
