"""What Leadroom knows beside an agent's word: texts that may answer its questions."""

from leadroom.projects.models import WorkItem
from leadroom.requirements.lint import Known
from leadroom.requirements.queries import latest_revision
from leadroom.worktrees.repository import BareRepository

GUIDES = ("AGENTS.md", "CLAUDE.md")
SKILL_FOLDERS = (".claude/skills", ".agents/skills", "skills")
_SKILLS_READ = 20
_BYTES_READ = 64_000


def known_texts(item: WorkItem) -> list[Known]:
    """The request, the newest document, and the project's own guides and skills as they are on its branch."""
    texts = [Known("the request", item.request)]
    revision = latest_revision(item)
    if revision is not None:
        lines = [*revision.criteria.values(), *revision.body["constraints"], *revision.body["non_goals"]]
        texts.append(Known(f"revision {revision.number} of the document", "\n\n".join(lines)))
    repository, commit = _branch(item)
    if repository is None:
        return texts
    paths = [*GUIDES]
    for folder in SKILL_FOLDERS:
        found = repository.files_under(commit, folder)
        paths += [path for path in found if path.endswith("/SKILL.md")][:_SKILLS_READ]
    for path in paths:
        text = _text(repository, commit, path)
        if text:
            texts.append(Known(path, text))
    return texts


def _branch(item: WorkItem) -> tuple[BareRepository | None, str]:
    """The project's own copy and the commit its branch is at; None before there is one."""
    path = item.project.control_path
    if not path.exists():
        return None, ""
    repository = BareRepository(path)
    return repository, repository.head(item.project.default_branch)


def _text(repository: BareRepository, commit: str, path: str) -> str:
    if repository.blob_id(commit, path) is None:
        return ""
    raw = repository.file_at(commit, path) or b""
    return raw[:_BYTES_READ].decode(errors="replace")
