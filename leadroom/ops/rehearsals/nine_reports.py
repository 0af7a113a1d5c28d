"""The rehearsal of triage: three agents file nine reports about four problems, and the loop is closed.

Three items run one after another; requirements agent, planner and developer of each report something beside their work.
The inbox groups what is surely the same, suggests the rest, and takes what is routine out by rule. The lead splits what
was joined wrongly, takes suggestions, and sends one finding each way there is. One is fixed with its item and merged;
the ninth report brings it back. The follow-up is worked to its merge like any item, without a script of its own.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

from leadroom.agents.models import RunEvent
from leadroom.ledger.queries import check_chain
from leadroom.lib.errors import LeadroomError
from leadroom.ops.rehearsals.cards import answer, stage_times
from leadroom.ops.rehearsals.stage import Stage
from leadroom.projects.enums import Stage as ItemStage
from leadroom.projects.models import WorkItem
from leadroom.reading.queries import Waiting, waiting_for_lead
from leadroom.triage.enums import FindingState, LinkKind, LinkState, Route, Severity
from leadroom.triage.models import CannotLink, Decision, Finding, Link, Report
from leadroom.triage.queries import open_findings
from leadroom.verification.queries import latest_verification, tally
from leadroom.worktrees.models import Stitch

Facts = dict[str, Any]
T = TypeVar("T")
STEP_SECONDS = 180.0
REPORTS, PROBLEMS = 9, 4
FIRST, SECOND, THIRD = "nine-reports", "nine-reports-b", "nine-reports-c"


def play(stage: Stage) -> Facts:
    """From the first report to the one that comes back. `ok` only when every fact came out as it must."""
    lead = Lead(stage)
    try:
        lead.take_reports(FIRST, 3)
        lead.take_reports(SECOND, 6)
        seen = lead.split_and_look()
        merged = lead.fix_the_crash()
        lead.route_the_others()
        lead.take_reports(THIRD, REPORTS)
        lead.take_suggestions()
        lead.work_the_follow_up()
    finally:
        lead.person.close()
    return outcome(merged, seen)


class Lead:
    """A signed-in person at the inbox."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.person = stage, stage.person()

    def take_reports(self, script: str, count: int) -> None:
        """The item of that script runs until so many reports about problems are there in all."""
        self.stage.command("seed_demo", f"--only={script}")
        item = WorkItem.objects.get(rehearsal_script=script)
        self._wait(lambda: self._answered(item, lambda: problems().count() >= count), f"{count} reports of problems")

    def split_and_look(self) -> Facts:
        """The developer used the planner's words for something else; then what the inbox shows."""
        silent = problems().filter(summary__startswith="The command groups").order_by("pk")[1]
        self._press(f"/triage/findings/{Finding.objects.get(report=silent).pk}/split/")
        self._wait(lambda: not routine_waits(), "routine findings went their way by rule")
        shown = [finding.pk for finding in open_findings(self._projects())]
        page = self.person.read("/triage/")
        return {"findings": len(shown), "on_the_page": sum(f'id="finding-{pk}"' in page for pk in shown)}

    def fix_the_crash(self) -> WorkItem:
        """Routed to the lead first; the card is answered with fix; the item goes back, is verified and merged."""
        crash = found("A group whose file is cut off")
        self._route(crash, Route.DECIDE)
        self._wait(lambda: self._card("finding"), "the decision became a card")
        item = WorkItem.objects.get(rehearsal_script=FIRST)
        self._wait(lambda: WorkItem.objects.get(pk=item.pk).stage == ItemStage.STITCH, "the item waits for a signature")
        self._route(crash, Route.FIX)
        attempts = item.runs.filter(role="developer").count()
        self._wait(lambda: item.runs.filter(role="developer").count() > attempts, "the developer got the finding")

        def is_resolved() -> bool:
            return self._answered(item, lambda: now_of(crash).state == FindingState.RESOLVED)

        self._wait(is_resolved, "the finding is resolved by the merge")
        return WorkItem.objects.get(pk=item.pk)

    def route_the_others(self) -> None:
        """One each: filed as known, an item of its own, dropped."""
        silent = list(Finding.objects.filter(root=None, title__startswith="The command groups").order_by("pk"))
        self._route(silent[0], Route.KNOWN_ISSUE)
        self._route(silent[1], Route.DROP)
        self._route(found("An expense can be added"), Route.FOLLOW_UP)
        made = Decision.objects.filter(route=Route.FOLLOW_UP, is_new_item=True)
        self._wait(made.exists, "the follow-up became an item")

    def take_suggestions(self) -> None:
        """What the engine suggests about the last reports, taken as a person would: the first of each."""
        for finding in Finding.objects.filter(root=None, report__item__rehearsal_script=THIRD).order_by("pk"):
            links = Link.objects.filter(newer=finding, state=LinkState.SUGGESTED, kind=LinkKind.SAME)
            if (link := links.order_by("-probability", "pk").first()) is not None:
                self._press(f"/triage/links/{link.pk}/accept/", page=f"/triage/findings/{finding.pk}/")

    def work_the_follow_up(self) -> None:
        """From its picks to its merge, as recommended."""
        made = Decision.objects.filter(route=Route.FOLLOW_UP, is_new_item=True).select_related("item").latest("pk")
        item = made.item
        if item is None:
            raise LeadroomError("The follow-up's item is gone.")

        def is_done() -> bool:
            item.refresh_from_db()
            card = next((card for card in waiting_for_lead([item.project_id]) if card.item.pk == item.pk), None)
            if card is not None:
                answer(self.person, card)
            return item.stage == ItemStage.DONE

        self._wait(is_done, f"item {item.number}, the follow-up, is merged")

    def _route(self, finding: Finding, to: Route) -> None:
        page = f"/triage/findings/{finding.pk}/"
        self.person.send(self.person.form(page, rf".*/findings/{finding.pk}/route/"), to=to)

    def _press(self, action: str, page: str = "") -> None:
        if not page:
            pk = int(action.split("/")[3])
            page = f"/triage/findings/{Finding.objects.get(pk=pk).root_pk}/"
        self.person.send(self.person.form(page, action))

    def _answered(self, item: WorkItem, is_done: Callable[[], bool]) -> bool:
        """Whether it is done; if not, the item's own card is answered as recommended. Findings wait for their turn."""
        if is_done():
            return True
        item.refresh_from_db()
        has_crash = Finding.objects.filter(title__startswith="A group whose", state=FindingState.ROUTED).exists()
        for card in waiting_for_lead([item.project_id]):
            is_early = card.kind == "stitch" and not (has_crash and self._is_mended(item))
            if card.item.pk == item.pk and card.kind != "finding" and not is_early:
                answer(self.person, card)
                break
        return is_done()

    def _is_mended(self, item: WorkItem) -> bool:
        """Signed only once the developer was told of the finding and came back."""
        return Decision.objects.filter(route=Route.FIX, item=item, carried_out_at__isnull=False).exists()

    def _card(self, kind: str) -> Waiting | None:
        return next((card for card in waiting_for_lead(self._projects()) if card.kind == kind), None)

    def _projects(self) -> list[int]:
        return list(WorkItem.objects.values_list("project_id", flat=True).distinct())

    def _wait(self, condition: Callable[[], T], what: str) -> T:
        return self.stage.wait_for(condition, STEP_SECONDS, f"It did not come about that {what}")


