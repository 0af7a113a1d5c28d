"""Reading a skill folder (open Agent Skills format: `SKILL.md` with YAML front matter and Markdown)."""

import re
from dataclasses import dataclass
from pathlib import Path

import frontmatter
import yaml

from leadroom.lib.digest import digest_of
from leadroom.lib.errors import BadInput

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
SIZE_LIMIT = 64_000


@dataclass(frozen=True)
class Manifest:
    """`name` is the folder's name, `roles` the roles that load it, `digest` covers the whole file."""

    name: str
    description: str
    roles: tuple[str, ...]
    body: str
    digest: str


def read_manifest(folder: Path) -> Manifest:
    """Read `<folder>/SKILL.md`.

    Raises BadInput naming the file and the field when it is missing, too large, or not as the format says
    (agentskills.io specification: `name` equals the folder, `description` of 1 to 1024 characters).
    """
    path = folder / "SKILL.md"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"Skill {folder.name}: SKILL.md cannot be read as UTF-8 text ({error}); mend or remove it, then resume."
        ) from error
    if len(text) > SIZE_LIMIT:
        raise BadInput(f"Skill {folder.name}: SKILL.md has {len(text):,} characters; keep it under {SIZE_LIMIT:,}.")
    try:
        post = frontmatter.loads(text, handler=frontmatter.YAMLHandler())
    except yaml.YAMLError as error:
        raise BadInput(
            f"Skill {folder.name}: the front matter is not YAML ({error}); mend it and start again."
        ) from error
    name, description = post.get("name"), post.get("description")
    if name != folder.name or not _NAME.fullmatch(str(name)):
        raise BadInput(f"Skill {folder.name}: `name` must equal the folder's name in lower case with hyphens.")
    if not isinstance(description, str) or not 1 <= len(description) <= 1024:
        raise BadInput(f"Skill {folder.name}: `description` must be a text of 1 to 1,024 characters.")
    if len(folder.name) > 64:
        raise BadInput(f"Skill {folder.name}: the name has more than 64 characters; use a shorter one.")
    metadata = post.get("metadata") or {}
    roles = metadata.get("roles", "") if isinstance(metadata, dict) else ""
    if not isinstance(roles, str):
        raise BadInput(f"Skill {folder.name}: `metadata.roles` must be one text, the roles separated by spaces.")
    return Manifest(folder.name, description, tuple(roles.split()), post.content, digest_of(text))
