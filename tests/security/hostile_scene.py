"""A house in which every word an agent, a repository or a model's server can choose is hostile, and its pages."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User

from leadroom.agents import holding
from leadroom.agents.actions import set_endpoint, steer
from leadroom.agents.enums import EventKind, Role, WaitReason
from leadroom.agents.models import Agent, Run
from leadroom.guardrails.bounding import note_answer
from leadroom.projects.actions import change_project, set_risk
from leadroom.projects.models import Project, WorkItem
from leadroom.requirements.actions import propose
from leadroom.runners import shapes
from leadroom.testplans.actions import send_review
from leadroom.testplans.enums import CaseMark, ReviewVerdict
from leadroom.triage.models import Finding
from leadroom.verification.actions import (
    Result,
    break_off,
    claim,
    finish,
    keep_faults,
    request,
    submit_verdicts,
)
from leadroom.verification.enums import Cheat, Outcome
from leadroom.verification.models import SeededFault
from leadroom.verification.naming import Refusal
from leadroom.worktrees.actions import register_tree
from leadroom.worktrees.keeping import control_of
from tests import factories as f
from tests.security.payloads import Hostile
from tests.support.parked import doer_of, make_request
from tests.worktrees.repositories import UserRepository, small_repository

FILES = ("<img src=x onerror=alert(1)>.py", "'\" onmouseover=alert(3).py", "\u202egpj.exe", "new\nline.txt", "-rf")
BRANCHES = ("<svg/onload=alert(4)>", "-rf", "{{7}}", "'onfocus='alert(3)'", "ünï/\u202eevil")
TABS = ("", "alignment/", "plan/", "streams/", "changes/", "verification/", "reports/", "sources/")


@dataclass
class Scene:
    """The lead who looks, the texts by name, and every address at which something of it shows."""

    lead: User
    texts: dict[str, str]
    repository: UserRepository
    urls: list[str] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)


def build(folder: Path, *, first: int = 0) -> Scene:
    """The whole scene, its repository in `folder`; `first` turns the payloads of short fields."""
    h = Hostile(first)
    repository = hostile_repository(folder / "<b onclick=alert(1)>", h)
    lead = f.make_user(h("user", 150), is_superuser=True)
    project = f.make_project(lead, name="Evenly", source=str(repository.path))
    by: dict[str, Any] = {"by": f.human(lead), "now": f.NOW}
    change_project(project=project, name=h("project", 120), publish_to="branch", setup_command=h("set-up"), **by)
    url = "http://models.example/'><script>alert(1)</script>"
    set_endpoint(project=project, role="", base_url=url, model=h("model name", 120), key="k", **by)
    for n, agent in enumerate(Agent.objects.filter(project=project)):
        Agent.objects.filter(pk=agent.pk).update(name=h(f"agent {n}", 80))
    scene = Scene(lead, h.texts, repository)
    items = [
        aligning(project, h), unclear(project, h), planned(project, h), asking(scene, project, h),
        failed(scene, project, h), built(scene, project, h), conflicted(project, h), asking_leave(scene, project, h),
        proven(project, h),
    ]  # fmt: skip
    scene.urls += [
        *("/", "/?view=table", "/?view=groups", "/room/strips/", "/room/topbar/", "/needs/", "/needs/panel/"),
        *("/plans/", "/runs/", "/stitch/", "/triage/", "/projects/", "/projects/new/", "/items/new/"),
        *("/triage/?show=all", "/triage/reports/"),
        *(f"/triage/findings/{pk}/" for pk in Finding.objects.filter(root=None).values_list("pk", flat=True)),
        *(f"/projects/{project.slug}/", "/guardrails/", f"/guardrails/projects/{project.slug}/"),
    ]
    for item in items:
        scene.urls += [f"/items/{item.pk}/{tab}" for tab in TABS]
        scene.urls += [f"/items/{item.pk}/head/plan/", f"/align/{item.pk}/", f"/stitch/{item.pk}/"]
        scene.urls += [f"/stitch/{item.pk}/changes/", *(f"/plans/{plan.pk}/" for plan in item.plans.all())]
        scene.urls += [f"/triage/{report.pk}/" for report in item.reports.all()]
    for run in scene.runs:
        parts = ("", "?q=alert", "earlier/?before=3", "facts/", "controls/", "box/", "sources/")
        scene.urls += [f"/runs/{run.pk}/{part}" for part in parts]
    return scene


def hostile_repository(path: Path, h: Hostile) -> UserRepository:
    """Odd names of files and branches, hostile content and messages, and hooks that are only named."""
    repository = small_repository(path)
    commit = repository.head()
    for branch in BRANCHES:
        repository.git("update-ref", f"refs/heads/{branch}", commit)
    hook = path / ".git" / "hooks" / "<script>alert(1)<"
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o755)
    for n, name in enumerate(FILES):
        (path / name).write_text(h(f"file {n}") + "\n")
    repository.git("add", "--all", "--", ".")
    repository.git("commit", "-q", "-m", h("commit message"))
    return repository


def item_of(project: Project, h: Hostile, name: str) -> WorkItem:
    return f.make_item(project, text=h(f"request of {name}"), title=h(f"title of {name}", 200))


def _sources(h: Hostile, name: str) -> list[dict[str, str]]:
    uris = (h(f"uri of {name}", 500), "javascript:alert(1)", "data:text/html,<script>alert(1)</script>")
    kind = '"><b onclick=alert(1)>'
    return [{"kind": kind, "uri": uri, "note": h(f"note {n} of {name}", 500)} for n, uri in enumerate(uris)]


def aligning(project: Project, h: Hostile) -> WorkItem:
    """Open questions of a requirements agent."""
    item = item_of(project, h, "aligning")
    run = f.make_running_run(item)
    questions = [
        {
            "key": key,
            "question": h(f"question {key}"),
            "why": h(f"why {key}"),
            "dimension": "scope",
            "recommended": 1,
            "candidates": [
                {
                    "title": h(f"candidate {key} {n}", 300),
                    "rationale": h(f"rationale {key} {n}"),
                    "consequences": h(f"consequences {key} {n}"),
                    "if_wrong": h(f"if wrong {key} {n}"),
                    "confidence": 0.5,
                    "sources": _sources(h, f"{key} {n}"),
                }
                for n in (1, 2)
            ],
        }
        for key in ("A-001", "A-002")
    ]
    risk = {"level": "standard", "reason": h("risk", 300)}
    shapes.ProposeAmbiguities.model_validate({"risk": risk, "ambiguities": questions})
    set_risk(item=item, risk="standard", reason=risk["reason"], by=holding.actor_of(run), now=f.NOW)
    propose(item=item, ambiguities=questions, by=holding.actor_of(run), now=f.NOW)
    holding.wait(run=run, reason=WaitReason.PICKS, now=f.NOW)
    return item


def document(h: Hostile, name: str, **changes: Any) -> dict[str, Any]:
    criteria = [{"id": f"AC-00{n}", "text": h(f"criterion {n} {name}"), "because": ["request"]} for n in (1, 2)]
    body = {
        "title": h(f"document {name}", 300),
        "goals": [{"id": "G-001", "text": h(f"goal {name}"), "criteria": criteria}],
        "constraints": [h(f"constraint {name}")],
        "non_goals": [h(f"non-goal {name}")],
        "scope_boundary": h(f"scope {name}"),
        "scenarios": [{"persona": h(f"persona {name}", 300), "text": h(f"scenario {name}")}],
        "open_questions": [{"text": h(f"open question {name}"), "state": "deferred"}],
        "confidence": "HIGH",
        "missing": [],
        **changes,
    }
    return shapes.SubmitDocument.model_validate(body).model_dump()


def unclear(project: Project, h: Hostile) -> WorkItem:
    """A document of LOW confidence that says what it lacks."""
    item = item_of(project, h, "unclear")
    run = f.make_running_run(item)
    f.make_document(item, **document(h, "unclear", confidence="LOW", missing=[h("missing")]))
    f.finish_run(run)
    return item


def aligned(project: Project, h: Hostile, name: str) -> WorkItem:
    item = f.make_aligned_item(project, text=h(f"request of {name}"), title=h(f"title of {name}", 200))
    item.revisions.update(body=document(h, name))
    return item


def plan_body(h: Hostile, name: str) -> dict[str, Any]:
    cases = [
        f.case_shape(
            key,
            layer,
            title=h(f"case {key} {name}", 300),
            precondition=h(f"given {key} {name}"),
            steps=[h(f"step {n} {key} {name}") for n in (1, 2)],
            expected=h(f"expected {key} {name}"),
            node_id="",
            command=h(f"command {key} {name}"),
        )
        for key, layer in (("U-001", "unit"), ("I-001", "integration"), ("E-001", "end_to_end"))
    ]
    body = {
        "summary": h(f"plan {name}"),
        "cases": cases,
        "forbidden_zones": [h(f"zone {name}")],
        "failure_modes": [h(f"failure mode {name}")],
        "environment": h(f"environment {name}"),
        "not_covered": [
            {"what": f"G-001, AC-001, AC-002: {h(f'not covered {name}')}", "why": h(f"not covered because {name}")}
        ],
    }
    return shapes.SubmitPlan.model_validate(body).model_dump()


def finding(h: Hostile, name: str, case: str = "U-001") -> dict[str, str]:
    return {"case": case, "kind": "hole", "severity": "major", "text": h(f"finding {name}")}


def planned(project: Project, h: Hostile) -> WorkItem:
    """A plan that waits for the lead, and the one before it that was sent back."""
    item = aligned(project, h, "planned")
    first = f.make_plan(item, findings=[finding(h, "first")], **plan_body(h, "first"))
    lead = f.lead_of(project)
    send_review(
        plan=first, verdict=ReviewVerdict.CHANGE, marks=[("U-001", CaseMark.CHANGE, h("comment"))],
        summary=h("review"), seen_digest=first.digest, user_id=lead.pk, by=f.human(lead), now=f.NOW,
    )  # fmt: skip
    second = f.submit_plan(item, run_id=900_077, **plan_body(h, "second"))
    f.review_plan(second, findings=[finding(h, "second"), finding(h, "whole", "")])
    f.open_lead_review(plan=second, by=f.PIPELINE, now=f.NOW)
    return item


def asking(scene: Scene, project: Project, h: Hostile) -> WorkItem:
    """A question of an agent with prepared answers."""
    item = item_of(project, h, "asking")
    run = f.make_running_run(item)
    holding.ask(
        run=run, question=h("elicitation"), why=h("elicitation why"), recommendation=h("elicitation advice"),
        options=[h(f"option {n}", 300) for n in range(4)], now=f.NOW,
    )  # fmt: skip
    holding.wait(run=run, reason=WaitReason.ANSWER, now=f.NOW)
    scene.runs.append(run)
    return item


def asking_leave(scene: Scene, project: Project, h: Hostile) -> WorkItem:
    """A parked action with hostile words wherever an agent, or a repository it quotes, can put some."""
    item = item_of(project, h, "parked")
    found = {"counts": True, "why": h("what a look gave", 300)}
    request = make_request(
        item,
        given={"command": h("parked command"), "path": [h("parked list")]},
        sentence=h("parked sentence", 300),
        blast_radius=[h("blast radius", 200)],
        sources=[{**source, "found": found} for source in _sources(h, "parked")],
        evidence=[h("evidence", 200)],
    )
    doer = doer_of(Run.objects.select_related("item__project", "agent").get(pk=request.run_id))
    given = {"tool": "report", "call_id": "c", "asserted": [], "observed": [], "by": f.PIPELINE, "now": f.NOW}
    note_answer(doer=doer, unsourced=[h("unsourced", 200)], **given)
    scene.urls.append(f"/guardrails/requests/{request.pk}/")
    return item


def report(h: Hostile, name: str) -> dict[str, Any]:
    body = f.report_shape(
        summary=h(f"summary {name}", 300),
        done=[h(f"done {name}")],
        unsure=[h(f"unsure {name}")],
        needs=[h(f"needs {name}")],
        follow_ups=[h(f"follow-up {name}")],
        sources=_sources(h, f"report {name}"),
    )
    return shapes.ReportShape.model_validate(body).model_dump()


def failed(scene: Scene, project: Project, h: Hostile) -> WorkItem:
    """A run whose transcript has a line of every kind, that failed with what a model's server said."""
    item = item_of(project, h, "failed")
    run = f.make_running_run(item)
    spoken = [k for k in EventKind if k not in (EventKind.TOOL_CALL, EventKind.TOOL_RESULT, EventKind.USAGE)]
    lines = [holding.Line(kind, {"text": h(f"line {kind.lower()}")}, f.NOW) for kind in spoken]
    lines += [holding.Line(EventKind.PROMPT, {"text": "x", "author": h("author", 200)}, f.NOW)]
    diff = f"--- a/{FILES[0]}\n+++ b/{FILES[1]}\n@@ -1 +1,2 @@ {h('hunk', 190)}\n {h('same')}\n+{h('added')}\n"
    call = {"name": "<b>tool</b>", "kind": '"><b>', "title": h("call title", 150), "id": "1"}
    result = {"name": "'><b>", "paths": [h("path", 200)], "is_error": False, "diff": diff, "seconds": 1}
    given = {h("input name", 100): h("input value"), "nested": {"<b>": [h("input in depth")]}}
    ask = {"question": h("asked in a call")}
    lines += [
        holding.Line(EventKind.TOOL_CALL, {**call, "input": given}, f.NOW),
        holding.Line(EventKind.TOOL_CALL, {"name": "ask", "title": "ask", "input": ask}, f.NOW),
        holding.Line(EventKind.TOOL_RESULT, {**result, "text": h("output")}, f.NOW),
        holding.Line(EventKind.USAGE, {"input_tokens": "<b>", "output_tokens": {"x": "<script>"}}, f.NOW),
    ]
    names = {"model": h("model of run", 120), "endpoint_url": h("endpoint of run", 500)}
    holding.append_events(run=run, lines=lines, now=f.NOW, **names)
    lead = f.human(f.lead_of(project))
    steer(run=run, text=h("note"), by=lead, now=f.NOW)
    f.file_report(run=run, body=report(h, "failed"), by=holding.actor_of(run), now=f.NOW)
    holding.fail(run=run, reason=h("failure"), now=f.NOW)
    scene.runs.append(run)
    return item


