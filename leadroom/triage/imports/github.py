"""Issues of GitHub as JSON: of the REST API (`GET /repos/…/issues`) and of `gh issue list --json`."""

import json
from collections.abc import Mapping
from typing import Any

from leadroom.lib.errors import BadInput
from leadroom.triage.enums import Severity
from leadroom.triage.imports.rows import NOTHING, Reading, Row, json_of, severity_of, text_of, time_of, words_of


def read(data: bytes) -> Reading:
    """Each open issue is a row; pull requests and closed issues are left out. Raises BadInput."""
    reading = Reading()
    for number, issue in enumerate(_issues(data), 1):
        if not isinstance(issue, Mapping):
            reading.refuse(number, "It is no JSON object.")
        elif "pull_request" in issue:
            reading.left_out["pull requests"] += 1
        elif str(issue.get("state", "open")).lower() != "open":
            reading.left_out["closed issues"] += 1
        elif not words_of(issue.get("title")).strip():
            reading.refuse(number, "It has no title.")
        else:
            reading.rows.append(_row(number, issue))
    return reading


def _issues(data: bytes) -> list[Any]:
    """One list, one issue, a search's `items`, or pages one after the other as `gh api --paginate` prints them."""
    text, found = text_of(data).strip(), []
    reader = json.JSONDecoder()
    try:
        at = 0
        while at < len(text):
            page, at = reader.raw_decode(text, at)
            at += len(text[at:]) - len(text[at:].lstrip())
            if isinstance(page, Mapping) and isinstance(page.get("items"), list):
                page = page["items"]
            found += page if isinstance(page, list) else [page]
    except (ValueError, RecursionError):
        found = json_of(data)  # says where it breaks off
    if not any(isinstance(one, Mapping) and ("title" in one or "number" in one) for one in found) and found:
        raise BadInput(f"The file holds no issues: none has a title; {NOTHING}. Ask `gh` for number,title,body,labels.")
    return found


def _row(number: int, issue: Mapping[str, Any]) -> Row:
    address = words_of(issue.get("html_url") or issue.get("url"))
    labels = [words_of(one.get("name") if isinstance(one, Mapping) else one) for one in issue.get("labels") or ()]
    body = words_of(issue.get("body")).replace("\r\n", "\n").strip()
    about = "\n\n".join(filter(None, [body, f"From {address}" if address else ""]))
    known = next((word for word in map(_known, labels) if word), Severity.MINOR)
    key = address or (f"#{issue['number']}" if isinstance(issue.get("number"), int) else "")
    at = time_of(issue.get("created_at") or issue.get("createdAt"))
    return Row(number, words_of(issue["title"]).strip(), about, known, f"github:{key}"[:190] if key else "", at)


def _known(label: str) -> str:
    """The severity that a label names, empty for a label of another kind."""
    low, high = severity_of(label, Severity.INFO), severity_of(label, Severity.CRITICAL)
    return low if low == high else ""
