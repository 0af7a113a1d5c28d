"""Words of the gate."""

from django.db.models import TextChoices


class ToolKind(TextChoices):
    """ACP tool kinds, and `house` for Leadroom's own tools."""

    READ = "read", "Read"
    EDIT = "edit", "Edit"
    DELETE = "delete", "Delete"
    MOVE = "move", "Move"
    SEARCH = "search", "Search"
    EXECUTE = "execute", "Execute"
    THINK = "think", "Think"
    FETCH = "fetch", "Fetch"
    OTHER = "other", "Other"
    HOUSE = "house", "Leadroom"


class RoleAccess(TextChoices):
    """What a role may touch."""

    NOTHING = "nothing", "No repository"
    READ = "read", "Reads the repository"
    WRITE = "write", "Works in its own tree"


class Decision(TextChoices):
    ALLOW = "allow", "Allow"
    DENY = "deny", "Deny"
