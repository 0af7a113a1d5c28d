"""Things of the house for tests, each walked to its state through the real actions.

Nothing here touches git: a project points at a path that is no repository unless `source` says otherwise.
"""

import datetime as dt
import itertools
from typing import Any

from django.contrib.auth.models import User

from leadroom.agents import holding
from leadroom.agents.actions import queue_run, resume, seat_agents
from leadroom.agents.enums import Role, WaitReason
from leadroom.agents.models import Elicitation, Run
from leadroom.lib.actors import Actor, ActorKind, system
from leadroom.projects.actions import create_item, create_project, move_stage, set_risk
from leadroom.projects.enums import MemberRole, Stage
from leadroom.projects.models import Membership, Project, WorkItem
from leadroom.requirements.actions import propose, resolve, resolve_recommended, submit_document
from leadroom.requirements.models import Ambiguity, Revision
from leadroom.testplans.actions import open_agent_review, open_lead_review, send_review, submit, submit_review
from leadroom.testplans.enums import ReviewVerdict
from leadroom.testplans.models import TestPlan
from leadroom.testplans.rules import BLIND_SPOTS
from leadroom.triage.actions import file_report
from leadroom.triage.models import Report
from leadroom.verification.actions import Result, claim, finish, keep_hand_in, request
from leadroom.verification.enums import Outcome
from leadroom.verification.freezing import freeze
from leadroom.verification.models import HandIn, VerificationRun
from leadroom.worktrees.actions import keep_trial, open_stitch
from leadroom.worktrees.control import ControlRepository
from leadroom.worktrees.models import Stitch, Worktree
from tests.support.plan_shapes import approvals, case_shape, plan_shape  # noqa: F401 - as factories.case_shape

NOW = dt.datetime(2026, 11, 22, 9, 0, tzinfo=dt.UTC)
PIPELINE = system("pipeline")
_numbers = itertools.count(1)


def make_user(name: str = "", *, is_superuser: bool = False) -> User:
    """A person without a password; tests sign in by `force_login`."""
    name = name or f"lead-{next(_numbers)}"
    user = User(username=name, is_superuser=is_superuser, email=f"{name}@example.org")
    user.set_unusable_password()
    user.save()
    return user


def human(user: User) -> Actor:
    return Actor(ActorKind.HUMAN, str(user.pk), user.get_username())


def make_project(lead: User | None = None, *, name: str = "Evenly", source: str = "/nowhere/evenly") -> Project:
    """A project with its lead and seated agents."""
    lead = lead or make_user()
    project = create_project(name=name, source_path=source, default_branch="main", lead=lead, by=human(lead), now=NOW)
    seat_agents(project=project, by=human(lead), now=NOW)
    return project


def lead_of(project: Project) -> User:
    return project.memberships.get(role=MemberRole.LEAD).user


def make_viewer(project: Project) -> User:
    """A person who may look at the project and no more."""
    user = make_user()
    Membership.objects.create(project=project, user=user, role=MemberRole.VIEWER)
    return user


def make_item(
    project: Project | None = None,
    *,
    text: str = "Split an expense by shares",
    risk: str = "standard",
    title: str = "",
) -> WorkItem:
    """An item in ALIGN with a judged risk."""
    project = project or make_project()
    lead = lead_of(project)
    item = create_item(project=project, request=text, title=title, stitch_owner=lead, by=human(lead), now=NOW)
    set_risk(item=item, risk=risk, reason="said by the test", by=human(lead), now=NOW)
    return item


def make_run(item: WorkItem, role: Role = Role.REQUIREMENTS) -> Run:
    """A queued run."""
    return queue_run(
        item=item,
        role=role,
        brief="Do it.",
        system_prompt="You are careful.",
        skills=[],
        by=PIPELINE,
        now=NOW,
    )


def make_running_run(item: WorkItem, role: Role = Role.REQUIREMENTS) -> Run:
    """A run held by a worker."""
    run = make_run(item, role)
    holding.claim(run_id=run.pk, ceiling=1_000, host="here", boot_id="boot", now=NOW)
    run.refresh_from_db()
    return run


def make_stopped_run(item: WorkItem, role: Role = Role.DEVELOPER, *, is_lost: bool = True) -> Run:
    """A LOST run, or a FAILED one."""
    run = make_running_run(item, role)
    if is_lost:
        holding.lose(run=run, reason="The worker died.", now=NOW)
    else:
        holding.fail(run=run, reason="The model refused the key.", now=NOW)
    run.refresh_from_db()
    return run


def finish_run(run: Run) -> None:
    run.refresh_from_db()
    holding.complete(run=run, now=NOW)


def end_waiting_run(run: Run) -> None:
    """A run that waited gets its answer, goes on and completes."""
    resume(run=run, text="Picked.", by=PIPELINE, now=NOW)
    holding.claim(run_id=run.pk, ceiling=1_000, host="here", boot_id="boot", now=NOW)
    finish_run(run)


