"""A lead's day with the clock passed in: quiet morning, one break-through, a session interrupted and resumed.

Every write is a real action in a real database; only the moments and the agents' words are the script's. Nothing else
runs: a worker with its own clock would make sessions of its own.
"""

import datetime as dt
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from leadroom.agents import actions as agents
from leadroom.agents import holding
from leadroom.agents.enums import Role, WaitReason
from leadroom.agents.models import Elicitation, Run
from leadroom.ledger.queries import check_chain
from leadroom.lib.actors import Actor, ActorKind, system
from leadroom.lib.errors import Conflict
from leadroom.notices.actions import tell_browser
from leadroom.ops.rehearsals.stage import Stage
from leadroom.projects.actions import create_item, create_project
from leadroom.projects.models import Project
from leadroom.projects.people import first_lead
from leadroom.reading import actions, budget, clock
from leadroom.reading.digest import digest_of_session, to_markdown
from leadroom.reading.enums import Interrupts, SessionState, Verdict
from leadroom.reading.models import ReadingHours, ReadingSession, SessionItem
from leadroom.reading.queries import waiting_for_lead
from leadroom.reading.rules import is_quiet
from leadroom.triage import actions as triage
from leadroom.triage.enums import Route
from leadroom.triage.models import Finding

ZONE = ZoneInfo("Europe/Berlin")
TUESDAY = dt.date(2026, 11, 24)
LIMIT = 5
EVERY_DAY = list(range(7))
PLAYED = system("rehearsal")
REPORTS = (
    ("09:20", "minor", "The export of a group forgets its currency."),
    ("09:50", "cosmetic", "Columns of the balance table do not line up."),
    ("11:10", "minor", "A name with an accent is sorted behind z."),
    ("13:20", "major", "Settling twice books the payment twice."),
    ("14:05", "info", "Command add accepts shares now."),
    ("14:40", "minor", "The help of settle names an option that is gone."),
    ("15:15", "cosmetic", "Long group titles push the date out of sight."),
    ("16:30", "info", "The rounding module has a test for negative cents."),
)
QUESTIONS = (
    ("09:35", "May I rename the column?"),
    ("10:40", "Is an empty group an error?"),
    ("13:45", "Shall old files be rewritten?"),
    ("16:10", "Which of the two date formats stays?"),
)
DATA_LOSS = ("10:30", "critical", "Data loss: saving a group deletes the expenses of the group before it.")
WHILE_AWAY = ("11:00", "minor", "The list of groups is not sorted.")


def at(time: str, days: int = 0) -> dt.datetime:
    """That local time of Tuesday, or so many days later."""
    return dt.datetime.combine(TUESDAY + dt.timedelta(days=days), dt.time.fromisoformat(time), tzinfo=ZONE)


