"""One project in which every page has something to show and every button something to do."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

from leadroom.agents import holding
from leadroom.agents.actions import stop
from leadroom.agents.enums import Role
from leadroom.agents.models import Elicitation, Run
from leadroom.guardrails.actions import press
from leadroom.guardrails.enums import Lock
from leadroom.guardrails.models import PermissionRequest, Switch
from leadroom.guardrails.scopes import of_agent
from leadroom.lib.clock import now
from leadroom.notices.models import ChatHook
from leadroom.outcomes.models import Incident, IncidentMatch
from leadroom.projects.enums import Stage
from leadroom.projects.models import Project, ReadinessCheck, WorkItem
from leadroom.reading import actions as reading
from leadroom.reading.enums import Verdict
from leadroom.reading.models import RawReadItem, ReadingSession, SessionItem
from leadroom.requirements.models import Ambiguity
from leadroom.testplans.models import TestPlan
from leadroom.triage.models import Report
from leadroom.verification import actions as verifications
from leadroom.verification.enums import Outcome
from leadroom.worktrees.models import Stitch
from tests import factories as f
from tests.alignments import make_round
from tests.house.inbox import Inbox, make_inbox
from tests.support.aligned import make_loaded_item
from tests.support.parked import make_request
from tests.support.sittings import TUESDAY, make_sitting


@dataclass(frozen=True)
class World:
    """Things by what waits with them."""

    project: Project
    lead: User
    viewer: User
    stranger: User
    aligning: WorkItem
    asked: WorkItem
    left: WorkItem
    open_pick: Ambiguity
    taken_pick: Ambiguity
    unclear: WorkItem
    plan: TestPlan
    question: Elicitation
    lost: Run
    halted: Run
    locked: Switch
    stopped: WorkItem
    broken: WorkItem
    stitch: Stitch
    report: Report
    loaded: WorkItem
    parked: PermissionRequest
    flaky: TestPlan
    planless: WorkItem
    sitting: ReadingSession
    to_read: SessionItem
    put_off: SessionItem
    original: RawReadItem
    match: IncidentMatch
    chat: ChatHook
    inbox: Inbox

    @property
    def flaky_case(self) -> int:
        """The case that passed once and failed once."""
        return self.flaky.cases.all()[0].pk

    def client(self, who: str, **headers: Any) -> Client:
        """Signed in as `lead`, `viewer` or `stranger`; anybody else is nobody."""
        client = Client(**headers)
        user = {"lead": self.lead, "viewer": self.viewer, "stranger": self.stranger}.get(who)
        if user is not None:
            client.force_login(user)
        return client


def make_world() -> World:
    """Needs a database; touches no git."""
    project = f.make_project()
    ReadinessCheck.objects.create(project=project, profile_digest=project.profile_digest, started_at=now())
    lead = f.lead_of(project)
    aligning = f.make_item(project)
    taken, open_pick, _ = f.make_ambiguities(aligning, 3)
    Ambiguity.objects.filter(pk=taken.pk).update(state="RESOLVED", picked=1, decided_at=f.NOW)
    taken.refresh_from_db()
    left = f.make_item(project)
    Ambiguity.objects.filter(pk=f.make_ambiguities(left, 1)[0].pk).update(care="decide")
    unclear = f.make_item(project)
    f.make_document(unclear, confidence="LOW", missing=["Who rounds?"])
    stopped = f.make_item(project)
    stop(run=f.make_running_run(stopped), by=f.human(lead), now=f.NOW)
    stitch = f.make_stitch(f.make_aligned_item(project))
    return World(
        project=project,
        lead=lead,
        viewer=f.make_viewer(project),
        stranger=f.lead_of(f.make_project()),
        aligning=aligning,
        asked=_asked(project),
        left=left,
        open_pick=open_pick,
        taken_pick=taken,
        unclear=unclear,
        plan=f.make_plan(f.make_aligned_item(project)),
        question=f.make_question(f.make_item(project)),
        lost=f.make_stopped_run(f.make_item(project), Role.DEVELOPER),
        halted=_halted(project),
        locked=_locked(project, lead),
        stopped=stopped,
        broken=_broken(project),
        stitch=stitch,
        report=f.make_report(f.make_item(project)),
        loaded=make_loaded_item(project),
        parked=make_request(f.make_item(project)),
        flaky=_flaky(f.make_frozen_plan(f.make_aligned_item(project))),
        planless=f.make_aligned_item(project),
        match=_matched(stitch),
        chat=ChatHook.objects.create(user=lead, url="https://chat.example.org/hook", made_at=f.NOW),
        **_read(lead),
        inbox=make_inbox(project, lead),
    )


def _matched(stitch: Stitch) -> IncidentMatch:
    given = {"external_id": "I-1", "title": "Totals are off", "opened_at": f.NOW, "came": "csv", "kept_at": f.NOW}
    incident = Incident.objects.create(project=stitch.item.project, **given)
    return IncidentMatch.objects.create(incident=incident, stitch=stitch, suggested_at=f.NOW)


def _read(lead: User) -> dict[str, Any]:
    """The lead's open session: one report to read, one put off; and the week's sample."""
    session = make_sitting(2, user=lead)
    first, second = session.items.filter(kind="report").order_by("-subject_id")[:2]
    reading.give_verdict(entry=second, verdict=Verdict.LATER, by=f.human(lead), now=TUESDAY)
    raw = reading.draw_raw_read(user=lead, zone=session.tz, by=f.human(lead), now=TUESDAY)
    assert raw is not None
    return {"sitting": session, "to_read": first, "put_off": second, "original": raw.items.all()[0]}


def _asked(project: Project) -> WorkItem:
    item = f.make_item(project)
    make_round(item, 1)
    return item


def _flaky(plan: TestPlan) -> TestPlan:
    """Frozen tests, and a verification in which the first case passed once and failed once."""
    hand_in = f.freeze_tests(plan)
    run = verifications.request(item=plan.item, plan=plan, commit="f" * 40, hand_in=hand_in, by=f.PIPELINE, now=f.NOW)
    verifications.claim(verification_id=run.pk, host="here", now=f.NOW)
    run.refresh_from_db()
    words = ["It passed once and once it did not.", "", ""]
    outcomes = [Outcome.FLAKY, Outcome.PASSED, Outcome.PASSED]
    results = {
        case.pk: verifications.Result(outcome, 0.2, said)
        for case, outcome, said in zip(plan.cases.all(), outcomes, words, strict=True)
    }
    verifications.finish(verification=run, results=results, output="", now=f.NOW)
    return plan


def _halted(project: Project) -> Run:
    run = f.make_running_run(f.make_item(project), Role.DEVELOPER)
    holding.halt(run=run, reason="The switch was pressed.", now=f.NOW)
    return run


def _locked(project: Project, lead: User) -> Switch:
    """The reviewer's seat, paused: it locks nothing that the other buttons need."""
    agent = project.agents.get(role=Role.REVIEWER)
    scope = of_agent(agent.pk, agent.name, project)
    return press(scope=scope, level=Lock.PAUSED, reason="A drill", by=f.human(lead), now=f.NOW)


def _broken(project: Project) -> WorkItem:
    plan = f.make_frozen_plan(f.make_aligned_item(project))
    f.move(plan.item, Stage.VERIFY)
    verification = verifications.request(item=plan.item, plan=plan, commit="d" * 40, by=f.PIPELINE, now=f.NOW)
    verifications.claim(verification_id=verification.pk, host="here", now=f.NOW)
    verification.refresh_from_db()
    verifications.break_off(verification=verification, problem="No disk.", now=f.NOW)
    return plan.item
