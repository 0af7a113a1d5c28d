"""Every way to decide on the alignment page, and how each is taken back."""

import datetime as dt
import json
import re

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from leadroom.lib import clock
from leadroom.projects.models import WorkItem
from leadroom.requirements.actions import hand_over, propose
from leadroom.requirements.models import Ambiguity, Candidate, Sitting
from leadroom.requirements.queries import effort_of
from tests import factories as f
from tests.alignments import make_round, make_unclear

pytestmark = pytest.mark.django_db


@pytest.fixture
def item() -> WorkItem:
    return f.make_item()


@pytest.fixture
def lead(item: WorkItem) -> Client:
    client = Client()
    client.force_login(f.lead_of(item.project))
    return client


def post(client: Client, name: str, pk: int, **data: str):
    """As the page sends it: the answer is the region drawn anew."""
    url, of = reverse(f"align:{name}", args=[pk]), pk
    if name in ("pick", "reopen", "defer", "probe", "care", "remark"):
        of = Ambiguity.objects.get(pk=pk).item_id
    return client.post(url, data, headers={"HX-Request": "true", "HX-Target": f"div#align-{of}-body"})


def toast(answer) -> dict[str, str]:
    return json.loads(answer["HX-Trigger"])["toast"]


def shown(client: Client, item: WorkItem) -> str:
    return client.get(reverse("align:item", args=[item.pk])).content.decode()


def part(html: str, start: str, end: str) -> str:
    """What stands between two marks of the page."""
    assert start in html, start
    return html.split(start, 1)[1].split(end, 1)[0]


def seen(rows: list[Ambiguity]) -> dict[str, str]:
    return {f"seen-{row.key}": row.digest for row in rows}


def take(client: Client, item: WorkItem, key: str, rows: list[Ambiguity]):
    proposal = item.proposals.get(key=key)
    return post(client, "take", item.pk, proposal=key, seen=proposal.digest, **seen(rows))


def picks(item: WorkItem) -> dict[str, tuple[str, int | None]]:
    return {row.key: (row.state, row.picked) for row in Ambiguity.objects.filter(item=item)}


def test_a_proposal_decides_every_open_row_and_a_row_picked_before_keeps_its_pick(lead, item):
    rows = f.make_ambiguities(item, 4)
    post(lead, "pick", rows[2].pk, picked="3", seen=rows[2].digest)
    html = shown(lead, item)
    assert "approving one decides the 3 open rows; 1 you decided keeps what you chose" in html
    assert 'data-key="Shift+B"' in html
    answer = take(lead, item, "B", [rows[0], rows[1], rows[3]])
    assert toast(answer)["text"] == "Proposal B taken for 3 rows"
    assert [picked for _, picked in picks(item).values()] == [2, 2, 3, 2]
    assert lead.post(toast(answer)["undo_url"], headers={"HX-Request": "true"}).status_code == 204
    assert [state for state, _ in picks(item).values()] == ["OPEN", "OPEN", "RESOLVED", "OPEN"]


def test_the_table_marks_what_differs_and_what_is_picked_in_words(lead, item):
    rows = f.make_ambiguities(item, 2)
    table = part(shown(lead, item), '<table class="table proposals">', "</table>")
    assert table.count('aria-label="differs from the first proposal"') == 4
    assert table.count("data-differs") == 4
    assert 'aria-label="picked"' not in table
    post(lead, "pick", rows[0].pk, picked="2", seen=rows[0].digest)
    assert 'aria-label="picked"' in part(shown(lead, item), '<table class="table proposals">', "</table>")


def test_a_critical_item_takes_no_proposal(item):
    item = f.make_item(risk="critical")
    rows = f.make_ambiguities(item, 2)
    lead = Client()
    lead.force_login(f.lead_of(item.project))
    sentence = "This item is critical: decide each question on its own."
    assert f'data-reason="{sentence}" data-key="Shift+B"' in shown(lead, item)
    answer = take(lead, item, "B", rows)
    assert (answer.status_code, toast(answer)["text"]) == (403, sentence)


