"""May this be done to this project or item? The sentence raised is the tooltip of the disabled button."""

import re

from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, Conflict, NotPermitted
from leadroom.projects.enums import RISK_ORDER, STAGES, ProjectKind, Risk
from leadroom.projects.intake import check_not_only_address
from leadroom.projects.models import Project, ReadinessCheck, WorkItem

REQUEST_LIMIT = 50_000

_CRITICAL_WORDS = re.compile(
    r"\b(delet\w+|drop\w*|eras\w+|purge\w*|migrat\w+|authenticat\w+|authori[sz]\w+|passwords?|permissions?|secrets?|tokens?|"
    r"payments?|payouts?|invoic\w+|refund\w*|billing)\b",
    re.IGNORECASE,
)


TOOL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,39}", re.ASCII)
TOOL_LIMIT = 30


def check_tools(tools: list[str]) -> None:
    """Tools are names of programs, or `browser` and `debugger`. Raises BadInput."""
    if len(tools) > TOOL_LIMIT:
        raise BadInput(f"{len(tools)} tools are more than a profile needs; {TOOL_LIMIT} is the limit. Nothing changed.")
    if wrong := [tool for tool in tools if not TOOL_NAME.fullmatch(tool)]:
        raise BadInput(f"{wrong[0][:60]!r} is not the name of a program, such as node or browser. Nothing was changed.")


def check_operable(project: Project, latest: ReadinessCheck | None) -> None:
    """May agents run in this environment? A project that does not say what it is makes no promise to check.

    Raises Conflict while there is no result for the profile as it is, NotPermitted when it failed and nobody accepted.
    """
    if project.kind == ProjectKind.UNKNOWN:
        return
    if latest is None or latest.profile_digest != project.profile_digest or latest.ended_at is None:
        raise Conflict(f"The environment of {project.name} is being tried; runs start when that is done.")
    if latest.is_ready or latest.accepted_at:
        return
    missing = [finding["sentence"] for finding in latest.findings if not finding["is_ok"]]
    raise NotPermitted(
        f"No run starts: an agent could not work in the environment of {project.name}. {' '.join(missing[:4])} "
        "Mend the profile on the project's page, or accept it there with a reason."
    )


def check_accept(check: ReadinessCheck, reason: str, *, by: Actor) -> None:
    """Only a person accepts an environment that is not ready, with a reason. Raises NotPermitted, BadInput."""
    if not by.is_human:
        raise NotPermitted("Only a person accepts an environment that is not ready.")
    if check.ended_at is None:
        raise NotPermitted("The environment is still being tried; there is nothing to accept yet.")
    if check.is_ready or check.accepted_at:
        raise NotPermitted("The environment is accepted already, or ready; nothing was changed.")
    if not reason.strip():
        raise BadInput("Say why agents may work without what is missing. Nothing was changed.")


def check_request(text: str) -> None:
    """Raises BadInput for an empty request, one above REQUEST_LIMIT characters, or one that is only an address."""
    if not text.strip():
        raise BadInput("The request is empty, so no item was created. Say in a sentence or more what should change.")
    if len(text) > REQUEST_LIMIT:
        raise BadInput(
            f"The request has {len(text):,} characters; {REQUEST_LIMIT:,} is the limit, so no item was created. "
            "Your text is still in the form: keep what matters and put long material into a file of the repository."
        )
    if "\x00" in text:
        raise BadInput("The request contains NUL characters, which text cannot hold. Remove them and send it again.")
    check_not_only_address(text)


def risk_by_words(text: str) -> tuple[Risk, str]:
    """The least risk the request's own words allow, with the reason. Rules only ever raise (PRODUCT section 2)."""
    if match := _CRITICAL_WORDS.search(text):
        return Risk.CRITICAL, f"the request speaks of “{match.group(0)}”"
    return Risk.LIGHT, ""


def higher_risk(first: str, second: str) -> Risk:
    return max(Risk(first), Risk(second), key=RISK_ORDER.index)


def check_set_risk(item: WorkItem, risk: str, *, by: Actor) -> None:
    """The agent proposes once, anybody may raise, only a human lowers."""
    if STAGES.is_final(item.stage):
        raise NotPermitted(f"The item is {item.stage.lower()}; its risk stays as it was.")
    is_lower = RISK_ORDER.index(Risk(risk)) < RISK_ORDER.index(Risk(item.risk))
    if is_lower and not by.is_human and item.is_risk_judged:
        raise NotPermitted("Only a person lowers the risk of an item.")


def check_drop(item: WorkItem, *, by: Actor) -> None:
    if not by.is_human:
        raise NotPermitted("Only a person drops an item.")
    if STAGES.is_final(item.stage):
        raise NotPermitted(f"The item is {item.stage.lower()} already; there is nothing left to drop.")
