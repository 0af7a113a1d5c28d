"""The stitch page: proof and risks are read, the owner signs what was shown, or it goes back."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from leadroom.projects.enums import Stage
from leadroom.triage.models import Report
from leadroom.worktrees import joining
from leadroom.worktrees.actions import open_stitch
from leadroom.worktrees.control import ControlRepository
from leadroom.worktrees.enums import StitchState
from leadroom.worktrees.keeping import control_of
from leadroom.worktrees.models import Stitch
from tests import factories

pytestmark = pytest.mark.django_db
SENTENCE = "Shares are whole numbers; halves are written by doubling."
HOLE = {"case": "E-001", "kind": "unclear", "severity": "minor", "text": "Compare fewer words."}


def signed_in(stitch: Stitch) -> Client:
    lead = Client()
    lead.force_login(stitch.item.stitch_owner)
    return lead


def shown(lead: Client, stitch: Stitch) -> str:
    answer = lead.get(reverse("stitch:item", args=[stitch.item_id]))
    assert answer.status_code == 200
    return answer.content.decode()


def post(lead: Client, name: str, stitch: Stitch, **data: str):
    return lead.post(reverse(f"stitch:{name}", args=[stitch.item_id]), data, headers={"HX-Request": "true"})


def toast(answer) -> str:
    return json.loads(answer["HX-Trigger"])["toast"]["text"]


def refused_signature(html: str) -> str:
    """The reason on the sign button, empty when it works."""
    button = html[html.index('id="sign"') :]
    button = button[button.index("<button") : button.index("</button>")]
    return button.partition('data-reason="')[2].partition('"')[0]


def test_the_owner_reads_the_proof_and_the_risks():
    item = factories.make_aligned_item()
    factories.make_frozen_plan(item, findings=[HOLE])
    report = factories.make_report(item)
    stitch = factories.make_stitch(item, plan=item.plans.get())
    html = shown(signed_in(stitch), stitch)
    for words in (
        "3 of 3 cases passed",
        "on this very merge",
        "Compare fewer words.",
        "Reviewer on E-001",
        "No case names a stranger.",
        "Show shares in balances?",
        "Amounts above a million",
        report.summary,
        "34 green",
    ):
        assert words in html
    assert refused_signature(html) == ""


def test_signing_binds_to_the_merge_that_was_shown():
    stitch = factories.make_stitch()
    lead = signed_in(stitch)
    answer = post(lead, "sign", stitch, sentence=SENTENCE, seen="aaa..bbb=ccc")
    assert (answer.status_code, "another merge now" in toast(answer)) == (409, True)
    answer = post(lead, "sign", stitch, sentence=SENTENCE, seen=stitch.digest)
    assert answer.status_code == 204
    stitch.refresh_from_db()
    assert (stitch.state, stitch.sentence, stitch.signed_by) == (StitchState.SIGNED, SENTENCE, stitch.item.stitch_owner)
    assert 'id="sign"' not in shown(lead, stitch)


def test_no_sentence_no_signature():
    stitch = factories.make_stitch()
    answer = post(signed_in(stitch), "sign", stitch, sentence="ok", seen=stitch.digest)
    assert answer.status_code == 422
    assert "nothing was signed" in toast(answer)


def test_the_button_says_in_the_very_words_of_the_rule_why_it_refuses():
    stitch = factories.make_stitch(is_verified=False)
    lead = signed_in(stitch)
    sentence = "The frozen plan has not passed on this very merge yet."
    assert refused_signature(shown(lead, stitch)) == sentence
    answer = post(lead, "sign", stitch, sentence=SENTENCE, seen=stitch.digest)
    assert (answer.status_code, toast(answer)) == (403, sentence)


def test_only_the_owner_signs():
    stitch = factories.make_stitch()
    other = Client()
    other.force_login(factories.make_user(is_superuser=True))
    owner = stitch.item.stitch_owner.get_username()
    assert refused_signature(shown(other, stitch)) == f"{owner} owns this stitch and signs it."
    assert post(other, "sign", stitch, sentence=SENTENCE, seen=stitch.digest).status_code == 403


def test_viewers_look_and_strangers_see_nothing():
    stitch = factories.make_stitch()
    viewer, stranger = Client(), Client()
    viewer.force_login(factories.make_viewer(stitch.item.project))
    stranger.force_login(factories.make_user())
    assert "only its lead decides here" in shown(viewer, stitch)
    assert post(viewer, "send_back", stitch, text="No.").status_code == 403
    for name in ("item", "changes"):
        assert stranger.get(reverse(f"stitch:{name}", args=[stitch.item_id])).status_code == 404
    assert post(stranger, "sign", stitch, sentence=SENTENCE, seen=stitch.digest).status_code == 404


def test_a_conflict_goes_back_in_one_press():
    stitch = factories.make_stitch(conflicts=("evenly/group.py", "<b>README.md"))
    lead = signed_in(stitch)
    html = shown(lead, stitch)
    assert "&lt;b&gt;README.md" in html
    assert "send it back before it can be signed" in refused_signature(html)
    assert post(lead, "send_back", stitch).status_code == 204
    stitch.refresh_from_db()
    stitch.item.refresh_from_db()
    assert (stitch.state, stitch.item.stage) == (StitchState.ABORTED, Stage.BUILD)
    assert "evenly/group.py" in stitch.problem


def test_sending_back_by_choice_needs_words():
    stitch = factories.make_stitch()
    lead = signed_in(stitch)
    assert post(lead, "send_back", stitch, text=" ").status_code == 422
    assert post(lead, "send_back", stitch, text="The refusal should name the share.").status_code == 204
    assert lead.get(reverse("stitch:item", args=[stitch.item_id])).status_code == 200


def test_changes_that_cannot_be_read_say_so():
    stitch = factories.make_stitch()
    html = signed_in(stitch).get(reverse("stitch:changes", args=[stitch.item_id])).content.decode()
    assert "The changes cannot be read" in html


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), "-c", "user.name=Ana", "-c", "user.email=ana@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def source(tmp_path: Path, settings: Any) -> Path:
    """A repository with `main`, and work on `side`; Leadroom's copy of it is nobody else's."""
    settings.HOME_DIR = tmp_path / "home"
    (settings.HOME_DIR / "run").mkdir(parents=True)
    folder = tmp_path / "evenly"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "shares.py").write_text("PARTS = 1\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "Start")
    git(folder, "checkout", "-qb", "side")
    (folder / "shares.py").write_text("PARTS = 2\n")
    git(folder, "commit", "-qam", "Work")
    git(folder, "checkout", "-q", "main")
    return folder


def test_a_real_join_is_shown_signed_merged_and_published(source):
    project = factories.make_project(source=str(source))
    control = control_of(project)
    git(control.path, "fetch", "-q", str(source), "side:refs/leadroom/test")
    plan = factories.make_frozen_plan(factories.make_aligned_item(project))
    item = plan.item
    factories.move(item, Stage.VERIFY)
    stitch = open_stitch(item=item, commit=git(source, "rev-parse", "side"), by=factories.PIPELINE, now=factories.NOW)
    joining.try_merge(stitch=stitch, now=factories.NOW)
    factories.make_verification(plan, commit=stitch.trial)
    factories.move(item, Stage.STITCH)
    lead = signed_in(stitch)

    html = lead.get(reverse("stitch:changes", args=[item.pk])).content.decode()
    assert "1 file changed" in html
    assert "shares.py" in html
    assert post(lead, "sign", stitch, sentence=SENTENCE, seen=stitch.digest).status_code == 204
    stitch.refresh_from_db()
    joining.merge_signed(stitch=stitch, now=factories.NOW)
    joining.publish_merge(stitch=stitch, now=factories.NOW)

    html = shown(lead, stitch)
    branch = stitch.published_ref.removeprefix("refs/heads/")
    assert stitch.merge_commit in html
    assert "signature verified" in html
    assert f"git merge {branch}" in html
    git(source, "merge", "-q", branch)
    assert (source / "shares.py").read_text() == "PARTS = 2\n"
    assert ControlRepository(project.control_path).head("main") == stitch.merge_commit


def test_the_queue_puts_what_waits_first():
    waiting = factories.make_stitch()
    signed = factories.make_stitch(factories.make_aligned_item(waiting.item.project, text="Totals"))
    post(signed_in(signed), "sign", signed, sentence=SENTENCE, seen=signed.digest)
    html = signed_in(waiting).get(reverse("stitch:queue")).content.decode()
    assert html.index(f'id="stitch-row-{waiting.pk}"') < html.index(f'id="stitch-row-{signed.pk}"')


@pytest.mark.django_db(transaction=True)  # inside a transaction, Postgres also shares the switch
@pytest.mark.parametrize("count", [1, 3])
def test_the_number_of_queries_does_not_grow(count, django_assert_num_queries):
    project = factories.make_project()
    for n in range(count):
        stitch = factories.make_stitch(factories.make_aligned_item(project, text=f"Item {n}"))
    for n in range(count - 1):
        factories.make_report(stitch.item, summary=f"Report {n}")
    factories.make_report(stitch.item)
    assert Report.objects.count() == count
    lead = signed_in(stitch)
    for url, queries in ((reverse("stitch:queue"), 21), (reverse("stitch:item", args=[stitch.item_id]), 42)):
        lead.get(url)
        with django_assert_num_queries(queries):
            lead.get(url)
