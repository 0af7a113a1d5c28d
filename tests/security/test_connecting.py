"""The forms that name repositories, branches and servers, filled in by somebody who means harm."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from leadroom.agents.models import Endpoint
from leadroom.agents.queries import model_access
from leadroom.projects.models import Project
from tests import factories as f
from tests.support.snapshot import changed_tables, snapshot
from tests.worktrees.repositories import UserRepository, small_repository

pytestmark = [pytest.mark.security, pytest.mark.django_db]
HTMX = {"HX-Request": "true"}
BRANCHES = ("-rf", "--upload-pack=touch ran", "-c core.pager=touch", "main:refs/heads/x", "../../../HEAD", "main\nx",
            "refs/heads/main", "HEAD", "main^{commit}", "@{-1}", "main --", "$(touch ran)", "+main", "")  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, settings: Settings) -> Path:
    folder = tmp_path / "home"
    for name in ("run", "keys", "projects/other/control.git/objects", "projects/other/control.git/refs"):
        (folder / name).mkdir(parents=True)
    (folder / "projects/other/control.git/HEAD").write_text("ref: refs/heads/main\n")
    settings.HOME_DIR = folder
    return folder


@pytest.fixture
def source(tmp_path: Path) -> UserRepository:
    return small_repository(tmp_path / "user" / "shop")


@pytest.fixture
def admin(client: Client, home: Path) -> Client:
    client.force_login(f.make_user("root", is_superuser=True))
    return client


def paths(tmp_path: Path, home: Path, source: UserRepository) -> dict[str, str]:
    """What might be taken for a repository, or for something else than a path."""
    (tmp_path / "to-home").symlink_to(home)
    (tmp_path / "to-control").symlink_to(home / "projects/other/control.git")
    pointer = tmp_path / "pointer"
    pointer.mkdir()
    (pointer / ".git").write_text(f"gitdir: {home}/projects/other/control.git\n")
    borrower = tmp_path / "borrower"
    (borrower / ".git").mkdir(parents=True)
    (borrower / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (borrower / ".git" / "commondir").write_text(f"{home}/projects/other/control.git\n")
    os.mkfifo(tmp_path / "pipe")
    return {
        "an option": "--upload-pack=touch ran",
        "an option as a path": f"{tmp_path}/--upload-pack=touch",
        "another way to fetch": "ext::sh -c 'touch ran'",
        "an address": "https://evil.example/x.git",
        "an ssh address": "ssh://-oProxyCommand=touch/x",
        "a file address": f"file://{source.path}",
        "a relative path": "user/shop",
        "up and away": f"{source.path}/../../home/projects/other/control.git",
        "a line break": f"{source.path}\nx",
        "a NUL": f"{source.path}\0/etc",
        "a link to the data folder": str(tmp_path / "to-home"),
        "a link into it": str(tmp_path / "to-control"),
        "through /proc": f"/proc/self/root{home}/projects/other/control.git",
        "through the working folder": f"/proc/self/cwd/{os.path.relpath(home / 'projects/other/control.git')}",
        "a pointer into it": str(pointer),
        "a borrower from it": str(borrower),
        "the data folder itself": str(home),
        "a pipe": str(tmp_path / "pipe"),
        "a device": "/dev/zero",
        "the inside of a repository": str(source.path / ".git"),
        "somebody's home": "~nobody-of-this-name/x",
        "the root": "/",
        "a very long path": "/" + "x" * 990,
        "half a character": "/\udc80".encode("utf-8", "surrogatepass").decode("latin1"),
    }


def test_no_path_leads_where_it_must_not(admin: Client, tmp_path: Path, home: Path, source: UserRepository) -> None:
    before = snapshot()
    for name, path in paths(tmp_path, home, source).items():
        for data in (
            {"path": path},
            {"path": path, "connect": "1", "name": "x", "branch": "main", "publish": "branch"},
        ):
            answer = admin.post("/projects/new/", data)
            assert answer.status_code == 422, name
            assert "What is there" not in answer.content.decode(), name
    assert changed_tables(before) == {}
    assert not list(tmp_path.rglob("ran"))
    assert sorted(path.name for path in (home / "projects").iterdir()) == ["other"]


@pytest.mark.parametrize("branch", BRANCHES)
def test_only_a_branch_that_is_there_is_taken(
    admin: Client, tmp_path: Path, source: UserRepository, branch: str
) -> None:
    before = snapshot()
    data = {"path": str(source.path), "connect": "1", "name": "x", "publish": "branch", "branch": branch}
    assert admin.post("/projects/new/", data).status_code == 422
    assert changed_tables(before) == {}
    assert not list(tmp_path.rglob("ran"))


@pytest.mark.parametrize("branch", ["-rf", "--upload-pack=touch", "$(touch${IFS}ran)", "a;ran", "ünï/x"])
def test_a_branch_of_an_odd_name_is_only_a_name(
    admin: Client, tmp_path: Path, source: UserRepository, branch: str
) -> None:
    source.git("update-ref", f"refs/heads/{branch}", source.head())
    before = source.digest()
    data = {"path": str(source.path), "connect": "1", "name": "x", "publish": "branch", "branch": branch}
    assert admin.post("/projects/new/", data).status_code == 302
    project = Project.objects.get()
    assert project.default_branch == branch
    head = subprocess.run(
        ["git", "--git-dir", str(project.control_path), "rev-parse", f"refs/heads/{branch}"],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    assert head.stdout.strip() == source.head()
    assert source.digest() == before
    assert not list(tmp_path.rglob("ran"))


@pytest.mark.parametrize("name", ["new", "New", "../../x", "/etc", ".", "..", "control.git", "-rf", "<b>", "\u202e"])
def test_a_project_has_a_folder_and_a_page_of_its_own(
    admin: Client, home: Path, source: UserRepository, name: str
) -> None:
    data = {"path": str(source.path), "connect": "1", "name": name, "publish": "branch", "branch": "main"}
    answer = admin.post("/projects/new/", data)
    assert answer.status_code == 302
    project = Project.objects.get()
    assert project.folder.parent == home / "projects"
    assert (project.folder.stat().st_mode & 0o077) == 0
    page = admin.get(answer.headers["Location"])
    assert page.status_code == 200
    assert page.context["page"].project == project


def endpoint(client: Client, project: Project, **changes: str) -> Any:
    data = {"role": "", "base_url": "https://models.example", "model": "m", "key": "sk-canary", **changes}
    return client.post(f"/projects/{project.slug}/endpoint/", data, headers=HTMX)


@pytest.mark.parametrize(
    "address",
    ["http://thief.example", "https://models.example:8443", "https://models.example.thief.example", "rehearsal:",
     "http://models.example"],
)  # fmt: skip
def test_a_stored_key_is_not_sent_to_another_server(client: Client, address: str) -> None:
    project = f.make_project()
    client.force_login(f.lead_of(project))
    assert endpoint(client, project).status_code == 200
    refused = endpoint(client, project, base_url=address, key="")
    assert refused.status_code == 422
    assert "another server" in refused.headers["HX-Trigger"]
    access = model_access(project, "planner")
    assert (access.base_url, access.key) == ("https://models.example", "sk-canary")
    assert endpoint(client, project, base_url="https://models.example/v2/", key="").status_code == 200
    assert model_access(project, "planner").key == "sk-canary"
    assert endpoint(client, project, base_url=address, key="", forget_key="1").status_code == 200
    assert Endpoint.objects.get().sealed_key == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"base_url": "https://user:password@models.example"},
        {"base_url": "https://token@models.example"},
        {"base_url": "https://models.example@thief.example"},
        {"base_url": "http://"},
        {"base_url": "http:///v1"},
        {"base_url": "http://[::1"},
        {"base_url": "http://models.example:port"},
        {"base_url": "http://models.example\r\nx-evil: 1"},
        {"base_url": "http://models.example/\u202e"},
        {"base_url": "rehearsal:x"},
        {"base_url": "javascript:alert(1)"},
        {"base_url": "file:///etc/passwd"},
        {"base_url": "unix:///run/x.sock"},
        {"key": "two\nlines"},
        {"key": "sk-ünï"},
        {"key": "two words"},
        {"role": "root"},
        {"model": "m" * 121},
    ],
)
def test_what_is_no_server_or_no_key_is_refused(client: Client, changes: dict[str, str]) -> None:
    project = f.make_project()
    client.force_login(f.lead_of(project))
    before = snapshot()
    assert endpoint(client, project, **changes).status_code == 422
    assert changed_tables(before) == {}
