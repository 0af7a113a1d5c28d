"""Links: made without being asked only when sure, suggested otherwise, always undone, a cut remembered."""

import datetime as dt

import pytest
from django.db.models import Count

from leadroom.ledger.models import Entry
from leadroom.ledger.queries import check_chain
from leadroom.lib.actors import system
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.projects.models import Project
from leadroom.triage.actions import accept, bring_in, cut, link_by_hand, set_state, split
from leadroom.triage.enums import FindingState, LinkKind
from leadroom.triage.judging import bias_of
from leadroom.triage.models import CannotLink, Finding, Link, Posting, Shelf
from tests import factories as f
from tests.support.refusals import refused_without_effect

pytestmark = pytest.mark.django_db

TITLE, BODY = "Queue worker hangs after Redis reconnect", "After a failover queue/worker.py blocks in brpop for ever."
AGAIN = "Jobs stop once Redis fails over", "The worker is stuck in brpop of queue/worker.py until it is started again."


def take(project: Project, title: str = TITLE, body: str = BODY, hours: int = 0) -> Finding:
    now = f.NOW + dt.timedelta(hours=hours)
    return bring_in(project_id=project.pk, title=title, body=body, severity="minor", by=f.PIPELINE, now=now).finding


def person(project: Project):  # type: ignore[no-untyped-def]
    return f.human(f.lead_of(project))


def groups(project: Project) -> dict[int, int]:
    """Root to the number of findings that came to it."""
    rows = Finding.objects.filter(project=project).values("root").annotate(n=Count("pk")).order_by()
    return {row["root"]: row["n"] for row in rows}


def test_the_same_text_again_comes_to_the_first_and_is_not_indexed_again() -> None:
    project = f.make_project()
    first, second, third = take(project), take(project, hours=1), take(project, f"  {TITLE}", BODY + "\n", 2)
    link = Link.objects.get(newer=third)
    assert (link.older, link.by_itself, link.evidence["rule"], link.state) == (first, True, "verbatim", "LINKED")
    assert second.root_id == third.root_id == first.pk
    assert set(Posting.objects.values_list("finding_id", flat=True)) == {first.pk}
    assert Shelf.objects.get().reports == 1


def test_another_wording_is_suggested_with_what_is_shared_and_what_differs() -> None:
    project = f.make_project()
    first = take(project)
    second = take(project, *AGAIN, hours=2)
    link = Link.objects.get()
    assert (link.newer, link.older, link.state, link.by_itself) == (second, first, "SUGGESTED", False)
    assert "queue/worker.py" in link.evidence["shared"]["paths"]
    assert "brpop" in link.evidence["shared"]["words"]
    assert "hangs" in link.evidence["only_old"]["title"]
    assert any("Each title has a word the other lacks" in said for said in link.evidence["against"])
    assert second.root_id is None


def test_other_words_for_the_same_test_error_and_line_are_linked() -> None:
    project = f.make_project()
    fields = "**Test:** `{test}`\n**Error:** `assert 333 == 334`\n**Where:** `evenly/shares.py:31` in `split`"
    first = take(project, "Shares do not add up", fields.format(test="tests/test_shares.py::test_rest[3]"))
    again = "I left it alone.\n" + fields.format(test="tests/test_shares.py::test_rest")
    second = take(project, "CI is red: the last one pays too little", again, 5)
    link = Link.objects.get()
    assert (link.newer, link.older, link.state, link.evidence["rule"]) == (second, first, "LINKED", "fields")


def test_another_project_is_never_looked_at() -> None:
    take(f.make_project())
    take(f.make_project(), hours=1)
    assert not Link.objects.exists()


def test_a_suggestion_is_accepted_cut_again_and_every_count_is_as_before() -> None:
    project = f.make_project()
    first, second = take(project), take(project, *AGAIN, hours=2)
    before = groups(project)
    link = accept(link=Link.objects.get(), by=person(project), now=f.NOW)
    assert groups(project) == {None: 1, first.pk: 1}
    cut(link=link, by=person(project), now=f.NOW)
    assert groups(project) == before
    assert CannotLink.objects.filter(newer=second, older=first).exists()
    assert list(Entry.objects.filter(verb__startswith="triage.link").values_list("verb", flat=True).order_by("pk")) == [
        "triage.link.accepted",
        "triage.link.cut",
    ]
    assert check_chain().breaks == ()


