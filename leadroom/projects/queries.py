"""Reads over projects and work items."""

from django.db.models import QuerySet

from leadroom.projects.enums import MemberRole
from leadroom.projects.models import Membership, Project, ReadinessCheck, WorkItem


def live_item_ids() -> list[int]:
    """Ids of items that can still move, oldest first."""
    return list(WorkItem.objects.live().order_by("pk").values_list("pk", flat=True))


def may_act(user: object, project: Project) -> bool:
    """A superuser or a lead of the project acts; a viewer looks."""
    if getattr(user, "is_superuser", False):
        return True
    return project.memberships.filter(user_id=getattr(user, "pk", None) or 0, role="lead").exists()


def led_projects(user: object) -> QuerySet[Project]:
    """Projects in which the user may act."""
    if getattr(user, "is_superuser", False):
        return Project.objects.all()
    led = Membership.objects.filter(user_id=getattr(user, "pk", None) or 0, role=MemberRole.LEAD)
    return Project.objects.filter(pk__in=led.values("project_id"))


def latest_readiness(project: Project) -> ReadinessCheck | None:
    """The newest readiness check, of whatever profile."""
    return ReadinessCheck.objects.filter(project=project).order_by("-pk").first()


def board_items(user: object) -> QuerySet[WorkItem]:
    """Items for the board with their projects, newest stage change first."""
    return (
        WorkItem.objects.visible_to(user)  # type: ignore[arg-type]
        .select_related("project", "stitch_owner")
        .order_by("-stage_entered_at", "-pk")
    )
