"""Where findings go: by people, by rules; put off, taken back, counted, brought back when it is worse."""

import datetime as dt

import pytest

from leadroom.ledger.models import Entry
from leadroom.ledger.queries import check_chain
from leadroom.lib.actors import Actor, ActorKind, system
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.projects.models import Project
from leadroom.triage.actions import (
    accept,
    bring_in,
    cut,
    link_by_hand,
    mark_finding,
    route,
    set_state,
    snooze,
    undo,
    wake,
)
from leadroom.triage.enums import FindingState, LinkKind, Route
from leadroom.triage.models import Decision, Finding, Link
from leadroom.triage.queries import open_findings
from tests import factories as f
from tests.support.refusals import refused_without_effect

pytestmark = pytest.mark.django_db

TITLE, BODY = "Queue worker hangs after Redis reconnect", "After a failover queue/worker.py blocks in brpop for ever."
OTHER = "Rows of the grid overlap at 390 pixels", "The second column lies on the first."
AGENT = Actor(ActorKind.AGENT, "7", "Developer")


def take(
    project: Project,
    text: tuple[str, str] = (TITLE, BODY),
    *,
    hours: int = 0,
    severity: str = "minor",
    who: str = "Ana",
) -> Finding:
    now = f.NOW + dt.timedelta(hours=hours)
    given = {"project_id": project.pk, "severity": severity, "by": f.PIPELINE, "now": now, "reporter": who}
    return bring_in(title=text[0], body=text[1], **given).finding


def lead(project: Project) -> Actor:
    return f.human(f.lead_of(project))


def now_of(finding: Finding) -> Finding:
    return Finding.objects.get(pk=finding.pk)


@pytest.mark.parametrize(
    ("to", "state"),
    [
        (Route.DECIDE, "ROUTED"),
        (Route.FIX, "ROUTED"),
        (Route.FOLLOW_UP, "ROUTED"),
        (Route.KNOWN_ISSUE, "KNOWN"),
        (Route.ACKNOWLEDGE, "ACKNOWLEDGED"),
        (Route.DROP, "DROPPED"),
    ],
)
def test_every_route_takes_it_out_of_the_inbox_and_is_taken_back(to: Route, state: str) -> None:
    project = f.make_project()
    finding = take(project)
    decision = route(finding=finding, to=to, by=lead(project), now=f.NOW, note="Mind the cents.")
    found = now_of(finding)
    assert (found.state, found.route, found.is_unread) == (state, to, False)
    assert (decision.actor_name, decision.is_automatic, decision.note) == (lead(project).name, False, "Mind the cents.")
    assert not open_findings([project.pk]).exists()
    undo(decision=decision, by=lead(project), now=f.NOW)
    assert (now_of(finding).state, now_of(finding).route) == ("NEW", "")
    with refused_without_effect(Conflict, "taken back already"):
        undo(decision=decision, by=lead(project), now=f.NOW)
    assert check_chain().breaks == ()


def test_a_finding_is_routed_anew_and_the_undo_gives_back_the_route_before() -> None:
    project = f.make_project()
    finding = take(project)
    first = route(finding=finding, to=Route.KNOWN_ISSUE, by=lead(project), now=f.NOW)
    second = route(finding=finding, to=Route.FIX, by=lead(project), now=f.NOW)
    with refused_without_effect(Conflict, "moved on since"):
        undo(decision=first, by=lead(project), now=f.NOW)
    undo(decision=second, by=lead(project), now=f.NOW)
    assert (now_of(finding).state, now_of(finding).route) == ("KNOWN", "KNOWN_ISSUE")
    with refused_without_effect(Conflict, "routed so already"):
        route(finding=finding, to=Route.KNOWN_ISSUE, by=lead(project), now=f.NOW)


