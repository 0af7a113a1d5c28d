"""Walks an item through the pipeline on real git, with the agents' part done by the actions their tools use."""

from typing import Any

from leadroom.agents import holding
from leadroom.agents.enums import Role, RunState, WaitReason
from leadroom.agents.models import Run
from leadroom.lib.clock import now
from leadroom.pipeline.reconcile import reconcile
from leadroom.projects.models import Project, WorkItem
from leadroom.requirements.actions import propose, resolve, submit_document
from leadroom.requirements.models import Ambiguity, Revision
from leadroom.testplans import actions as plans
from leadroom.testplans.models import TestPlan
from leadroom.verification import actions as verifications
from leadroom.verification.actions import Result
from leadroom.verification.enums import Outcome
from leadroom.verification.models import VerificationRun
from leadroom.verification.queries import frozen_hand_in
from leadroom.worktrees import actions as worktrees
from leadroom.worktrees.actions import move_head
from leadroom.worktrees.git import run_git
from leadroom.worktrees.keeping import control_of, open_tree
from leadroom.worktrees.models import Stitch, Worktree
from tests import factories as f
from tests.support.snapshot import changed_tables, snapshot
from tests.worktrees.repositories import UserRepository


class Walk:
    """One item of a project whose repository is real. Every method says what somebody does next."""

    def __init__(self, project: Project, source: UserRepository, **item: Any) -> None:
        self.project, self.source = project, source
        self.lead = f.lead_of(project)
        self.by = f.human(self.lead)
        self.item = f.make_item(project, **item)

    def go(self) -> str:
        """Leadroom moves as far as it can; asked again it does nothing. The stage."""
        reconcile(self.item.pk)
        before = snapshot()
        assert reconcile(self.item.pk) == 0
        assert changed_tables(before) == {}
        self.item = WorkItem.objects.select_related("project", "stitch_owner").get(pk=self.item.pk)
        return self.item.stage

    def run(self, role: Role) -> Run:
        """The role's newest run."""
        found = Run.objects.filter(item=self.item, role=role).select_related("item__project", "agent")
        return found.order_by("-attempt")[0]

    def hold(self, role: Role) -> Run:
        """A holder claims the role's queued run."""
        run = self.run(role)
        assert run.state == RunState.QUEUED, run.state
        assert holding.claim(run_id=run.pk, ceiling=99, host="here", boot_id="boot", now=now())
        return self.run(role)

    def propose(self, *keys: str) -> None:
        """The requirements agent leaves questions open and waits."""
        run = self.hold(Role.REQUIREMENTS)
        shapes = [f.ambiguity_shape(key) for key in keys]
        propose(item=self.item, ambiguities=shapes, by=holding.actor_of(run), now=now())
        holding.wait(run=run, reason=WaitReason.PICKS, now=now())

    def pick(self, key: str, *, own_answer: str = "", picked: int | None = 1) -> None:
        """The lead decides one question."""
        ambiguity = Ambiguity.objects.select_related("item").get(item=self.item, key=key)
        resolve(
            ambiguity=ambiguity,
            by=self.by,
            now=now(),
            seen_digest=ambiguity.digest,
            picked=None if own_answer else picked,
            own_answer=own_answer,
            user_id=self.lead.pk,
        )

    def document(self, **changes: Any) -> Revision:
        """The requirements agent goes on, submits the document and is done."""
        run = self.hold(Role.REQUIREMENTS)
        body = f.document_shape(**changes)
        revision = submit_document(item=self.item, body=body, run_id=run.pk, by=holding.actor_of(run), now=now())
        holding.complete(run=run, now=now())
        return revision

    def plan(self, **changes: Any) -> TestPlan:
        """The planner submits a plan and is done."""
        run = self.hold(Role.PLANNER)
        revision = self.item.revisions.order_by("-number")[0]
        by = holding.actor_of(run)
        body = f.plan_shape(**changes)
        plan = plans.submit(item=self.item, revision=revision, body=body, run_id=run.pk, by=by, now=now())
        holding.complete(run=run, now=now())
        return plan

    def review(self, verdict: str = "approve", *findings: dict[str, str]) -> None:
        """Every reviewer that was asked says the same and is done."""
        body = {"summary": "Read.", "verdict": verdict, "findings": list(findings)}
        asked = Run.objects.filter(item=self.item, role=Role.REVIEWER, state=RunState.QUEUED)
        pks = list(asked.values_list("pk", flat=True))
        assert pks
        for pk in pks:
            assert holding.claim(run_id=pk, ceiling=99, host="here", boot_id="boot", now=now())
            run = Run.objects.select_related("item__project", "agent").get(pk=pk)
            plans.submit_review(plan=self.current_plan, body=body, run_id=pk, by=holding.actor_of(run), now=now())
            holding.complete(run=run, now=now())

    @property
    def current_plan(self) -> TestPlan:
        rows = TestPlan.objects.select_related("item__project", "revision").order_by("-number")
        return rows.filter(item=self.item)[0]

    def send_review(self, verdict: str = "approve", **changes: Any) -> None:
        """The lead sends the review of the plan."""
        plan = self.current_plan
        marks = f.approvals(plan) if verdict == "approve" else []
        given: dict[str, Any] = {"marks": marks, "summary": "", "blind_spots": f.BLIND_SPOTS, **changes}
        verdict_ = plans.ReviewVerdict(verdict)
        plans.send_review(
            plan=plan, verdict=verdict_, seen_digest=plan.digest, user_id=self.lead.pk, by=self.by, now=now(), **given
        )

    def develop(self, **files: str) -> Worktree:
        """The developer works in the run's tree, Leadroom fetches the commit, the run is done."""
        run = self.hold(Role.DEVELOPER)
        worktree = open_tree(run=run, now=now())
        control = control_of(self.project)
        branch = f"hand-{run.pk}"
        self.source.git("fetch", "-q", str(control.path), f"+{worktree.head}:refs/hands/{branch}")
        self.source.git("switch", "-q", "--detach", f"refs/hands/{branch}")
        commit = self.source.commit(f"work of run {run.pk}", **files)
        self.source.git("switch", "-q", "main")
        run_git(["fetch", "-q", str(self.source.path), f"+{commit}:{worktree.ref}"], git_dir=control.path)
        move_head(worktree=worktree, head=commit, by=holding.actor_of(run), now=now())
        self.freeze_tests(worktree)
        holding.complete(run=run, now=now())
        return worktree

    def freeze_tests(self, worktree: Worktree) -> None:
        """The red check accepted the tests at the tree's head, unless they are frozen already."""
        plan = self.current_plan
        if frozen_hand_in(plan) is None:
            f.freeze_tests(plan, worktree=worktree, control=control_of(self.project))

    @property
    def verification(self) -> VerificationRun:
        return VerificationRun.objects.select_related("plan", "item").order_by("-pk").filter(item=self.item)[0]

    def verify(self, *failing: str) -> None:
        """Leadroom's own run of the frozen plan, in which these cases fail; passed, the verifier agrees."""
        self.pass_every_case(*failing)
        reconcile(self.item.pk)
        verifier = Run.objects.filter(item=self.item, role=Role.VERIFIER, state=RunState.QUEUED)
        if verifier.exists():
            self.judge()

    def pass_every_case(self, *failing: str) -> None:
        """Leadroom's own run of the frozen plan, but for these cases."""
        verification = self.verification
        assert verifications.claim(verification_id=verification.pk, host="here", now=now())
        results = {
            case.pk: Result(Outcome.FAILED, 0.1, f"assert {case.key} == 3")
            if case.key in failing
            else Result(Outcome.PASSED, 0.1, "")
            for case in verification.plan.cases.all()
        }
        verifications.finish(verification=self.verification, results=results, output="", now=now())

    def judge(self, **answers: str) -> None:
        """The verifier says YES to every criterion, unless told otherwise (AC_001="NO")."""
        run = self.hold(Role.VERIFIER)
        criteria = list(self.current_plan.revision.criteria)
        said = {key: answers.get(key.replace("-", "_"), "YES") for key in criteria}
        body = {
            "summary": "Read.",
            "verdicts": [
                {"criterion": key, "answer": said[key], "file": "feature.py:1", "behaviour": f"As seen for {key}."}
                for key in criteria
            ],
        }
        work, by = self.stitch.commit, holding.actor_of(run)
        verifications.submit_verdicts(
            item=self.item, run_id=run.pk, work=work, body=body, criteria=criteria, by=by, now=now()
        )
        holding.complete(run=run, now=now())

    @property
    def stitch(self) -> Stitch:
        rows = Stitch.objects.select_related("item__project", "item__stitch_owner", "signed_by").order_by("-pk")
        return rows.filter(item=self.item)[0]

    def sign(self) -> None:
        """The stitch owner signs."""
        stitch = self.stitch
        worktrees.sign(
            stitch=stitch,
            sentence="Exact now, faster when it hurts.",
            seen_digest=stitch.digest,
            is_verified=True,
            user_id=self.lead.pk,
            by=self.by,
            now=now(),
        )

    def to_plan(self) -> None:
        """Through ALIGN with one question, picked as recommended."""
        self.go()
        self.propose("A-001")
        if self.item.risk != "light":
            self.pick("A-001")
        self.go()
        self.document(because="A-001")
        assert self.go() == "PLAN"

    def to_build(self) -> None:
        """Through PLAN with an approving reviewer and, where one is needed, an approving lead."""
        self.to_plan()
        self.plan()
        self.go()
        self.review()
        if self.go() == "PLAN":
            self.send_review()
            self.go()
        assert self.item.stage == "BUILD"

    def to_verify(self, **files: str) -> None:
        """Through BUILD with these files."""
        self.to_build()
        self.develop(**files)
        assert self.go() == "VERIFY"

    def to_stitch(self, **files: str) -> None:
        """Through VERIFY, every case green."""
        self.to_verify(**files)
        self.verify()
        assert self.go() == "STITCH"
