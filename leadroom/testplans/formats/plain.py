"""A test plan as YAML, and the choice among the formats a plan is exchanged in."""

from collections.abc import Mapping
from typing import Any

import yaml

from leadroom.lib.errors import BadInput
from leadroom.testplans.formats.feature import from_feature
from leadroom.testplans.formats.markdown import from_markdown, has_front_matter

SIZE_LIMIT = 1_000_000
"""Characters of an import; the largest plan that passes the machine checks is far smaller."""
SUFFIXES = {"markdown": "md", "yaml": "yaml", "gherkin": "feature"}


class _Loader(yaml.SafeLoader):
    """Plain values only: an alias could make a small text stand for an endless one."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            line = self.peek_event().start_mark.line + 1
            raise BadInput(f"Line {line}: a plan has no aliases; write the text out. Nothing was changed.")
        return super().compose_node(parent, index)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _quoted_when_odd(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Line ends that are none to us, such as U+0085, survive only between double quotes."""
    is_plain = text.replace("\n", "").isprintable()
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')


_Dumper.add_representer(str, _quoted_when_odd)


def to_yaml(body: Mapping[str, Any], *, number: int, digest: str, item_title: str) -> str:
    """A plan as YAML in the fields of `submit_plan`; `from_yaml` reads back an equal body."""
    document = {"plan": number, "digest": digest, "item": item_title, **body}
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def from_yaml(text: str) -> dict[str, Any]:
    """The body of a plan, fields as they stand there. Raises BadInput for what is not YAML or no mapping."""
    try:
        found = yaml.load(text, Loader=_Loader)  # noqa: S506 (a safe loader without aliases)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        place = getattr(error, "problem_mark", None)
        where = f"Line {place.line + 1}: " if place else ""
        what = str(getattr(error, "problem", None) or error)[:300]
        raise BadInput(f"{where}this is not YAML ({what}). Nothing was changed.") from error
    if not isinstance(found, dict) or "cases" not in found:
        raise BadInput("The text is no plan: it has no field `cases`. Nothing was changed.")
    return {name: value for name, value in found.items() if name not in ("plan", "digest", "item")}


def read_plan(text: str) -> dict[str, Any]:
    """A plan in any of the formats, told by how it begins. Raises BadInput with what cannot be read."""
    if len(text) > SIZE_LIMIT:
        raise BadInput(f"The text has {len(text):,} characters; {SIZE_LIMIT:,} is the limit. Nothing was changed.")
    if not text.strip():
        raise BadInput("There is no text to import. Nothing was changed.")
    lines = [line.strip() for line in text.lstrip("\ufeff").splitlines() if line.strip()]
    text = text.lstrip("\ufeff")
    first = next((line for line in lines if not line.startswith("#") or line.startswith("##")), "")
    if first.startswith(("Feature:", "@")):
        return from_feature(text)
    if has_front_matter(text) or first.startswith("## "):
        return from_markdown(text)
    return from_yaml(text)
