"""Groups as files: one JSON file each, in one folder."""

import json
import os
import re
from pathlib import Path

from evenly.errors import EvenlyError, NoSuchGroup
from evenly.group import Group, from_data, to_data

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


class Store:
    """The folder where groups are kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path_of(self, name: str) -> Path:
        """The file of a group. Raises EvenlyError for a name that could not be a file of ours."""
        if not NAME.fullmatch(name):
            raise EvenlyError(f"'{name}' cannot name a group; use small letters, digits and dashes.")
        return self.folder / f"{name}.json"

    def names(self) -> list[str]:
        """The names of all groups, sorted."""
        return sorted(file.stem for file in self.folder.glob("*.json"))

    def load(self, name: str) -> Group:
        """Reads a group. Raises NoSuchGroup when there is none of that name."""
        path = self.path_of(name)
        if not path.exists():
            raise NoSuchGroup(name, self.names())
        return from_data(json.loads(path.read_text(encoding="utf-8")))

    def save(self, group: Group) -> None:
        """Writes a group; a stop half-way leaves the old file whole."""
        path = self.path_of(group.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(to_data(group), indent=2) + "\n", encoding="utf-8")
        os.replace(draft, path)