def make_question(
    item: WorkItem, role: Role = Role.DEVELOPER, *, options: tuple[str, ...] = ("Yes", "No")
) -> Elicitation:
    """A run that waits for an answer."""
    run = make_running_run(item, role)
    question = holding.ask(
        run=run,
        question="May I rename it?",
        why="It is public.",
        recommendation="Yes",
        options=options,
        now=NOW,
    )
    holding.wait(run=run, reason=WaitReason.ANSWER, now=NOW)
    return question


def ambiguity_shape(key: str, **changes: Any) -> dict[str, Any]:
    """One ambiguity as the tool `propose_ambiguities` has it."""
    candidate = {
        "rationale": "It is what the code does today.",
        "consequences": "Nobody is off by a cent.",
        "sources": [{"kind": "file", "uri": "evenly/group.py:10", "note": "Equal splits."}],
        "confidence": 0.88,
        "if_wrong": "One function changes.",
    }
    return {
        "key": key,
        "question": f"Who pays the odd cent of {key}?",
        "why": "It decides single cents.",
        "dimension": "behaviour",
        "recommended": 1,
        "candidates": [
            {**candidate, "title": f"The {who} of {key}"} for who in ("first named", "payer", "next in turn")
        ],
        **changes,
    }


def question_shape(key: str, **changes: Any) -> dict[str, Any]:
    """One question as the tool `ask_questions` has it."""
    return {
        "key": key,
        "question": "What should a person be shown about deleted groups?",
        "why": "The request does not say.",
        "dimension": "scope",
        "assume": "One line with the date",
        "because": "Lists have one line each today.",
        "confidence": 0.5,
        "sources": [],
        "opened_by": [],
        **changes,
    }


def make_ambiguities(item: WorkItem, count: int = 2, **changes: Any) -> list[Ambiguity]:
    """Open ambiguities, with the requirements run that waits for the picks."""
    run = make_running_run(item)
    shapes = [ambiguity_shape(f"A-{n:03}", **changes) for n in range(1, count + 1)]
    stored = propose(item=item, ambiguities=shapes, by=holding.actor_of(run), now=NOW)
    holding.wait(run=run, reason=WaitReason.PICKS, now=NOW)
    return stored


def document_shape(because: str = "request", **changes: Any) -> dict[str, Any]:
    """A requirements document of two criteria as the tool `submit_document` has it."""
    return {
        "title": "Split by shares",
        "goals": [
            {
                "id": "G-001",
                "text": "Uneven parts add up.",
                "criteria": [
                    {"id": "AC-001", "text": "Parts follow the shares.", "because": ["request"]},
                    {"id": "AC-002", "text": "No cent is lost.", "because": [because]},
                ],
            }
        ],
        "constraints": ["Old groups still load."],
        "non_goals": ["Percentages."],
        "scope_boundary": "The command add.",
        "scenarios": [{"persona": "Ana, who books", "text": "She pays for two rooms."}],
        "open_questions": [{"text": "Show shares in balances?", "state": "deferred"}],
        "confidence": "HIGH",
        "missing": [],
        **changes,
    }


def make_document(item: WorkItem, **changes: Any) -> Revision:
    """The next revision of the item's document."""
    return submit_document(item=item, body=document_shape(**changes), run_id=None, by=PIPELINE, now=NOW)


def make_aligned_item(project: Project | None = None, **changes: Any) -> WorkItem:
    """An item in PLAN: one question, picked as recommended, and a document."""
    item = make_item(project, **changes)
    make_ambiguities(item, 1)
    lead = lead_of(item.project)
    seen = {a.key: a.digest for a in Ambiguity.objects.filter(item=item)}
    if item.risk == "critical":
        for ambiguity in Ambiguity.objects.filter(item=item):
            resolve(
                ambiguity=ambiguity,
                by=human(lead),
                now=NOW,
                seen_digest=ambiguity.digest,
                picked=1,
                user_id=lead.pk,
            )
    else:
        resolve_recommended(item=item, by=human(lead), now=NOW, seen=seen, user_id=lead.pk)
    make_document(item, because="A-001")
    end_waiting_run(item.runs.get(role=Role.REQUIREMENTS))
    move_stage(item=item, to=Stage.PLAN, reason="aligned", by=PIPELINE, now=NOW)
    return item


def submit_plan(item: WorkItem, *, run_id: int = 900_001, **changes: Any) -> TestPlan:
    """The next plan of an item in PLAN, in DRAFT."""
    revision = item.revisions.order_by("-number").first()
    assert revision is not None
    return submit(item=item, revision=revision, body=plan_shape(**changes), run_id=run_id, by=PIPELINE, now=NOW)


def review_plan(plan: TestPlan, *, verdict: str = "approve", findings: list[dict[str, str]] | None = None) -> None:
    """An agent's review of a DRAFT plan."""
    open_agent_review(plan=plan, by=PIPELINE, now=NOW)
    body = {"summary": "Every criterion has a case.", "verdict": verdict, "findings": findings or []}
    submit_review(plan=plan, body=body, run_id=900_100 + plan.pk, by=PIPELINE, now=NOW)


