"""The process that runs a frozen plan, on real repositories: what is found, what goes wrong, and what a kill leaves."""

import contextlib
import os
import signal
from pathlib import Path

import pytest

from leadroom.ledger.models import Entry
from leadroom.pipeline import placement
from leadroom.verification import actions, bench
from leadroom.verification.enums import VerificationState
from leadroom.verification.models import VerificationRun
from tests.support.program import is_alive, processes_of, until
from tests.support.stage import Stage, kill, later, sandboxes_of
from tests.verification.bench import claim, outcome, outcomes, request, verify


def test_every_case_has_its_own_result_and_one_that_did_not_pass_fails_the_whole(stage: Stage) -> None:
    verification = request(
        stage,
        {
            "U-001": "test_good",
            "U-002": "test_bad",
            "U-003": "test_skipped",
            "U-004": "test_many",
            "U-005": "test_broken",
        },
        tests__test_it_py="""
import pytest
from shop.prices import total

def test_good():
    assert total([1, 2]) == 3

def test_bad():
    assert total([1, 2]) == 4, "lost a cent"

@pytest.mark.skip(reason="later")
def test_skipped():
    assert True

@pytest.mark.parametrize("n", [1, 2, 3])
def test_many(n):
    assert total([n]) != 2

@pytest.fixture
def nothing():
    raise RuntimeError("no database")

def test_broken(nothing):
    assert True
""",
    )
    results = verify(stage, verification)
    assert verification.state == VerificationState.FAILED
    assert outcomes(results) == {
        "U-001": "passed",
        "U-002": "failed",
        "U-003": "skipped",
        "U-004": "failed",
        "U-005": "error",
    }
    assert "lost a cent" in results["U-002"].message
    assert "later" in results["U-003"].message
    assert "no database" in results["U-005"].message
    assert "$ python" in verification.output


def test_all_cases_passed_is_passed(stage: Stage) -> None:
    verification = request(
        stage,
        {"U-001": "test_good", "U-002": "$ test -e shop/prices.py"},
        tests__test_it_py="def test_good():\n    assert True\n",
    )
    assert outcomes(verify(stage, verification)) == {"U-001": "passed", "U-002": "passed"}
    assert verification.state == VerificationState.PASSED


def test_a_case_whose_test_is_not_there_is_named_and_hides_no_other(stage: Stage) -> None:
    verification = request(
        stage,
        {
            "U-001": "test_good",
            "U-002": "test_forgotten",
            "U-003": "tests/test_nowhere.py::test_it",
            "U-004": "tests/test_typo.py::test_it",
        },
        tests__test_it_py="def test_good():\n    assert True\n",
        tests__test_typo_py="from shop.no_such_module import x\n\ndef test_it():\n    assert x\n",
    )
    results = verify(stage, verification)
    found = outcomes(results)
    assert (found["U-001"], found["U-002"], found["U-003"]) == ("passed", "missing", "missing")
    assert found["U-004"] in ("missing", "error")
    assert "not found" in results["U-003"].message
    assert verification.state == VerificationState.FAILED


def test_a_test_that_never_ends_is_stopped_and_named(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "ALL_CASES_SECONDS", 2.0)
    monkeypatch.setattr(bench, "ONE_CASE_SECONDS", 2.0)
    verification = request(
        stage,
        {"U-001": "test_for_ever", "U-002": "test_good", "U-003": "$ echo begun; sleep 60"},
        tests__test_it_py="def test_for_ever():\n    while True: pass\n\n\ndef test_good():\n    assert True\n",
    )
    results = verify(stage, verification)
    assert outcomes(results) == {"U-001": "error", "U-002": "passed", "U-003": "error"}
    assert results["U-001"].message == "Did not end within 2 s."
    assert results["U-003"].message.startswith("Did not end within 2 s.\nbegun")
    assert "(stopped after 2 s)" in verification.output