def problems() -> Any:
    """Reports that are about one of the four problems; the others say that all is well."""
    return Report.objects.exclude(severity=Severity.INFO)


def routine_waits() -> bool:
    return Finding.objects.filter(root=None, state=FindingState.NEW, severity=Severity.INFO).exists()


def found(start: str) -> Finding:
    return Finding.objects.get(root=None, title__startswith=start)


def now_of(finding: Finding) -> Finding:
    return Finding.objects.get(pk=finding.pk)


def outcome(item: WorkItem, seen: Facts) -> Facts:
    """Counted in the records, not in what this rehearsal sent."""
    facts = {**_facts(), **seen}
    verification = latest_verification(item)
    cases = tally(verification) if verification else None
    stitch = Stitch.objects.filter(item=item, merge_commit__gt="").order_by("-pk").first()
    is_ok = (
        facts["reports"] == REPORTS
        and facts["findings"] == facts["on_the_page"] == PROBLEMS
        and facts["agents"] == 3
        and all(facts["routes"].get(route) for route in Route if route != Route.SNOOZE)
        and facts["splits"] == facts["regressions"] == 1
        and facts["auto_links"] >= 2
        and facts["suggestions"] >= 1
        and facts["regression_priority"] < facts["priority_before"]
        and facts["follow_up"] == ItemStage.DONE
        and facts["ledger_holds"]
        and item.stage == ItemStage.DONE
    )
    return {
        "ok": is_ok,
        "stage": item.stage,
        "stages": stage_times(item),
        "cases": {"passed": cases.passed if cases else 0, "failed": cases.failed if cases else 0},
        "merge_commit": stitch.merge_commit if stitch else "",
        "events": RunEvent.objects.count(),
        "facts": facts,
    }


def _facts() -> Facts:
    pks = list(problems().values_list("pk", flat=True))
    links = Link.objects.filter(newer__report__in=pks)
    follow_up = Decision.objects.filter(route=Route.FOLLOW_UP, is_new_item=True).select_related("item").last()
    back = Finding.objects.filter(is_regression=True, root=None).order_by("-pk").first()
    source = links.filter(newer=back, kind=LinkKind.REGRESSION).first() if back else None
    return {
        "reports": len(pks),
        "routine_reports": Report.objects.count() - len(pks),
        "agents": problems().values("run__agent").distinct().count(),
        "routes": dict(Counter(Decision.objects.filter(undone_at=None).values_list("route", flat=True))),
        "automatic_routes": Decision.objects.filter(is_automatic=True).count(),
        "follow_up": follow_up.item.stage if follow_up and follow_up.item else "",
        "regressions": Finding.objects.filter(is_regression=True, root=None).count(),
        "regression_priority": back.priority if back else "",
        "priority_before": source.older.priority if source else "",
        "auto_links": links.filter(by_itself=True).count(),
        "suggestions": links.filter(by_itself=False, probability__isnull=False).count(),
        "accepted": links.filter(by_itself=False, state=LinkState.LINKED).count(),
        "splits": CannotLink.objects.count(),
        "ledger_holds": not check_chain().breaks,
    }