def test_groups_are_put_together_by_hand_and_come_apart_as_they_were() -> None:
    project = f.make_project()
    old, old_copy = take(project, "Old words about a lamp"), take(project, "Old words about a lamp", hours=1)
    new, new_copy = take(project, *AGAIN, hours=2), take(project, *AGAIN, hours=3)
    before = groups(project)
    link = link_by_hand(newer=old_copy, older=new_copy, kind=LinkKind.SAME, by=person(project), now=f.NOW)
    assert (link.newer, link.older) == (new, old)
    assert groups(project) == {None: 1, old.pk: 3}
    with refused_without_effect(Conflict, "one group already"):
        link_by_hand(newer=new, older=old, kind=LinkKind.SAME, by=person(project), now=f.NOW)
    split(finding=new, by=person(project), now=f.NOW)
    assert groups(project) == before
    with refused_without_effect(Conflict, "leads its group"):
        split(finding=old, by=person(project), now=f.NOW)


def test_what_a_person_told_apart_is_left_to_a_person() -> None:
    project = f.make_project()
    first, copy = take(project), take(project, hours=1)
    split(finding=copy, by=person(project), now=f.NOW)
    third = take(project, hours=3)
    assert third.root_id is None
    assert not Link.objects.filter(newer=third, by_itself=True).exists()
    assert {link.older_id for link in Link.objects.filter(newer=third)} == {first.pk, copy.pk}


def test_what_matches_a_resolved_finding_is_a_possible_regression_and_stays_open() -> None:
    project = f.make_project()
    first = take(project)
    set_state(finding=first, state=FindingState.RESOLVED, by=system("pipeline"), now=f.NOW)
    back = take(project, hours=30)
    link = Link.objects.get(newer=back)
    assert (link.kind, link.older, link.state) == ("REGRESSION", first, "LINKED")
    assert (back.root_id, back.state) == (None, "REOPENED")
    assert take(project, hours=31).root_id == back.pk
    again = take(project, *AGAIN, hours=40)
    assert ("REGRESSION", first.pk) in Link.objects.filter(newer=again).values_list("kind", "older_id")


def test_only_a_person_decides_and_an_agent_closes_nothing() -> None:
    project = f.make_project()
    take(project)
    second = take(project, *AGAIN, hours=2)
    link = Link.objects.get()
    agent = f.PIPELINE
    for act in (accept, cut):
        with refused_without_effect(NotPermitted, "Only a person decides"):
            act(link=link, by=agent, now=f.NOW)
    other = take(f.make_project())
    with refused_without_effect(BadInput, "two projects"):
        link_by_hand(newer=second, older=other, kind=LinkKind.SAME, by=person(project), now=f.NOW)
    with refused_without_effect(BadInput, "needs a title"):
        bring_in(project_id=project.pk, title="  ", body="x", severity="minor", by=agent, now=f.NOW)


def test_rejections_lower_what_is_suggested_and_acceptances_raise_it_within_bounds() -> None:
    project = f.make_project()
    shelf = Shelf(project=project, judged=0)
    assert bias_of(shelf) == 0.0
    assert -2.0 <= bias_of(Shelf(project=project, judged=200, accepted=0, expected=100.0)) < -1.0
    assert 0.0 < bias_of(Shelf(project=project, judged=200, accepted=200, expected=100.0)) <= 1.0


def test_a_judgement_is_counted_once_per_suggestion() -> None:
    project = f.make_project()
    take(project)
    take(project, *AGAIN, hours=2)
    link = Link.objects.get()
    cut(link=link, by=person(project), now=f.NOW)
    shelf = Shelf.objects.get(project=project)
    assert (shelf.judged, shelf.accepted, shelf.expected) == (1, 0, link.probability)


@pytest.mark.parametrize(
    ("title", "body"),
    [
        ("x" * 5000, "y" * 1_000_000),
        ("\x00 \ud800", "\x00" * 50),
        ("検索が遅い", "検索ページが開くまで九秒かかる。"),
        ("Поиск не работает", "Ничего не найдено, хотя записи есть."),
        ("a", ""),
        ("```", "<script>alert(1)</script>" * 1000),
        ("Where: " + "a/" * 2000, "Error: " + "(" * 5000 + "\n" + "at " + "a." * 5000 + "\n" + "_" * 9000),
    ],
    ids=["huge", "unstorable", "Japanese", "Russian", "one letter", "markup", "made to be slow"],
)
def test_any_text_is_taken_in_and_found_again(title: str, body: str) -> None:
    project = f.make_project()
    take(project, title, body)
    assert Link.objects.filter(newer=take(project, title, body, hours=1)).count() <= 1
