"""What cannot be used is refused in a sentence, in a browser, nothing lost and nothing run; the rest works."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.e2e.house import House, git, running_house
from tests.e2e.visit import Visit, visiting
from tests.support.other_model_server import OtherModel, other_model_server

pytestmark = [pytest.mark.e2e, pytest.mark.security, pytest.mark.timeout(180)]

LARGE_BYTES = 200 * 1024 * 1024
HOOKS = (
    *("applypatch-msg", "pre-commit", "post-commit", "post-checkout", "post-merge", "pre-push", "pre-receive"),
    *("update", "post-receive", "post-update", "reference-transaction", "post-index-change", "fsmonitor-watchman"),
)
PICK = {
    "risk": {"level": "standard", "reason": "One sentence of a file."},
    "ambiguities": [
        {
            "key": "A-001",
            "question": "Whom should the greeting in the file name?",
            "why": "It is the only word that varies.",
            "dimension": "behaviour",
            "recommended": 2,
            "candidates": [
                {
                    "title": title,
                    "rationale": "It is short.",
                    "consequences": "One word of the file differs.",
                    "sources": [{"kind": "file", "uri": "README.md:1"}],
                    "confidence": 0.7,
                    "if_wrong": "The word is changed.",
                }
                for title in ("The world", "Whoever reads it")
            ],
        }
    ],
}
DOCUMENT = {
    "title": "A greeting",
    "goals": [
        {
            "id": "G-001",
            "text": "Readers are greeted.",
            "criteria": [{"id": "AC-001", "text": "The file greets whoever reads it.", "because": ["A-001"]}],
        }
    ],
    "constraints": [],
    "non_goals": [],
    "scope_boundary": "README.md",
    "scenarios": [{"persona": "A reader", "text": "Opens the file."}],
    "open_questions": [],
    "confidence": "HIGH",
    "missing": [],
}
REPORT = {
    "status": "COMPLETE",
    "summary": "One question was asked and the document is written.",
    "severity": "info",
    "suggested_action": "acknowledge",
    "done": ["Wrote the document."],
    "tests": {"green": 0, "red": 0, "not_run": 0},
    "unsure": [],
    "needs": [],
    "follow_ups": [],
    "sources": [{"kind": "file", "uri": "README.md:1"}],
    "confidence": 0.8,
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory.mktemp("bad-input")) as running:
        yield running


@pytest.fixture(scope="module")
def visit(house: House, browser: Browser) -> Iterator[Visit]:
    with visiting(house, browser) as tab:
        tab.sign_in()
        yield tab
        assert [line for line in tab.complaints if line.startswith("exception")] == []
        assert tab.strangers() == []


def repository(folder: Path, files: dict[str, str]) -> Path:
    """A repository with one commit of these files."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "-m", "First")
    return folder


PYTHON = {"README.md": "hello\n", "shop.py": "PRICE = 3\n", "tests/test_shop.py": "def test_it():\n    assert True\n"}


def look(visit: Visit, path: Path | str) -> None:
    """The first step: asks what is there."""
    visit.open("/projects/new/")
    visit.page.get_by_label("Folder").fill(str(path))
    visit.page.get_by_role("button", name="Look at it").click()


def connect(visit: Visit, path: Path, name: str) -> str:
    """Both steps. The new project's address."""
    look(visit, path)
    form = visit.page.locator("#connect-form")
    form.get_by_label("Name").fill(name)
    form.get_by_role("button", name="Connect it").click()
    expect(visit.page.get_by_role("heading", level=1)).to_have_text(name)
    return visit.page.url.removeprefix(visit.house.url)


def projects(house: House) -> int:
    return int(house.one("SELECT count(*) FROM projects_project"))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("nowhere", "does not exist. Nothing was changed; check the path."),
        ("folder", "is not a git repository. Nothing was changed; run `git init`"),
        ("empty", "has no commit on any branch. Nothing was changed; make a first commit there"),
    ],
)
def test_what_is_no_repository_is_refused_and_the_path_is_kept(
    house: House, visit: Visit, tmp_path: Path, name: str, sentence: str
):
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty").mkdir()
    git(tmp_path / "empty", "init", "--quiet")
    before = projects(house)
    look(visit, tmp_path / name)
    expect(visit.page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    expect(visit.page.get_by_label("Folder")).to_have_value(str(tmp_path / name))
    expect(visit.page.get_by_label("Folder")).to_have_attribute("aria-invalid", "true")
    expect(visit.page.locator("#connect-form")).to_have_count(0)
    visit.shot(f"connect-{name}")
    assert projects(house) == before


def test_a_dirty_checkout_is_told_connected_and_left_as_it_is(house: House, visit: Visit, tmp_path: Path):
    path = repository(tmp_path / "dirty", PYTHON)
    (path / "shop.py").write_text("PRICE = 4\n")
    (path / "notes.txt").write_text("mine\n")
    look(visit, path)
    warning = visit.page.locator(".note[data-tone=needs]")
    expect(warning).to_contain_text("2 files in the checkout not committed: agents see only what is committed")
    visit.shot("connect-dirty")
    connect(visit, path, "Dirty shop")
    assert git(path, "status", "--porcelain") == "M shop.py\n?? notes.txt"
    assert (path / "shop.py").read_text() == "PRICE = 4\n"


def test_a_repository_without_python_or_tests_is_told_so_and_connected(house: House, visit: Visit, tmp_path: Path):
    path = repository(tmp_path / "words", {"README.md": "hello\n"})
    look(visit, path)
    warnings = visit.page.locator("#connect-form .note")
    expect(warnings.filter(has_text="No Python was found on main; verification runs pytest.")).to_be_visible()
    expect(
        warnings.filter(has_text="No tests were found; the first item's plan will bring the first ones.")
    ).to_be_visible()
    connect(visit, path, "Only words")


def test_hostile_hooks_and_settings_never_run(house: House, visit: Visit, tmp_path: Path):
    path, mark = repository(tmp_path / "hostile", PYTHON), tmp_path / "executed"
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\necho \"$0\" >> '{mark}'\n")
    trap.chmod(0o755)
    for name in HOOKS:
        hook = path / ".git" / "hooks" / name
        hook.write_bytes(trap.read_bytes())
        hook.chmod(0o755)
    for key in ("core.fsmonitor", "core.sshCommand", "core.pager", "diff.external", "filter.x.smudge", "gpg.program"):
        git(path, "config", key, str(trap))
    (path / ".gitattributes").write_text("* filter=x diff=x\n")
    look(visit, path)
    warnings = visit.page.locator("#connect-form .note")
    expect(warnings.filter(has_text="Hooks are never run by Leadroom; this repository has")).to_be_visible()
    connect(visit, path, "Hostile shop")
    assert not mark.exists(), mark.read_text()
    git(path, "status")
    assert mark.exists(), "the trap is none"


