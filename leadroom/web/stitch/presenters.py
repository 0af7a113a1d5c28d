"""What the stitch page shows: the join, its proof, its risks, and the signature."""

import datetime as dt
from dataclasses import dataclass

from django.http import HttpRequest

from leadroom.agents.enums import Role
from leadroom.lib.errors import LeadroomError
from leadroom.lib.shapes import count_of
from leadroom.pipeline.moves import check_send_back
from leadroom.projects.enums import Stage
from leadroom.projects.models import Stream, WorkItem
from leadroom.requirements.models import Revision
from leadroom.testplans.enums import Layer, ReviewKind
from leadroom.testplans.models import TestPlan
from leadroom.testplans.queries import current_plan
from leadroom.triage.models import Report
from leadroom.verification.enums import Outcome
from leadroom.verification.models import CaseResult, VerificationRun
from leadroom.verification.queries import case_board, is_verified, latest_verification, verification_of
from leadroom.web import access
from leadroom.web.stitch.risks import OpenRisk, proof_risks
from leadroom.web.triage.presenters import ReportView, present_report
from leadroom.worktrees.enums import StitchState
from leadroom.worktrees.models import Stitch, Worktree
from leadroom.worktrees.rules import SENTENCE_MAX, check_sign


@dataclass(frozen=True)
class StreamRow:
    """A line of work in merge order, by the tree of its latest run."""

    name: str
    run_id: int
    attempt: int
    base: str
    head: str
    state: str


@dataclass(frozen=True)
class ResultRow:
    key: str
    title: str
    outcome: str
    seconds: float
    message: str
    is_passed: bool


@dataclass(frozen=True)
class LayerTally:
    """Results of one layer: those that did not pass first."""

    word: str
    passed: int
    total: int
    rows: list[ResultRow]

    @property
    def is_whole(self) -> bool:
        return self.passed == self.total


@dataclass(frozen=True)
class Proof:
    """The verification of the merged tree."""

    state: str
    commit: str
    is_of_this_merge: bool
    problem: str
    ended_at: dt.datetime | None
    layers: list[LayerTally]
    passed: int
    total: int


@dataclass(frozen=True)
class StitchPage:
    """Everything of an item's join. A reason says why the button beside it is refused, empty when it works."""

    item: WorkItem
    stitch: Stitch | None
    turn: str
    move: str
    streams: list[StreamRow]
    proof: Proof | None
    reports: list[ReportView]
    risks: list[OpenRisk]
    asks_signature: bool
    sign_reason: str
    asks_back: bool
    back_reason: str
    back_text: str
    is_merged: bool
    signed_by: str
    is_signature_valid: bool | None
    published: str
    take_it: str
    hidden: int = 0
    sentence_max: int = SENTENCE_MAX

    @property
    def dom_id(self) -> str:
        return f"stitch-{self.item.pk}"


def present_page(
    item: WorkItem, stitch: Stitch | None, request: HttpRequest, *, is_signature_valid: bool | None, hidden: int = 0
) -> StitchPage:
    """`is_signature_valid` is None where nothing was merged or git could not say; `hidden` counts the characters
    of the change that a reader would not see."""
    plan = current_plan(item)
    proof = _proof(item, stitch)
    turn, move = _move(item, stitch)
    reports = list(Report.objects.filter(item=item).select_related("run__agent", "item__project").order_by("-pk"))
    back_reason = _back_reason(item, request)
    is_merged = stitch is not None and stitch.state == StitchState.MERGED
    published = stitch.published_ref.removeprefix("refs/heads/") if stitch else ""
    return StitchPage(
        item=item,
        stitch=stitch,
        turn=turn,
        move=move,
        streams=_streams(item),
        proof=proof,
        reports=[present_report(report) for report in reports],
        risks=[*proof_risks(item, stitch), *_risks(item, plan, reports, proof)],
        asks_signature=stitch is not None and not is_merged and stitch.state != StitchState.SIGNED,
        sign_reason=_sign_reason(item, stitch, request),
        asks_back=item.stage in (Stage.VERIFY, Stage.STITCH) and not is_merged,
        back_reason=back_reason,
        back_text=conflict_words(stitch) if stitch else "",
        is_merged=is_merged,
        signed_by=access.display_name(stitch.signed_by) if stitch and stitch.signed_by else "",
        is_signature_valid=is_signature_valid,
        published=published,
        hidden=hidden,
        take_it="" if published in ("", item.project.default_branch) else f"git merge {published}",
    )


def conflict_words(stitch: Stitch) -> str:
    """What a conflicted stitch is sent back with, empty for any other."""
    if stitch.state != StitchState.CONFLICTED:
        return ""
    return f"It conflicts with the branch in {', '.join(stitch.conflicts[:10])}. Build it on the branch as it is now."


