"""The inbox: what waits, in order, with its evidence; every press of it; hostile words; news that does not jump."""

import datetime as dt
import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from leadroom.projects.models import Project
from leadroom.triage import actions
from leadroom.triage.enums import FindingState, LinkKind, Route
from leadroom.triage.models import Decision, Finding, Link, RuleDraft, SavedFilter
from leadroom.web.triage import inbox
from leadroom.web.triage.findings import pieces_of
from tests import factories as f

pytestmark = pytest.mark.django_db

HANGS = "Queue worker hangs after Redis reconnect", "queue/worker.py blocks in brpop for ever."
STOPS = "Jobs stop once Redis fails over", "Stuck in brpop of queue/worker.py until a restart."
HOME = "/triage/"


@pytest.fixture
def project() -> Project:
    return f.make_project()


@pytest.fixture
def lead(project: Project) -> Client:
    client = Client()
    client.force_login(f.lead_of(project))
    return client


def take(project: Project, text: tuple[str, str] = HANGS, **changes) -> Finding:
    given = {"severity": "minor", "by": f.PIPELINE, "now": f.NOW, "reporter": "Ana", **changes}
    return actions.bring_in(project_id=project.pk, title=text[0], body=text[1], **given).finding


def shown(client: Client, query: str = "") -> str:
    answer = client.get(HOME + query)
    assert answer.status_code == 200
    return answer.content.decode()


def page(client: Client, finding: Finding) -> str:
    answer = client.get(reverse("triage:finding", args=[finding.pk]))
    assert answer.status_code == 200
    return answer.content.decode()


def press(client: Client, name: str, pk: object, **form):
    url = reverse(f"triage:{name}", args=[pk])
    return client.post(url, form, headers={"HX-Request": "true", "HX-Target": "div#inbox-body"})


def toast(answer) -> dict:
    return json.loads(answer["HX-Trigger"])["toast"]


def test_a_row_says_what_how_urgent_why_who_and_how_often(project, lead) -> None:
    take(project, HANGS, severity="critical")
    take(project, HANGS, severity="major", reporter="Ben")
    take(project, STOPS, now=f.NOW + dt.timedelta(hours=1))
    html = shown(lead)
    for words in ("P1", "critical", "2 affected", "workaround not known", "2, 2 reporters", "Maybe the same as", "Ana"):
        assert words in html, words
    assert html.index(HANGS[0]) < html.index(STOPS[0])
    assert 'aria-label="filed by a person"' in html


def test_agents_and_people_look_different_and_are_filtered(project, lead) -> None:
    f.make_report(f.make_item(project), summary="The build breaks.", severity="minor", suggested_action="fix")
    take(project)
    html = shown(lead)
    assert 'data-origin="agent"' in html
    assert 'data-origin="human"' in html
    assert "The build breaks." not in shown(lead, "?who=human")
    assert HANGS[0] not in shown(lead, "?who=agent")


def test_the_grid_counts_groups_by_their_highest_severity(project, lead) -> None:
    take(project, severity="minor", suggested_action="fix")
    take(project, severity="major", suggested_action="drop")
    html = shown(lead)
    upto = Finding.objects.order_by("-pk")[0].pk
    assert f'<a href="{HOME}?severity=major&amp;action=fix&amp;upto={upto}">1</a>' in html
    assert HANGS[0] in shown(lead, "?severity=major&action=fix")
    assert "Nothing like this" in shown(lead, "?severity=minor")


@pytest.mark.parametrize("to", [route for route in Route if route != Route.SNOOZE])
def test_one_press_routes_it_and_one_takes_it_back(project, lead, to) -> None:
    finding = take(project)
    answer = press(lead, "route", finding.pk, to=to, seen="NEW")
    assert 'id="inbox-body"' in answer.content.decode()
    assert toast(answer)["text"] == to.label
    assert HANGS[0] not in answer.content.decode()
    assert lead.post(toast(answer)["undo_url"], headers={"HX-Request": "true"}).status_code == 204
    assert HANGS[0] in shown(lead)


