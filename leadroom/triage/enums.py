"""Words and moves of reports."""

from django.db.models import TextChoices

from leadroom.lib.states import StateMachine, Turn


class ReportStatus(TextChoices):
    COMPLETE = "COMPLETE", "Complete"
    NEEDS_INPUT = "NEEDS_INPUT", "Needs input"
    BLOCKED = "BLOCKED", "Blocked"


class Severity(TextChoices):
    CRITICAL = "critical", "Critical"
    MAJOR = "major", "Major"
    MINOR = "minor", "Minor"
    COSMETIC = "cosmetic", "Cosmetic"
    INFO = "info", "Info"


class SuggestedAction(TextChoices):
    DECIDE = "decide", "Decide"
    FIX = "fix", "Fix"
    FOLLOW_UP = "follow-up", "Follow up"
    KNOWN_ISSUE = "known issue", "Known issue"
    ACKNOWLEDGE = "acknowledge", "Acknowledge"
    DROP = "drop", "Drop"


class ReportState(TextChoices):
    UNREAD = "UNREAD", "Unread"
    READ = "READ", "Read"


REPORTS = StateMachine(
    "report",
    ReportState,
    start=ReportState.UNREAD,
    moves={ReportState.UNREAD: (ReportState.READ,), ReportState.READ: (ReportState.UNREAD,)},
    turns={ReportState.UNREAD: Turn.HUMAN, ReportState.READ: Turn.HUMAN},
)


class LinkKind(TextChoices):
    SAME = "SAME", "Same problem"
    RELATED = "RELATED", "Related"
    REGRESSION = "REGRESSION", "Possible regression"


class LinkState(TextChoices):
    SUGGESTED = "SUGGESTED", "Suggested"
    LINKED = "LINKED", "Linked"
    CUT = "CUT", "Cut"


LINKS = StateMachine(
    "link",
    LinkState,
    start=LinkState.SUGGESTED,
    moves={
        LinkState.SUGGESTED: (LinkState.LINKED, LinkState.CUT),
        LinkState.LINKED: (LinkState.CUT,),
        LinkState.CUT: (LinkState.LINKED,),
    },
    turns={LinkState.SUGGESTED: Turn.HUMAN, LinkState.LINKED: Turn.HUMAN, LinkState.CUT: Turn.HUMAN},
)


class FindingState(TextChoices):
    OPEN = "OPEN", "Open"
    RESOLVED = "RESOLVED", "Resolved"


FINDINGS = StateMachine(
    "finding",
    FindingState,
    start=FindingState.OPEN,
    moves={FindingState.OPEN: (FindingState.RESOLVED,), FindingState.RESOLVED: (FindingState.OPEN,)},
    turns={FindingState.OPEN: Turn.HUMAN, FindingState.RESOLVED: Turn.HUMAN},
)