def _sign_reason(item: WorkItem, stitch: Stitch | None, request: HttpRequest) -> str:
    if stitch is None:
        return "There is nothing to sign yet."
    try:
        access.require_lead(request, item.project)
        check_sign(
            stitch,
            seen_digest=stitch.digest,
            is_verified=is_verified(item, stitch.trial),
            user_id=request.user.pk or 0,
            by=access.person(request),
        )
    except LeadroomError as error:
        return str(error)
    return ""


def _back_reason(item: WorkItem, request: HttpRequest) -> str:
    try:
        access.require_lead(request, item.project)
        check_send_back(item, by=access.person(request))
    except LeadroomError as error:
        return str(error)
    return ""


def _move(item: WorkItem, stitch: Stitch | None) -> tuple[str, str]:
    """Whose turn, and where the join stands in one sentence."""
    owner = item.stitch_owner.get_username()
    if stitch is None:
        return "nobody", "There is no finished work to join yet. It comes here once the developer is done."
    if stitch.state == StitchState.CONFLICTED:
        return "human", f"{owner}'s move: the work conflicts with the branch. Send it back to be built on the branch."
    if stitch.state == StitchState.CLEAN and item.stage == Stage.STITCH:
        return "human", f"{owner}'s move: read, then sign with a sentence on what this merge trades off."
    if stitch.state == StitchState.MERGED:
        return "nobody", "Merged. Your checkout was not touched; take the merge when you want it."
    if stitch.state == StitchState.SIGNED:
        return "machine", "Signed. Leadroom moves its branch to the merge and hands it to your repository."
    if stitch.state == StitchState.CLEAN:
        return "machine", "It merges cleanly. Leadroom runs the frozen plan on the merged tree before anybody signs."
    return "machine", "Leadroom tries the merge onto the branch as it is now."


def _streams(item: WorkItem) -> list[StreamRow]:
    trees = Worktree.objects.filter(run__item=item, run__role=Role.DEVELOPER).select_related("run").order_by("pk")
    latest = {tree.run.lane: tree for tree in trees}
    return [
        StreamRow(stream.name, tree.run_id, tree.run.attempt, tree.base[:10], tree.head[:10], tree.state)
        for stream in Stream.objects.filter(item=item).order_by("position")
        if (tree := latest.get(stream.name))
    ]


def _proof(item: WorkItem, stitch: Stitch | None) -> Proof | None:
    trial = stitch.trial if stitch else ""
    run = (verification_of(item, trial) if trial else None) or latest_verification(item)
    if run is None:
        return None
    results = case_board(run)
    return Proof(
        state=run.state,
        commit=run.commit,
        is_of_this_merge=bool(trial) and run.commit == trial,
        problem=run.problem,
        ended_at=run.ended_at,
        layers=_layers(results),
        passed=sum(result.outcome == Outcome.PASSED for result in results),
        total=len(results) or _planned(run),
    )


def _planned(run: VerificationRun) -> int:
    return run.plan.cases.count()


def _layers(results: list[CaseResult]) -> list[LayerTally]:
    tallies = []
    for layer in Layer:
        rows = [
            ResultRow(r.case.key, r.case.title, r.outcome, r.seconds, r.message, r.outcome == Outcome.PASSED)
            for r in results
            if r.case.layer == layer
        ]
        if rows:
            passed = sum(row.is_passed for row in rows)
            tallies.append(LayerTally(str(layer.label), passed, len(rows), sorted(rows, key=lambda r: r.is_passed)))
    return tallies


def _risks(item: WorkItem, plan: TestPlan | None, reports: list[Report], proof: Proof | None) -> list[OpenRisk]:
    risks = []
    if proof and proof.total and proof.passed < proof.total and proof.layers:
        left = count_of(proof.total - proof.passed, "case")
        risks.append(OpenRisk("Verification", "critical", f"{left} did not pass."))
    if plan is not None:
        for review in plan.reviews.all():
            if review.kind == ReviewKind.AGENT:
                risks += [
                    OpenRisk(f"Reviewer on {mark.case.key if mark.case else 'the plan'}", mark.severity, mark.comment)
                    for mark in review.marks.all()
                ]
        risks += [
            OpenRisk("Not covered by the plan", "info", f"{row['what']}: {row['why']}")
            for row in plan.body.get("not_covered", [])
        ]
    developed = next((report for report in reports if report.run.role == Role.DEVELOPER), None)
    if developed is not None:
        risks += [OpenRisk("Developer is unsure", "minor", text) for text in developed.body["unsure"]]
    revision = Revision.objects.filter(item=item).order_by("-number").first()
    if revision is not None:
        open_questions = revision.body.get("open_questions", [])
        risks += [OpenRisk("Question put off", "info", q["text"]) for q in open_questions if q["state"] == "deferred"]
    return risks
