"""Results of SARIF 2.1.0 (OASIS Standard, 27 March 2020), which linters and security scanners write."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from leadroom.lib.errors import BadInput
from leadroom.triage.enums import Severity
from leadroom.triage.imports.rows import NOTHING, Reading, Row, first_line, in_template, json_of

VERSION = "2.1.0"
_LEVELS = {"error": Severity.MAJOR, "warning": Severity.MINOR, "note": Severity.COSMETIC, "none": Severity.INFO}
_SECURITY = ((9.0, Severity.CRITICAL), (7.0, Severity.MAJOR), (4.0, Severity.MINOR), (0.0, Severity.COSMETIC))
"""CVSS bands (FIRST, CVSS v3.1 section 5) of the property `security-severity`."""
_PASSED = {"pass": "results that passed", "notApplicable": "rules that do not apply", "informational": "remarks"}


def read(data: bytes) -> Reading:
    """Each open result is a row. Raises BadInput for what is no SARIF of this version."""
    log = json_of(data)
    if not isinstance(log, Mapping) or not isinstance(log.get("runs"), list):
        raise BadInput(f"The file is no SARIF log: it has no list `runs`; {NOTHING}.")
    if str(log.get("version", "")) != VERSION:
        raise BadInput(f"SARIF {str(log.get('version', '?'))[:20]} is not read, only {VERSION}; {NOTHING}.")
    reading, number = Reading(), 0
    for run in log["runs"]:
        for result in _list(run, "results"):
            number += 1
            _take(reading, number, run, result)
    return reading


def _take(reading: Reading, number: int, run: Any, result: Any) -> None:
    if not isinstance(result, Mapping):
        reading.refuse(number, "It is no SARIF result.")
        return
    if result.get("kind") in _PASSED:
        reading.left_out[_PASSED[result["kind"]]] += 1
        return
    if result.get("baselineState") == "absent":
        reading.left_out["results that are gone"] += 1
        return
    if any(_map(one).get("status", "accepted") == "accepted" for one in _list(result, "suppressions")):
        reading.left_out["suppressed results"] += 1
        return
    rule = _rule(run, result)
    rule_id = str(result.get("ruleId") or rule.get("id") or "")
    message = _message(result, rule)
    if not (message or rule_id):
        reading.refuse(number, "It has neither a message nor a rule.")
        return
    tool = str(_map(_map(_map(run).get("tool")).get("driver")).get("name") or "a tool")
    place, symbol, line = _place(result)
    title = first_line(message) or _words(rule.get("shortDescription")) or rule_id
    where = f"`{place}{f':{line}' if line else ''}`{f' in `{symbol}`' if symbol else ''}" if place else ""
    fields = {"Where": where, "Error": f"`{rule_id}`" if rule_id else "", "Tool": tool}
    about = "\n\n".join(filter(None, [message, _words(rule.get("fullDescription")), str(rule.get("helpUri") or "")]))
    title = title if rule_id in title or not rule_id else f"{title} ({rule_id})"
    reading.rows.append(
        Row(number, title, in_template(fields, about), _severity(result, rule), _key(tool, rule_id, result, place))
    )


def _rule(run: Any, result: Mapping[str, Any]) -> Mapping[str, Any]:
    """The rule's own description, by index or by id; tools may keep it in an extension."""
    tool = _map(_map(run).get("tool"))
    parts = [_map(tool.get("driver")), *map(_map, _list(tool, "extensions"))]
    named = _map(result.get("rule"))
    index, wanted = result.get("ruleIndex", named.get("index")), result.get("ruleId") or named.get("id")
    rules = _list(parts[0], "rules")
    if isinstance(index, int) and 0 <= index < len(rules) and not wanted:
        return _map(rules[index])
    for part in parts:
        for rule in _list(part, "rules"):
            if wanted and _map(rule).get("id") == wanted:
                return _map(rule)
    return {}


def _message(result: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
    message = _map(result.get("message"))
    text = message.get("text") or message.get("markdown")
    if not text:
        text = _words(_map(rule.get("messageStrings")).get(str(message.get("id", ""))))
    given = [str(one) for one in _list(message, "arguments")]

    def filled(match: re.Match[str]) -> str:
        at = int(match.group(1))
        return given[at] if at < len(given) else match.group(0)

    return re.sub(r"\{(\d{1,2})\}", filled, str(text or "")).strip()


def _place(result: Mapping[str, Any]) -> tuple[str, str, int]:
    for location in map(_map, _list(result, "locations")):
        physical = _map(location.get("physicalLocation"))
        uri = str(_map(physical.get("artifactLocation")).get("uri") or "")
        line = _map(physical.get("region")).get("startLine")
        logical = next(map(_map, _list(location, "logicalLocations")), {})
        symbol = str(logical.get("fullyQualifiedName") or logical.get("name") or "")
        if uri or symbol:
            return uri.removeprefix("file://"), symbol, line if isinstance(line, int) else 0
    return "", "", 0


def _severity(result: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
    of_rule, own = _map(rule.get("properties")), _map(result.get("properties"))
    said = own.get("security-severity", of_rule.get("security-severity"))
    try:
        score = float(said)
        return next(severity for least, severity in _SECURITY if score >= least)
    except (TypeError, ValueError, StopIteration):
        level = result.get("level") or _map(rule.get("defaultConfiguration")).get("level") or "warning"
        return _LEVELS.get(str(level), Severity.MINOR)


def _key(tool: str, rule: str, result: Mapping[str, Any], place: str) -> str:
    """By the tool's own fingerprint, which holds while lines move (SARIF 3.27.16); empty without one."""
    prints = _map(result.get("fingerprints")) or _map(result.get("partialFingerprints"))
    if not prints:
        return ""
    said = "|".join(f"{name}={prints[name]}" for name in sorted(map(str, prints)))
    return f"sarif:{hashlib.sha256(f'{tool}|{rule}|{place}|{said}'.encode(errors='replace')).hexdigest()[:40]}"


def _words(message: Any) -> str:
    return str(_map(message).get("text") or "").strip()


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any, name: str) -> list[Any]:
    found = _map(value).get(name)
    return found if isinstance(found, list) else []
