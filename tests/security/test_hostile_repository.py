"""A repository, or a tree an agent has been in, that tries to run something on the host through git."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest
from pytest_django import Settings

from leadroom.lib.errors import LeadroomError
from leadroom.worktrees import signing
from leadroom.worktrees.control import ControlRepository, Person
from leadroom.worktrees.inspection import inspect_source
from leadroom.worktrees.publish import publish
from tests.worktrees.repositories import UserRepository, control_of, small_repository, tree_path

pytestmark = pytest.mark.security

HOOKS = (
    *("applypatch-msg", "pre-applypatch", "post-applypatch", "pre-commit", "pre-merge-commit", "commit-msg"),
    *(
        "prepare-commit-msg",
        "post-commit",
        "pre-rebase",
        "post-checkout",
        "post-merge",
        "pre-push",
        "pre-receive",
    ),
    *("update", "proc-receive", "post-receive", "post-update", "reference-transaction", "push-to-checkout"),
    *("pre-auto-gc", "post-rewrite", "sendemail-validate", "fsmonitor-watchman", "post-index-change"),
)
BRANCHES = ("-rf", "--upload-pack=touch", "$(touch canary)", "a;touch canary", "`id`", "ünï/‮evil", "x'y\"z")
ODD_NAMES = (
    "--force",
    "-n",
    "new\nline",
    "tab\there",
    "‮gpj.exe",
    "\u200bzero",
    "$(touch canary)",
    ":(top)",
    "*",
)


class Trap:
    """Commands that leave a mark when anybody runs them."""

    def __init__(self, folder: Path) -> None:
        self.marks = folder / "marks"
        self.marks.mkdir(parents=True)
        self.folder = folder

    def command(self, name: str) -> str:
        """An executable script that leaves a mark with this name and passes its input through."""
        script = self.folder / f"{name}.sh"
        script.write_text(f"#!/bin/sh\ntouch '{self.marks}/{name}'\nexec cat\n")
        script.chmod(0o755)
        return str(script)

    def sprung(self) -> list[str]:
        return sorted(entry.name for entry in self.marks.iterdir())


def configuration(trap: Trap) -> dict[str, str]:
    """Every key known to us that makes some git command start a program."""
    shell = {
        "core.sshCommand",
        "core.gitProxy",
        "core.askPass",
        "core.editor",
        "core.pager",
        "sequence.editor",
    }
    tools = {"gpg.program", "gpg.ssh.program", "gpg.x509.program", "diff.external", "interactive.diffFilter"}
    more = {
        "uploadpack.packObjectsHook",
        "core.alternateRefsCommand",
        "gc.recentObjectsHook",
        "core.fsmonitor",
    }
    drivers = {
        *("filter.evil.clean", "filter.evil.smudge", "diff.evil.command", "diff.evil.textconv"),
        *("merge.evil.driver", "remote.origin.uploadpack", "remote.origin.receivepack", "man.evil.cmd"),
        *("submodule.sub.update", "trailer.x.cmd", "pager.status", "pager.diff", "tar.evil.command"),
    }
    keys = {name: trap.command(name.replace(".", "-")) for name in shell | tools | more | drivers}
    aliases = ("status", "fetch", "config", "ls-tree", "rev-parse", "for-each-ref", "x")
    return {
        **keys,
        **{f"alias.{name}": f"!{trap.command(f'alias-{name}')}" for name in aliases},
        "submodule.sub.update": f"!{trap.command('submodule-update')}",
        "credential.helper": f"!{trap.command('credential')}",
        "filter.evil.required": "true",
        "remote.origin.url": f"ext::{trap.command('ext-url')}",
        "remote.origin.fetch": "+refs/heads/*:refs/remotes/origin/*",
        "url.ext::evil.insteadOf": "/",
        "commit.gpgSign": "true",
        "include.path": str(trap.folder / "included"),
        "core.attributesFile": str(trap.folder / "attributes"),
    }


def plant(git_dir: Path, trap: Trap) -> None:
    """Fills a git directory with everything above, after the last honest command in it."""
    for hook in HOOKS:
        script = Path(trap.command(f"hook-{hook}"))
        (git_dir / "hooks").mkdir(exist_ok=True)
        (git_dir / "hooks" / hook).write_bytes(script.read_bytes())
        (git_dir / "hooks" / hook).chmod(0o755)
    (trap.folder / "included").write_text(f"[core]\n\tfsmonitor = {trap.command('included')}\n")
    (trap.folder / "attributes").write_text("* filter=evil diff=evil merge=evil\n")
    (git_dir / "info").mkdir(exist_ok=True)
    (git_dir / "info" / "attributes").write_text("* filter=evil diff=evil merge=evil\n")
    for name, value in configuration(trap).items():
        subprocess.run(["git", "config", "--file", str(git_dir / "config"), name, value], check=True)


def hostile_repository(path: Path, trap: Trap) -> UserRepository:
    repository = small_repository(path)
    base = repository.head()
    elsewhere = small_repository(path.with_name("elsewhere"))
    repository.write(".gitattributes", "* filter=evil diff=evil merge=evil ident export-subst\n")
    url = f"ext::{trap.command('submodule')}"
    repository.write(".gitmodules", f'[submodule "sub"]\n\tpath = sub\n\turl = {url}\n\tupdate = !{url}\n')
    for name in ODD_NAMES:
        repository.write(name, "odd\n")
    (repository.path / "link-out").symlink_to("/etc/passwd")
    (repository.path / "folder-out").symlink_to("..")
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{base},sub")
    repository.commit("hostile")
    for name in BRANCHES:
        repository.git("update-ref", f"refs/heads/{name.replace(' ', '-')}", base)
    (repository.path / ".git" / "objects" / "info" / "alternates").write_text(f"{elsewhere.path}/.git/objects\n")
    plant(repository.path / ".git", trap)
    return repository


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path / "trap")


@pytest.fixture
def home(tmp_path: Path, settings: Settings) -> Path:
    folder = tmp_path / "home"
    for name in ("run", "keys", "projects"):
        (folder / name).mkdir(parents=True)
    settings.HOME_DIR = folder
    return folder


@pytest.fixture
def hostile(tmp_path: Path, trap: Trap) -> UserRepository:
    return hostile_repository(tmp_path / "user" / "hostile", trap)


def test_the_traps_work(hostile: UserRepository, trap: Trap) -> None:
    """Without this the other tests here would prove nothing: ordinary git does spring them."""
    (hostile.path / "shop" / "prices.py").write_text("changed")
    config = str(hostile.path / ".git" / "config")
    for key in ("alias.status", "url.ext::evil.insteadOf", "include.path"):
        subprocess.run(["git", "config", "--file", config, "--unset", key], check=True)
    for words in (["status"], ["diff"], ["add", "-A"], ["checkout", "-q", "HEAD~1"], ["x"]):
        subprocess.run(["git", *words], cwd=hostile.path, input=b"", capture_output=True, check=False, timeout=20)
    expected = {"core-fsmonitor", "filter-evil-clean", "diff-evil-command", "hook-post-checkout", "alias-x"}
    assert expected <= set(trap.sprung())


def merge_and_move(control: ControlRepository, onto: str, commit: str) -> str:
    trial = control.trial_merge(onto=onto, commit=commit)
    assert trial.tree
    merge = control.create_merge(
        branch="main",
        onto=onto,
        commit=commit,
        tree=trial.tree,
        message="$(touch canary)\n`id`",
        author=Person("Ada; touch x", "ada@example.invalid"),
        key=signing.merge_key(),
    )
    control.move_branch("main", expected=onto, new=merge)
    return merge


def test_a_whole_item_runs_nothing_of_a_hostile_repository(
    hostile: UserRepository, home: Path, trap: Trap, tmp_path: Path
) -> None:
    before = hostile.digest()
    facts = inspect_source(hostile.path)
    assert set(HOOKS) <= set(facts.active_hooks)
    control = control_of(home, hostile)
    base = control.head("main")
    tree = tree_path(control)
    control.create_tree(tree, commit=base)
    for name in ODD_NAMES:
        assert (tree / name).read_text() == "odd\n"
    assert os.readlink(tree / "link-out") == "/etc/passwd"
    (tree / "shop" / "prices.py").write_text("def total(items):\n    return sum(items) + 0\n")
    (tree / "--exec=touch x").write_text("x")
    made = asyncio.run(control.commit_tree(tree, message="--amend\n$(touch x)", ref="refs/leadroom/runs/1", base=base))
    assert {file.path for file in control.changed_files(base, made)} == {"shop/prices.py", "--exec=touch x"}
    assert "return sum(items) + 0" in control.diff(base, made)
    merge = merge_and_move(control, base, made)
    clean = tree_path(control, "verify-1")
    control.checkout_clean(clean, commit=merge)
    publish(control=control, source=hostile.path, commit=merge, branch="leadroom/item-1", expected=None)
    control.refresh(source=hostile.path, branch="main")
    assert control.fsck() == ()
    assert trap.sprung() == []
    assert hostile.digest() == before
    assert (hostile.path / ".git" / "refs/heads/leadroom/item-1").read_text().strip() == merge


def test_a_hostile_bare_repository_gets_its_branch_and_runs_nothing(
    hostile: UserRepository, home: Path, trap: Trap, tmp_path: Path
) -> None:
    bare = tmp_path / "user" / "bare.git"
    (hostile.path / ".git").rename(bare)
    subprocess.run(["git", "config", "--file", str(bare / "config"), "core.bare", "true"], check=True)
    facts = inspect_source(bare)
    control = ControlRepository.create(
        home / "projects" / "shop" / "control.git", source=bare, branch=facts.default_branch
    )
    base = control.head("main")
    merge = merge_and_move(control, base, base)
    published = publish(control=control, source=bare, commit=merge, branch="main", expected=base)
    assert published.is_default_branch
    assert (bare / "refs" / "heads" / "main").read_text().strip() == merge
    assert trap.sprung() == []


def test_branches_with_hostile_names_are_only_names(hostile: UserRepository, home: Path, trap: Trap) -> None:
    branches = set(inspect_source(hostile.path).branches)
    names = {name.replace(" ", "-") for name in BRANCHES}
    assert names <= branches
    for number, name in enumerate(sorted(names)):
        path = home / "projects" / f"p{number}" / "control.git"
        control = ControlRepository.create(path, source=hostile.path, branch=name)
        assert control.head(name) == hostile_head(hostile, name)
        assert control.default_branch == name
        assert control.refresh(source=hostile.path, branch=name).moved is False
    assert trap.sprung() == []


def hostile_head(repository: UserRepository, branch: str) -> str:
    return (repository.path / ".git" / "refs" / "heads" / branch).read_text().strip()


def test_a_promised_object_does_not_start_a_remote(hostile: UserRepository, home: Path, trap: Trap) -> None:
    blob = control_of(home, hostile).blob_id(hostile_head(hostile, "main"), ".gitmodules")
    assert blob
    (hostile.path / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    inspect_source(hostile.path)
    with pytest.raises(LeadroomError):
        ControlRepository.create(home / "projects" / "p" / "control.git", source=hostile.path, branch="main")
    config = str(hostile.path / ".git" / "config")
    subprocess.run(["git", "config", "--file", config, "remote.origin.promisor", "true"], check=True)
    with pytest.raises(LeadroomError, match="partial clone"):
        inspect_source(hostile.path)
    assert trap.sprung() == []


@pytest.mark.parametrize("where", ["HEAD", "config", "index", ".gitattributes", "packed-refs"])
def test_a_pipe_in_place_of_a_file_does_not_hang(
    hostile: UserRepository, home: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadroom.worktrees.inspection._SECONDS_FOR_STATUS", 1.0)
    place = hostile.path / where if where.startswith(".") else hostile.path / ".git" / where
    place.unlink(missing_ok=True)
    os.mkfifo(place)
    assert outcome(hostile.path)


def outcome(path: Path) -> str:
    """The default branch, or the sentence of a refusal."""
    try:
        return inspect_source(path).default_branch
    except LeadroomError as refusal:
        return str(refusal)


def agents_tree(home: Path, source: UserRepository) -> tuple[ControlRepository, Path, str]:
    control = control_of(home, source)
    base = control.head("main")
    tree = tree_path(control)
    control.create_tree(tree, commit=base)
    return control, tree, base


def test_what_an_agent_planted_in_its_tree_never_runs_on_the_host(tmp_path: Path, home: Path, trap: Trap) -> None:
    control, tree, base = agents_tree(home, small_repository(tmp_path / "user" / "shop"))
    plant(tree / ".git", trap)
    (tree / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    (tree / "a.py").write_text("a = 1\n")
    # its own filter, which the sandbox does not have, stops the commit; nothing else may happen
    with pytest.raises(LeadroomError, match=r"cannot run .*filter-evil-clean"):
        asyncio.run(control.commit_tree(tree, message="work", ref="refs/leadroom/runs/1", base=base))
    assert trap.sprung() == []
    (tree / ".gitattributes").unlink()
    (tree / ".git" / "info" / "attributes").unlink()
    subprocess.run(["git", "config", "--file", str(tree / ".git" / "config"), "--remove-section", "core"], check=True)
    made = asyncio.run(control.commit_tree(tree, message="work", ref="refs/leadroom/runs/1", base=base))
    merge_and_move(control, base, made)
    assert trap.sprung() == []
    assert control.fsck() == ()


def test_an_agents_tree_cannot_borrow_or_publish_other_objects(tmp_path: Path, home: Path, trap: Trap) -> None:
    control, tree, base = agents_tree(home, small_repository(tmp_path / "user" / "shop"))
    secret = UserRepository(tmp_path / "secret")
    hidden = secret.commit("secret", secret_py="password\n")
    (tree / ".git" / "objects" / "info" / "alternates").write_text(
        f"../../../../control.git/objects\n{secret.path}/.git/objects\n"
    )
    (tree / ".git" / "refs" / "heads" / "work").write_text(f"{hidden}\n")
    with pytest.raises(LeadroomError):
        asyncio.run(control.commit_tree(tree, message="work", ref="refs/leadroom/runs/1", base=base))
    assert control.resolve(hidden) is None
    assert control.resolve("refs/leadroom/runs/1") is None


def test_a_bundle_that_is_a_link_to_something_else_is_not_read(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leadroom.worktrees import trees

    control, _, base = agents_tree(home, small_repository(tmp_path / "user" / "shop"))
    other = small_repository(tmp_path / "other")
    other.git("bundle", "create", str(tmp_path / "other.bundle"), "HEAD")
    (tmp_path / "link.bundle").symlink_to(tmp_path / "other.bundle")
    os.mkfifo(tmp_path / "pipe.bundle")
    for name in ("link.bundle", "pipe.bundle", "missing.bundle"):
        with pytest.raises(LeadroomError, match="was not delivered"):
            trees._bring_in(control, tmp_path / name, commit=other.head(), base=base, ref="refs/leadroom/x")
    (tmp_path / "garbage.bundle").write_bytes(b"# v2 git bundle\n" + os.urandom(500))
    for name in ("garbage.bundle", "other.bundle"):
        with pytest.raises(LeadroomError):
            trees._bring_in(control, tmp_path / name, commit="1" * 40, base=base, ref="refs/leadroom/x")
    assert control.resolve("refs/leadroom/x") is None