def built(scene: Scene, project: Project, h: Hostile) -> WorkItem:
    """A developer's tree with hostile files, a verification that failed, one that broke off."""
    plan = f.make_frozen_plan(aligned(project, h, "built"), findings=[finding(h, "frozen")], **plan_body(h, "frozen"))
    item = plan.item
    control = control_of(project)
    base = control.head("main")
    for n, name in enumerate(FILES):
        (scene.repository.path / name).write_text(h(f"changed {n}") + "\n")
    scene.repository.git("commit", "-q", "-a", "-m", h("second commit message"))
    head = control.refresh(source=project.source, branch="main").new
    run = f.make_running_run(item, Role.DEVELOPER)
    register_tree(run=run, base=base, head=head, by=f.PIPELINE, now=f.NOW)
    f.file_report(run=run, body=report(h, "built"), by=holding.actor_of(run), now=f.NOW)
    f.finish_run(run)
    scene.runs.append(run)
    broken = request(item=item, plan=plan, commit="e" * 40, by=f.PIPELINE, now=f.NOW)
    claim(verification_id=broken.pk, host="here", now=f.NOW)
    broken.refresh_from_db()
    break_off(verification=broken, problem=h("problem"), now=f.NOW)
    latest = request(item=item, plan=plan, commit=head, by=f.PIPELINE, now=f.NOW)
    claim(verification_id=latest.pk, host="here", now=f.NOW)
    latest.refresh_from_db()
    results = {c.pk: Result(Outcome.FAILED, 0.1, h(f"result {c.key}")) for c in plan.cases.all()}
    finish(verification=latest, results=results, output=h("test output"), now=f.NOW)
    return item


