"""Sources as agents declare them: read into one form, and what a look at each gave."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class SourceKind(StrEnum):
    """What a source can be. `UNKNOWN` resolves to nothing."""

    FILE = "file"
    REQUIREMENT = "requirement"
    TEST_RUN = "test run"
    COMMAND = "command"
    SKILL = "skill"
    URL = "url"
    API = "api response"
    DASHBOARD = "dashboard"
    RECORD = "record"
    UNKNOWN = "unknown"


_KINDS = {
    "file": SourceKind.FILE,
    "code": SourceKind.FILE,
    "requirement": SourceKind.REQUIREMENT,
    "criterion": SourceKind.REQUIREMENT,
    "document": SourceKind.REQUIREMENT,
    "pick": SourceKind.REQUIREMENT,
    "request": SourceKind.REQUIREMENT,
    "testrun": SourceKind.TEST_RUN,
    "test": SourceKind.TEST_RUN,
    "verification": SourceKind.TEST_RUN,
    "command": SourceKind.COMMAND,
    "skill": SourceKind.SKILL,
    "url": SourceKind.URL,
    "page": SourceKind.URL,
    "api": SourceKind.API,
    "apiresponse": SourceKind.API,
    "dashboard": SourceKind.DASHBOARD,
    "record": SourceKind.RECORD,
    "report": SourceKind.RECORD,
    "finding": SourceKind.RECORD,
    "plan": SourceKind.RECORD,
}
_PLACE = re.compile(r"^(?P<path>.+?)(?::(?P<first>\d{1,7})(?:-(?P<last>\d{1,7}))?)?(?:@(?P<commit>[0-9a-f]{7,40}))?$")
_SUBJECT = re.compile(
    r"^(agents|guardrails|projects|requirements|skills|testplans|triage|verification|worktrees)\.[a-z]+:\d{1,18}$"
)


def kind_of(said: str) -> SourceKind:
    """The kind an agent meant, whatever its spelling (`test_run`, `Test run`)."""
    return _KINDS.get(re.sub(r"[^a-z]", "", said.lower()), SourceKind.UNKNOWN)


@dataclass(frozen=True)
class Place:
    """Lines of a file at a commit; `first` 0 is the whole file, `commit` empty the state the agent worked on."""

    path: str
    first: int = 0
    last: int = 0
    commit: str = ""


def place_of(uri: str) -> Place | None:
    """`src/core.py:12-14@3f2a91c` read; None for what is no place inside a repository."""
    found = _PLACE.match(uri.strip())
    if found is None:
        return None
    path = found["path"].removeprefix("./")
    if path.startswith(("/", "~")) or ".." in path.split("/") or "\0" in path or "://" in path:
        return None
    first = int(found["first"] or 0)
    return Place(path, first, int(found["last"] or first), found["commit"] or "")


def is_subject(uri: str) -> bool:
    """Whether it names a record as the ledger does: `testplans.plan:3`."""
    return bool(_SUBJECT.match(uri))


@dataclass(frozen=True)
class Found:
    """What a look at a source gave. `counts` is whether it is a source at all; `why` says so in a sentence."""

    counts: bool
    why: str
    revision: str = ""
    digest: str = ""
    at: dt.datetime | None = None
    is_observed: bool = False

    def as_json(self) -> dict[str, Any]:
        """The form in which it travels with a declared source to `ledger.actions.record`."""
        at = self.at.astimezone(dt.UTC).isoformat() if self.at else ""
        kept = {"counts": self.counts, "why": self.why, "revision": self.revision, "digest": self.digest, "at": at}
        return {**kept, "observed": self.is_observed}


def no(why: str) -> Found:
    """A source that does not count."""
    return Found(False, why)


def counting(sources: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that were looked at and found."""
    return [source for source in sources if source.get("found", {}).get("counts")]


def without_findings(value: Any) -> Any:
    """The same JSON as the agent sent it, without what Leadroom found: what tells a repetition from something new."""
    if isinstance(value, Mapping):
        return {key: without_findings(inner) for key, inner in value.items() if key != "found"}
    if isinstance(value, list | tuple):
        return [without_findings(inner) for inner in value]
    return value