def test_selected_rows_go_along_and_come_back_together(project, lead) -> None:
    rows = [
        take(project, (f"Something different number {n} {word}", "")) for n, word in enumerate(("ape", "bee", "cow"))
    ]
    answer = press(lead, "route", rows[0].pk, to="DROP", tick=[rows[1].pk, rows[2].pk, rows[0].pk])
    assert toast(answer)["text"] == "Drop: 3 findings"
    assert Finding.objects.filter(state="DROPPED").count() == 3
    lead.post(toast(answer)["undo_url"])
    assert Finding.objects.filter(state="NEW").count() == 3


def test_of_several_what_can_be_decided_is_and_the_rest_is_told(project, lead) -> None:
    first, second = take(project), take(project, ("The grid overlaps", ""))
    press(lead, "route", second.pk, to="DROP")
    answer = press(lead, "route", first.pk, to="DROP", tick=[second.pk])
    assert "Drop; 1 could not: This finding is routed so already" in toast(answer)["text"]


def test_a_stale_press_is_refused_with_what_happened(project, lead) -> None:
    finding = take(project)
    press(lead, "route", finding.pk, to="KNOWN_ISSUE", seen="NEW")
    answer = press(lead, "route", finding.pk, to="FIX", seen="NEW")
    assert answer.status_code == 409
    assert Decision.objects.count() == 1


@pytest.mark.parametrize("until", ["worse", "day", "week", "month"])
def test_it_is_put_off(project, lead, until) -> None:
    finding = take(project)
    assert "Snoozed" in toast(press(lead, "snooze", finding.pk, until=until))["text"]
    assert HANGS[0] not in shown(lead)
    assert HANGS[0] in shown(lead, "?show=snoozed")


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("route", {"to": "BURN"}),
        ("route", {"to": "SNOOZE"}),
        ("snooze", {"until": "doomsday"}),
        ("link", {"other": "x"}),
        ("link", {"other": "1", "kind": "TWIN"}),
        ("route", {"to": "DROP", "tick": [str(n) for n in range(1, 300)]}),
        ("route", {"to": "FIX", "note": "x" * 5_000}),
    ],
)
def test_bent_forms_are_refused_in_a_sentence(project, lead, name, form) -> None:
    finding = take(project)
    answer = press(lead, name, finding.pk, **form)
    assert answer.status_code in (404, 422)
    assert Finding.objects.get().state == "NEW"


@pytest.mark.parametrize("forged", ["999999", "9" * 17])
def test_forged_ids_are_not_found(project, lead, forged) -> None:
    for name in ("route", "snooze", "split", "teach", "link", "mark_finding", "accept", "cut", "undo"):
        assert press(lead, name, forged, to="DROP", other="1").status_code == 404
    assert lead.get(reverse("triage:finding", args=[forged])).status_code == 404
    assert press(lead, "undo", "x,,y").status_code == 404


def test_another_project_is_neither_seen_nor_ticked_nor_linked(project, lead) -> None:
    mine, foreign = take(project), take(f.make_project(), ("A foreign problem", ""))
    assert "A foreign problem" not in shown(lead, "?show=all")
    assert press(lead, "route", mine.pk, to="DROP", tick=[foreign.pk]).status_code == 404
    assert press(lead, "link", mine.pk, other=str(foreign.pk)).status_code == 404
    assert Decision.objects.count() == 0


def test_a_viewer_reads_and_every_button_says_why_it_refuses(project) -> None:
    finding = take(project)
    viewer = Client()
    viewer.force_login(f.make_viewer(project))
    assert inbox.ONLY_LOOKS in shown(viewer)
    assert inbox.ONLY_LOOKS in page(viewer, finding)
    assert press(viewer, "route", finding.pk, to="DROP").status_code == 403


