"""Issues as the open `zero-review` skills hand them from their tester to their triage (Markdown or JSON).

Their README names the contract's purpose (bug reports and feature requests with steps to reproduce); what is read
here are the fields that PRODUCT section 6 names for a finding, under whatever heading style (docs/triage.md).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import frontmatter
import yaml

from leadroom.lib.errors import BadInput
from leadroom.triage.imports.rows import NOTHING, Reading, Row, in_template, json_of, severity_of, text_of, words_of

FIELDS = {
    "title": ("title", "summary"),
    "type": ("type", "kind", "category"),
    "severity": ("severity", "impact", "priority"),
    "reproduction": ("reproduction", "steps to reproduce", "reproduction steps", "steps", "how to reproduce"),
    "expected": ("expected", "expected behavior", "expected behaviour", "expected result"),
    "actual": ("actual", "actual behavior", "actual behaviour", "actual result", "observed"),
    "frequency": ("frequency", "reproducibility", "how often"),
    "affected": ("affected", "who is affected", "persona", "affects", "users affected"),
    "workaround": ("workaround",),
    "evidence": ("evidence", "logs", "attachments"),
    "environment": ("environment", "artifact", "version"),
    "id": ("id", "issue id"),
    "body": ("body", "description", "details", "notes"),
}
NEEDED = {"bug": ("title", "reproduction", "expected", "actual"), "request": ("title", "body")}
_BY_LABEL = {label: name for name, labels in FIELDS.items() for label in labels}
_LABEL = re.compile(r"^[ \t]{0,3}(?:[-*][ \t]+)?(?:\*\*|__)?([A-Za-z][A-Za-z ]{1,24}?)(?:\*\*|__)?[ \t]*:[ \t]*(.*)$")
_HEADING = re.compile(r"^(#{1,6})[ \t]+(.+?)[ \t]*#*$")


def read(data: bytes) -> Reading:
    """Each issue is a row; one that misses what the contract needs is refused with the names. Raises BadInput."""
    text = text_of(data).lstrip()
    issues = list(_of_json(data) if text[:1] in "[{" else _of_markdown(text))
    if not any(issues):
        raise BadInput(f"The file holds no issue: no field of the contract was found in it; {NOTHING}.")
    reading = Reading()
    for number, given in enumerate(issues, 1):
        missing = [name for name in NEEDED[_type(given)] if not given.get(name, "").strip()]
        if missing:
            reading.refuse(number, f"As a {_type(given)} it lacks {', '.join(missing)}.")
        else:
            reading.rows.append(_row(number, given))
    return reading


def _type(given: Mapping[str, str]) -> str:
    said = given.get("type", "").lower()
    return "request" if re.search(r"feature|request|enhancement|addition|improvement", said) else "bug"


def _row(number: int, given: Mapping[str, str]) -> Row:
    labels = {"Reproduce": "reproduction", "Expected": "expected", "Actual": "actual", "Frequency": "frequency",
              "Affected": "affected", "Workaround": "workaround", "Environment": "environment"}  # fmt: skip
    rest = "\n\n".join(filter(None, [given.get("body", "").strip(), given.get("evidence", "").strip()]))
    body = in_template({label: given.get(name, "") for label, name in labels.items()}, rest)
    key = f"zero-review:{given['id']}"[:190] if given.get("id") else ""
    return Row(number, given["title"].strip(), body, severity_of(given.get("severity")), key)


def _of_json(data: bytes) -> Iterator[dict[str, str]]:
    found = json_of(data)
    if isinstance(found, Mapping) and isinstance(found.get("issues"), list):
        found = found["issues"]
    for one in found if isinstance(found, list) else [found]:
        yield _named(one) if isinstance(one, Mapping) else {}


def _named(given: Mapping[Any, Any]) -> dict[str, str]:
    made: dict[str, str] = {}
    for label, value in given.items():
        name = _BY_LABEL.get(str(label).replace("_", " ").replace("-", " ").strip().lower())
        if name:
            made.setdefault(name, words_of(value))
    return made


def _of_markdown(text: str) -> Iterator[dict[str, str]]:
    """One issue with front matter, or several that each begin with a heading of the highest level there is."""
    if text.startswith("---"):
        try:
            post = frontmatter.loads(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise BadInput(f"The front matter cannot be read ({str(error)[:120]}); {NOTHING}.") from error
        yield {**_issue(post.content.splitlines()), **_named(post.metadata)}
        return
    lines = text.splitlines()
    headings = [_HEADING.match(line) if is_text else None for line, is_text in zip(lines, _is_text(lines), strict=True)]
    top = min((len(match.group(1)) for match in headings if match), default=0)
    part: list[str] = []
    for line, match in zip(lines, headings, strict=True):
        starts = match is not None and len(match.group(1)) == top and _BY_LABEL.get(_plain(match.group(2))) is None
        if starts and any(part):
            yield _issue(part)
            part = []
        part.append(line)
    yield _issue(part)


def _is_text(lines: list[str]) -> Iterator[bool]:
    """Whether each line is outside of blocks of code."""
    is_code = False
    for line in lines:
        is_fence = line.lstrip().startswith("```")
        yield not (is_code or is_fence)
        is_code ^= is_fence


def _issue(lines: list[str]) -> dict[str, str]:
    """Fields of one issue: under a heading of that name, or after a label at the beginning of a line."""
    made: dict[str, list[str]] = {}
    name = "body"
    for line, is_text in zip(lines, _is_text(lines), strict=True):
        heading = _HEADING.match(line) if is_text else None
        label = _LABEL.match(line) if is_text else None
        if heading:
            known = _BY_LABEL.get(_plain(heading.group(2)))
            if known is None and "title" not in made:
                made["title"] = [_plain_title(heading.group(2))]
            name = known or "body"
        elif label and _plain(label.group(1)) in _BY_LABEL:
            name = _BY_LABEL[_plain(label.group(1))]
            made.setdefault(name, []).append(label.group(2).removeprefix("**").removeprefix("__").strip())
        else:
            made.setdefault(name, []).append(line)
    return {name: "\n".join(found).strip() for name, found in made.items() if "\n".join(found).strip()}


def _plain(label: str) -> str:
    return label.strip(" *_:`").lower()


def _plain_title(heading: str) -> str:
    """`Issue 3: the words` and `ISS-003 - the words` without what only numbers them."""
    return re.sub(r"^(?:issue|bug|iss|finding)[ #-]*\d*[ ]*[:.-][ ]*", "", heading.strip(" *_"), flags=re.IGNORECASE)
