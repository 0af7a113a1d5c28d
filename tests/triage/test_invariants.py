"""What holds whatever people and reports do in whatever order."""

import contextlib
import datetime as dt

import pytest
from django.db.models import Count, Max, Q
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadroom.lib.errors import LeadroomError
from leadroom.projects.models import Project
from leadroom.triage.actions import accept, bring_in, cut, link_by_hand, set_state, split
from leadroom.triage.enums import FindingState, LinkKind
from leadroom.triage.models import CannotLink, Finding, Link
from tests import factories as f
from tests.support.together import run_together

pytestmark = pytest.mark.django_db

FIELDS = "**Test:** `t/s.py::rest`\n**Error:** `assert 333 == 334`\n**Where:** `e/s.py:31` in `split`"
TEXTS = [
    ("Queue worker hangs after Redis reconnect", "queue/worker.py blocks in brpop for ever."),
    ("Jobs stop once Redis fails over", "Stuck in brpop of queue/worker.py until a restart."),
    ("Queue worker hangs after Postgres reconnect", "queue/store.py holds a dead connection."),
    ("Shares do not add up", FIELDS),
    ("The last one pays too little", FIELDS),
]
STEP = st.tuples(
    st.sampled_from(["take", "take", "accept", "cut", "hand", "split", "resolve", "open"]), st.integers(0, 99)
)


def roots(project: Project) -> dict[int, int]:
    return {finding.pk: finding.root_pk for finding in Finding.objects.filter(project=project)}


def step(project: Project, what: str, number: int) -> None:
    """One move; a refused one changes nothing."""
    by, now = f.human(f.lead_of(project)), f.NOW + dt.timedelta(minutes=number)
    findings = list(Finding.objects.filter(project=project).order_by("pk"))
    links = list(Link.objects.filter(newer__project=project).order_by("pk"))
    if what == "take" or not findings:
        title, body = TEXTS[number % len(TEXTS)]
        given = {"severity": ("minor", "major", "info")[number % 3], "reporter": f"Person {number % 4}"}
        bring_in(project_id=project.pk, title=title, body=body, by=f.PIPELINE, now=now, **given)
        return
    one, other = findings[number % len(findings)], findings[number // 7 % len(findings)]
    if what in ("accept", "cut") and links:
        act = accept if what == "accept" else cut
        act(link=links[number % len(links)], by=by, now=now)
    elif what == "hand":
        kind = LinkKind.RELATED if number % 5 == 0 else LinkKind.SAME
        link_by_hand(newer=one, older=other, kind=kind, by=by, now=now)
    elif what == "split":
        split(finding=one, by=by, now=now)
    elif what in ("resolve", "open"):
        state = FindingState.RESOLVED if what == "resolve" else FindingState.NEW
        set_state(finding=one, state=state, by=by, now=now)


def check(project: Project) -> None:
    by_pk = roots(project)
    joined = Link.objects.filter(newer__project=project, state="LINKED", kind="SAME")
    older_of = dict(joined.values_list("newer_id", "older_id"))
    assert len(older_of) == joined.count(), "one older finding each"
    for newer, root in by_pk.items():
        at, seen = newer, set()
        while at in older_of:
            assert at not in seen, "no cycles"
            seen.add(at)
            assert older_of[at] < at, "the canonical one is older"
            at = older_of[at]
        assert root == at, "a finding's root is where its links lead"
        assert by_pk[root] == root, "a root has none"
    for head in Finding.objects.filter(project=project, root=None):
        group = Finding.objects.filter(Q(pk=head.pk) | Q(root=head))
        counted = group.aggregate(n=Count("pk"), top=Max("rank"), who=Count("reporter", distinct=True))
        assert (head.size, head.worst, head.reporters) == tuple(counted.values()), "a head's figures are its group's"
    cuts = set(CannotLink.objects.values_list("newer_id", "older_id"))
    by_itself = set(Link.objects.filter(state="LINKED", by_itself=True).values_list("newer_id", "older_id"))
    assert not cuts & by_itself, "nothing is linked by itself after a cannot-link"


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, min_size=3, max_size=14))
def test_groups_are_trees_that_point_to_the_oldest(steps: list[tuple[str, int]]) -> None:
    project = f.make_project()
    for what, number in steps:
        with contextlib.suppress(LeadroomError):
            step(project, what, number)
        check(project)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, max_size=8), st.integers(0, 99), st.integers(0, 99))
def test_a_link_and_its_cut_restore_every_group(steps: list[tuple[str, int]], a: int, b: int) -> None:
    project = f.make_project()
    for what, number in [("take", 0), ("take", 2), *steps]:
        with contextlib.suppress(LeadroomError):
            step(project, what, number)
    findings = list(Finding.objects.filter(project=project).order_by("pk"))
    before = roots(project)
    by = f.human(f.lead_of(project))
    given = {"newer": findings[a % len(findings)], "older": findings[b % len(findings)], "by": by, "now": f.NOW}
    try:
        link = link_by_hand(kind=LinkKind.SAME, **given)
    except LeadroomError:
        return
    assert roots(project) != before
    cut(link=link, by=by, now=f.NOW)
    assert roots(project) == before


@pytest.mark.django_db(transaction=True)
def test_reports_at_the_same_moment_never_swallow_each_other() -> None:
    """Each sees those before it and no other: one stays, the rest come to it."""
    project = f.make_project()
    title, body = TEXTS[0]

    def take() -> int:
        return bring_in(
            project_id=project.pk, title=title, body=body, severity="minor", by=f.PIPELINE, now=f.NOW
        ).finding.pk

    run_together(*[take] * 4)
    by_pk = roots(project)
    assert len(by_pk) == 4
    assert set(by_pk.values()) == {min(by_pk)}
    check(project)


def test_a_flood_of_copies_is_one_group_and_one_set_of_terms() -> None:
    """However many: what a copy adds does not grow with those before it."""
    project = f.make_project()
    title, body = TEXTS[0]
    for number in range(200):
        now = f.NOW + dt.timedelta(milliseconds=6 * number)
        bring_in(project_id=project.pk, title=title, body=body, severity="minor", by=f.PIPELINE, now=now)
    assert set(roots(project).values()) == {min(roots(project))}
    assert Finding.objects.filter(is_indexed=True).count() == 1


def test_clocks_in_the_future_do_not_turn_a_link_round() -> None:
    project = f.make_project()
    title, body = TEXTS[0]
    for days in (4000, 0):
        now = f.NOW + dt.timedelta(days=days)
        bring_in(project_id=project.pk, title=title, body=body, severity="minor", by=f.PIPELINE, now=now)
    link = Link.objects.get()
    assert link.older_id < link.newer_id
