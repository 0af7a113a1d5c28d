"""A developer's tests and a verifier's verdicts, handed in through the tools, in a real tree and a real sandbox."""

from typing import Any

from leadroom.agents.enums import Role, RunState
from leadroom.agents.models import Run
from leadroom.testplans.models import TestPlan
from leadroom.verification.models import CriterionVerdict, HandIn
from leadroom.worktrees.actions import open_stitch
from leadroom.worktrees.keeping import control_of
from leadroom.worktrees.models import Worktree
from tests import factories
from tests.support.other_model_server import Turn, other_model_server
from tests.support.stage import KEY, Stage, events_of, report

NODE = "tests/test_discount.py::test_large"
TEST = "from shop.discount import discount\n\n\ndef test_large():\n    assert discount(150) == 10\n"
CODE = "def discount(total):\n    return 10 if total >= 100 else 0\n"
HAND_IN = ("submit_tests", {"note": "One case of a module that is not there."})


def planned(stage: Stage) -> TestPlan:
    return factories.make_frozen_plan(
        factories.make_aligned_item(stage.project),
        cases=[factories.case_shape("U-001", "unit", node_id=NODE)],
        not_covered=[{"what": "Integration and end to end", "why": "One function."}],
    )


def play(stage: Stage, plan: TestPlan, role: Role, turns: list[Turn]) -> Run:
    with other_model_server(turns, key=KEY) as model:
        stage.connect(model.url)
        return stage.perform(stage.queue(role, "Do it.", item=plan.item))


def results(run: Run) -> list[dict[str, Any]]:
    return [event.payload for event in events_of(run) if event.kind == "tool_result"]


def test_refused_tests_go_back_by_name_and_accepted_ones_are_read_only(stage: Stage) -> None:
    plan = planned(stage)
    empty = "def test_large():\n    assert True\n"
    rename = "mv tests/test_discount.py tests/gone.py; rm -f tests/test_discount.py; echo x >> tests/test_discount.py"
    turns: list[Turn] = [
        [("write_file", {"path": "tests/test_discount.py", "text": empty}), HAND_IN],
        [("write_file", {"path": "tests/test_discount.py", "text": TEST}), HAND_IN],
        [
            ("write_file", {"path": "shop/discount.py", "text": CODE}),
            ("write_file", {"path": "tests/test_discount.py", "text": empty}),
            ("run_command", {"command": rename}),
            ("write_file", {"path": "tests/test_more.py", "text": TEST}),
            ("run_command", {"command": "cat tests/test_discount.py; python -m pytest -q tests/test_discount.py"}),
            HAND_IN,
        ],
        [report()],
    ]
    run = play(stage, plan, Role.DEVELOPER, turns)
    _, refused, _, accepted, wrote, weakened, moved, more, ran, again, filed = results(run)
    assert refused["is_error"]
    assert "U-001 passes on the base commit" in refused["text"]
    assert accepted["text"].startswith("Accepted: 1 of 1 cases red for the right reason.")
    assert not wrote["is_error"]
    assert weakened["is_error"]
    assert moved["is_error"]
    assert not more["is_error"]
    assert "assert discount(150) == 10" in ran["text"]
    assert "1 passed" in ran["text"]
    assert "frozen already" in again["text"]
    assert filed["text"] == "Filed. The run is complete."
    assert [row.is_accepted for row in HandIn.objects.filter(plan=plan)] == [False, True]


def test_a_link_in_the_place_of_a_frozen_file_shows_nothing_of_the_host(stage: Stage) -> None:
    """The folder is moved away before the next call; its frozen files are then left out of the mounts."""
    secret = stage.home.parent / "test_discount.py"
    secret.write_text("the host's own\n")
    turns: list[Turn] = [
        [("write_file", {"path": "tests/test_discount.py", "text": TEST}), HAND_IN],
        [("run_command", {"command": f"mv tests old && ln -s {stage.home.parent} tests"})],
        [("run_command", {"command": "cat tests/test_discount.py"})],
        [report("BLOCKED", needs=["Nothing."])],
    ]
    run = play(stage, planned(stage), Role.DEVELOPER, turns)
    assert "the host's own" not in str([result["text"] for result in results(run)])


def test_complete_without_accepted_tests_is_refused(stage: Stage) -> None:
    plan = planned(stage)
    turns: list[Turn] = [[("write_file", {"path": "shop/discount.py", "text": CODE})], [report()], [report()]]
    run = play(stage, plan, Role.DEVELOPER, turns)
    assert "the plan's tests were never accepted" in results(run)[1]["text"]
    assert run.state != RunState.COMPLETED


def shipped(stage: Stage) -> tuple[TestPlan, str]:
    """Finished work of a plan's item, tried as a merge."""
    plan = planned(stage)
    stage.source.git("switch", "-q", "--detach", "main")
    commit = stage.source.commit("work", **{"shop/discount_py": CODE})
    stage.source.git("switch", "-q", "main")
    control = control_of(stage.project)
    stage.source.git("push", "-q", str(control.path), f"+{commit}:refs/leadroom/runs/900")
    stitch = open_stitch(item=plan.item, commit=commit, by=factories.PIPELINE, now=factories.NOW)
    given = {"onto": control.head("main"), "tree": control.tree_id(commit), "trial": commit, "conflicts": []}
    factories.keep_trial(stitch=stitch, by=factories.PIPELINE, now=factories.NOW, **given)
    return plan, commit


def verdict(criterion: str, answer: str, file: str = "shop/discount.py:2") -> dict[str, str]:
    return {"criterion": criterion, "answer": answer, "file": file, "behaviour": "Ten per cent from 100 on."}


def test_a_verifier_reads_what_would_ship_and_answers_for_every_criterion(stage: Stage) -> None:
    plan, commit = shipped(stage)
    half = [verdict("AC-001", "YES", file=""), verdict("AC-009", "NO")]
    whole = [verdict("AC-001", "YES"), verdict("AC-002", "PARTIAL")]
    turns: list[Turn] = [
        [("read_file", {"path": "shop/discount.py"}), ("submit_verdicts", {"summary": "Half.", "verdicts": half})],
        [("submit_verdicts", {"summary": "Met in part.", "verdicts": whole})],
        [report()],
    ]
    run = play(stage, plan, Role.VERIFIER, turns)
    read, refused, stored, _ = results(run)
    assert "return 10 if total >= 100" in read["text"]
    for words in ("AC-009 is no criterion", "AC-002 has no verdict", "AC-001 is YES and names no file"):
        assert words in refused["text"]
    assert stored["text"] == "Your verdicts are stored. Report next."
    assert run.state == RunState.COMPLETED
    rows = CriterionVerdict.objects.filter(item=plan.item, work=commit)
    assert {row.criterion: row.answer for row in rows} == {"AC-001": "YES", "AC-002": "PARTIAL"}
    assert Worktree.objects.get(run=run).base == commit


def test_a_verifier_changes_nothing(stage: Stage) -> None:
    plan, _ = shipped(stage)
    turns: list[Turn] = [
        [("write_file", {"path": "shop/discount.py", "text": ""}), HAND_IN],
        [report("BLOCKED", needs=["Nothing."])],
    ]
    run = play(stage, plan, Role.VERIFIER, turns)
    assert all("Not allowed" in result["text"] for result in results(run)[:2])
