"""Every tool as agents get it: through the gate, in a real tree and a real sandbox."""

import json
import subprocess
from typing import Any

import pytest

from leadroom.agents.actions import answer, resume
from leadroom.agents.enums import Phase, Role, RunState, WaitReason
from leadroom.agents.models import Elicitation, Run
from leadroom.lib.clock import now
from leadroom.projects.models import WorkItem
from leadroom.requirements.actions import resolve
from leadroom.requirements.models import Ambiguity, Revision
from leadroom.testplans.actions import open_agent_review
from leadroom.testplans.models import Review, TestPlan
from leadroom.triage.models import Report
from leadroom.worktrees.models import Worktree
from tests import factories
from tests.support.other_model_server import Turn, other_model_server
from tests.support.stage import KEY, Rehearsal, Stage, events_of, messages_of, report

Call = tuple[str, dict[str, Any]]


def play(stage: Stage, role: Role, turns: list[Turn], *, item: WorkItem | None = None) -> Run:
    """One holding of a run whose model says exactly these turns."""
    with other_model_server(turns, key=KEY) as model:
        stage.connect(model.url)
        return stage.perform(stage.queue(role, "Do it.", item=item))


def results(run: Run) -> list[dict[str, Any]]:
    return [event.payload for event in events_of(run) if event.kind == "tool_result"]


def one(stage: Stage, role: Role, *calls: Call) -> list[dict[str, Any]]:
    """What became of these calls, made in one turn; the run is blocked afterwards."""
    run = play(stage, role, [list(calls), [report("BLOCKED", needs=["Nothing."])]])
    return results(run)[: len(calls)]


def test_files_are_read_listed_and_searched(stage: Stage) -> None:
    listing, text, found = one(
        stage,
        Role.REQUIREMENTS,
        ("read_file", {"path": "."}),
        ("read_file", {"path": "shop/prices.py", "offset": 2, "limit": 1}),
        ("search_files", {"pattern": "def \\w+", "glob": "*.py"}),
    )
    assert "shop/" in listing["text"]
    assert "return sum(items)" in text["text"]
    assert "def total" not in text["text"]
    assert "shop/prices.py:1: def total(items):" in found["text"]
    assert not any(r["is_error"] for r in (listing, text, found))


def test_files_are_written_and_edited_with_their_difference(stage: Stage) -> None:
    run = play(
        stage,
        Role.DEVELOPER,
        [
            [
                ("write_file", {"path": "shop/tax.py", "text": "RATE = 19\n"}),
                ("edit_file", {"path": "shop/tax.py", "old_text": "19", "new_text": "20"}),
                ("run_command", {"command": "python -c 'from shop.tax import RATE; print(RATE)'"}),
            ],
            [report()],
        ],
    )
    written, edited, ran, _ = results(run)
    assert written["paths"] == edited["paths"] == ["shop/tax.py"]
    assert "-RATE = 19" in edited["diff"]
    assert "+RATE = 20" in edited["diff"]
    assert ran["text"] == "20\nExit status: 0"
    assert run.state == RunState.COMPLETED
    head = Worktree.objects.get(run=run).head
    shown = subprocess.run(
        ["git", "-C", str(stage.project.control_path), "show", f"{head}:shop/tax.py"], capture_output=True, check=True
    )
    assert shown.stdout == b"RATE = 20\n"


