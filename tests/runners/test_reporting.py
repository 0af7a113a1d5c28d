"""A report's claims, held against the run's own transcript, its tree, and the verification that comes later."""

from typing import Any

from leadroom.agents.enums import Role
from leadroom.agents.models import Run
from leadroom.lib.clock import now
from leadroom.pipeline.comparing import compare_claims
from leadroom.projects import enums
from leadroom.runners.reporting import changed_paths, hold_to_record
from leadroom.triage.models import Report
from leadroom.verification.models import VerificationRun
from leadroom.worktrees.models import Worktree
from tests import factories as f
from tests.support.other_model_server import Turn, other_model_server
from tests.support.stage import KEY, Stage, events_of, report

WRITE: tuple[str, dict[str, Any]] = ("write_file", {"path": "shop/new.py", "text": "x = 1\n"})


def play(stage: Stage, *turns: Turn) -> Run:
    with other_model_server(list(turns), key=KEY) as model:
        stage.connect(model.url)
        return stage.perform(stage.queue(Role.DEVELOPER, "Do it."))


def said(run: Run) -> list[str]:
    return [one["sentence"] for one in Report.objects.get(run=run).contradictions]


def test_files_are_compared_with_the_trees_own_difference_and_green_with_what_was_run(stage: Stage) -> None:
    claims = report(tests={"green": 4, "red": 0, "not_run": 0}, changed=["shop/new.py", "shop/old.py"])
    run = play(stage, [WRITE, ("write_file", {"path": "more.txt", "text": "y"})], [claims])
    assert said(run) == [
        "It counts 4 green tests, but the run ran no command at all.",
        "It says that it changed shop/old.py; in its tree that is as it was.",
        "Its tree also changes more.txt, which the report does not name.",
    ]


def test_claims_that_hold_are_kept_without_a_word(stage: Stage) -> None:
    claims = report(tests={"green": 1, "red": 0, "not_run": 0}, changed=["shop/"])
    run = play(stage, [WRITE, ("run_command", {"command": "true"})], [claims])
    filed = Report.objects.get(run=run)
    assert (filed.contradictions, filed.compared_with) == ([], 0)


def test_a_verification_that_ends_later_is_compared_once(stage: Stage) -> None:
    run = play(stage, [WRITE, ("run_command", {"command": "true"})], [report(changed=["shop/new.py"])])
    filed, tree = Report.objects.get(run=run), Worktree.objects.get(run=run)
    plan = f.make_frozen_plan(f.make_aligned_item(stage.project))
    verification = f.make_verification(plan, commit="d" * 40, failing=("U-001",))
    VerificationRun.objects.filter(pk=verification.pk).update(item=run.item, work=tree.head)
    run.item.stage = enums.Stage.VERIFY
    assert compare_claims(run.item)
    assert not compare_claims(run.item)
    (sentence,) = said(run)
    assert f"in verification {verification.pk} of the same work 1 of" in sentence
    assert sentence.endswith("cases did not pass: U-001.")
    hold_to_record(report=filed, changed=changed_paths(tree), now=now())
    assert said(run) == [sentence]


def test_everything_that_lacks_is_told_in_one_refusal(stage: Stage) -> None:
    wrong = {"status": "BLOCKED", "summary": "Stuck.", "tests": {"green": 0}, "confidence": 2}
    run = play(stage, [("report", wrong)], [report("BLOCKED", needs=["A key."])])
    told = next(e.payload["text"] for e in events_of(run) if e.kind == "tool_result")
    for field in ("severity", "suggested_action", "done", "unsure", "follow_ups", "sources"):
        assert f"- {field}: Field required" in told
    assert "- tests.red: Field required" in told
    assert "- confidence:" in told
    assert "- needs: BLOCKED must say in `needs` what is needed from the lead." in told
