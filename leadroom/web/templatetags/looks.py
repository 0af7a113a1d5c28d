"""How every state of the house looks: icon, word and tone. Whose turn a state is, the rooms say."""

from typing import NamedTuple


class Look(NamedTuple):
    """`tone` is needs, live, ok, bad, warn, off or empty (plain); `icon` a name of the vendored sprite."""

    icon: str
    word: str
    tone: str


LOOKS: dict[str, Look] = {
    # runs
    "QUEUED": Look("hourglass", "Queued", ""),
    "RUNNING": Look("loader-circle", "Working", "live"),
    "WAITING": Look("hand", "Needs you", "needs"),
    "LIMITED": Look("clock-alert", "Rate limited", "warn"),
    "COMPLETED": Look("circle-check", "Completed", "ok"),
    "FAILED": Look("circle-x", "Failed", "bad"),
    "CANCELLED": Look("circle-slash", "Stopped", "off"),
    "LOST": Look("unlink", "Lost", "bad"),
    "LOADED": Look("package", "Loaded", ""),
    "HALTED": Look("lock", "Halted", "warn"),
    # the read-only switch
    "OFF": Look("lock-open", "Off", "off"),
    "REQUESTED": Look("hourglass", "Requested", "warn"),
    "VERIFIED": Look("lock", "Verified", "ok"),
    "UNENFORCED": Look("shield-alert", "Not enforced", "bad"),
    # stages
    "ALIGN": Look("compass", "Align", ""),
    "PLAN": Look("clipboard-list", "Plan", ""),
    "BUILD": Look("wrench", "Build", ""),
    "VERIFY": Look("flask-conical", "Verify", ""),
    "STITCH": Look("git-merge", "Stitch", ""),
    "DONE": Look("circle-check", "Done", "ok"),
    "DROPPED": Look("archive", "Dropped", "off"),
    # ambiguities
    "OPEN": Look("circle-help", "Open", "needs"),
    "NEEDS_EVIDENCE": Look("search", "Needs evidence", "warn"),
    "PROBED": Look("message-circle-question-mark", "Ask me more", "live"),
    "RESOLVED": Look("circle-check", "Resolved", "ok"),
    "DEFERRED": Look("clock", "Deferred", ""),
    "DISMISSED": Look("circle-slash", "Dismissed", "off"),
    # test plans
    "DRAFT": Look("file-pen", "Draft", ""),
    "AGENT_REVIEW": Look("bot", "In agent review", "live"),
    "LEAD_REVIEW": Look("hand", "Your review", "needs"),
    "RETURNED": Look("undo-2", "Returned", "warn"),
    "FROZEN": Look("lock", "Frozen", "ok"),
    "SUPERSEDED": Look("archive", "Superseded", "off"),
    # trees and stitches
    "ACTIVE": Look("git-branch", "Active", "live"),
    "STITCHED": Look("git-merge", "Stitched", "ok"),
    "ARCHIVED": Look("archive", "Archived", "off"),
    "USED": Look("check-check", "Carried out", "ok"),
    "CHANGED": Look("git-compare", "Changed after the approval", "bad"),
    "PENDING": Look("hourglass", "Pending", ""),
    "CLEAN": Look("circle-check", "Merges cleanly", "ok"),
    "CONFLICTED": Look("triangle-alert", "Conflicts", "bad"),
    "SIGNED": Look("signature", "Signed", "ok"),
    "MERGED": Look("git-merge", "Merged", "ok"),
    "ABORTED": Look("circle-slash", "Aborted", "off"),
    # approvals and findings
    "GRANTED": Look("circle-check", "Granted", "ok"),
    "REFUSED": Look("circle-x", "Refused", "bad"),
    "EXPIRED": Look("clock", "Expired", "off"),
    "NEW": Look("circle-dot", "New", "warn"),
    "ROUTED": Look("route", "Routed", "live"),
    "KNOWN": Look("book-open", "Known issue", ""),
    "REOPENED": Look("rotate-ccw", "Reopened", "warn"),
    # reports and cases
    "COMPLETE": Look("circle-check", "Complete", "ok"),
    "NEEDS_INPUT": Look("hand", "Needs input", "needs"),
    "BLOCKED": Look("ban", "Blocked", "bad"),
    "PASSED": Look("circle-check", "Passed", "ok"),
    "ERROR": Look("octagon-x", "Error", "bad"),
    "SKIPPED": Look("chevrons-right", "Skipped", "warn"),
    "MISSING": Look("circle-dashed", "Missing", "bad"),
    "FLAKY": Look("triangle-alert", "Flaky", "warn"),
    "NOT_RUN": Look("circle-dashed", "Not run", "off"),
    "YES": Look("circle-check", "Yes", "ok"),
    "PARTIAL": Look("circle-dot", "Partial", "warn"),
    "NO": Look("circle-x", "No", "bad"),
    # verdicts
    "APPROVE": Look("check", "Approved", "ok"),
    "CHANGE": Look("pencil", "Change wanted", "warn"),
    "DROP": Look("trash-2", "Drop", "off"),
    # risk, severity, confidence
    "LIGHT": Look("minus", "Light", "off"),
    "STANDARD": Look("shield", "Standard", ""),
    "CRITICAL": Look("shield-alert", "Critical", "bad"),
    "MAJOR": Look("triangle-alert", "Major", "warn"),
    "MINOR": Look("circle-alert", "Minor", ""),
    "COSMETIC": Look("sparkles", "Cosmetic", "off"),
    "INFO": Look("info", "Info", "off"),
    "HIGH": Look("gauge", "High", "ok"),
    "MEDIUM": Look("gauge", "Medium", ""),
    "LOW": Look("gauge", "Low", "warn"),
    # tool calls
    "PARKED": Look("hand", "Needs you", "needs"),
    "DENIED": Look("ban", "Denied", "bad"),
    "IN_PROGRESS": Look("loader-circle", "Running", "live"),
    "UNKNOWN": Look("circle-help", "Outcome unknown", "warn"),
    # whose turn
    "HUMAN": Look("hand", "Your turn", "needs"),
    "AGENT": Look("bot", "Agent's turn", "live"),
    "MACHINE": Look("cpu", "Leadroom's turn", ""),
    "NOBODY": Look("circle-check", "Settled", "off"),
}

TOOL_ICONS: dict[str, str] = {
    "read": "file-text",
    "edit": "file-pen",
    "delete": "trash-2",
    "move": "move",
    "search": "search",
    "execute": "terminal",
    "think": "sparkles",
    "fetch": "globe",
    "house": "layout-dashboard",
    "other": "wrench",
}


def look_of(state: object) -> Look:
    """The look of a state, in any case; an unknown one is plain, in words, never hidden."""
    key = str(getattr(state, "value", state) or "UNKNOWN")
    known = LOOKS.get(key.upper())
    return known or Look("circle", key.replace("_", " ").capitalize(), "")
