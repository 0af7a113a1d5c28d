"""What people's judgements change, and what they never change."""

import datetime as dt

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadroom.lib.actors import Actor, ActorKind
from leadroom.lib.errors import NotPermitted
from leadroom.projects.models import Project
from leadroom.triage.actions import bring_in, cut, reindex, split
from leadroom.triage.engine import model
from leadroom.triage.judging import MOST_LOWERED, MOST_RAISED, Judgement, bias_of, judge
from leadroom.triage.models import CannotLink, Finding, Link, Posting, Shelf, TermCount
from leadroom.triage.retrieval import gather, weigh
from tests import factories as f
from tests.support.refusals import refused_without_effect
from tests.support.snapshot import changed_tables, snapshot

pytestmark = pytest.mark.django_db

FIELDS = "**Test:** `t/s.py::rest`\n**Error:** `assert 333 == 334`\n**Where:** `e/s.py:31` in `split`"
TEXTS = [
    ("Queue worker hangs after Redis reconnect", "After a failover queue/worker.py blocks in brpop for ever."),
    ("Jobs stop once Redis fails over", "The worker is stuck in brpop of queue/worker.py until it is started again."),
    ("Shares do not add up", FIELDS),
    ("The last one pays too little", FIELDS),
    ("Queue worker hangs after Redis reconnect", "After a failover queue/worker.py blocks in brpop for ever."),
    ("Rows of the grid overlap at 390 pixels", ""),
]
LEARNED = st.builds(
    lambda judged, accepted, expected: Shelf(
        judged=judged, accepted=min(judged, accepted), expected=min(judged, expected)
    ),
    st.integers(0, 10_000),
    st.integers(0, 10_000),
    st.floats(0, 10_000),
)


def filled() -> Project:
    project = f.make_project()
    for hours, (title, body) in enumerate(TEXTS):
        now = f.NOW + dt.timedelta(hours=hours)
        bring_in(project_id=project.pk, title=title, body=body, severity="minor", by=f.PIPELINE, now=now)
    return project


def judged(project: Project, number: int, bias: float) -> Judgement:
    title, body = TEXTS[number]
    loaded = model.load()
    seen = f.NOW + dt.timedelta(days=1)
    shelf = Shelf.objects.get(project=project)
    given_ = {"title": title, "body": body, "seen_at": seen, "background": loaded.background}
    weighing = weigh(project_id=project.pk, reports=shelf.reports, **given_)
    return judge(gather(project.pk, weighing), title=title, body=body, model=loaded, bias=bias)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LEARNED, st.integers(0, len(TEXTS) - 1))
def test_whatever_was_learned_never_links_what_would_not_be_linked_without(shelf: Shelf, number: int) -> None:
    project = Project.objects.first() or filled()
    bias = bias_of(shelf)
    assert -MOST_LOWERED <= bias <= MOST_RAISED
    learned, plain = (judged(project, number, value).link for value in (bias, 0.0))
    if learned is not None:
        assert plain is not None
        assert (learned.finding_id, learned.rule) == (plain.finding_id, plain.rule)


@settings(max_examples=60, deadline=None)
@given(LEARNED, st.lists(st.floats(-5, 500), min_size=1, max_size=90))
def test_the_probability_that_links_is_never_raised(shelf: Shelf, numbers: list[float]) -> None:
    loaded = model.load()
    row = [numbers[at % len(numbers)] for at in range(int(loaded.feature.max()) + 1)]
    (learned,) = loaded.probabilities([row], min(0.0, bias_of(shelf)))
    assert learned <= loaded.probabilities([row])[0]


def test_cuts_are_remembered_when_the_index_is_made_anew() -> None:
    project = filled()
    by = f.human(f.lead_of(project))
    for link in Link.objects.filter(newer__project=project, state="SUGGESTED"):
        cut(link=link, by=by, now=f.NOW)
    copy = Finding.objects.filter(project=project).exclude(root=None).order_by("pk").first()
    assert copy is not None
    split(finding=copy, by=by, now=f.NOW)
    told = set(CannotLink.objects.values_list("newer_id", "older_id"))
    assert told
    reindex(project=project, by=f.PIPELINE, now=f.NOW)
    assert set(CannotLink.objects.values_list("newer_id", "older_id")) == told
    pairs = Link.objects.filter(newer_id=copy.pk, state="LINKED", by_itself=True)
    assert not pairs.exists()


def test_an_index_made_anew_is_the_one_that_was() -> None:
    project = filled()
    counts, postings = set(TermCount.objects.values_list()), set(Posting.objects.values_list())
    before = snapshot()
    TermCount.objects.filter(project_id=project.pk).update(count=7)
    Posting.objects.filter(project_id=project.pk).delete()
    assert reindex(project=project, by=f.PIPELINE, now=f.NOW) == len(TEXTS)
    assert set(TermCount.objects.values_list()) == counts
    assert set(Posting.objects.values_list()) == postings
    assert set(changed_tables(before)) <= {"ledger_entry", "ledger_chainhead"}


def test_an_agent_makes_no_index() -> None:
    project = filled()
    with refused_without_effect(NotPermitted, "An agent does not"):
        reindex(project=project, by=Actor(ActorKind.AGENT, "run:1", "Dev"), now=f.NOW)