def test_phases_are_said_and_each_begins_with_a_commit(stage: Stage) -> None:
    run = play(
        stage,
        Role.DEVELOPER,
        [
            [
                ("write_file", {"path": "design.md", "text": "One module.\n"}),
                ("set_phase", {"phase": "tests", "note": "Three."}),
            ],
            [
                ("write_file", {"path": "b.txt", "text": "b\n"}),
                ("set_phase", {"phase": "self_review", "note": "Look."}),
            ],
            [report()],
        ],
    )
    assert run.phase == Phase.SELF_REVIEW
    phases = [event.payload["text"] for event in events_of(run) if event.kind == "phase"]
    assert phases == ["Tests: Three.", "Self-review: Look."]
    tree = Worktree.objects.get(run=run)
    log = subprocess.run(
        ["git", "-C", str(stage.project.control_path), "log", "--format=%s", f"{tree.base}..{tree.head}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert log.stdout.splitlines() == ["Before self_review", "Before tests"]


PROPOSAL: Call = (
    "propose_ambiguities",
    {
        "risk": {"level": "critical", "reason": "Money."},
        "ambiguities": [factories.ambiguity_shape("A-001"), factories.ambiguity_shape("A-002")],
    },
)


def test_a_requirements_agent_proposes_waits_for_picks_and_writes_the_document(stage: Stage) -> None:
    item = factories.create_item(
        project=stage.project, request="Split by shares", stitch_owner=stage.lead, by=stage.by, now=now()
    )
    document: Call = ("submit_document", factories.document_shape("A-001"))
    with other_model_server([[PROPOSAL], [document], [report()]], key=KEY) as model:
        stage.connect(model.url)
        run = stage.perform(stage.queue(Role.REQUIREMENTS, "Align.", item=item))
        assert (run.state, run.wait_reason) == (RunState.WAITING, WaitReason.PICKS)
        item.refresh_from_db()
        assert item.risk == "critical"
        for ambiguity in Ambiguity.objects.filter(item=item):
            resolve(
                ambiguity=ambiguity,
                by=stage.by,
                now=now(),
                seen_digest=ambiguity.digest,
                picked=2,
                user_id=stage.lead.pk,
            )
        resume(run=run, text="A-001: the payer", by=stage.by, now=now())
        run = stage.perform(run)
    assert run.state == RunState.COMPLETED
    assert Revision.objects.get(item=item).run_id == run.pk
    assert "A-001: the payer" in json.dumps(model.requests[1]["messages"][-1])


def test_a_planner_hears_every_machine_finding_and_stores_nothing_until_they_are_mended(stage: Stage) -> None:
    item = factories.make_aligned_item(stage.project)
    gaps = factories.plan_shape(cases=[factories.case_shape("U-001", "unit", criteria=["AC-001"], node_id="")])
    turns: list[Turn] = [[("submit_plan", gaps)], [("submit_plan", factories.plan_shape())], [report()]]
    run = play(stage, Role.PLANNER, turns, item=item)
    refused, stored, _ = results(run)
    assert refused["is_error"]
    assert "nothing was stored" in refused["text"]
    assert "No case proves AC-002" in refused["text"]
    assert "U-001 needs either a pytest node id or a command" in refused["text"]
    assert stored["text"].startswith("Every machine check passed.")
    assert TestPlan.objects.get(item=item).run_id == run.pk
    assert run.state == RunState.COMPLETED


def test_a_reviewer_reviews_the_plan_that_waits(stage: Stage) -> None:
    item = factories.make_aligned_item(stage.project)
    plan = factories.submit_plan(item)
    open_agent_review(plan=plan, by=factories.PIPELINE, now=now())
    finding = {"case": "U-001", "kind": "hole", "severity": "major", "text": "No negative amount."}
    review: Call = ("submit_review", {"summary": "A hole.", "verdict": "change", "findings": [finding]})
    run = play(stage, Role.REVIEWER, [[review], [report()]], item=item)
    assert run.state == RunState.COMPLETED
    kept = Review.objects.get(plan=plan)
    assert (kept.verdict, kept.run_id, kept.marks.get().comment) == ("change", run.pk, "No negative amount.")
    assert not Worktree.objects.filter(run=run).exists()


QUESTION: Call = (
    "ask",
    {"question": "May I rename it?", "why": "It is public.", "recommendation": "Yes", "options": ["Yes", "No"]},
)


def test_a_question_parks_the_run_and_its_answer_is_the_next_message(stage: Stage) -> None:
    write: Call = ("write_file", {"path": "a.txt", "text": "a\n"})
    with other_model_server([[QUESTION], [write], [report()]], key=KEY) as model:
        stage.connect(model.url)
        run = stage.perform(stage.queue(Role.DEVELOPER, "Rename it."))
        assert (run.state, run.wait_reason) == (RunState.WAITING, WaitReason.ANSWER)
        question = Elicitation.objects.get(run=run)
        answer(elicitation=question, text="No, keep it.", user_id=stage.lead.pk, by=stage.by, now=now())
        run = stage.perform(Run.objects.get(pk=run.pk))
    assert run.state == RunState.COMPLETED
    last = model.requests[1]["messages"][-1]
    assert [block["type"] for block in last["content"]] == ["tool_result", "text"]
    assert last["content"][1]["text"] == f"Answer of {stage.lead.get_username()}: No, keep it."


FORBIDDEN = [
    (Role.REQUIREMENTS, ("write_file", {"path": "a.txt", "text": "x"})),
    (Role.REQUIREMENTS, ("run_command", {"command": "true"})),
    (Role.REQUIREMENTS, ("submit_plan", factories.plan_shape())),
    (Role.PLANNER, ("edit_file", {"path": "shop/prices.py", "old_text": "sum", "new_text": "max"})),
    (Role.PLANNER, ("submit_document", factories.document_shape())),
    (Role.PLANNER, ("submit_review", {"summary": "Fine.", "verdict": "approve"})),
    (Role.REVIEWER, ("read_file", {"path": "."})),
    (Role.REVIEWER, QUESTION),
    (Role.DEVELOPER, ("submit_review", {"summary": "Fine.", "verdict": "approve"})),
    (Role.DEVELOPER, PROPOSAL),
]


@pytest.mark.parametrize(("role", "call"), FORBIDDEN, ids=[f"{role}-{call[0]}" for role, call in FORBIDDEN])
def test_a_tool_of_another_role_is_refused_whatever_the_model_thinks_it_has(
    stage: Stage, role: Role, call: Call
) -> None:
    (result,) = one(stage, role, call)
    assert result["is_error"]
    assert result["text"] == "Not allowed: Your role has no such tool; use only the tools you were given."
    assert not Ambiguity.objects.exists()
    assert not Revision.objects.exists()
    assert not TestPlan.objects.exists()


def test_every_way_out_of_the_tree_is_refused_in_the_transcript(stage: Stage, rehearsal: Rehearsal) -> None:
    (stage.project.folder / "trees").mkdir(parents=True)
    (stage.project.folder / "secret").write_text("the secret\n")
    stage.connect(rehearsal.url)
    run = stage.perform(stage.queue(Role.DEVELOPER, "[[script:outside]]"))
    above, _, through_link, outside, network = results(run)[:5]
    assert above["is_error"]
    assert through_link["is_error"]
    assert outside["is_error"]
    assert "connected" not in network["text"]
    assert "Connection refused" in network["text"]
    assert not (stage.project.folder / "trees" / "outside.txt").exists()
    said = json.dumps(messages_of(run))
    assert "the secret" not in said
    assert "root:x:0" not in said


def test_a_way_to_the_network_is_refused_with_the_reason(stage: Stage) -> None:
    reach = "python -c \"import socket; socket.create_connection(('{}', 80), 3)\""
    results = one(
        stage,
        Role.DEVELOPER,
        ("run_command", {"command": reach.format("192.0.2.1")}),
        ("run_command", {"command": reach.format("example.org")}),
    )
    for result in results:
        assert result["is_error"]
        assert "(The sandbox has no network unless the project opens it.)" in result["text"]


def test_git_cannot_be_written_by_an_agent(stage: Stage) -> None:
    commit, config, history = one(
        stage,
        Role.DEVELOPER,
        ("run_command", {"command": "git commit --allow-empty -m mine"}),
        ("write_file", {"path": ".git/config", "text": "[core]\nfsmonitor = /bin/true\n"}),
        ("run_command", {"command": "git log --oneline | wc -l"}),
    )
    assert commit["is_error"]
    assert "Read-only file system" in commit["text"]
    assert config["is_error"]
    assert history["text"] == "1\nExit status: 0"


def test_nothing_a_command_started_goes_on_after_it(stage: Stage) -> None:
    first, later = one(
        stage,
        Role.DEVELOPER,
        ("run_command", {"command": "setsid sh -c 'sleep 0.4; touch late.txt' >/dev/null 2>&1 & echo begun"}),
        ("run_command", {"command": "sleep 0.7; ls"}),
    )
    assert first["text"] == "begun\nExit status: 0"
    assert "late.txt" not in later["text"]


def test_a_command_that_never_ends_is_stopped_at_its_own_limit(stage: Stage) -> None:
    (result,) = one(stage, Role.DEVELOPER, ("run_command", {"command": "echo begun; sleep 60", "timeout_seconds": 0.5}))
    assert result["is_error"]
    assert result["seconds"] < 5
    assert "begun" in result["text"]
    assert "Stopped after 0.5 s" in result["text"]


MISSING = {
    Role.REQUIREMENTS: "submit the document",
    Role.PLANNER: "submit the test plan",
    Role.REVIEWER: "submit the review",
    Role.DEVELOPER: "change something in the tree",
    Role.VERIFIER: "submit your verdicts",
}


@pytest.mark.parametrize("role", list(Role))
def test_done_without_the_thing_to_be_done_is_refused(stage: Stage, role: Role) -> None:
    (result,) = one(stage, role, report())
    assert result["is_error"]
    assert f"you have yet to {MISSING[role]}" in result["text"]
    assert not Report.objects.filter(status="COMPLETE").exists()


def test_done_with_red_tests_is_refused_until_they_are_repaired(stage: Stage) -> None:
    write: Call = ("write_file", {"path": "a.txt", "text": "a\n"})
    red = report(tests={"green": 3, "red": 1, "not_run": 0})
    run = play(stage, Role.DEVELOPER, [[write], [red], [report()]])
    _, refused, filed = results(run)
    assert refused["is_error"]
    assert "COMPLETE with red tests is a contradiction" in refused["text"]
    assert filed["text"] == "Filed. The run is complete."
    assert run.state == RunState.COMPLETED
    assert Report.objects.filter(run=run).count() == 1


def test_blocked_without_needs_is_refused_and_with_them_ends_the_run_in_a_card(stage: Stage) -> None:
    turns: list[Turn] = [[report("BLOCKED")], [report("BLOCKED", summary="No key.", needs=["A key.", "A day."])]]
    run = play(stage, Role.PLANNER, turns)
    refused, filed = results(run)
    assert "BLOCKED must say in `needs` what is needed from the lead." in refused["text"]
    assert filed["text"] == "Filed. The run stops here until the lead acts."
    assert run.state == RunState.FAILED
    assert run.failure == "The agent is blocked: No key. It needs: A key.; A day."
    assert Report.objects.get(run=run).status == "BLOCKED"


def test_a_commit_git_left_locked_when_it_was_killed_is_no_dead_end(stage: Stage) -> None:
    write: Call = ("write_file", {"path": "a.txt", "text": "a\n"})
    with other_model_server([[QUESTION], [write], [report()]], key=KEY) as model:
        stage.connect(model.url)
        run = stage.perform(stage.queue(Role.DEVELOPER, "Rename it."))
        git = Worktree.objects.get(run=run).path / ".git"
        (git / "index.lock").touch()
        question = Elicitation.objects.get(run=run)
        answer(elicitation=question, text="No.", user_id=stage.lead.pk, by=stage.by, now=now())
        run = stage.perform(Run.objects.get(pk=run.pk))
    assert run.state == RunState.COMPLETED, run.failure
    assert not (git / "index.lock").exists()