def test_a_decision_can_be_changed_until_it_is_handed_over(lead, item):
    first, _ = f.make_ambiguities(item, 2)
    post(lead, "pick", first.pk, picked="1", seen=first.digest)
    first.refresh_from_db()
    assert post(lead, "pick", first.pk, picked="3", seen=first.digest, was=first.decision).status_code == 200
    assert picks(item)["A-001"] == ("RESOLVED", 3)
    assert post(lead, "pick", first.pk, picked="2", seen=first.digest, was=first.decision).status_code == 409
    assert picks(item)["A-001"] == ("RESOLVED", 3)


def test_the_slower_of_two_tabs_sees_what_was_decided(lead, item):
    first, _ = f.make_ambiguities(item, 2)
    post(lead, "pick", first.pk, picked="2", seen=first.digest)
    answer = post(lead, "pick", first.pk, picked="1", seen=first.digest)
    html = answer.content.decode()
    assert answer.status_code == 409
    assert toast(answer)["kind"] == "bad"
    assert "decided meanwhile" in toast(answer)["text"]
    assert "candidate 2" in html
    assert "<html" not in html


@pytest.mark.parametrize(
    ("name", "state", "words"),
    [
        ("defer", "DEFERRED", "deferred; the document will list it"),
        ("probe", "PROBED", "will ask you more about A-001"),
    ],
)
def test_a_row_can_be_put_off_and_taken_back(lead, item, name, state, words):
    first, _ = f.make_ambiguities(item, 2)
    answer = post(lead, name, first.pk)
    assert words in toast(answer)["text"]
    assert picks(item)["A-001"][0] == state
    assert lead.post(toast(answer)["undo_url"]).status_code == 302
    assert picks(item)["A-001"][0] == "OPEN"


def test_a_row_left_to_the_agent_moves_to_its_fold_and_back(lead, item):
    first, _ = f.make_ambiguities(item, 2)
    post(lead, "care", first.pk, care="decide")
    html = shown(lead, item)
    fold = part(html, "<h2>Left to the agent</h2>", "</details>")
    assert "The first named of A-001" in fold
    assert "said so" in fold
    assert 'data-state="LEFT"' in fold
    post(lead, "care", first.pk, care="ask")
    assert "Left to the agent</h2>" not in shown(lead, item)
    assert post(lead, "care", first.pk, care="both").status_code == 422


def test_a_comment_stands_beside_the_question_as_text(lead, item):
    first, _ = f.make_ambiguities(item, 2)
    html = post(lead, "remark", first.pk, text="Mind <b>cents</b>").content.decode()
    assert "Mind &lt;b&gt;cents&lt;/b&gt;" in html
    assert post(lead, "remark", first.pk, text=" ").status_code == 422
    assert picks(item)["A-001"][0] == "OPEN"


def test_a_round_is_one_form_that_names_what_is_missing(lead, item):
    rows = make_round(item, 3)
    html = shown(lead, item)
    assert "round 1 of at most 3" in html
    assert " checked" not in part(html, "<fieldset", "</form>")
    ways = {"way-Q-001": "assume", "text-Q-002": "About nine"}
    answer = post(lead, "answer", item.pk, **seen(rows), **ways)
    assert answer.status_code == 422
    assert toast(answer)["text"].startswith("Q-003 has no answer yet, so nothing was sent; what you entered is kept.")
    assert {state for state, _ in picks(item).values()} == {"OPEN"}
    answer = post(lead, "answer", item.pk, **seen(rows), **ways, **{"way-Q-003": "defer"})
    assert toast(answer)["text"] == "3 answers kept"
    assert [state for state, _ in picks(item).values()] == ["RESOLVED", "RESOLVED", "DEFERRED"]
    html = shown(lead, item)
    assert "Answers of round 1" in html
    assert "as assumed" in html
    assert "About nine" in html


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"way-Q-001": "defer", "text-Q-001": "Mine"}, "Q-001 has words of yours, and something else is ticked"),
        ({"way-Q-001": "perhaps"}, "Q-001 has an answer that is not offered"),
        ({"text-Q-001": "x" * 50_000}, "The answer to Q-001 has 50,000 characters; 5,000 is the limit."),
    ],
)
def test_an_answer_that_cannot_be_meant_sends_nothing(lead, item, fields, words):
    rows = make_round(item, 1)
    answer = post(lead, "answer", item.pk, **seen(rows), **fields)
    assert answer.status_code == 422
    assert words in toast(answer)["text"]
    assert picks(item)["Q-001"][0] == "OPEN"


