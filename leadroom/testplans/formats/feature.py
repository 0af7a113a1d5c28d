"""A test plan as a Gherkin feature, out and in, read by Cucumber's own parser (docs/test-plans.md)."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from gherkin.errors import CompositeParserException, ParserError
from gherkin.parser import Parser

from leadroom.lib.errors import BadInput

_PLAN_WORDS = {"Summary": "summary", "Needs": "environment"}
_PLAN_LISTS = {"Hands off": "forbidden_zones", "May fail by": "failure_modes"}
_CASE_WORDS = {"Flow": "flow", "Node id": "node_id", "Command": "command"}
_HOLDS = "holds-before"
_INDENT = "  "


def to_feature(body: Mapping[str, Any], *, item_title: str) -> str:
    """A plan as one feature, a scenario a case, that `from_feature` reads back to an equal body.

    A text that Gherkin cannot hold as it stands (several lines, spaces around it) is written as a JSON string.
    """
    lines = [f"Feature: {_spelled(item_title)}", ""]
    for word, name in _PLAN_WORDS.items():
        if body[name]:
            lines.append(f"{_INDENT}{word}: {_spelled(body[name])}")
    for word, name in _PLAN_LISTS.items():
        lines += [f"{_INDENT}{word}: {_spelled(text)}" for text in body[name]]
    for row in body["not_covered"]:
        lines += [f"{_INDENT}Not covered: {_spelled(row['what'])}", f"{_INDENT}Because: {_spelled(row['why'])}"]
    for case in body["cases"]:
        lines += ["", *(_INDENT + line for line in _scenario(case))]
    return "\n".join(lines) + "\n"


def _spelled(text: str) -> str:
    is_plain = text.isprintable() and text == text.strip() and not text.startswith('"') and "\\" not in text
    return text if is_plain else json.dumps(text)


def _scenario(case: Mapping[str, Any]) -> Iterator[str]:
    tags = [f"id:{case['id']}", f"layer:{case['layer']}", f"path:{case['path']}", f"priority:{case['priority']}"]
    tags += [_HOLDS] if case.get("holds_before") else []
    yield " ".join(f"@{tag}" for tag in [*tags, *(f"proves:{key}" for key in case["criteria"])])
    yield f"Scenario: {_spelled(case['title'])}"
    for word, name in _CASE_WORDS.items():
        if case.get(name):
            yield f"{_INDENT}{word}: {_spelled(case[name])}"
    if case["precondition"]:
        yield f"{_INDENT}Given {_spelled(case['precondition'])}"
    for n, step in enumerate(case["steps"]):
        yield f"{_INDENT}{'And' if n else 'When'} {_spelled(step)}"
    if case["expected"]:
        yield f"{_INDENT}Then {_spelled(case['expected'])}"


def from_feature(text: str) -> dict[str, Any]:
    """The body of a plan from a feature of ours, or from anybody's as far as it goes.

    Without our tags a scenario is an end-to-end case on the happy path, proves the criteria its tags name
    (@AC-001), and its background is its precondition. Raises BadInput for what cannot be read or has examples.
    """
    try:
        feature = Parser().parse(text).get("feature")
    except (CompositeParserException, ParserError, RecursionError) as error:
        first = str(error).splitlines()[1:2] or [str(error)]
        raise BadInput(f"This is not Gherkin: {first[0][:300]}. Nothing was changed.") from error
    if not feature:
        raise BadInput("The text holds no feature, so there is no plan in it. Nothing was changed.")
    body: dict[str, Any] = {
        "summary": "", "cases": [], "forbidden_zones": [], "failure_modes": [], "environment": "", "not_covered": [],
    }  # fmt: skip
    rest = [line for line in _lines(feature) if not _take_plan_line(body, line)]
    body["summary"] = body["summary"] or " ".join(rest) or _read(feature["name"])
    for background, scenario in _scenarios(feature["children"], []):
        body["cases"].append(_case(scenario, background, len(body["cases"]) + 1))
    return body


def _lines(node: Mapping[str, Any]) -> list[str]:
    return [line.strip() for line in node["description"].splitlines() if line.strip()]


def _take_plan_line(body: dict[str, Any], line: str) -> bool:
    word, colon, rest = line.partition(":")
    if not colon:
        return False
    if word in _PLAN_WORDS:
        body[_PLAN_WORDS[word]] = _read(rest)
    elif word in _PLAN_LISTS:
        body[_PLAN_LISTS[word]].append(_read(rest))
    elif word == "Not covered":
        body["not_covered"].append({"what": _read(rest), "why": ""})
    elif word == "Because" and body["not_covered"]:
        body["not_covered"][-1]["why"] = _read(rest)
    else:
        return False
    return True


def _read(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text.startswith('"') and text.endswith('"'):
        try:
            found = json.loads(text)
        except ValueError:
            return text
        return found if isinstance(found, str) else text
    return text


def _scenarios(children: list[Any], above: list[str]) -> Iterator[tuple[list[str], Mapping[str, Any]]]:
    """Each scenario with the texts of the backgrounds it has, rules taken apart."""
    background = list(above)
    for child in children:
        if "background" in child:
            background += [_step(step) for step in child["background"]["steps"]]
        elif "rule" in child:
            yield from _scenarios(child["rule"]["children"], background)
        else:
            yield background, child["scenario"]


def _step(step: Mapping[str, Any]) -> str:
    parts = [_read(step["text"])]
    if "docString" in step:
        parts.append(step["docString"]["content"])
    if "dataTable" in step:
        parts += [" | ".join(cell["value"] for cell in row["cells"]) for row in step["dataTable"]["rows"]]
    return "\n".join(part for part in parts if part)


def _case(scenario: Mapping[str, Any], background: list[str], position: int) -> dict[str, Any]:
    if scenario["examples"]:
        raise BadInput(
            f"Line {scenario['location']['line']}: “{scenario['name'][:100]}” has examples; a case of a plan is one "
            "scenario. Write each example that matters as its own. Nothing was changed."
        )
    tags = [tag["name"][1:] for tag in scenario["tags"]]
    named = dict(tag.split(":", 1) for tag in tags if ":" in tag and not tag.startswith("proves:"))
    case: dict[str, Any] = {
        "id": named.get("id", f"E-{position:03}"),
        "layer": named.get("layer", "end_to_end"),
        "title": _read(scenario["name"]),
        "criteria": [tag.removeprefix("proves:") for tag in tags if tag.startswith(("proves:", "AC-"))],
        "precondition": "", "steps": [], "expected": "", "flow": "",
        "path": named.get("path", "happy"),
        "priority": named.get("priority", "must"),
        "node_id": "", "command": "",
        "holds_before": _HOLDS in tags,
    }  # fmt: skip
    for line in _lines(scenario):
        word, colon, rest = line.partition(":")
        if colon and word in _CASE_WORDS:
            case[_CASE_WORDS[word]] = _read(rest)
    _take_steps(case, scenario["steps"], background)
    return case


def _take_steps(case: dict[str, Any], steps: list[Mapping[str, Any]], background: list[str]) -> None:
    """Given is the precondition, When the steps, Then what is expected; And and But go on with what was before."""
    given, kind = list(background), "Context"
    expected: list[str] = []
    for step in steps:
        own = step["keywordType"]
        kind = kind if own in ("Conjunction", "Unknown") else own
        place = {"Context": given, "Outcome": expected}.get(kind, case["steps"])
        place.append(_step(step))
    case["precondition"], case["expected"] = "\n".join(given), "\n".join(expected)
