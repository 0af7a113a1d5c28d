"""A case as the editor's page sends it, checked by the same shape an agent's plan is checked by."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from pydantic import ValidationError

from leadroom.lib.errors import BadInput
from leadroom.lib.shapes import storable
from leadroom.runners.shapes import CaseShape, SubmitPlan
from leadroom.testplans.changes import free_key
from leadroom.testplans.enums import CasePath, Layer, Priority

_WORDS = {"id": "Id", "node_id": "The pytest node id", "not_covered": "Not covered"}


def read_case(request: HttpRequest) -> dict[str, Any]:
    """What was typed, as the fields of a case; nothing of it is checked."""
    post = request.POST
    way = post.get("way", "node_id")
    run_by = post.get("run_by", "").strip()
    return storable(
        {
            "id": post.get("id", "").strip(),
            "layer": post.get("layer", ""),
            "title": post.get("title", "").strip(),
            "criteria": post.getlist("criteria"),
            "precondition": _text(post.get("precondition", "")),
            "steps": [line.strip() for line in _text(post.get("steps", "")).splitlines() if line.strip()],
            "expected": _text(post.get("expected", "")),
            "flow": post.get("flow", "").strip(),
            "path": post.get("path", ""),
            "priority": post.get("priority", ""),
            "node_id": run_by if way == "node_id" else "",
            "command": run_by if way == "command" else "",
            "holds_before": "holds_before" in post,
        }
    )


def _text(value: str) -> str:
    return value.replace("\r\n", "\n").strip()


def blank_case(body: Mapping[str, Any], layer: str) -> dict[str, Any]:
    """A new case of a layer with the next free id."""
    layer = layer if layer in Layer.values else Layer.UNIT
    return {
        "id": free_key(body, layer),
        "layer": layer,
        "title": "",
        "criteria": [],
        "precondition": "",
        "steps": [],
        "expected": "",
        "flow": "",
        "path": CasePath.HAPPY,
        "priority": Priority.MUST,
        "node_id": "",
        "command": "",
        "holds_before": False,
    }


def shaped_case(case: Mapping[str, Any]) -> dict[str, Any]:
    """The case with every field an agent's has. Raises BadInput with the first field that is wrong."""
    try:
        return CaseShape.model_validate(case).model_dump()
    except ValidationError as error:
        raise BadInput(_sentence(error)) from error


def shaped_plan(body: Mapping[str, Any]) -> dict[str, Any]:
    """A whole plan in the fields of `submit_plan`, without answers. Raises BadInput with the first that is wrong."""
    try:
        shaped = SubmitPlan.model_validate(body).model_dump()
    except ValidationError as error:
        raise BadInput(_sentence(error)) from error
    shaped.pop("answers")
    return shaped


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = [str(part + 1) if isinstance(part, int) else part for part in first["loc"]]
    name = _WORDS.get(where[0], where[0].capitalize()) if len(where) == 1 else " ".join(where)
    return f"{name}: {first['msg']}. Nothing was changed."
