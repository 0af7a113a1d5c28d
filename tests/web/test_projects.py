"""Projects: connecting a repository with open eyes, its settings and its models."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from leadroom.agents.models import Agent, Endpoint
from leadroom.agents.queries import model_access
from leadroom.projects.enums import Publish
from leadroom.projects.models import Project
from leadroom.requirements.actions import hand_over, resolve
from leadroom.requirements.models import Ambiguity
from leadroom.requirements.queries import memory_of
from tests import factories as f
from tests.worktrees.repositories import UserRepository, small_repository

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def home(tmp_path: Path, settings: Any) -> Path:
    folder = tmp_path / "home"
    (folder / "run").mkdir(parents=True)
    settings.HOME_DIR = folder
    return folder


@pytest.fixture
def admin(client: Client, home: Path) -> Client:
    client.force_login(f.make_user("root", is_superuser=True))
    return client


@pytest.fixture
def source(tmp_path: Path) -> UserRepository:
    return small_repository(tmp_path / "user" / "shop")


def look(client: Client, path: object) -> str:
    answer = client.post("/projects/new/", {"path": str(path)})
    html = answer.content.decode()
    assert answer.status_code == (422 if 'aria-invalid="true"' in html else 200)
    assert not Project.objects.exists()
    return html


def details(source: UserRepository, **changes: str) -> dict[str, str]:
    given = {"name": "Shop", "branch": "main", "publish": "branch", "setup_command": "", "connect": "1"}
    return {"path": str(source.path), **given, **changes}


class TestConnecting:
    def test_a_look_tells_what_is_there_and_creates_nothing(self, admin: Client, source: UserRepository) -> None:
        source.write("notes.txt", "not committed")
        hook = source.path / ".git" / "hooks" / "post-checkout"
        hook.write_text("#!/bin/sh\ntouch ../ran\n")
        hook.chmod(0o755)
        before = source.digest()
        html = look(admin, source.path)
        assert "1 file in the checkout not committed" in html
        assert "Hooks are never run by Leadroom; this repository has post-checkout." in html
        assert 'value="shop"' in html
        assert 'value="main"' in html
        assert source.digest() == before

    def test_a_yes_makes_the_project_its_agents_and_its_copy(self, admin: Client, source: UserRepository) -> None:
        answer = admin.post("/projects/new/", details(source, setup_command="make ready"))
        project = Project.objects.get()
        assert answer.headers["Location"] == f"/projects/{project.slug}/"
        assert (project.name, project.default_branch, project.setup_command) == ("Shop", "main", "make ready")
        assert project.source == source.path
        assert Agent.objects.filter(project=project).count() == 5
        assert project.control_path.is_dir()
        assert "root" in admin.get(f"/projects/{project.slug}/").content.decode()

    @pytest.mark.parametrize(
        ("make", "sentence"),
        [
            (lambda path: path / "nowhere", "does not exist"),
            (lambda path: _file(path / "a.txt"), "is not a folder"),
            (lambda path: _folder(path / "plain"), "not a git repository"),
            (lambda path: UserRepository(path / "empty").path, "has no commit"),
            (lambda path: "relative/path", "Give the whole path"),
            (lambda path: "", "Say where the repository is"),
            (lambda path: "/" + "x" * 1_200, "at most 1000 characters"),
            (lambda path: f"{path}/\x00", "Null characters"),
        ],
    )
    def test_what_cannot_be_used_is_said_beside_the_field(
        self, admin: Client, tmp_path: Path, make: Any, sentence: str
    ) -> None:
        given = str(make(tmp_path))
        html = look(admin, given)
        assert sentence in html
        assert f'value="{given}"' in html
        assert 'id="connect-form"' not in html

    def test_a_branch_that_is_not_there_keeps_what_was_typed(self, admin: Client, source: UserRepository) -> None:
        answer = admin.post("/projects/new/", details(source, branch="gone", name="My shop"))
        html = answer.content.decode()
        assert answer.status_code == 422
        assert "has no branch" in html
        assert 'value="My shop"' in html
        assert not Project.objects.exists()

    def test_a_large_file_is_named(self, admin: Client, source: UserRepository) -> None:
        with (source.path / "big.bin").open("wb") as file:
            file.truncate(60 * 1024 * 1024)
        source.commit("big")
        assert "big.bin has 60 MB" in look(admin, source.path)

    def test_only_administrators_connect(self, client: Client, source: UserRepository) -> None:
        project = f.make_project()
        client.force_login(f.lead_of(project))
        assert client.get("/projects/new/").status_code == 403
        assert client.post("/projects/new/", details(source)).status_code == 403
        assert Project.objects.count() == 1
        assert "Only an administrator" in client.get("/projects/").content.decode()


def _file(path: Path) -> Path:
    path.write_text("x")
    return path


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


class TestSettings:
    @pytest.fixture
    def project(self, client: Client) -> Project:
        project = f.make_project()
        client.force_login(f.lead_of(project))
        return project

    def test_a_lead_changes_name_publication_and_set_up(self, client: Client, project: Project) -> None:
        data = {"name": "New", "publish": "default", "setup_command": "make ready"}
        answer = client.post(f"/projects/{project.slug}/change/", data, headers=HTMX)
        assert answer.headers["HX-Redirect"] == f"/projects/{project.slug}/"
        project.refresh_from_db()
        assert (project.name, project.publish, project.setup_command) == ("New", Publish.DEFAULT_BRANCH, "make ready")

    @pytest.mark.parametrize("changes", [{"name": ""}, {"name": "x" * 121}, {"publish": "everywhere"}])
    def test_what_makes_no_sense_changes_nothing(
        self, client: Client, project: Project, changes: dict[str, str]
    ) -> None:
        data = {"name": "New", "publish": "default", "setup_command": "", **changes}
        answer = client.post(f"/projects/{project.slug}/change/", data, headers=HTMX)
        assert answer.status_code == 422
        assert "Nothing was changed" in answer.headers["HX-Trigger"]
        project.refresh_from_db()
        assert project.name == "Evenly"

    def test_a_key_is_stored_sealed_and_never_shown(self, client: Client, project: Project) -> None:
        url = f"/projects/{project.slug}/endpoint/"
        data = {"role": "", "base_url": "https://models.example/", "model": "good-one", "key": "sk-very-secret"}
        client.post(url, data)
        html = client.get(f"/projects/{project.slug}/").content.decode()
        assert "key stored" in html
        assert "sk-very-secret" not in html
        assert "sk-very-secret" not in Endpoint.objects.get().sealed_key
        assert model_access(project, "planner").key == "sk-very-secret"
        client.post(url, {**data, "model": "better", "key": ""})
        assert model_access(project, "planner").key == "sk-very-secret"
        assert model_access(project, "planner").model == "better"
        client.post(url, {**data, "key": "", "forget_key": "1"})
        assert model_access(project, "planner").key == ""

    def test_a_role_can_have_its_own_model(self, client: Client, project: Project) -> None:
        url = f"/projects/{project.slug}/endpoint/"
        client.post(url, {"role": "", "base_url": "https://models.example", "model": "good-one", "key": "a"})
        client.post(url, {"role": "reviewer", "base_url": "https://other.example", "model": "strict", "key": "b"})
        html = client.get(f"/projects/{project.slug}/").content.decode()
        assert html.count("as for every role") == 4
        assert model_access(project, "reviewer").model == "strict"

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"base_url": "ftp://x"}, "https:// or http://"),
            ({"base_url": ""}, "Give the server"),
            ({"model": " "}, "Name the model"),
            ({"role": "cook"}, "Nothing was changed"),
            ({"key": "x" * 5_000}, "Nothing was changed"),
        ],
    )
    def test_an_endpoint_that_makes_no_sense_is_refused(
        self, client: Client, project: Project, changes: dict[str, str], sentence: str
    ) -> None:
        data = {"role": "", "base_url": "https://models.example", "model": "good-one", "key": "", **changes}
        answer = client.post(f"/projects/{project.slug}/endpoint/", data, headers=HTMX)
        assert answer.status_code == 422
        assert sentence in answer.headers["HX-Trigger"]
        assert not Endpoint.objects.exists()

    def test_viewers_look_and_strangers_see_nothing(self, client: Client, project: Project) -> None:
        client.force_login(f.make_viewer(project))
        page = client.get(f"/projects/{project.slug}/")
        assert "only its lead decides here" in page.content.decode()
        for verb in ("change", "endpoint"):
            assert client.post(f"/projects/{project.slug}/{verb}/").status_code == 403
        client.force_login(f.make_user())
        assert client.get(f"/projects/{project.slug}/").status_code == 404
        assert project.name not in client.get("/projects/").content.decode()

    def test_hostile_names_are_shown_as_words(self, client: Client) -> None:
        project = f.make_project(name="<script>alert(1)</script>", source="/nowhere/<script>alert(2)</script>")
        client.force_login(f.lead_of(project))
        for path in ("/projects/", f"/projects/{project.slug}/", "/"):
            assert "<script>alert" not in client.get(path).content.decode()

    @pytest.mark.parametrize("count", [1, 3])
    def test_the_number_of_queries_does_not_grow(
        self, client: Client, count: int, django_assert_num_queries: Any
    ) -> None:
        lead = f.make_user()
        client.force_login(lead)
        for _ in range(count):
            project = f.make_project(lead)
        for _ in range(count):
            f.make_running_run(f.make_item(project))
        with django_assert_num_queries(22):
            client.get("/projects/")
        with django_assert_num_queries(33):
            client.get(f"/projects/{project.slug}/")


class TestMemory:
    def remembered(self, count: int = 1) -> Project:
        item = f.make_item()
        lead = f.lead_of(item.project)
        for row in f.make_ambiguities(item, count):
            resolve(ambiguity=row, by=f.human(lead), now=f.NOW, seen_digest=row.digest, picked=2, user_id=lead.pk)
        hand_over(item=item, by=f.PIPELINE, now=f.NOW)
        return item.project

    def page(self, client: Client, project: Project, query: str = "") -> str:
        client.force_login(f.lead_of(project))
        return client.get(f"/projects/{project.slug}/{query}").content.decode()

    def test_decisions_are_listed_with_their_date_and_item(self, client: Client) -> None:
        project = self.remembered()
        html = self.page(client, project)
        item = project.items.get()
        assert "In item 1 (22 November 2026) you chose “The payer of A-001” over “The first named of A-001”" in html
        assert f'href="/align/{item.pk}/#ambiguity-A-001"' in html

    def test_a_forgotten_one_is_offered_no_more(self, client: Client) -> None:
        project = self.remembered(2)
        client.force_login(f.lead_of(project))
        row = Ambiguity.objects.get(key="A-001")
        client.post(f"/projects/{project.slug}/memory/{row.pk}/forget/")
        assert [entry.key for entry in memory_of(project.pk)] == ["A-002"]
        html = self.page(client, project)
        assert "The payer of A-002" in html
        assert "The payer of A-001" not in html

    def test_a_long_memory_is_shown_in_part_until_asked_for(self, client: Client) -> None:
        project = self.remembered(14)
        assert self.page(client, project).count("you chose") == 12
        assert "Show all 14" in self.page(client, project)
        assert self.page(client, project, "?memory=all").count("you chose") == 14

    def test_only_what_is_the_projects_own(self, client: Client) -> None:
        project = self.remembered()
        other = f.make_project(f.lead_of(project), name="Another")
        assert "Nothing remembered yet" in self.page(client, other)
        row = Ambiguity.objects.get()
        assert client.post(f"/projects/{other.slug}/memory/{row.pk}/forget/").status_code == 404
        client.force_login(f.make_viewer(project))
        assert client.post(f"/projects/{project.slug}/memory/{row.pk}/forget/").status_code == 403
        assert len(memory_of(project.pk)) == 1