def test_enough_ends_the_questions_and_keeps_what_they_would_assume(lead, item):
    make_round(item, 2)
    answer = post(lead, "enough", item.pk)
    assert toast(answer)["text"] == "No more questions; 2 questions deferred"
    assert "ended by you" in answer.content.decode()


def test_fifty_kilobytes_are_refused_and_the_field_does_not_cut_them(lead, item):
    first, _ = f.make_ambiguities(item, 2)
    answer = post(lead, "pick", first.pk, own_answer="x" * 50_000, seen=first.digest)
    assert answer.status_code == 422
    assert answer["HX-Reswap"] == "none"
    assert "50,000 characters" in toast(answer)["text"]
    assert "maxlength" not in shown(lead, item)


def test_sixty_ambiguities_ask_twenty_and_fold_forty(lead, item):
    f.make_ambiguities(item, 60)
    html = shown(lead, item)
    assert len(re.findall(r'<article class="ambiguity"[^>]*data-state="OPEN"', html)) == 20
    fold = part(html, "<h2>Left to the agent</h2>", "</details>")
    assert fold.count("data-row ") == 40
    assert "below the 20 that change the work most" in fold


def test_what_clashes_with_a_pick_says_so(lead, item):
    first, second = f.make_ambiguities(item, 2)
    Candidate.objects.filter(ambiguity=second, position=2).update(conflicts=["A-001:3"])
    second = Ambiguity.objects.get(pk=second.pk)
    assert "cannot be combined" not in shown(lead, item)
    post(lead, "pick", first.pk, picked="3", seen=first.digest)
    html = shown(lead, item)
    assert 'cannot be combined with <a href="#ambiguity-A-001">A-001:3</a>, “The next in turn of A-001”' in html


def test_a_source_that_is_not_there_counts_as_none(lead, item):
    first, _ = f.make_ambiguities(item, 2)
    gone = [
        {
            "kind": "file",
            "uri": "evenly/gone.py:1",
            "note": "",
            "found": {"counts": False, "why": "There is no such file."},
        }
    ]
    Candidate.objects.filter(ambiguity=first, position=1).update(sources=gone)
    html = shown(lead, item)
    assert "not found, counts as no source" in html
    assert "1 source, 0 found" in html


def test_what_was_decided_before_is_offered_with_its_date(lead, item):
    earlier = f.make_item(item.project)
    (row,) = f.make_ambiguities(earlier, 1)
    user = f.lead_of(item.project)
    post(lead, "pick", row.pk, picked="2", seen=row.digest)
    hand_over(item=earlier, by=f.human(user), now=clock.now())
    shape = f.ambiguity_shape("A-009", despite="Rounding changed since.")
    propose(item=item, ambiguities=[shape], by=f.PIPELINE, now=f.NOW)
    html = shown(lead, item)
    today = f"{clock.now():%-d %B %Y}"
    assert f"In item {earlier.number} ({today}) you chose “The payer of A-001”" in html
    assert f'href="{reverse("align:item", args=[earlier.pk])}#ambiguity-A-001"' in html
    assert "The agent says it is still open because Rounding changed since." in html


def test_all_decided_can_be_undone_as_one_or_handed_over_at_once(lead, item, settings: Settings):
    settings.UNDO_SECONDS = 60
    rows = f.make_ambiguities(item, 2)
    html = post(lead, "pick_all", item.pk, **seen(rows)).content.decode()
    bar = part(html, "All decided.", "</div>")
    assert re.search(r"in \d+ s", bar)
    undo = part(bar, 'data-undo="', '"').replace("&amp;", "&")
    assert lead.post(undo, headers={"HX-Request": "true"}).status_code == 204
    assert {state for state, _ in picks(item).values()} == {"OPEN"}
    assert lead.post(undo, headers={"HX-Request": "true"}).status_code == 409
    post(lead, "pick_all", item.pk, **seen(rows))
    html = post(lead, "hand_over", item.pk).content.decode()
    assert "The agent gets them <span data-countdown-words>now</span>" in html
    assert post(lead, "undo", item.pk, at="yesterday").status_code == 422


