"""Words and moves of projects and work items."""

from django.db.models import TextChoices

from leadroom.lib.states import StateMachine, Turn


class Stage(TextChoices):
    ALIGN = "ALIGN", "Align"
    PLAN = "PLAN", "Plan"
    BUILD = "BUILD", "Build"
    VERIFY = "VERIFY", "Verify"
    STITCH = "STITCH", "Stitch"
    DONE = "DONE", "Done"
    DROPPED = "DROPPED", "Dropped"


STAGES = StateMachine(
    "work item",
    Stage,
    start=Stage.ALIGN,
    moves={
        Stage.ALIGN: (Stage.PLAN, Stage.DROPPED),
        Stage.PLAN: (Stage.BUILD, Stage.DROPPED),
        Stage.BUILD: (Stage.VERIFY, Stage.PLAN, Stage.DROPPED),
        Stage.VERIFY: (Stage.STITCH, Stage.BUILD, Stage.PLAN, Stage.DROPPED),
        Stage.STITCH: (Stage.DONE, Stage.VERIFY, Stage.BUILD, Stage.PLAN, Stage.DROPPED),
        Stage.DONE: (),
        Stage.DROPPED: (),
    },
    turns={
        Stage.ALIGN: Turn.HUMAN,
        Stage.PLAN: Turn.HUMAN,
        Stage.BUILD: Turn.AGENT,
        Stage.VERIFY: Turn.MACHINE,
        Stage.STITCH: Turn.HUMAN,
        Stage.DONE: Turn.NOBODY,
        Stage.DROPPED: Turn.NOBODY,
    },
)


class Risk(TextChoices):
    LIGHT = "light", "Light"
    STANDARD = "standard", "Standard"
    CRITICAL = "critical", "Critical"


RISK_ORDER = [Risk.LIGHT, Risk.STANDARD, Risk.CRITICAL]


class Origin(TextChoices):
    """What a request was when it came; recognised by rule (projects.intake)."""

    TEXT = "text", "Text"
    ISSUE = "issue", "Issue"
    DOCUMENT = "document", "Document"


class Publish(TextChoices):
    BRANCH = "branch", "As a branch leadroom/… in your repository"
    DEFAULT_BRANCH = "default", "To the default branch, when it is not checked out"


class ProjectKind(TextChoices):
    UNKNOWN = "", "Not said"
    CLI = "cli", "Command line program"
    API = "api", "Service with an HTTP interface"
    WEB = "web", "Web application"
    DESKTOP = "desktop", "Desktop application"
    LIBRARY = "library", "Library"
    COMPLEX = "complex", "Several of these"


class MemberRole(TextChoices):
    LEAD = "lead", "Lead"
    VIEWER = "viewer", "Viewer"