def test_two_hundred_megabytes_of_output_are_cut(stage: Stage) -> None:
    flood = "def test_flood():\n    print('x' * 200_000_000)\n    assert False, 'after the flood'\n"
    verification = request(
        stage,
        {"U-001": "test_flood", "U-002": "$ head -c 200000000 /dev/zero | tr '\\0' y"},
        tests__test_it_py=flood,
    )
    results = verify(stage, verification)
    assert outcomes(results) == {"U-001": "failed", "U-002": "passed"}
    assert "after the flood" in results["U-001"].message
    assert len(verification.output) < 2 * bench.OUTPUT_LIMIT
    assert all(len(result.message) < 10_000 for result in results.values())


def test_output_no_database_takes_is_kept_readable(stage: Stage) -> None:
    verification = request(
        stage,
        {"U-001": "test_nul", "U-002": "$ printf 'a\\0b\\377'"},
        tests__test_it_py="def test_nul():\n    print('c\\0d')\n    assert False, 'e\\0f'\n",
    )
    results = verify(stage, verification)
    assert verification.state == VerificationState.FAILED
    assert outcomes(results) == {"U-001": "failed", "U-002": "passed"}
    assert results["U-002"].message == "a\ufffdb\ufffd"


def test_packages_at_the_trees_root_are_importable_as_with_pytest_from_there(stage: Stage) -> None:
    verification = request(
        stage,
        {"U-001": "test_root"},
        tests__test_it_py="import shop.prices, os\n\n\ndef test_root():\n    assert os.path.exists('shop')\n",
    )
    assert outcomes(verify(stage, verification)) == {"U-001": "passed"}


def test_the_set_up_command_runs_first_and_its_work_is_there(stage: Stage) -> None:
    stage.project.setup_command = "echo RATE = 19 > shop/rate.py"
    stage.project.save()
    verification = request(
        stage,
        {"U-001": "test_rate"},
        tests__test_it_py="from shop.rate import RATE\n\n\ndef test_rate():\n    assert RATE == 19\n",
    )
    assert outcomes(verify(stage, verification)) == {"U-001": "passed"}


def test_a_set_up_command_that_fails_is_no_verdict_on_the_work(stage: Stage) -> None:
    stage.project.setup_command = "echo no such package; exit 7"
    stage.project.save()
    verification = request(stage, {"U-001": "test_good"}, tests__test_it_py="def test_good():\n    assert True\n")
    assert verify(stage, verification) == {}
    assert verification.state == VerificationState.ERRORED
    assert verification.problem.startswith("The project's set-up command failed with status 7: no such package")
    assert verification.problem.endswith("Mend it in the project's settings, then run the verification again.")


def test_commands_pass_and_fail_by_their_status_with_their_last_words(stage: Stage) -> None:
    verification = request(
        stage, {"U-001": "$ echo fine", "U-002": "$ echo three >&2; exit 3", "U-003": "$ no-such-thing"}
    )
    results = verify(stage, verification)
    assert outcomes(results) == {"U-001": "passed", "U-002": "failed", "U-003": "failed"}
    assert [result.message.strip() for result in results.values()][:2] == ["fine", "three"]


def test_a_commit_that_is_gone_is_said_and_nothing_ran(stage: Stage) -> None:
    verification = request(stage, {"U-001": "test_good"})
    VerificationRun.objects.filter(pk=verification.pk).update(commit="f" * 40)
    verify(stage, verification)
    assert verification.state == VerificationState.ERRORED
    assert "ffffffffff is not in Leadroom's copy of the project" in verification.problem


