"""Results of a plan's cases for other tools: JUnit XML, and CTRF (ctrf.io, Common Test Report Format)."""

import datetime as dt
import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from junitparser import Error, Failure, JUnitXml, Skipped, TestSuite
from junitparser import TestCase as XmlCase

_NO_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no form for."""
_CTRF = {"passed": "passed", "failed": "failed", "error": "failed", "skipped": "skipped"}


@dataclass(frozen=True)
class CaseOutcome:
    """How a case went. `word` is passed, failed, error, skipped, missing or another of Leadroom's, in lower case."""

    key: str
    title: str
    layer: str
    run_by: str
    word: str
    seconds: float
    message: str


def to_junit(name: str, outcomes: Iterable[CaseOutcome]) -> str:
    """One suite, a test case per case of the plan in its order; `classname` is the layer, `name` id and title.

    Characters that XML cannot hold become U+FFFD. What neither passed nor was skipped nor failed is an error.
    """
    suite = TestSuite(_xml(name))
    for outcome in outcomes:
        case = XmlCase(_xml(f"{outcome.key} {outcome.title}"), outcome.layer, outcome.seconds)
        kind = {"failed": Failure, "skipped": Skipped, "passed": None}.get(outcome.word, Error)
        if kind is not None:
            entry = kind(outcome.word, outcome.word)
            entry.text = _xml(outcome.message)
            case.result = [entry]
        case.system_out = _xml(outcome.run_by)
        suite.add_testcase(case)
    xml = JUnitXml(_xml(name))
    xml.add_testsuite(suite)
    return xml.tostring().decode()


def _xml(text: str) -> str:
    return _NO_XML.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def to_ctrf(
    name: str, outcomes: Iterable[CaseOutcome], *, started: dt.datetime | None, ended: dt.datetime | None, commit: str
) -> str:
    """A CTRF report; times are milliseconds, those of the whole since 1970."""
    rows = list(outcomes)
    words = Counter(_CTRF.get(row.word, "other") for row in rows)
    report: dict[str, Any] = {
        "reportFormat": "CTRF",
        "specVersion": "0.0.0",
        "results": {
            "tool": {"name": "Leadroom"},
            "summary": {
                "tests": len(rows),
                **{word: words[word] for word in ("passed", "failed", "pending", "skipped", "other")},
                "start": _milliseconds(started),
                "stop": _milliseconds(ended),
            },
            "tests": [_ctrf_test(row, name) for row in rows],
            "environment": {"commit": commit},
        },
    }
    return json.dumps(report, indent=1, ensure_ascii=False) + "\n"


def _ctrf_test(row: CaseOutcome, name: str) -> dict[str, Any]:
    test = {
        "name": f"{row.key} {row.title}",
        "status": _CTRF.get(row.word, "other"),
        "duration": round(row.seconds * 1000),
        "rawStatus": row.word,
        "suite": [name, row.layer],
        "extra": {"case": row.key, "run_by": row.run_by},
    }
    return test | ({"message": row.message} if row.message else {})


def _milliseconds(moment: dt.datetime | None) -> int:
    return round(moment.timestamp() * 1000) if moment else 0
