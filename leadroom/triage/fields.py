"""What the inbox reads from a report's text: workaround, who is affected, hazards. Pure; any text is fine."""

import dataclasses
import re

from leadroom.lib.shapes import clip, storable
from leadroom.triage.engine.extraction import read_part
from leadroom.triage.engine.patterns import LABEL
from leadroom.triage.enums import Hazard, Severity, SuggestedAction, Workaround
from leadroom.triage.priority import MOST_CLAIMED

_NOTHING = re.compile(r"\W*(none|no|nothing|n/?a|not known( yet)?|unknown)?\W*", re.IGNORECASE)
_UNKNOWN = re.compile(r"\W*(unknown|not known( yet)?|unclear|\?+)?\W*", re.IGNORECASE)
_EVERYBODY = re.compile(r"\b(all|every|everyone|everybody|most|any)\b", re.IGNORECASE)
_NUMBER = re.compile(r"\b(\d{1,3}(?:[ ,.]?\d{3})*)\b")
_SECURITY = re.compile(
    r"\b(cve-\d{4}-\d+|security (hole|flaw|issue|bug|problem)|vulnerab\w+|(sql|command|code|html|script) injection"
    r"|xss|csrf|ssrf|path traversal|directory traversal|privilege escalation|auth(entication|orization)? bypass"
    r"|(leaks?|leaked|exposes?|exposed|discloses?) \S* ?(\S+ )?(tokens?|passwords?|secrets?|keys?|credentials?)"
    r"|remote code execution|rce)\b",
    re.IGNORECASE,
)
_DATA_LOSS = re.compile(
    r"\b(data ?loss|los(es|e|t|ing) (\w+ ){0,2}(data|rows|records|files|entries|messages)"
    r"|(data|rows|records|database|file) (\w+ )?(is|are|was|were|gets?) (lost|corrupted|overwritten|deleted)"
    r"|corrupts? (the )?\w+"
    r"|(deletes?|overwrites?|wipes?) (\w+ ){0,2}(data|database|records|files) (\w+ )?(of|without)\b)",
    re.IGNORECASE,
)
_DENIED = re.compile(r"\b(no|not|without|never|nor|isn't|aren't|doesn't|don't)\b[^.;\n]{0,24}$", re.IGNORECASE)


@dataclasses.dataclass(frozen=True)
class Fields:
    """`affected` is said in words, `claimed` in people (at most MOST_CLAIMED; 1 when nothing is said)."""

    workaround: Workaround
    workaround_text: str
    affected: str
    claimed: int
    hazard: Hazard


def fields_of(title: str, body: str) -> Fields:
    """Reads the labelled lines `Workaround:` and `Affected:` of the template, and the words of title and body."""
    part = read_part(body)
    labels: dict[str, str] = {}
    for label, value in LABEL.findall(part):
        labels.setdefault(" ".join(label.lower().split()), value.strip(" `*_"))
    workaround = labels.get("workaround", "")
    affected = labels.get("affected", "") or labels.get("who is affected", "") or labels.get("users affected", "")
    return Fields(
        workaround=_workaround(workaround),
        workaround_text=storable(clip(workaround, 250)),
        affected=storable(clip(affected, 150)),
        claimed=_claimed(affected),
        hazard=hazard_of(f"{title}\n{part}"),
    )


def hazard_of(text: str) -> Hazard:
    """Security before data loss; words with a denial just before them do not count."""
    if _is_said(_SECURITY, text):
        return Hazard.SECURITY
    return Hazard.DATA_LOSS if _is_said(_DATA_LOSS, text) else Hazard.NONE


def default_action(severity: str) -> SuggestedAction:
    """What is suggested when nobody said: high severities are decided, low ones only seen."""
    if severity in (Severity.CRITICAL, Severity.MAJOR):
        return SuggestedAction.DECIDE
    return SuggestedAction.FOLLOW_UP if severity == Severity.MINOR else SuggestedAction.ACKNOWLEDGE


def _workaround(text: str) -> Workaround:
    if _UNKNOWN.fullmatch(text):
        return Workaround.UNKNOWN
    return Workaround.NONE if _NOTHING.fullmatch(text) else Workaround.EXISTS


def _claimed(text: str) -> int:
    if _EVERYBODY.search(text):
        return MOST_CLAIMED
    found = _NUMBER.search(text)
    return max(1, min(MOST_CLAIMED, int(re.sub(r"\D", "", found[1])))) if found else 1


def _is_said(pattern: re.Pattern[str], text: str) -> bool:
    return any(not _DENIED.search(text[max(0, found.start() - 40) : found.start()]) for found in pattern.finditer(text))