def new_item(visit: Visit, text: str) -> Locator:
    """Sends a request as a person would. The form's problem line."""
    visit.page.get_by_label("Request").fill(text)
    visit.page.get_by_role("button", name="Hand it over").click()
    return visit.page.locator("#request-problem")


def test_a_request_of_nothing_or_too_much_stays_in_the_form(house: House, visit: Visit, tmp_path: Path):
    address = connect(visit, repository(tmp_path / "requests", PYTHON), "Requests")
    visit.open(f"/items/new/?project={address.split('/')[2]}")
    items = "SELECT count(*) FROM projects_workitem"
    before = house.one(items)
    expect(new_item(visit, "")).to_contain_text("The request is empty, so no item was created.")
    long = ("ä paragraph of words that somebody typed. " * 239 + "\n") * 10
    long = long[:99_999] + "."
    expect(new_item(visit, long)).to_contain_text("The request has 100,000 characters; 50,000 is the limit")
    visit.shot("request-too-long")
    assert visit.page.get_by_label("Request").input_value() == long
    expect(visit.page.locator("[data-counts]")).to_have_text("100000")
    assert house.one(items) == before


def large_repository(folder: Path) -> Path:
    """A repository with a file of 200 MB in its history and its tree."""
    path = repository(folder, PYTHON)
    with (path / "film.bin").open("wb") as file:
        file.truncate(LARGE_BYTES)
    git(path, "-c", "core.compression=1", "add", "film.bin")
    git(path, "commit", "--quiet", "-m", "A film")
    return path


def store_endpoint(visit: Visit, address: str, model: OtherModel, key: str) -> None:
    visit.open(address)
    endpoint = visit.page.locator("#endpoint-every")
    endpoint.locator("summary").click()
    endpoint.get_by_label("Address").fill(model.url)
    endpoint.get_by_label("Model").fill("someone-elses-model")
    endpoint.get_by_label("Key", exact=True).fill(key)
    with visit.page.expect_navigation():
        endpoint.get_by_role("button", name="Store", exact=True).click()
    expect(endpoint.locator("summary")).to_contain_text("key stored")
    expect(endpoint.locator("summary")).to_contain_text("someone-elses-model")


def test_another_model_server_works_on_a_repository_with_a_file_of_200_mb(house: House, visit: Visit, tmp_path: Path):
    page, path = visit.page, large_repository(tmp_path / "film")
    look(visit, path)
    expect(page.locator("#connect-form .note")).to_contain_text("film.bin has 200 MB; every working tree holds")
    address = connect(visit, path, "Film shop")
    turns = [
        ["I read first.", ("read_file", {"path": "README.md"})],
        ["One thing is open.", ("propose_ambiguities", PICK)],
        [("submit_document", DOCUMENT)],
        [("report", REPORT)],
    ]
    with other_model_server(turns) as model:
        store_endpoint(visit, address, model, "a-wrong-key")
        visit.open(f"/items/new/?project={address.split('/')[2]}")
        new_item(visit, "Please greet whoever reads the README.")
        item = int(house.one("SELECT max(id) FROM projects_workitem"))
        run = house.run_of(item, "requirements")
        stopped = page.locator(f"#card-run-{run}")
        expect(stopped).to_contain_text("key", timeout=30_000)
        visit.shot("wrong-key")
        store_endpoint(visit, address, model, model.key)
        page.locator(f"#card-run-{run}").get_by_role("button", name="Resume").click()
        page.locator(f"#card-picks-{item}").get_by_role("link", name="Decide").click()
        question = page.locator(".ambiguity[data-state=OPEN]")
        expect(question).to_contain_text("Whom should the greeting in the file name?")
        question.get_by_role("button", name="Pick 2").click()
        expect(page.locator("#document")).to_contain_text("The file greets whoever reads it.")
        assert {request["model"] for request in model.requests} == {"someone-elses-model"}
        # its planner only ever does what its requirements agent did: told three times, then a card
        planner = house.run_of(item, "planner")
        stopped = page.locator(f"#card-run-{planner}")
        expect(stopped).to_contain_text("3 calls in a row that could not be used", timeout=30_000)
        expect(stopped).to_contain_text("you have yet to submit the test plan")
        assert len(model.requests) < 20
        visit.shot("planner-stuck")
    assert git(path, "status", "--porcelain") == ""
    assert os.stat(path / "film.bin").st_size == LARGE_BYTES