def test_evidence_is_marked_in_both_texts_with_what_speaks_against(project, lead) -> None:
    take(project)
    second = take(project, STOPS, now=f.NOW + dt.timedelta(hours=1))
    html = page(lead, second)
    assert "<mark>queue/worker.py</mark>" in html
    assert "<mark>brpop</mark>" in html
    assert "Speaks against" in html
    assert "Each title has a word the other lacks" in html
    link = Link.objects.get()
    press(lead, "accept", link.pk, back="finding")
    assert Finding.objects.get(pk=second.pk).root_id == link.older_id
    assert lead.get(reverse("triage:finding", args=[second.pk])).status_code == 302
    assert STOPS[0] in page(lead, link.older)
    press(lead, "split", second.pk, back="finding")
    assert Finding.objects.get(pk=second.pk).root_id is None


def test_not_the_same_is_remembered(project, lead) -> None:
    take(project)
    take(project, STOPS)
    link = Link.objects.get()
    press(lead, "cut", link.pk)
    assert Link.objects.get().state == "CUT"
    assert "Maybe the same as" not in shown(lead)
    assert press(lead, "cut", link.pk).status_code == 409


def test_links_by_hand_take_the_number_as_people_write_it(project, lead) -> None:
    first, second = take(project), take(project, ("The grid overlaps", ""))
    press(lead, "link", second.pk, other=f" #{first.pk} ", kind=LinkKind.SAME)
    assert Finding.objects.get(pk=second.pk).root_id == first.pk


def test_history_says_who_decided_what_and_why(project, lead) -> None:
    finding = take(project, severity="cosmetic")
    actions.route(finding=finding, to=Route.ACKNOWLEDGE, by=f.PIPELINE, now=f.NOW, why="By rule: cosmetic")
    html = page(lead, finding)
    assert "by rule" in html
    assert "By rule: cosmetic" in html
    press(lead, "undo", Decision.objects.get().pk, back="finding")
    assert "taken back by" in page(lead, finding)


def test_new_findings_do_not_jump_in_and_are_counted(project, lead) -> None:
    first = take(project)
    html = shown(lead)
    upto = f"upto={first.pk}"
    assert upto in html
    take(project, ("The grid overlaps", ""))
    take(project, ("Totals are rounded twice", ""))
    news = lead.get(f"{reverse('triage:news')}?{upto}").content.decode()
    assert "2 new, show" in news
    again = lead.get(f"{HOME}?{upto}", headers={"HX-Request": "true"}).content.decode()
    assert "The grid overlaps" not in again
    assert "The grid overlaps" in shown(lead)
    answer = press(lead, "mark_finding", first.pk, unread="0", query=upto)
    assert "The grid overlaps" not in answer.content.decode()


def test_words_numbers_and_states_find_what_was_dropped(project, lead) -> None:
    finding = take(project)
    copy = take(project)
    press(lead, "route", finding.pk, to="DROP")
    for query in (
        "?show=all&q=Redis",
        "?show=dropped&q=brpop",
        f"?show=all&q=%23{finding.pk}",
        f"?show=all&q={copy.pk}",
    ):
        assert HANGS[0] in shown(lead, query), query
    assert "Nothing like this" in shown(lead, "?q=Redis")
    assert "Nothing like this" in shown(lead, "?show=all&q=zebra")


def test_a_view_is_kept_used_and_forgotten_by_its_person_alone(project, lead) -> None:
    lead.post(reverse("triage:save_filter"), {"name": "My majors", "query": "severity=major&upto=7&after=3"})
    kept = SavedFilter.objects.get()
    assert (kept.name, kept.query) == ("My majors", "severity=major")
    assert "My majors" in shown(lead)
    other = Client()
    other.force_login(f.make_user())
    assert "My majors" not in other.get(HOME).content.decode()
    assert other.post(reverse("triage:forget_filter", args=[kept.pk])).status_code == 404
    assert lead.post(reverse("triage:save_filter"), {"name": " ", "query": ""}).status_code == 422
    lead.post(reverse("triage:forget_filter", args=[kept.pk]))
    assert not SavedFilter.objects.exists()


