"""Words of the gate and of the read-only switch."""

from django.db.models import TextChoices

from leadroom.lib.states import StateMachine, Turn

FLOOR = 0.65
"""Confidence below which an action parks, unless the project says another (PRODUCT, Guardrails)."""


class ToolKind(TextChoices):
    """ACP tool kinds, `answer` for words to the lead, and `house` for Leadroom's own tools that make records."""

    READ = "read", "Read"
    EDIT = "edit", "Edit"
    DELETE = "delete", "Delete"
    MOVE = "move", "Move"
    SEARCH = "search", "Search"
    EXECUTE = "execute", "Execute"
    THINK = "think", "Think"
    FETCH = "fetch", "Fetch"
    OTHER = "other", "Other"
    ANSWER = "answer", "Answer"
    HOUSE = "house", "Leadroom"


class RoleAccess(TextChoices):
    """What a role may touch."""

    NOTHING = "nothing", "No repository"
    READ = "read", "Reads the repository"
    WRITE = "write", "Works in its own tree"


class Decision(TextChoices):
    ALLOW = "allow", "Allow"
    PARK = "park", "Park"
    DENY = "deny", "Deny"


class Lock(TextChoices):
    """What the read-only switch says for a run. UNREADABLE is a flag nobody can read: it counts as read-only."""

    OPEN = "open", "Open"
    PAUSED = "paused", "Paused"
    READ_ONLY = "read_only", "Read-only"
    UNREADABLE = "unreadable", "Read-only: the flag cannot be read"


class Zone(TextChoices):
    """Where the paths or the address of a call lie."""

    NONE = "none", "No path"
    TREE = "tree", "In the run's own tree"
    CONTROL = "control", "A file that controls git or the run"
    FORBIDDEN = "forbidden", "Forbidden by the frozen plan"
    OUTSIDE = "outside", "Outside the tree"
    LISTED = "listed", "A server the lead listed"


class Irreversibility(TextChoices):
    """Whether the action can be undone, and if not, whether sources and test evidence are linked."""

    NO = "no", "Can be undone"
    UNSUPPORTED = "unsupported", "Cannot be undone; sources or test evidence are missing"
    SUPPORTED = "supported", "Cannot be undone; sources and test evidence are linked"


class Approval(TextChoices):
    """What a person said to exactly this action (bound to its digest)."""

    NONE = "none", "Nobody was asked"
    GRANTED = "granted", "Granted"
    REFUSED = "refused", "Refused"
    CHANGED = "changed", "Granted for something else"


class Standing(TextChoices):
    """A calibrated confidence against the floor of its project."""

    NOT_CLAIMED = "not_claimed", "Nothing is claimed"
    ABOVE = "above", "At the floor or above"
    BELOW = "below", "Below the floor"
    UNUSABLE = "unusable", "Not a number from 0 to 1"


class Reason(TextChoices):
    """Why the gate decided as it did; one code for each rule, in the order of docs/gate.md."""

    NOT_LIVE = "not_live", "The run is not the live one"
    NOT_OFFERED = "not_offered", "The role has no such tool"
    PAUSED = "paused", "Paused"
    FLAG_UNREADABLE = "flag_unreadable", "The read-only flag cannot be read"
    READ_ONLY = "read_only", "Read-only"
    HARMLESS = "harmless", "Changes nothing"
    NOT_CONFINED = "not_confined", "No sandbox"
    NO_REPOSITORY = "no_repository", "The role has no repository"
    OUTSIDE = "outside", "Outside the tree"
    READING = "reading", "Reading in the sandbox"
    UNLISTED = "unlisted", "A server nobody listed"
    CLOSED = "closed", "Nothing leaves the machine"
    ROLE_READS = "role_reads", "The role only reads"
    CONTROL_FILE = "control_file", "A control file"
    FORBIDDEN_ZONE = "forbidden_zone", "A forbidden zone"
    CONFIDENCE_UNUSABLE = "confidence_unusable", "The confidence is not usable"
    REFUSED = "refused", "Refused by a person"
    CHANGED = "changed", "Changed after the approval"
    UNSUPPORTED = "unsupported", "Sources or test evidence are missing"
    APPROVED = "approved", "Approved by a person"
    IRREVERSIBLE = "irreversible", "Cannot be undone"
    TRUST_EMPTY = "trust_empty", "The trust budget is empty"
    BELOW_FLOOR = "below_floor", "Below the confidence floor"
    WITHIN_BOUNDS = "within_bounds", "Within every bound"


class RequestState(TextChoices):
    """What became of a parked action."""

    PENDING = "PENDING", "Waits for a person"
    GRANTED = "GRANTED", "Granted, not carried out yet"
    USED = "USED", "Granted and carried out"
    REFUSED = "REFUSED", "Refused"
    CHANGED = "CHANGED", "Void: it changed after the approval"
    EXPIRED = "EXPIRED", "Void: the approval ran out"


REQUESTS = StateMachine(
    "permission request",
    RequestState,
    start=RequestState.PENDING,
    moves={
        RequestState.PENDING: (RequestState.GRANTED, RequestState.REFUSED),
        RequestState.GRANTED: (RequestState.USED, RequestState.CHANGED, RequestState.EXPIRED),
        RequestState.USED: (),
        RequestState.REFUSED: (),
        RequestState.CHANGED: (),
        RequestState.EXPIRED: (),
    },
    turns={
        RequestState.PENDING: Turn.HUMAN,
        RequestState.GRANTED: Turn.AGENT,
        RequestState.USED: Turn.NOBODY,
        RequestState.REFUSED: Turn.NOBODY,
        RequestState.CHANGED: Turn.NOBODY,
        RequestState.EXPIRED: Turn.NOBODY,
    },
)


class PatternKind(TextChoices):
    """What a project's own pattern of irreversible actions is compared with."""

    TOOL = "tool", "Tool"
    COMMAND = "command", "Command"
    PATH = "path", "Path"


class TrustKind(TextChoices):
    CHARGE = "charge", "Charged"
    REFUND = "refund", "Refunded"
    RESTORE = "restore", "Restored by a person"


class ClaimOutcome(TextChoices):
    """What became of something an agent was so and so sure of."""

    OPEN = "", "Not known yet"
    HELD = "held", "Held"
    MISSED = "missed", "Did not hold"


class ScopeKind(TextChoices):
    """What a switch covers."""

    EVERYTHING = "everything", "Everything"
    PROJECT = "project", "Project"
    AGENT = "agent", "Agent"


class SwitchState(TextChoices):
    """How far the switch of one scope is. Only VERIFIED is a promise."""

    OFF = "OFF", "Off"
    REQUESTED = "REQUESTED", "Requested"
    VERIFIED = "VERIFIED", "Verified"
    UNENFORCED = "UNENFORCED", "Not enforced"


SWITCHES = StateMachine(
    "read-only switch",
    SwitchState,
    start=SwitchState.OFF,
    moves={
        SwitchState.OFF: (SwitchState.REQUESTED,),
        SwitchState.REQUESTED: (SwitchState.VERIFIED, SwitchState.UNENFORCED, SwitchState.OFF, SwitchState.REQUESTED),
        SwitchState.VERIFIED: (SwitchState.OFF, SwitchState.REQUESTED),
        SwitchState.UNENFORCED: (SwitchState.OFF, SwitchState.REQUESTED, SwitchState.VERIFIED),
    },
    turns={
        SwitchState.OFF: Turn.HUMAN,
        SwitchState.REQUESTED: Turn.MACHINE,
        SwitchState.VERIFIED: Turn.HUMAN,
        SwitchState.UNENFORCED: Turn.HUMAN,
    },
)