def proven(project: Project, h: Hostile) -> WorkItem:
    """A red check, a refusal, a verifier's words and seeded faults, with hostile words and paths in all of them."""
    plan = f.make_frozen_plan(aligned(project, h, "proven"), **plan_body(h, "proven"))
    said = [{"key": key, "is_right": key != "U-001", "reason": h(f"red {key}")} for key in ("U-001", "I-001", "E-001")]
    frozen = {h("frozen path", 200): "100644 " + "a" * 40}
    hand_in = f.freeze_tests(plan, cases=said, frozen=frozen)
    given = {"hand_in": hand_in, "work": "c" * 40, "onto": "b" * 40}
    keep_faults(
        verification=f.make_verification(plan, **given), possible=1, seconds=1.0, note=h("fault note"), now=f.NOW,
        faults=[
            SeededFault(
                path=h("fault path", 500),
                line=1,
                before=h("before"),
                after=h("after"),
                hint=h("hint"),
                is_noticed=False,
            )
        ],
    )  # fmt: skip
    bent = request(item=plan.item, plan=plan, commit="e" * 40, by=f.PIPELINE, now=f.NOW, **given)
    claim(verification_id=bent.pk, host="here", now=f.NOW)
    bent.refresh_from_db()
    refusal = Refusal(Cheat.WEAKENED, h("refused path", 200), h("refusal"))
    finish(verification=bent, results={}, refusals=[refusal], output="", now=f.NOW)
    row = {"criterion": "AC-001", "answer": "PARTIAL", "file": h("judged file", 400), "behaviour": h("behaviour")}
    body = {"summary": h("verdicts"), "verdicts": [row]}
    submit_verdicts(item=plan.item, run_id=7, work="c" * 40, body=body, criteria=["AC-001"], by=f.PIPELINE, now=f.NOW)
    return plan.item


def conflicted(project: Project, h: Hostile) -> WorkItem:
    """A join in conflict over hostile paths."""
    body = plan_body(h, "conflicted")
    plan = f.make_frozen_plan(aligned(project, h, "conflicted"), **body)
    return f.make_stitch(plan.item, plan=plan, conflicts=(h("conflict", 300), *FILES)).item