def test_a_recurrent_low_finding_becomes_a_rule_draft_with_its_effect(project, lead) -> None:
    finding = take(project, severity="cosmetic")
    take(project, severity="cosmetic")
    assert "a rule needs 3" in page(lead, finding)
    assert press(lead, "teach", finding.pk, back="finding").status_code == 409
    take(project, severity="cosmetic")
    press(lead, "teach", finding.pk, back="finding")
    draft = RuleDraft.objects.get()
    assert draft.effect == 3
    assert "Report it all the same when it is worse" in draft.text
    assert "would have kept back 3 reports" in page(lead, finding)


def test_pages_follow_one_another_without_holes(project, lead, monkeypatch) -> None:
    monkeypatch.setattr(inbox, "PAGE_SIZE", 2)
    words = ("ape", "bee", "cow", "dog", "elk")
    severities = ("minor", "critical", "minor", "major", "info")
    for n, (word, severity) in enumerate(zip(words, severities, strict=True)):
        take(project, (f"The {word} is wrong", ""), severity=severity, now=f.NOW + dt.timedelta(hours=n))
    seen, query = [], ""
    for _ in range(3):
        html = shown(lead, query)
        seen += re.findall(r'report-summary"[^>]*>The (\w+) is', html)
        query = html.split('data-key="n"')[0].split('href="')[-1].split('"')[0].removeprefix(HOME).replace("&amp;", "&")
    assert seen == ["bee", "dog", "ape", "cow", "elk"]


@pytest.mark.parametrize("query", ["?after=x", "?upto=²", "?upto=" + "9" * 30, "?severity=%00&who=<b>", "?q=%00%ff"])
def test_a_bent_address_is_read_as_far_as_it_makes_sense(project, lead, query) -> None:
    take(project)
    assert lead.get(HOME + query).status_code == 200


def test_words_of_reporters_cannot_act(project, lead) -> None:
    attack = '"><script>alert(1)</script>\u202e'
    body = f"Workaround: {attack}\nAffected: {attack}\n{attack} queue/worker.py"
    take(project, (attack, body), reporter=attack)
    evil = take(project, (attack + " again", body), reporter=attack, now=f.NOW + dt.timedelta(hours=1))
    lead.post(reverse("triage:save_filter"), {"name": attack[:50], "query": "q=" + attack})
    for html in (shown(lead), page(lead, evil), shown(lead, "?q=" + attack)):
        assert "<script>alert" not in html
        assert "\u202e" not in html
        assert "U+202E" in html


def test_marking_loses_nothing_of_a_text() -> None:
    text = "A <b>path</b> queue/worker.py and Queue/Worker.py, brpop."
    pieces = pieces_of(text, ["queue/worker.py", "brpop", "b", ".*"])
    assert "".join(piece.text for piece in pieces) == text
    assert [piece.text for piece in pieces if piece.is_shared] == ["queue/worker.py", "Queue/Worker.py", "brpop"]
    assert pieces_of("", ["x"]) == []


def test_the_drift_check_is_shown_with_its_last_result(project, lead) -> None:
    assert "is checked within minutes of the start" in shown(lead)
    figures = {"auto_wrong": 1, "recall_at_5": 0.5}
    actions.record_check(figures=figures, by=f.PIPELINE, now=f.NOW)
    html = shown(lead)
    assert "it drifted" in html
    assert "1 wrong link" in html
    assert "50 %" in html


def test_resolved_findings_are_under_their_state(project, lead) -> None:
    finding = take(project)
    actions.set_state(finding=finding, state=FindingState.RESOLVED, by=f.PIPELINE, now=f.NOW)
    assert HANGS[0] not in shown(lead)
    assert HANGS[0] in shown(lead, "?show=resolved")


@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_queries_does_not_grow(project, lead, count, django_assert_num_queries) -> None:
    for n in range(count):
        take(project, (f"Something wrong {'abc'[n] * 5}", STOPS[1]))
        f.make_report(f.make_item(project), severity="major", suggested_action="fix", summary=f"Build {n * 7}")
    lead.get(HOME)
    with django_assert_num_queries(28):
        lead.get(HOME)