def make_plan(
    item: WorkItem | None = None, *, findings: list[dict[str, str]] | None = None, **changes: Any
) -> TestPlan:
    """A plan that waits for the lead."""
    plan = submit_plan(item or make_aligned_item(), **changes)
    review_plan(plan, findings=findings)
    open_lead_review(plan=plan, by=PIPELINE, now=NOW)
    return plan


def make_frozen_plan(item: WorkItem | None = None, **changes: Any) -> TestPlan:
    """A plan the lead approved; the item goes on to BUILD."""
    plan = make_plan(item, **changes)
    lead = lead_of(plan.item.project)
    send_review(
        plan=plan,
        verdict=ReviewVerdict.APPROVE,
        marks=approvals(plan),
        summary="",
        seen_digest=plan.digest,
        user_id=lead.pk,
        by=human(lead),
        now=NOW,
        blind_spots=BLIND_SPOTS,
    )
    move_stage(item=plan.item, to=Stage.BUILD, reason="frozen", by=PIPELINE, now=NOW)
    return plan


def freeze_tests(
    plan: TestPlan, *, worktree: Worktree | None = None, control: ControlRepository | None = None, **changes: Any
) -> HandIn:
    """Tests the red check accepted; with a tree and its repository they are frozen as that commit holds them."""
    given: dict[str, Any] = {"frozen": {}, "sections": {}, "digest": "sha256:0", "base": "a" * 40, "commit": "c" * 40}
    if worktree is not None and control is not None:
        nodes = [case.node_id for case in plan.cases.all() if case.node_id]
        frozen = freeze(control, worktree.head, nodes)
        files = {path: str(entry) for path, entry in frozen.files.items()}
        given = {"frozen": files, "sections": frozen.sections, "digest": frozen.digest}
        given |= {"base": worktree.base, "commit": worktree.head}
    cases = [{"key": case.key, "is_right": True, "reason": "Fails by assertion."} for case in plan.cases.all()]
    given |= {"cases": cases, "is_accepted": True, **changes}
    return keep_hand_in(plan=plan, run_id=worktree.run_id if worktree else 900_200, now=NOW, **given)


def move(item: WorkItem, to: Stage) -> None:
    """The item to its next stage, as the pipeline moves it."""
    move_stage(item=item, to=to, reason="said by the test", by=PIPELINE, now=NOW)


def make_stitch(
    item: WorkItem | None = None,
    *,
    plan: TestPlan | None = None,
    conflicts: tuple[str, ...] = (),
    is_verified: bool = True,
) -> Stitch:
    """A tried merge of an item in STITCH, verified unless it conflicts or the test says otherwise."""
    plan = plan or make_frozen_plan(item)
    item = item or plan.item
    plan.item = item
    item.refresh_from_db()
    move(item, Stage.VERIFY)
    stitch = open_stitch(item=item, commit="c" * 40, by=PIPELINE, now=NOW)
    trial = "" if conflicts else "d" * 40
    keep_trial(
        stitch=stitch, onto="a" * 40, tree="b" * 40, trial=trial, conflicts=list(conflicts), by=PIPELINE, now=NOW
    )
    if not conflicts and is_verified:
        make_verification(plan, commit=trial)
    move(item, Stage.STITCH)
    return stitch


def make_verification(
    plan: TestPlan, *, commit: str = "d" * 40, failing: tuple[str, ...] = (), **given: Any
) -> VerificationRun:
    """A finished verification in which the cases named fail; `given` goes to `request`."""
    verification = request(item=plan.item, plan=plan, commit=commit, by=PIPELINE, now=NOW, **given)
    claim(verification_id=verification.pk, host="here", now=NOW)
    verification.refresh_from_db()
    results = {
        case.pk: Result(Outcome.FAILED, 0.4, "assert 3 == 4")
        if case.key in failing
        else Result(Outcome.PASSED, 0.2, "")
        for case in plan.cases.all()
    }
    finish(verification=verification, results=results, output="3 passed", now=NOW)
    verification.refresh_from_db()
    return verification


def report_shape(**changes: Any) -> dict[str, Any]:
    """A report as the tool `report` has it."""
    return {
        "status": "COMPLETE",
        "summary": "Expenses can be split by shares.",
        "severity": "info",
        "suggested_action": "acknowledge",
        "done": ["A module for shares."],
        "tests": {"green": 34, "red": 0, "not_run": 1},
        "unsure": ["No case names a stranger."],
        "needs": [],
        "follow_ups": ["Show shares in balances."],
        "sources": [{"kind": "file", "uri": "evenly/shares.py:31", "note": "The rule."}],
        "confidence": 0.93,
        **changes,
    }


def make_report(item: WorkItem | None = None, role: Role = Role.DEVELOPER, **changes: Any) -> Report:
    """A report of a finished run."""
    run = make_running_run(item or make_item(), role)
    report = file_report(run=run, body=report_shape(**changes), by=holding.actor_of(run), now=NOW)
    finish_run(run)
    return report
