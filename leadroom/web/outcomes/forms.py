"""What the outcomes page is asked for."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest

from leadroom.lib.errors import BadInput
from leadroom.outcomes.enums import MatchState
from leadroom.projects.models import Project
from leadroom.web import access

WEEKS = (4, 12, 26, 52)
DEFAULT_WEEKS = 12


@dataclass(frozen=True)
class Filters:
    """Which weeks of which project; None is all that the person sees."""

    weeks: int
    project: Project | None
    project_ids: list[int]

    def query(self, **changes: str) -> str:
        """The query string of the same filters with some of them changed."""
        fields = {
            "project": self.project.slug if self.project else "",
            "weeks": str(self.weeks) if self.weeks != DEFAULT_WEEKS else "",
        }
        return urlencode({name: value for name, value in {**fields, **changes}.items() if value})


def read_filters(request: HttpRequest) -> Filters:
    """Filters of a query string; a number of weeks nobody offers is passed over. Raises Http404 (project)."""
    said = request.GET.get("weeks", "")
    weeks = int(said) if said in map(str, WEEKS) else DEFAULT_WEEKS
    slug = request.GET.get("project", "")
    project = access.project(request, slug) if slug else None
    return Filters(weeks, project, [project.pk] if project else access.project_ids(request))


def read_decision(request: HttpRequest) -> MatchState:
    """Raises BadInput for anything but CONFIRMED and REJECTED."""
    said = request.POST.get("to", "")
    if said not in (MatchState.CONFIRMED, MatchState.REJECTED):
        raise BadInput("Say whether the incident came from this merge or not; nothing was changed.")
    return MatchState(said)
