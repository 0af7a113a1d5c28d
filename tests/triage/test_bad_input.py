"""The issue's list of bad input, line by line, as far as findings and their groups are concerned.

Forged ids: tests/web/test_inbox.py. Ten thousand of the same within a minute: bench/triage_inbox.py has the page, here
is what each of them costs.
"""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from leadroom.agents import holding
from leadroom.lib.errors import BadInput, Conflict
from leadroom.projects.models import Project
from leadroom.triage.actions import accept, bring_in, file_report, link_by_hand
from leadroom.triage.enums import LinkKind
from leadroom.triage.models import Finding, Link
from leadroom.triage.queries import material_of, open_findings
from tests import factories as f
from tests.support.refusals import refused_without_effect

pytestmark = pytest.mark.django_db

TITLE, BODY = "Queue worker hangs after Redis reconnect", "After a failover queue/worker.py blocks in brpop for ever."


def take(project: Project, title: str = TITLE, body: str = BODY, **changes: object) -> Finding:
    given = {"severity": "minor", "by": f.PIPELINE, "now": f.NOW, "reporter": "Ana", **changes}
    return bring_in(project_id=project.pk, title=title, body=body, **given).finding  # type: ignore[arg-type]


def test_a_report_of_one_megabyte_is_kept_in_part_and_read_as_others() -> None:
    project = f.make_project()
    finding = take(project, "x" * 5_000, "A line of a log. " * 60_000 + "\nWorkaround: none")
    assert len(finding.title) <= 300
    assert len(finding.body) < 101_000
    assert finding.rationale.startswith("P")
    assert len(material_of(finding).texts[0]) < 101_000


@pytest.mark.parametrize("title", ["", "   ", "\n\t"])
def test_an_empty_report_is_refused_in_a_sentence(title: str) -> None:
    project = f.make_project()
    with refused_without_effect(BadInput, "needs a title"):
        take(project, title, "")


def test_other_languages_are_weighed_like_any_other() -> None:
    project = f.make_project()
    for title, body in (("検索が遅い", "九秒かかる。"), ("Поиск не работает", "Пусто."), ("البحث بطيء", "تسع ثوان")):
        finding = take(project, title, body, severity="major")
        assert (finding.title, finding.priority) == (title, "P2")
    assert open_findings([project.pk]).count() == 3


def test_the_hundredth_of_the_same_costs_what_the_second_costs() -> None:
    project = f.make_project()
    counts = []
    for number in range(100):
        with CaptureQueriesContext(
            connection,
        ) as counted:
            take(project, now=f.NOW + dt.timedelta(milliseconds=6 * number), reporter=f"Agent {number % 7}")
        counts.append(len(counted))
    assert counts[99] <= counts[1] + 1
    head = Finding.objects.get(root=None)
    assert (head.size, head.reporters) == (100, 7)
    assert head.priority == "P2", "a flood of one minor thing is not urgent"


def test_one_digit_makes_another_finding() -> None:
    project = f.make_project()
    fields = "**Test:** `t/s.py::rest`\n**Error:** `assert 333 == {}`\n**Where:** `e/s.py:31` in `split`"
    take(project, "Shares of 334 do not add up", fields.format(334))
    second = take(project, "Shares of 335 do not add up", fields.format(335))
    assert second.root_id is None
    assert not Link.objects.filter(by_itself=True).exists()


def test_half_of_another_report_is_suggested_at_most() -> None:
    project = f.make_project()
    whole = take(project, TITLE, BODY + " The second half says that the lock is never given back.")
    half = take(project, TITLE, BODY)
    assert half.root_id is None
    assert not Link.objects.filter(by_itself=True).exists()
    assert set(Link.objects.filter(newer=half).values_list("older_id", flat=True)) <= {whole.pk}


def test_links_in_a_circle_cannot_be_said() -> None:
    project = f.make_project()
    by = f.human(f.lead_of(project))
    a, b, c = (take(project, f"The {word} is wrong", word * 3) for word in ("ape", "bee", "cow"))
    for newer, older in ((b, a), (c, b)):
        link_by_hand(newer=newer, older=older, kind=LinkKind.SAME, by=by, now=f.NOW)
    with refused_without_effect(Conflict, "one group already"):
        link_by_hand(newer=a, older=c, kind=LinkKind.SAME, by=by, now=f.NOW)
    assert Finding.objects.get(pk=a.pk).size == 3


def test_a_suggestion_that_two_tabs_answer_is_answered_once() -> None:
    project = f.make_project()
    take(project)
    take(project, "Jobs stop once Redis fails over", "The worker is stuck in brpop of queue/worker.py.")
    link, by = Link.objects.get(), f.human(f.lead_of(project))
    accept(link=link, by=by, now=f.NOW)
    with refused_without_effect(Conflict, "decided already"):
        accept(link=Link.objects.get(), by=by, now=f.NOW)
    assert Finding.objects.get(root=None).size == 2


def test_a_reporter_that_was_cut_off_and_reports_again_is_filed_once() -> None:
    item = f.make_item()
    run = f.make_running_run(item)
    cut = f.report_shape(summary="The build breaks on a cl", severity="minor")
    by = holding.actor_of(run)
    for _ in range(2):
        file_report(run=run, body=cut, by=by, now=f.NOW)
    assert Finding.objects.count() == 1
    file_report(run=run, body={**cut, "summary": "The build breaks on a clean checkout."}, by=by, now=f.NOW)
    assert Finding.objects.count() == 2


def test_clocks_in_the_future_neither_hide_nor_raise_a_finding() -> None:
    project = f.make_project()
    ahead = take(project, now=f.NOW + dt.timedelta(days=4_000))
    behind = take(project, reporter="Ben")
    head = Finding.objects.get(root=None)
    assert (head, behind.root_id, head.size) == (ahead, ahead.pk, 2)
    assert head.weighed["days"] == 0
    assert open_findings([project.pk]).get() == head
