"""The rehearsals by name: each drives the whole program and says what came of it."""

from collections.abc import Callable
from typing import Any

from leadroom.agents.enums import Role
from leadroom.agents.models import Run, RunEvent
from leadroom.ledger.queries import check_chain
from leadroom.ops.rehearsals import day
from leadroom.ops.rehearsals.alignment import play as play_alignment
from leadroom.ops.rehearsals.cards import answer, stage_times
from leadroom.ops.rehearsals.frozen_plan import facts_of_frozen_plan
from leadroom.ops.rehearsals.guardrails import Drill, tighten
from leadroom.ops.rehearsals.nine_reports import play as play_nine_reports
from leadroom.ops.rehearsals.stage import Stage
from leadroom.projects.enums import Stage as ItemStage
from leadroom.projects.models import Project, WorkItem
from leadroom.reading.queries import waiting_for_lead
from leadroom.verification.queries import latest_verification, tally
from leadroom.worktrees.keeping import control_of
from leadroom.worktrees.models import Stitch
from leadroom.worktrees.signing import allowed_keys, merge_key

ITEM_SECONDS = 300.0
DRILL_SECONDS = 400.0
Facts = dict[str, Any]


def item_to_merge(script: str) -> Callable[[Stage], Facts]:
    """One demo item from request to DONE, every gate answered over HTTP by a signed-in person."""

    def play(stage: Stage) -> Facts:
        stage.command("seed_demo", f"--only={script}")
        person, answered = stage.person(), 0
        item = WorkItem.objects.get(rehearsal_script=script)

        def move() -> bool:
            nonlocal answered
            cards = waiting_for_lead([item.project_id])
            if cards:
                answer(person, cards[0])
                answered += 1
            item.refresh_from_db()
            return item.stage == ItemStage.DONE

        try:
            stage.wait_for(move, ITEM_SECONDS, f"Item {item.number} did not come to DONE")
        finally:
            person.close()
        return {**outcome_of(item), "facts": _facts(item, answered)}

    return play


def frozen_plan(stage: Stage) -> Facts:
    """The critical item: its first implementation passes its own tests and fails the frozen plan; then the cheats."""
    outcome = item_to_merge("critical")(stage)
    found = facts_of_frozen_plan(stage, WorkItem.objects.get(rehearsal_script="critical"))
    facts = {**outcome["facts"], **found}
    is_held = found["sent_back"] >= 1 and found["cheats_refused"] == found["cheats_tried"]
    return {**outcome, "facts": facts, "ok": outcome["ok"] and is_held and found["seeded_faults"] > 0}


def outcome_of(item: WorkItem) -> Facts:
    verification = latest_verification(item)
    cases = tally(verification) if verification else None
    stitch = Stitch.objects.filter(item=item).order_by("-pk").first()
    return {
        "ok": item.stage == ItemStage.DONE and cases is not None and cases.passed > 0 and not cases.failed,
        "stage": item.stage,
        "stages": stage_times(item),
        "cases": {"passed": cases.passed if cases else 0, "failed": cases.failed if cases else 0},
        "merge_commit": stitch.merge_commit if stitch else "",
        "events": RunEvent.objects.filter(run__item=item).count(),
    }


def _facts(item: WorkItem, answered: int) -> Facts:
    """What held, checked from the outside: signature, chain, gapless transcripts, tests seen red before green."""
    chain, control = check_chain(), control_of(item.project)
    stitch = Stitch.objects.get(item=item, state="MERGED")
    seqs = {run.pk: list(run.events.order_by("seq").values_list("seq", flat=True)) for run in item.runs.all()}
    developer = Run.objects.filter(item=item, role=Role.DEVELOPER)
    commands = RunEvent.objects.filter(run__in=developer, kind="tool_result", payload__name="run_command")
    return {
        "gates_answered": answered,
        "runs": len(seqs),
        "developer_attempts": developer.count(),
        "failed_test_runs": sum(e.payload["is_error"] for e in commands),
        "ledger_entries": chain.entries,
        "ledger_holds": not chain.breaks,
        "signature_holds": control.verify_commit(
            stitch.merge_commit, allowed=allowed_keys(merge_key().allowed_signers)
        ),
        "on_branch": control.head(item.project.default_branch) == stitch.merge_commit,
        "published": stitch.published_ref,
        "transcripts_gapless": all(found == list(range(1, len(found) + 1)) for found in seqs.values()),
    }


def drill(stage: Stage) -> Facts:
    """The guardrails drill (`guardrails.Drill`) on one item, from request to merge."""
    stage.command("seed_demo", "--only=project")
    person, answered = stage.person(), 0
    tighten(person, Project.objects.get(is_rehearsal=True).slug)
    stage.command("seed_demo", "--only=guardrails")
    item = WorkItem.objects.select_related("project").get(rehearsal_script="guardrails")
    play = Drill(stage, person, item)

    def move() -> bool:
        nonlocal answered
        play.press_in_mid_write()
        cards = waiting_for_lead([item.project_id])
        if cards and cards[0].kind == "approval":
            play.answer_parked(cards[0])
        elif cards:
            answer(play.person, cards[0])
        answered += bool(cards)
        item.refresh_from_db()
        return item.stage == ItemStage.DONE

    try:
        stage.wait_for(move, DRILL_SECONDS, f"Item {item.number} did not come to DONE")
    finally:
        play.person.close()
    outcome = outcome_of(item)
    facts = {**_facts(item, answered), **play.results()}
    return {**outcome, "ok": outcome["ok"] and play.is_held, "facts": facts}


SCRIPTS: dict[str, Callable[[Stage], Facts]] = {
    "first": item_to_merge("first"),
    "light": item_to_merge("light"),
    "critical": item_to_merge("critical"),
    "alignment": play_alignment,
    "guardrails": drill,
    "frozen-plan": frozen_plan,
    "nine-reports": play_nine_reports,
    "a-day": day.play,
}
WITHOUT_PROGRAM = frozenset({"a-day"})
"""Those that pass the clock in: a running program has a clock of its own."""