def test_what_is_only_left_to_the_agent_wants_one_look(lead, item):
    first, second = f.make_ambiguities(item, 2)
    for row in (first, second):
        post(lead, "care", row.pk, care="decide")
    bar = part(shown(lead, item), "Nothing is asked.", "</div>")
    assert "2 answers left to the agent; look at them, then hand over." in bar
    assert "Hand over now" in bar


def test_the_draft_grows_with_each_decision(lead, item):
    first, _ = f.make_ambiguities(item, 2)
    draft = part(shown(lead, item), "Document so far", "</section>")
    assert "Nothing is decided yet." in draft
    assert draft.count("not decided; recommended:") == 2
    html = post(lead, "pick", first.pk, picked="2", seen=first.digest).content.decode()
    draft = part(html, "Document so far", "</section>")
    assert "The payer of A-001. Nobody is off by a cent." in draft
    assert "not “The first named of A-001”" in draft
    assert draft.count("not decided; recommended:") == 1


def test_a_deferred_row_of_an_unclear_document_is_decided_now_and_sent_without_words(lead, item):
    row = make_unclear(item)
    html = shown(lead, item)
    assert "Deferred; decide now what the document needs" in html
    assert part(html, 'id="supply-text"', ">").count("required") == 1
    assert post(lead, "pick", row.pk, picked="2", seen=row.digest, was=row.decision).status_code == 200
    assert "words are not needed" in shown(lead, item)
    answer = lead.post(reverse("align:supply", args=[item.pk]), {"text": ""}, headers={"HX-Request": "true"})
    assert "HX-Redirect" in answer.headers
    assert "The payer of A-001" in item.runs.get(attempt=2).brief


def test_one_item_at_a_time(lead, item):
    f.make_ambiguities(item, 2)
    other = f.make_item(item.project, text="Delete a group")
    (second,) = f.make_ambiguities(other, 1)
    html = shown(lead, item)
    assert 'hx-trigger="load"' in html
    assert post(lead, "sit_down", item.pk).status_code == 204
    assert 'hx-trigger="load"' not in shown(lead, item)
    html = shown(lead, other)
    assert "You are aligning" in html
    assert "(0 of 2 decided)" in html
    assert 'hx-trigger="load"' not in html
    assert 'name="picked" value="1" data-key' not in html
    assert post(lead, "pick", second.pk, picked="1", seen=second.digest).status_code == 409
    html = post(lead, "put_aside", other.pk).content.decode()
    assert "You are aligning" not in html
    assert Sitting.objects.get(closed_at=None).item == other
    assert post(lead, "pick", second.pk, picked="1", seen=second.digest).status_code == 200


def test_a_sitting_that_went_cold_stands_in_nobodys_way(lead, item):
    f.make_ambiguities(item, 1)
    other = f.make_item(item.project, text="Delete a group")
    f.make_ambiguities(other, 1)
    post(lead, "sit_down", item.pk)
    Sitting.objects.update(last_at=clock.now() - dt.timedelta(minutes=16))
    html = shown(lead, other)
    assert "You are aligning" not in html
    assert 'hx-trigger="load"' in html


def test_what_it_took_is_shown(lead, item):
    first, second = f.make_ambiguities(item, 2)
    post(lead, "pick", first.pk, picked="1", seen=first.digest, keys="2")
    assert "of your attention so far" in shown(lead, item)
    post(lead, "pick", second.pk, picked="1", seen=second.digest, keys="1")
    assert "3 key presses for 2 decisions" in shown(lead, item)
    post(lead, "reopen", second.pk, keys="²")
    assert effort_of(item).keys == 3


def test_loading_is_shown_and_taken_back(lead, item):
    f.make_ambiguities(item, 1)
    assert "Load when aligned" in shown(lead, item)
    assert "Loaded when aligned" in post(lead, "hold", item.pk, hold="1").content.decode()
    assert "Load when aligned" in post(lead, "hold", item.pk, hold="0").content.decode()


def test_how_it_is_aligned_and_why_is_said_in_a_line(lead, item):
    f.make_ambiguities(item, 1)
    line = part(shown(lead, item), 'class="plan-line"', "</div>")
    assert "Questions first" in line
    assert "the request has only 5 words; what it means is asked first" in line
