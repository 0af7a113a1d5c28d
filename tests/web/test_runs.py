"""Runs: the list, one run's transcript and facts, and what a lead does to it."""

import re
from typing import Any

import pytest
from django.test import Client

from leadroom.agents import holding
from leadroom.agents.enums import EventKind, Phase, Role, RunState
from leadroom.agents.models import Elicitation, Run, RunNote
from leadroom.projects.models import Project
from leadroom.web.runs import presenters
from leadroom.worktrees.actions import register_tree
from tests import factories as f

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>\u202e"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def project(client: Client) -> Project:
    project = f.make_project()
    client.force_login(f.lead_of(project))
    return project


@pytest.fixture
def run(project: Project) -> Run:
    return f.make_running_run(f.make_item(project), Role.DEVELOPER)


def get(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def write(run: Run, *texts: str, kind: EventKind = EventKind.MESSAGE, **payload: Any) -> None:
    lines = [holding.Line(kind, {"text": text, **payload}, f.NOW) for text in texts]
    holding.append_events(run=run, lines=lines, now=f.NOW)


def seqs(html: str) -> list[int]:
    return [int(number) for number in re.findall(r'data-seq="(\d+)"', html)]


class TestTranscript:
    def test_the_page_holds_every_row_and_says_where_it_is(self, client: Client, run: Run) -> None:
        write(run, "first words", "second words")
        html = get(client, f"/runs/{run.pk}/")
        run.refresh_from_db()
        assert seqs(html) == list(range(1, run.last_seq + 1))
        assert f'data-tail="run.{run.pk}" data-after="{run.last_seq}"' in html
        assert "second words" in html

    def test_a_long_run_shows_its_end_and_loads_what_came_before(
        self, client: Client, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(presenters, "EVENTS_SHOWN", 4)
        write(run, *(f"line {n}" for n in range(2, 11)))  # seq 1 is the start of the run
        page = get(client, f"/runs/{run.pk}/")
        assert seqs(page) == [7, 8, 9, 10]
        assert 'data-after="10"' in page
        shown = seqs(page)
        while link := re.search(r'hx-get="(/runs/\d+/earlier/\?before=\d+)"', page):
            page = get(client, link.group(1))
            assert "<html" not in page
            shown = seqs(page) + shown
        assert shown == list(range(1, 11))

    def test_an_earlier_part_is_a_page_of_its_own_and_not_live(self, client: Client, run: Run) -> None:
        write(run, "one", "two")
        html = get(client, f"/runs/{run.pk}/?before=3")
        assert seqs(html) == [1, 2]
        assert 'data-tail="run' not in html
        assert "To the newest" in html

    @pytest.mark.parametrize("before", ["x", "-1", "1e3", "9" * 30, "²"])
    def test_a_position_that_is_none_is_refused(self, client: Client, run: Run, before: str) -> None:
        for path in (f"/runs/{run.pk}/", f"/runs/{run.pk}/earlier/", "/runs/"):
            assert client.get(path, {"before": before}).status_code == 422

    def test_search_finds_words_anywhere_in_a_row(self, client: Client, run: Run) -> None:
        write(run, "Größe und Maß", "something else")
        write(run, "", kind=EventKind.TOOL_CALL, id="t", name="run_command", input={"command": "grep GRÖSSE"})
        assert seqs(get(client, f"/runs/{run.pk}/?q=GRÖßE")) == [2, 4]
        html = get(client, f"/runs/{run.pk}/?q=grep")
        assert seqs(html) == [4]
        assert "1 row with" in html
        assert 'data-tail="run' not in html
        assert "reads like that" in get(client, f"/runs/{run.pk}/?q=nowhere")

    def test_hostile_words_are_shown_as_words(self, client: Client, run: Run) -> None:
        write(run, HOSTILE)
        write(run, HOSTILE, kind=EventKind.TOOL_RESULT, id=HOSTILE, name=HOSTILE, paths=[HOSTILE], diff=HOSTILE)
        Run.objects.filter(pk=run.pk).update(brief=HOSTILE, model=HOSTILE, last_line=HOSTILE)
        for path in (f"/runs/{run.pk}/", f"/runs/{run.pk}/?q=alert", "/runs/", f"/runs/{run.pk}/facts/"):
            html = get(client, path)
            assert "<script>alert" not in html
            assert "\u202e" not in html

    def test_strangers_get_404_everywhere(self, client: Client, run: Run) -> None:
        question = f.make_question(f.make_item(run.item.project))
        client.force_login(f.make_user())
        for part in ("", "earlier/?before=2", "facts/", "controls/", "box/"):
            assert client.get(f"/runs/{run.pk}/{part}").status_code == 404
        for verb in ("steer", "stop", "retry"):
            assert client.post(f"/runs/{run.pk}/{verb}/").status_code == 404
        assert client.post(f"/runs/questions/{question.pk}/answer/", {"text": "Yes"}).status_code == 404
        assert f"/runs/{run.pk}/" not in get(client, "/runs/")


class TestFacts:
    def test_they_tell_what_works_on_what(self, client: Client, run: Run) -> None:
        register_tree(run=run, base="a" * 40, head="b" * 40, by=f.PIPELINE, now=f.NOW)
        for name, is_error in (("edit_file", False), ("edit_file", False), ("read_file", False), ("edit_file", True)):
            path = "broken.py" if is_error else f"evenly/{name[:4]}.py"
            write(run, "", kind=EventKind.TOOL_RESULT, id="t", name=name, paths=[path], is_error=is_error)
        holding.append_events(
            run=run, lines=[], now=f.NOW, phase=Phase.CODE, model="good-one", input_tokens=12_000, output_tokens=345
        )
        html = get(client, f"/runs/{run.pk}/facts/")
        assert html.strip().startswith(f'<aside class="panel" id="run-{run.pk}-facts"')
        assert "12k in, 345 out" in html
        assert "good-one" in html
        assert "evenly/edit.py" in html
        assert "written 2×" in html
        assert "broken.py" not in html
        assert html.index("evenly/edit.py") < html.index("evenly/read.py")
        assert "aaaaaaaaaa..bbbbbbbbbb" in html
        assert re.findall(r'<li data-step="(\w+)"', html) == ["done", "done", "now", "next"]

    def test_only_a_run_at_work_is_looked_at_again_by_the_clock(self, client: Client, run: Run) -> None:
        assert "every 5s" in get(client, f"/runs/{run.pk}/facts/")
        f.finish_run(run)
        assert "every 5s" not in get(client, f"/runs/{run.pk}/facts/")


class TestQuestions:
    def test_options_have_keys_and_the_recommended_one_is_marked(self, client: Client, project: Project) -> None:
        question = f.make_question(f.make_item(project), options=("No", "Yes, rename it"))
        Elicitation.objects.filter(pk=question.pk).update(recommendation="Yes, rename it: nobody uses it.")
        html = get(client, f"/runs/{question.run_id}/controls/")
        assert f'id="question-{question.pk}"' in html
        buttons = re.findall(r'<button class="(btn[^"]*)" data-key="(\d)"', html)
        assert buttons == [("btn", "1"), ("btn btn-primary", "2")]
        assert "May I rename it?" in html

    def test_an_answer_goes_to_the_agent(self, client: Client, project: Project) -> None:
        question = f.make_question(f.make_item(project))
        answer = client.post(f"/runs/questions/{question.pk}/answer/", {"text": "Yes"}, headers=HTMX)
        assert answer.status_code == 204
        run = Run.objects.get(pk=question.run_id)
        assert run.state == RunState.QUEUED
        assert "Yes" in run.notes.get().text
        assert f'id="question-{question.pk}"' not in get(client, f"/runs/{run.pk}/")

    def test_the_second_answer_is_refused_and_says_which_counts(self, client: Client, project: Project) -> None:
        question = f.make_question(f.make_item(project))
        url = f"/runs/questions/{question.pk}/answer/"
        client.post(url, {"text": "Yes"})
        second = client.post(url, {"text": "No"}, headers=HTMX)
        assert second.status_code == 403
        assert "the first answer was sent" in second.headers["HX-Trigger"]
        assert Elicitation.objects.get(pk=question.pk).answer == "Yes"

    def test_an_empty_answer_is_not_sent(self, client: Client, project: Project) -> None:
        question = f.make_question(f.make_item(project))
        assert client.post(f"/runs/questions/{question.pk}/answer/", {"text": " "}).status_code == 422

    def test_viewers_see_the_question_and_why_they_do_not_answer(self, client: Client, project: Project) -> None:
        question = f.make_question(f.make_item(project))
        client.force_login(f.make_viewer(project))
        html = get(client, f"/runs/{question.run_id}/")
        assert "May I rename it?" in html
        assert "only its lead decides here" in html
        assert "/answer/" not in html.split('class="card-foot"')[1].split("</div>")[0]
        assert client.post(f"/runs/questions/{question.pk}/answer/", {"text": "Yes"}).status_code == 403


class TestSteering:
    def test_a_note_is_left_and_the_box_comes_back_empty(self, client: Client, run: Run) -> None:
        answer = client.post(f"/runs/{run.pk}/steer/", {"text": "Mind the cents."}, headers=HTMX)
        html = answer.content.decode()
        assert answer.status_code == 200
        assert html.strip().startswith(f'<section class="panel" id="run-{run.pk}-steer"')
        assert "Not read yet: " in html
        assert re.search(r"<textarea[^>]*></textarea>", html)
        assert RunNote.objects.get().text == "Mind the cents."

    def test_an_empty_note_is_not_sent(self, client: Client, run: Run) -> None:
        assert client.post(f"/runs/{run.pk}/steer/", {"text": ""}, headers=HTMX).status_code == 422

    def test_a_run_that_ended_says_so_instead(self, client: Client, run: Run) -> None:
        f.finish_run(run)
        html = get(client, f"/runs/{run.pk}/box/")
        assert "nobody would read the note" in html
        assert "<textarea" not in html
        assert client.post(f"/runs/{run.pk}/steer/", {"text": "Hello"}).status_code == 403

    def test_stopping_ends_it(self, client: Client, run: Run) -> None:
        assert 'data-opens="stop-dialog"' in get(client, f"/runs/{run.pk}/")
        assert client.post(f"/runs/{run.pk}/stop/").headers["Location"] == f"/runs/{run.pk}/"
        run.refresh_from_db()
        assert run.state == RunState.CANCELLED
        assert client.post(f"/runs/{run.pk}/stop/", headers=HTMX).status_code == 403
        assert f'hx-post="/items/{run.item_id}/start-again/"' in get(client, f"/runs/{run.pk}/")

    @pytest.mark.parametrize("is_lost", [True, False])
    def test_a_run_that_broke_off_says_why_and_is_resumed(
        self, client: Client, project: Project, is_lost: bool
    ) -> None:
        run = f.make_stopped_run(f.make_item(project), is_lost=is_lost)
        html = get(client, f"/runs/{run.pk}/")
        assert run.failure in html
        assert 'data-key-label="Resume this run"' in html
        assert client.post(f"/runs/{run.pk}/retry/", headers=HTMX).status_code == 204
        run.refresh_from_db()
        assert run.state == RunState.QUEUED
        assert client.post(f"/runs/{run.pk}/retry/", headers=HTMX).status_code == 403

    def test_writes_are_posts_of_leads(self, client: Client, run: Run) -> None:
        for verb in ("steer", "stop", "retry"):
            assert client.get(f"/runs/{run.pk}/{verb}/").status_code == 405
        client.force_login(f.make_viewer(run.item.project))
        for verb in ("steer", "stop", "retry"):
            assert client.post(f"/runs/{run.pk}/{verb}/", {"text": "x"}).status_code == 403
        run.refresh_from_db()
        assert run.state == RunState.RUNNING


class TestIndex:
    def test_it_filters_by_state_and_role(self, client: Client, run: Run) -> None:
        lost = f.make_stopped_run(f.make_item(run.item.project), Role.PLANNER)

        def shown(query: str) -> set[int]:
            return {int(pk) for pk in re.findall(r'id="run-(\d+)-row"', get(client, f"/runs/{query}"))}

        assert shown("") == {run.pk, lost.pk}
        assert shown("?state=LOST") == {lost.pk}
        assert shown("?role=developer") == {run.pk}
        assert shown("?state=LOST&role=developer") == set()
        assert shown("?state=%3Cb%3E") == {run.pk, lost.pk}

    def test_pages_follow_each_other_without_gap(
        self, client: Client, project: Project, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(presenters, "RUNS_SHOWN", 2)
        runs = [f.make_run(f.make_item(project), Role.DEVELOPER).pk for _ in range(5)]
        found: list[int] = []
        query = "?role=developer"
        while query:
            html = get(client, f"/runs/{query}")
            found += [int(pk) for pk in re.findall(r'id="run-(\d+)-row"', html)]
            link = re.search(r'href="(\?before=[^"]+)">Older', html)
            query = link.group(1).replace("&amp;", "&") if link else ""
        assert found == runs[::-1]

    @pytest.mark.parametrize("count", [1, 3])
    def test_the_number_of_queries_does_not_grow(
        self, client: Client, project: Project, count: int, django_assert_num_queries: Any
    ) -> None:
        for _ in range(count):
            run = f.make_running_run(f.make_item(project), Role.DEVELOPER)
            write(run, *["words"] * count)
        with django_assert_num_queries(21):
            client.get("/runs/")
        with django_assert_num_queries(7):
            client.get(f"/runs/{run.pk}/facts/")