@dataclass
class Day:
    """What came of the day so far."""

    project: Project
    by: Actor
    user_id: int
    facts: dict[str, Any] = field(default_factory=lambda: {"interruptions": 0, "notifications": 0, "held_back": 0})

    def run_of(self, title: str, role: Role, now: dt.datetime) -> Run:
        item = create_item(
            project=self.project, request=title, stitch_owner=first_lead(), by=self.by, now=now, title=title
        )
        run = agents.queue_run(item=item, role=role, brief=title, system_prompt="", skills=[], by=PLAYED, now=now)
        holding.claim(run_id=run.pk, ceiling=1_000, host="rehearsal", boot_id="rehearsal", now=now)
        run.refresh_from_db()
        return run

    def notify(self, now: dt.datetime) -> None:
        """The lead's browser asks what it shall show at that moment; counts it, and what quiet time held back."""
        cards = waiting_for_lead([self.project.pk])
        told = tell_browser(user=first_lead(), cards=cards, by=self.by, now=now)
        self.facts["notifications"] += len(told)
        if is_quiet(ReadingHours.objects.get(user_id=self.user_id), now):
            self.facts["interruptions"] += len(told)
            self.facts["held_back"] += not told

    def report(self, time: str, severity: str, text: str, days: int = 0) -> Finding:
        """An agent ends with a report."""
        now = at(time, days)
        run = self.run_of(text, Role.DEVELOPER, now)
        body = {
            "status": "COMPLETE",
            "summary": text,
            "severity": severity,
            "suggested_action": "fix" if severity in ("critical", "major") else "acknowledge",
            "done": ["Looked at it."],
            "tests": {"green": 12, "red": 0, "not_run": 0},
            "unsure": [],
            "needs": [],
            "follow_ups": [],
            "sources": [],
            "confidence": 0.9,
        }
        report = triage.file_report(run=run, body=body, by=holding.actor_of(run), now=now)
        holding.complete(run=run, now=now)
        self.notify(now)
        return Finding.objects.get(report=report)

    def question(self, time: str, text: str) -> None:
        """An agent stops and asks."""
        now = at(time)
        run = self.run_of(text, Role.REQUIREMENTS, now)
        holding.ask(
            run=run,
            question=text,
            why="It is public.",
            recommendation="Yes",
            options=("Yes", "No"),
            now=now,
        )
        holding.wait(run=run, reason=WaitReason.ANSWER, now=now)
        self.notify(now)

    def morning_and_afternoon(self) -> None:
        """Everything that comes in, in order; the break-through is decided when it comes."""
        events = [
            *((time, "report", (severity, text)) for time, severity, text in (*REPORTS, DATA_LOSS)),
            *((time, "question", ("", text)) for time, text in QUESTIONS),
        ]
        looks = [(f"{minute // 60:02}:{minute % 60:02}", "look", ("", "")) for minute in range(6 * 60, 17 * 60 + 1, 10)]
        for time, kind, (severity, text) in sorted([*events, *looks]):
            if kind == "look":
                clock.look(at(time))
            elif kind == "question":
                self.question(time, text)
            else:
                finding = self.report(time, severity, text)
                if text == DATA_LOSS[2]:
                    triage.route(finding=finding, to=Route.FIX, by=self.by, now=at(time))

    def session(self) -> ReadingSession:
        """Twelve items: five, a pause, the rest on another device; one late tab."""
        user, now = first_lead(), at("17:05")
        session = actions.start(user=user, by=self.by, now=now)
        self.facts["items"] = session.items.count()
        conflicts = 0
        for n in range(self.facts["items"]):
            if n == 5:
                actions.pause(session=session, by=self.by, now=now)
                now += dt.timedelta(minutes=19)
                actions.resume(session=session, by=self.by, now=now)
            now += dt.timedelta(seconds=6)
            entry = session.items.filter(verdict=Verdict.WAITING).order_by("position")[0]
            stale = SessionItem.objects.get(pk=entry.pk)
            self.settle(entry, n, now)
            try:
                actions.give_verdict(entry=stale, verdict=Verdict.LATER, by=self.by, now=now)
            except Conflict:
                conflicts += 1
        actions.close(session=session, by=self.by, now=now)
        self.facts["late_tabs_told"] = conflicts
        session.refresh_from_db()
        return session

    def settle(self, entry: SessionItem, n: int, now: dt.datetime) -> None:
        """Questions are answered on their card; the first finding is put off, the second is for the next session."""
        if entry.kind == "question":
            asked = Elicitation.objects.get(pk=entry.subject_id)
            agents.answer(elicitation=asked, text="Yes", user_id=self.user_id, by=self.by, now=now)
            actions.settle(session=entry.session, by=self.by, now=now)
        elif n < len(QUESTIONS) + 2:
            verdict = Verdict.LATER if n == len(QUESTIONS) else Verdict.SKIPPED
            actions.give_verdict(entry=entry, verdict=verdict, by=self.by, now=now)
        else:
            actions.decide_finding(entry=entry, to=Route.ACKNOWLEDGE, by=self.by, now=now)

    def after(self, session: ReadingSession) -> None:
        """The figures of the day; then the machine sleeps for three days, and there is one catch-up."""
        hours = ReadingHours.objects.get(user_id=self.user_id)
        evening = at("20:00")
        decided = budget.decisions_since(self.user_id, budget.start_of_day(hours.tz, evening), evening)
        weighed = budget.weigh(decided, hours.weights, hours.budget)
        verdicts = list(session.items.values_list("verdict", flat=True))
        self.facts |= {
            "sessions": ReadingSession.objects.count(),
            "items_read": sum(verdict in (Verdict.DECIDED, Verdict.READ) for verdict in verdicts),
            "items_left": sum(verdict in (Verdict.LATER, Verdict.SKIPPED, Verdict.LEFT) for verdict in verdicts),
            "came_in_quiet": session.came_in_quiet,
            "active_seconds": session.active_seconds,
            "decisions": weighed.done,
            "budget": weighed.limit,
            "budget_passed": weighed.is_passed,
            "warnings": list(budget.care_of(decided, budget.plans_seen(self.user_id)).warnings),
            "digest_lines": len(to_markdown(digest_of_session(session, now=evening), at=evening).splitlines()),
        }
        self.report(*WHILE_AWAY, days=1)
        clock.look(at("18:30", days=3))
        caught = ReadingSession.objects.filter(state=SessionState.SCHEDULED)
        self.facts["catch_ups"] = caught.count()
        self.facts["missed"] = sum(found.missed for found in caught)


def play(_: Stage) -> dict[str, Any]:
    """The whole day; `ok` only when everything came out as the script has it."""
    lead, before = first_lead(), at("06:00")
    by = Actor(ActorKind.HUMAN, str(lead.pk), lead.get_username())
    project = create_project(name="A day", source_path="/nowhere", default_branch="main", lead=lead, by=by, now=before)
    agents.seat_agents(project=project, by=by, now=before)
    actions.set_hours(
        user_id=lead.pk,
        zone=ZONE.key,
        reading=[{"start": "17:00", "end": "18:00", "days": EVERY_DAY}],
        quiet=[{"start": "09:00", "end": "12:00", "days": EVERY_DAY}],
        interrupts=Interrupts.NEEDS_INPUT,
        is_mailed=False,
        budget=LIMIT,
        weights={},
        by=by,
        now=before,
    )
    day = Day(project, by, lead.pk)
    day.morning_and_afternoon()
    day.after(day.session())
    chain = check_chain()
    day.facts |= {"ledger_entries": chain.entries, "ledger_holds": not chain.breaks}
    wanted = {"interruptions": 1, "sessions": 1, "items": 12, "items_read": 10, "items_left": 2, "notifications": 3}
    wanted |= {"budget_passed": True, "late_tabs_told": 12, "catch_ups": 1, "missed": 2, "ledger_holds": True}
    wrong = {name: day.facts[name] for name, value in wanted.items() if day.facts[name] != value}
    return {"ok": not wrong, "facts": {**day.facts, "wrong": wrong}}