def test_an_agent_routes_nothing_and_a_rule_only_what_starts_no_work_below_p1() -> None:
    project = f.make_project()
    low, high = take(project), take(project, OTHER, severity="critical")
    assert high.priority == "P1"
    for act in (
        lambda: route(finding=low, to=Route.DROP, by=AGENT, now=f.NOW),
        lambda: set_state(finding=low, state=FindingState.RESOLVED, by=AGENT, now=f.NOW),
        lambda: wake(finding=low, by=AGENT, now=f.NOW),
    ):
        with refused_without_effect(NotPermitted, "agent does not"):
            act()
    by = system("triage")
    with refused_without_effect(NotPermitted, "Only a person starts work"):
        route(finding=low, to=Route.FIX, by=by, now=f.NOW)
    with refused_without_effect(NotPermitted, "waits for a person"):
        route(finding=high, to=Route.ACKNOWLEDGE, by=by, now=f.NOW)
    with refused_without_effect(NotPermitted, "Only a person puts"):
        snooze(finding=low, until=None, by=by, now=f.NOW)
    with refused_without_effect(NotPermitted, "Only a person marks"):
        mark_finding(finding=low, is_unread=False, by=by, now=f.NOW)
    decision = route(finding=low, to=Route.ACKNOWLEDGE, by=by, now=f.NOW, why="cosmetic, nothing asked")
    assert (decision.is_automatic, decision.why) == (True, "cosmetic, nothing asked")
    with refused_without_effect(NotPermitted, "Only a person takes"):
        undo(decision=decision, by=by, now=f.NOW)
    undo(decision=decision, by=lead(project), now=f.NOW)
    assert now_of(low).state == "NEW"


def test_what_was_seen_must_still_be_so() -> None:
    project = f.make_project()
    finding = take(project)
    route(finding=finding, to=Route.DROP, by=lead(project), now=f.NOW, seen=["NEW"])
    with refused_without_effect(Conflict, "is dropped meanwhile"):
        route(finding=finding, to=Route.FIX, by=lead(project), now=f.NOW, seen=["NEW"])
    with refused_without_effect(BadInput, "limit"):
        route(finding=finding, to=Route.FIX, by=lead(project), now=f.NOW, note="x" * 4_001)


def test_a_snooze_ends_at_its_time_or_when_it_gets_worse() -> None:
    project = f.make_project()
    timed, open_ended = take(project), take(project, OTHER)
    until = f.NOW + dt.timedelta(days=2)
    snooze(finding=timed, until=until, by=lead(project), now=f.NOW)
    snooze(finding=open_ended, until=None, by=lead(project), now=f.NOW)
    assert not open_findings([project.pk]).exists()
    wake(finding=timed, by=f.PIPELINE, now=until)
    assert now_of(timed).state == "REOPENED"
    take(project, OTHER, hours=2)
    assert now_of(open_ended).state == "SNOOZED", "one more of the same is not worse"
    take(project, OTHER, hours=3, severity="major")
    assert (now_of(open_ended).state, now_of(open_ended).size) == ("REOPENED", 3)
    for wrong in (f.NOW, f.NOW + dt.timedelta(days=4000)):
        with refused_without_effect(BadInput, "within the next year"):
            snooze(finding=timed, until=wrong, by=lead(project), now=f.NOW)


@pytest.mark.parametrize("to", [Route.KNOWN_ISSUE, Route.ACKNOWLEDGE, Route.DROP])
def test_new_matches_of_a_quiet_finding_count_up_and_ask_again_only_when_worse(to: Route) -> None:
    project = f.make_project()
    finding = take(project)
    route(finding=finding, to=to, by=lead(project), now=f.NOW)
    quiet = now_of(finding).state
    take(project, hours=1, who="Ben")
    assert (now_of(finding).state, now_of(finding).size, now_of(finding).reporters) == (quiet, 2, 2)
    newest = take(project, hours=2, who="Cem", severity="critical")
    found = now_of(finding)
    assert (found.state, found.size, found.reporters) == ("REOPENED", 3, 3)
    assert Entry.objects.filter(payload__woken=finding.pk).count() == 1
    assert newest.root_id == finding.pk


