"""An item's pages, and writing, dropping and judging one."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from leadroom.agents.actions import stop
from leadroom.agents.enums import Role, RunState
from leadroom.agents.models import Run
from leadroom.ledger.models import Entry
from leadroom.projects.enums import Stage
from leadroom.projects.models import Project, WorkItem
from leadroom.requirements.actions import resolve
from leadroom.requirements.contract import to_markdown
from leadroom.verification.actions import break_off, claim, request
from leadroom.worktrees.actions import register_tree
from leadroom.worktrees.keeping import control_of
from tests import factories as f
from tests.worktrees.repositories import small_repository

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>\u202e"
HTMX = {"HX-Request": "true"}
TABS = ("", "alignment/", "plan/", "streams/", "changes/", "verification/", "reports/", "sources/")


@pytest.fixture
def project(client: Client) -> Project:
    project = f.make_project()
    client.force_login(f.lead_of(project))
    return project


def get(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


class TestWriting:
    def test_a_request_becomes_an_item_word_for_word(self, client: Client, project: Project) -> None:
        text = "  Split by shares.\r\n\r\n  The cents add up.\r\n"
        answer = client.post("/items/new/", {"project": project.pk, "request": text, "title": ""})
        item = WorkItem.objects.get()
        assert answer.headers["Location"] == f"/items/{item.pk}/"
        assert item.request == text.replace("\r\n", "\n")
        assert item.title == "Split by shares."
        assert item.stitch_owner == f.lead_of(project)

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("", "The request is empty"),
            (" \n ", "The request is empty"),
            ("x" * 50_001, "50,001 characters; 50,000 is the limit"),
            ("x" * 100_000, "100,000 characters"),
            ("a\x00b", "NUL"),
        ],
    )
    @pytest.mark.parametrize("headers", [{}, HTMX])
    def test_what_cannot_be_used_stays_in_the_form(
        self, client: Client, project: Project, text: str, sentence: str, headers: dict[str, str]
    ) -> None:
        data = {"project": project.pk, "request": text, "title": "Mine"}
        answer = client.post("/items/new/", data, headers=headers)
        html = answer.content.decode()
        assert answer.status_code == 422
        assert sentence in html
        assert f">{text}</textarea>" in html
        assert 'value="Mine"' in html
        assert not WorkItem.objects.exists()

    def test_a_file_is_the_request_and_what_was_typed_stands_before_it(self, client: Client, project: Project) -> None:
        text = "---\nowner: ana\n---\n\n# Split by shares\r\n\r\n## Why\n\nRooms differ.\n"
        file = SimpleUploadedFile("C:\\docs\\prd.md", b"\xef\xbb\xbf" + text.encode())
        client.post("/items/new/", {"project": project.pk, "request": "", "file": file})
        item = WorkItem.objects.get()
        assert item.request == text.replace("\r\n", "\n")
        assert (item.title, item.origin, item.origin_ref) == ("Split by shares", "document", "prd.md")
        file = SimpleUploadedFile("prd.md", text.encode())
        client.post("/items/new/", {"project": project.pk, "request": "Only the part on rooms.", "file": file})
        both = WorkItem.objects.latest("pk")
        assert both.request == "Only the part on rooms.\n\n" + text.replace("\r\n", "\n")
        assert both.title == "Split by shares"

    def test_a_pasted_issue_keeps_where_it_came_from_as_a_link(self, client: Client, project: Project) -> None:
        ref = 'https://example.org/ana/evenly/issues/12?q="><script>'
        data = {"project": project.pk, "request": "Cents get lost #12\n\nThree split 10.00.", "ref": ref}
        client.post("/items/new/", data)
        item = WorkItem.objects.get()
        assert (item.title, item.origin, item.origin_ref) == ("Cents get lost", "issue", ref)
        page = get(client, f"/items/{item.pk}/")
        assert "<dd>Issue</dd>" in page
        assert 'href="https://example.org/ana/evenly/issues/12?q=&quot;&gt;&lt;script&gt;" rel="noopener' in page

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"ref": "javascript:alert(1)"}, "must be a whole address that begins with http"),
            ({"file": SimpleUploadedFile("x.md", "Größe".encode("latin-1"))}, "The file is not text in UTF-8"),
            ({"file": SimpleUploadedFile("x.md", b"x" * 200_001)}, "The file has 200,001 bytes; 200,000 is the limit"),
            ({"file": SimpleUploadedFile("x.md", b" \n")}, "The file is empty"),
            ({"file": SimpleUploadedFile("x.md", b"a\x00b")}, "NUL characters"),
            ({"request": "https://example.org/issues/1"}, "only an address, and Leadroom fetches no requests"),
        ],
    )
    def test_what_was_typed_outlives_what_was_wrong(
        self, client: Client, project: Project, given: dict[str, Any], words: str
    ) -> None:
        typed = {"request": "Split by shares.", "ref": "https://example.org/issues/2", "title": "Mine"}
        if file := given.get("file"):
            file.seek(0)
        answer = client.post("/items/new/", {"project": project.pk, **typed, **given})
        html = answer.content.decode()
        assert answer.status_code == 422
        assert words in html
        assert f">{given.get('request', 'Split by shares.')}</textarea>" in html
        assert f'value="{given.get("ref", typed["ref"])}"' in html
        assert not WorkItem.objects.exists()

    def test_a_request_that_is_a_document_already_can_be_imported(self, client: Client, project: Project) -> None:
        text = to_markdown(f.document_shape(), number=1, digest="", item_title="Split")
        client.post("/items/new/", {"project": project.pk, "request": text})
        item = WorkItem.objects.get()
        page = get(client, f"/items/{item.pk}/")
        assert "already is a requirements document (1 goal, 2 criteria)" in page
        assert "a document with acceptance criteria; only what it leaves open is proposed" in page
        link = f"/align/{item.pk}/import/?from=request"
        assert f'href="{link}"' in page
        f.make_ambiguities(item, 1)
        assert "AC-002" in get(client, link)
        client.post(f"/align/{item.pk}/import/", {"text": text})
        assert item.revisions.get().body == f.document_shape()
        assert "already is a requirements document" not in get(client, f"/items/{item.pk}/")

    def test_a_request_at_the_limit_is_taken(self, client: Client, project: Project) -> None:
        client.post("/items/new/", {"project": project.pk, "request": "x" * 50_000})
        assert len(WorkItem.objects.get().request) == 50_000

    def test_only_projects_one_leads_are_offered_or_taken(self, client: Client, project: Project) -> None:
        viewer = f.make_viewer(project)
        client.force_login(viewer)
        assert "No project of yours yet" in get(client, "/items/new/")
        assert client.post("/items/new/", {"project": project.pk, "request": "Do it"}).status_code == 422
        assert not WorkItem.objects.exists()

    def test_the_project_of_the_link_is_chosen(self, client: Client, project: Project) -> None:
        other = f.make_project(f.lead_of(project), name="Another")
        assert f'value="{project.pk}" selected' in get(client, f"/items/new/?project={project.slug}")
        assert f'value="{other.pk}" selected' in get(client, f"/items/new/?project={other.slug}")


class TestPages:
    def test_every_tab_answers_as_a_page_and_as_a_region(self, client: Client, project: Project) -> None:
        items = [
            f.make_item(project),
            f.make_plan(f.make_aligned_item(project)).item,
            f.make_stitch(f.make_aligned_item(project)).item,
        ]
        f.make_report(items[0])
        for item in items:
            for tab in TABS:
                page = get(client, f"/items/{item.pk}/{tab}")
                assert page.count("<h1") == 1
                region = get(client, f"/items/{item.pk}/{tab}?region=1")
                assert region.strip().startswith(f'<section id="item-{item.pk}-')
                assert f'hx-get="/items/{item.pk}/{tab}?region=1"' in region
                assert region.strip() in page

    def test_the_head_says_whose_move_it_is(self, client: Client, project: Project) -> None:
        item = f.make_item(project)
        f.make_ambiguities(item, 2)
        page = get(client, f"/items/{item.pk}/")
        assert "Your turn: Pick 2 answers." in page
        assert f'href="/align/{item.pk}/"' in page
        head = get(client, f"/items/{item.pk}/head/plan/")
        assert head.strip().startswith(f'<div id="item-{item.pk}-head"')
        assert 'id="tab-plan" aria-current="page"' in head
        assert client.get(f"/items/{item.pk}/head/nonsense/").status_code == 404

    def test_the_stepper_tells_times_and_returns(self, client: Client, project: Project) -> None:
        item = f.make_stitch(f.make_aligned_item(project)).item
        page = get(client, f"/items/{item.pk}/")
        steps = re.findall(r'<li data-step="(\w+)"', page)
        assert steps == ["done", "done", "done", "done", "now", "next"]

    def test_alignment_shows_decisions_and_document(self, client: Client, project: Project) -> None:
        item = f.make_aligned_item(project)
        page = get(client, f"/items/{item.pk}/alignment/")
        for words in ("The first named of A-001", "AC-002", "No cent is lost.", "High confidence", "Percentages."):
            assert words in page
        assert f.lead_of(project).username in page

    def test_the_plan_shows_cases_and_coverage(self, client: Client, project: Project) -> None:
        plan = f.make_plan(f.make_aligned_item(project))
        page = get(client, f"/items/{plan.item_id}/plan/")
        assert "Parts add up in I-001" in page
        assert page.count('data-cell="covered"') == 6
        assert f'href="/plans/{plan.pk}/"' in page

    def test_verification_shows_every_case_with_what_failed(self, client: Client, project: Project) -> None:
        plan = f.make_frozen_plan(f.make_aligned_item(project))
        f.make_verification(plan, failing=("I-001",))
        page = get(client, f"/items/{plan.item_id}/verification/")
        assert "2 of 3 cases passed" in page
        assert "assert 3 == 4" in page
        assert "3 passed" in page

    def test_sources_and_history_come_from_the_ledger(self, client: Client, project: Project) -> None:
        item = f.make_aligned_item(project)
        page = get(client, f"/items/{item.pk}/sources/")
        assert "evenly/group.py:10" in page
        assert "ambiguity resolved" in page
        assert "item created" in page

    def test_changes_are_the_developers_diff(self, client: Client, tmp_path: Path, settings: Any) -> None:
        settings.HOME_DIR = tmp_path / "home"
        (settings.HOME_DIR / "run").mkdir(parents=True)
        source = small_repository(tmp_path / "source")
        project = f.make_project(source=str(source.path))
        client.force_login(f.lead_of(project))
        control = control_of(project)
        base = control.head("main")
        source.commit(evenly_py=f"SHARE = 2  # {HOSTILE}\n")
        head = control.refresh(source=source.path, branch="main").new
        item = f.make_item(project)
        run = f.make_running_run(item, Role.DEVELOPER)
        register_tree(run=run, base=base, head=head, by=f.PIPELINE, now=f.NOW)
        page = get(client, f"/items/{item.pk}/changes/")
        assert "1 file changed by attempt 1" in page
        assert "evenly.py" in page
        assert "<script>alert" not in page

    def test_changes_without_a_repository_say_why(
        self, client: Client, project: Project, tmp_path: Path, settings: Any
    ) -> None:
        settings.HOME_DIR = tmp_path
        (tmp_path / "run").mkdir()
        item = f.make_item(project)
        run = f.make_running_run(item, Role.DEVELOPER)
        register_tree(run=run, base="a" * 40, head="b" * 40, by=f.PIPELINE, now=f.NOW)
        assert "does not exist" in get(client, f"/items/{item.pk}/changes/")

    def test_strangers_get_404_everywhere(self, client: Client, project: Project) -> None:
        item = f.make_item(project)
        client.force_login(f.make_user())
        for tab in TABS:
            assert client.get(f"/items/{item.pk}/{tab}").status_code == 404
        for verb in ("drop", "risk", "verify-again", "start-again"):
            assert client.post(f"/items/{item.pk}/{verb}/").status_code == 404

    def test_hostile_words_are_shown_as_words(self, client: Client, project: Project) -> None:
        item = f.make_item(project, text=HOSTILE, title=HOSTILE)
        f.make_ambiguities(item, 1, question=HOSTILE, why=HOSTILE)
        f.make_document(item, title=HOSTILE, scope_boundary=HOSTILE, non_goals=[HOSTILE])
        f.make_report(item, summary=HOSTILE, unsure=[HOSTILE])
        for tab in TABS:
            html = get(client, f"/items/{item.pk}/{tab}")
            assert "<script>alert" not in html
            assert "\u202e" not in html

    def test_the_alignment_says_what_it_took(self, client: Client, project: Project) -> None:
        item = f.make_item(project)
        tab = f"/items/{item.pk}/alignment/"
        assert "none of anybody so far" in get(client, tab)
        lead = f.lead_of(project)
        for n, row in enumerate(f.make_ambiguities(item, 2), start=1):
            at = f.NOW + dt.timedelta(seconds=30 * n)
            given = {"seen_digest": row.digest, "picked": 1, "user_id": lead.pk, "keys": n}
            resolve(ambiguity=row, by=f.human(lead), now=at, **given)
        facts = get(client, tab).partition('-effort">')[2].partition("</dl>")[0]
        said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", facts))
        assert "Strategy Questions first the request has only 5 words; what it means is asked first" in said
        assert "Attention 30 s" in said
        assert "Decisions 2 Key presses 3 1.5 for each decision Rounds 0 of questions" in said

    @pytest.mark.parametrize("count", [1, 3])
    def test_the_number_of_queries_does_not_grow(
        self, client: Client, project: Project, count: int, django_assert_num_queries: Any
    ) -> None:
        item = f.make_item(project)
        f.make_ambiguities(item, count)
        for _ in range(count):
            f.make_report(item)
        for tab, queries in QUERIES.items():
            client.get(f"/items/{item.pk}/{tab}?region=1")
            with django_assert_num_queries(queries):
                client.get(f"/items/{item.pk}/{tab}?region=1")


QUERIES = {"alignment/": 13, "streams/": 7, "reports/": 6, "sources/": 8}


class TestMoves:
    def test_dropping_asks_for_the_number(self, client: Client, project: Project) -> None:
        f.make_item(project)
        item = f.make_item(project)
        wrong = client.post(f"/items/{item.pk}/drop/", {"number": "1"}, headers=HTMX)
        assert wrong.status_code == 422
        assert "type its number, 2" in wrong.headers["HX-Trigger"]
        item.refresh_from_db()
        assert item.stage == Stage.ALIGN
        right = client.post(f"/items/{item.pk}/drop/", {"number": " #2 "}, headers=HTMX)
        assert right.headers["HX-Redirect"] == f"/items/{item.pk}/"
        item.refresh_from_db()
        assert item.stage == Stage.DROPPED
        assert "The item is dropped already" in get(client, f"/items/{item.pk}/")

    def test_a_risk_needs_a_reason_and_is_kept_with_the_name(self, client: Client, project: Project) -> None:
        item = f.make_item(project)
        for data in (
            {"risk": "critical", "reason": " "},
            {"risk": "none", "reason": "x"},
            {"risk": "light", "reason": "x" * 501},
        ):
            assert client.post(f"/items/{item.pk}/risk/", data, headers=HTMX).status_code == 422
        client.post(f"/items/{item.pk}/risk/", {"risk": "critical", "reason": "It moves money"})
        item.refresh_from_db()
        assert (item.risk, item.risk_reason) == ("critical", "It moves money")
        entry = Entry.objects.filter(verb="projects.item.risk_set").last()
        assert entry is not None
        assert entry.actor_name == f.lead_of(project).username

    def test_viewers_are_told_before_and_refused_after(self, client: Client, project: Project) -> None:
        item = f.make_item(project)
        client.force_login(f.make_viewer(project))
        page = get(client, f"/items/{item.pk}/")
        assert "only its lead decides here" in page
        answer = client.post(f"/items/{item.pk}/drop/", {"number": item.number})
        assert answer.status_code == 403
        assert "only its lead decides here" in answer.content.decode()

    def test_a_verification_that_could_not_run_runs_again(self, client: Client, project: Project) -> None:
        plan = f.make_frozen_plan(f.make_aligned_item(project))
        assert client.post(f"/items/{plan.item_id}/verify-again/", headers=HTMX).status_code == 422
        verification = request(item=plan.item, plan=plan, commit="d" * 40, by=f.PIPELINE, now=f.NOW)
        claim(verification_id=verification.pk, host="here", now=f.NOW)
        verification.refresh_from_db()
        break_off(verification=verification, problem="No space left.", now=f.NOW)
        page = get(client, f"/items/{plan.item_id}/verification/")
        assert "No space left." in page
        assert f'hx-post="/items/{plan.item_id}/verify-again/"' in page
        assert client.post(f"/items/{plan.item_id}/verify-again/", headers=HTMX).status_code == 204
        verification.refresh_from_db()
        assert verification.state == "QUEUED"
        assert client.post(f"/items/{plan.item_id}/verify-again/", headers=HTMX).status_code == 403

    def test_a_stopped_run_can_be_started_again(self, client: Client, project: Project) -> None:
        item = f.make_item(project)
        run = f.make_running_run(item)
        stop(run=run, by=f.human(f.lead_of(project)), now=f.NOW)
        assert "Start again" in get(client, f"/items/{item.pk}/")
        assert client.post(f"/items/{item.pk}/start-again/", headers=HTMX).status_code == 204
        assert Run.objects.filter(item=item, state=RunState.QUEUED, attempt=2).exists()
        assert client.post(f"/items/{item.pk}/start-again/", headers=HTMX).status_code == 403

    def test_writes_are_posts(self, client: Client, project: Project) -> None:
        item = f.make_item(project)
        for verb in ("drop", "risk", "verify-again", "start-again"):
            assert client.get(f"/items/{item.pk}/{verb}/").status_code == 405