def test_a_failure_of_leadrooms_own_is_a_sentence_and_not_a_circle(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("disk on fire")

    verification = request(stage, {"U-001": "$ true"})
    monkeypatch.setattr(actions, "finish", broken)
    verify(stage, verification)
    assert verification.state == VerificationState.ERRORED
    assert "Leadroom itself failed here (RuntimeError: disk on fire)" in verification.problem


# it leaves a file behind, which a clean checkout does not have, and waits for a word from outside
AGAIN = """
import pathlib, time

def test_again():
    assert not pathlib.Path("left.txt").exists()
    pathlib.Path("left.txt").touch()
    while not pathlib.Path("go.txt").exists():
        time.sleep(0.02)
"""


def start(stage: Stage, verification: VerificationRun) -> int:
    """Hold it in a process of its own; gives its process id once its test is at work."""
    name = f"verification-{verification.pk}"
    placement.start_program("hold_verification", name, verification.pk, claim(verification))
    pid = stage.holder(name)
    until((_tree(stage, verification) / "left.txt").exists, seconds=40, what="a test at work")
    return pid


def _tree(stage: Stage, verification: VerificationRun) -> Path:
    return stage.project.folder / "trees" / f"verification-{verification.pk}"


def finish(stage: Stage, verification: VerificationRun) -> None:
    """Give the waiting test its word and see it through."""

    def is_over() -> bool:
        with contextlib.suppress(OSError):  # the tree may only be coming, or be gone
            (_tree(stage, verification) / "go.txt").touch()
        verification.refresh_from_db()
        return verification.state not in (VerificationState.QUEUED, VerificationState.RUNNING)

    until(is_over, seconds=40, what="a verdict")


def test_a_killed_verification_is_taken_back_and_run_again_on_a_clean_checkout(stage: Stage) -> None:
    verification = request(stage, {"U-001": "test_again"}, tests__test_it_py=AGAIN)
    kill(start(stage, verification))
    until(lambda: not sandboxes_of(stage.home, f"verification-{verification.pk}"), seconds=2, what="an empty sandbox")
    until(lambda: placement.reap(later(5)), seconds=2, what="its return to the queue")
    verification.refresh_from_db()
    assert (verification.state, verification.generation) == (VerificationState.QUEUED, 2)
    start(stage, verification)
    finish(stage, verification)
    assert outcomes(outcome(stage, verification)) == {"U-001": "passed"}
    verbs = [e.verb for e in Entry.objects.filter(subject=f"verification.run:{verification.pk}").order_by("pk")]
    assert verbs == [f"verification.run.{v}" for v in ("queued", "started", "taken_back", "started", "passed")]


def test_a_verification_that_dies_before_its_last_word_has_said_nothing(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    verification = request(stage, {"U-001": "$ true"})
    monkeypatch.setenv("LEADROOM_CRASH_AT", "verification.before-finish:1")
    name = f"verification-{verification.pk}"
    placement.start_program("hold_verification", name, verification.pk, claim(verification))
    pid = stage.holder(name)
    until(lambda: not is_alive(pid), seconds=40, what="the crash")
    assert not verification.results.exists()
    until(lambda: placement.reap(later(5)), seconds=2, what="its return to the queue")
    monkeypatch.delenv("LEADROOM_CRASH_AT")
    assert outcomes(verify(stage, verification)) == {"U-001": "passed"}


def test_one_that_is_told_to_stop_goes_back_to_the_queue(stage: Stage) -> None:
    verification = request(stage, {"U-001": "test_again"}, tests__test_it_py=AGAIN)
    pid = start(stage, verification)
    os.kill(pid, signal.SIGTERM)
    until(lambda: not is_alive(pid), what="its end")
    outcome(stage, verification)
    assert verification.state == VerificationState.QUEUED
    assert "Traceback" not in stage.log(f"verification-{verification.pk}")


def test_a_process_of_an_earlier_generation_does_nothing(stage: Stage) -> None:
    verification = request(stage, {"U-001": "$ true"})
    generation = claim(verification)
    assert placement.reap(later(60)) == 1
    placement.start_program("hold_verification", "stale", verification.pk, generation)
    until(lambda: not processes_of(stage.home), seconds=40, what="its end")
    outcome(stage, verification)
    assert verification.state == VerificationState.QUEUED
    assert "Traceback" not in stage.log("stale")