def test_the_highest_severity_and_every_reporter_survive_and_a_split_gives_all_back() -> None:
    project = f.make_project()
    head = take(project)
    for hours, who in ((1, "Ana"), (2, "Ben")):
        take(project, hours=hours, who=who)
    other = take(project, OTHER, severity="critical", who="Cem", hours=3)
    before = now_of(head)
    assert (before.size, before.reporters, before.worst_severity, before.priority) == (3, 2, "minor", "P2")
    link = link_by_hand(newer=other, older=head, kind=LinkKind.SAME, by=lead(project), now=f.NOW)
    joined = now_of(head)
    assert (joined.size, joined.reporters, joined.worst_severity) == (4, 3, "critical")
    assert joined.priority < before.priority
    assert "critical" in joined.rationale
    cut(link=link, by=lead(project), now=f.NOW)
    for name in ("size", "reporters", "worst", "last_seen_at"):
        assert getattr(now_of(head), name) == getattr(before, name)
    assert (now_of(other).size, now_of(other).worst_severity) == (1, "critical")


def test_a_match_to_what_was_resolved_comes_back_one_priority_up() -> None:
    project = f.make_project()
    first = take(project, severity="major")
    assert first.priority == "P2"
    set_state(finding=first, state=FindingState.RESOLVED, by=f.PIPELINE, now=f.NOW, reason="merged")
    back = take(project, hours=30, severity="major")
    assert (back.state, back.is_regression, back.priority) == ("REOPENED", True, "P1")
    assert "one up because it came back after a fix" in back.rationale
    assert Link.objects.get(newer=back, older=first).kind == "REGRESSION"


def test_a_suggested_regression_becomes_one_when_a_person_says_so() -> None:
    project = f.make_project()
    first = take(project)
    set_state(finding=first, state=FindingState.RESOLVED, by=f.PIPELINE, now=f.NOW)
    again = take(project, ("Jobs stop once Redis fails over", "Stuck in brpop of queue/worker.py."), hours=40)
    link = Link.objects.get(newer=again, older=first)
    assert (link.kind, link.state, again.is_regression) == ("REGRESSION", "SUGGESTED", False)
    accept(link=link, by=lead(project), now=f.NOW)
    assert (now_of(again).state, now_of(again).is_regression) == ("REOPENED", True)


def test_what_is_linked_by_hand_to_a_resolved_finding_brings_that_back() -> None:
    project = f.make_project()
    first, other = take(project), take(project, OTHER)
    set_state(finding=first, state=FindingState.RESOLVED, by=f.PIPELINE, now=f.NOW)
    link_by_hand(newer=other, older=first, kind=LinkKind.SAME, by=lead(project), now=f.NOW)
    assert (now_of(first).state, now_of(first).is_regression, now_of(first).size) == ("REOPENED", True, 2)


def test_open_findings_come_most_urgent_first_in_one_query(django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    project, foreign = f.make_project(), f.make_project()
    low = take(project, ("The colour of the button is off", ""), severity="cosmetic")
    high = take(project, severity="critical", hours=1)
    older = take(project, OTHER, severity="cosmetic", hours=-1)
    take(project, hours=2, severity="critical", who="Ben")
    take(foreign, ("Something else entirely", ""))
    f.make_report(f.make_item(project), severity="major", suggested_action="fix")
    with django_assert_num_queries(1):
        rows = list(open_findings([project.pk]))
        told = [(row.priority, row.size, row.worst_severity, row.reporters) for row in rows]
        assert [row.report.item.number for row in rows if row.report] == [1]
    assert [row.pk for row in rows if row.report is None] == [high.pk, older.pk, low.pk]
    assert told[0] == ("P1", 2, "critical", 2)


def test_reports_of_one_agent_at_two_items_affect_two() -> None:
    project = f.make_project()
    for _ in range(2):
        f.make_report(f.make_item(project), summary="The build breaks on a clean checkout.", severity="minor")
    head = Finding.objects.get(project=project, root=None)
    assert (head.size, head.reporters, head.is_from_agent) == (2, 2, True)
    assert Decision.objects.count() == 0
