"""Words and moves of reports, of the links between findings, and of findings in the inbox."""

from django.db.models import IntegerChoices, TextChoices

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


SEVERITY_RANK = {
    Severity.INFO: 0,
    Severity.COSMETIC: 1,
    Severity.MINOR: 2,
    Severity.MAJOR: 3,
    Severity.CRITICAL: 4,
}
SEVERITY_OF = {rank: severity for severity, rank in SEVERITY_RANK.items()}


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
    NEW = "NEW", "New"
    ROUTED = "ROUTED", "Routed"
    KNOWN = "KNOWN", "Known issue"
    ACKNOWLEDGED = "ACKNOWLEDGED", "Acknowledged"
    DROPPED = "DROPPED", "Dropped"
    SNOOZED = "SNOOZED", "Snoozed"
    RESOLVED = "RESOLVED", "Resolved"
    REOPENED = "REOPENED", "Came back"


OPEN_FINDINGS = (FindingState.NEW, FindingState.REOPENED)
"""Findings in these wait for a person."""
QUIET_FINDINGS = (FindingState.KNOWN, FindingState.ACKNOWLEDGED, FindingState.DROPPED, FindingState.SNOOZED)
"""Findings in these count what comes to them, and come back only when it is worse than what was decided on."""
_DECIDED = (FindingState.ROUTED, *QUIET_FINDINGS)

FINDINGS = StateMachine(
    "finding",
    FindingState,
    start=FindingState.NEW,
    moves={
        FindingState.NEW: (*_DECIDED, FindingState.RESOLVED, FindingState.REOPENED),
        FindingState.REOPENED: (*_DECIDED, FindingState.RESOLVED, FindingState.NEW),
        FindingState.RESOLVED: (*OPEN_FINDINGS, *_DECIDED),
        **{
            state: (*(other for other in _DECIDED if other != state), FindingState.RESOLVED, *OPEN_FINDINGS)
            for state in _DECIDED
        },
    },
    turns={
        FindingState.NEW: Turn.HUMAN,
        FindingState.REOPENED: Turn.HUMAN,
        FindingState.ROUTED: Turn.AGENT,
        FindingState.KNOWN: Turn.MACHINE,
        FindingState.ACKNOWLEDGED: Turn.MACHINE,
        FindingState.DROPPED: Turn.MACHINE,
        FindingState.SNOOZED: Turn.MACHINE,
        FindingState.RESOLVED: Turn.MACHINE,
    },
)


class Route(TextChoices):
    """What a person, or a rule, decides about a finding. SNOOZE is put off, and made by its own action."""

    DECIDE = "DECIDE", "Decide"
    FIX = "FIX", "Fix"
    FOLLOW_UP = "FOLLOW_UP", "Follow up"
    KNOWN_ISSUE = "KNOWN_ISSUE", "Known issue"
    ACKNOWLEDGE = "ACKNOWLEDGE", "Acknowledge"
    DROP = "DROP", "Drop"
    SNOOZE = "SNOOZE", "Snooze"


STATE_OF_ROUTE = {
    Route.DECIDE: FindingState.ROUTED,
    Route.FIX: FindingState.ROUTED,
    Route.FOLLOW_UP: FindingState.ROUTED,
    Route.KNOWN_ISSUE: FindingState.KNOWN,
    Route.ACKNOWLEDGE: FindingState.ACKNOWLEDGED,
    Route.DROP: FindingState.DROPPED,
    Route.SNOOZE: FindingState.SNOOZED,
}
ROUTE_OF_ACTION = {
    SuggestedAction.DECIDE: Route.DECIDE,
    SuggestedAction.FIX: Route.FIX,
    SuggestedAction.FOLLOW_UP: Route.FOLLOW_UP,
    SuggestedAction.KNOWN_ISSUE: Route.KNOWN_ISSUE,
    SuggestedAction.ACKNOWLEDGE: Route.ACKNOWLEDGE,
    SuggestedAction.DROP: Route.DROP,
}


class Priority(TextChoices):
    P0 = "P0", "P0"
    P1 = "P1", "P1"
    P2 = "P2", "P2"
    P3 = "P3", "P3"


class Workaround(IntegerChoices):
    """What the reports say; of a group the highest counts: a workaround that somebody found is there."""

    UNKNOWN = 0, "workaround not known"
    NONE = 1, "no workaround"
    EXISTS = 2, "a workaround exists"


class Hazard(IntegerChoices):
    """What makes a finding P0 or P1 by rule; of a group the highest counts."""

    NONE = 0, "no hazard"
    DATA_LOSS = 1, "data loss"
    SECURITY = 2, "security"
