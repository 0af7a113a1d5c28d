"""Users' repositories, made with plain git as their owners would make them."""

import hashlib
import os
import subprocess
from pathlib import Path

from leadroom.worktrees.control import ControlRepository


class UserRepository:
    """A repository with a checkout, somewhere outside Leadroom's home."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main")

    def git(self, *words: str, stdin: bytes | None = None) -> str:
        """Plain git in the checkout, with its hooks and configuration working as they would for its owner."""
        answer = subprocess.run(
            ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.invalid", *words],
            cwd=self.path,
            env={"PATH": os.environ["PATH"], "HOME": str(self.path.parent), "GIT_CONFIG_NOSYSTEM": "1"},
            input=stdin,
            capture_output=True,
            check=True,
        )
        return answer.stdout.decode("utf-8", "surrogateescape").strip()

    def write(self, name: str, text: str) -> None:
        file = self.path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def commit(self, message: str = "a change", **files: str) -> str:
        """Writes the files (`name_py` is `name.py`), commits everything, and returns the commit."""
        for name, text in files.items():
            self.write(name.replace("_py", ".py"), text)
        self.git("add", "--all")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.head()

    def head(self, ref: str = "HEAD") -> str:
        return self.git("rev-parse", ref)

    def has_ref(self, ref: str) -> bool:
        return bool(self.git("for-each-ref", ref))

    def digest(self) -> str:
        """Everything its owner would notice: HEAD, index, configuration, hooks and every file."""
        total = hashlib.sha256()
        for name in ("HEAD", "index", "config"):
            total.update((self.path / ".git" / name).read_bytes())
        places = [self.path, self.path / ".git" / "hooks"]
        for place in places:
            for folder, folders, files in os.walk(place):
                folders[:] = sorted(entry for entry in folders if entry != ".git")
                for name in sorted(os.fsencode(file) for file in files):
                    file = os.path.join(os.fsencode(folder), name)
                    is_link = os.path.islink(file)
                    content = os.readlink(file) if is_link else Path(os.fsdecode(file)).read_bytes()
                    total.update(repr((file, os.lstat(file).st_mode, content)).encode())
        return total.hexdigest()


def small_repository(path: Path) -> UserRepository:
    """One package with one test, one commit."""
    repository = UserRepository(path)
    repository.write("shop/prices.py", "def total(items):\n    return sum(items)\n")
    repository.write(
        "tests/test_prices.py",
        "from shop.prices import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n",
    )
    repository.commit("first")
    return repository


def control_of(home: Path, source: UserRepository, *, slug: str = "shop") -> ControlRepository:
    path = home / "projects" / slug / "control.git"
    return ControlRepository.create(path, source=source.path, branch="main")


def tree_path(control: ControlRepository, name: str = "run-1") -> Path:
    return control.path.parent / "trees" / name
