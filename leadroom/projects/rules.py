"""May this be done to this project or item? The sentence raised is the tooltip of the disabled button."""

import re

from leadroom.lib.actors import Actor
from leadroom.lib.errors import BadInput, NotPermitted
from leadroom.projects.enums import RISK_ORDER, STAGES, Risk
from leadroom.projects.intake import check_not_only_address
from leadroom.projects.models import WorkItem

REQUEST_LIMIT = 50_000

_CRITICAL_WORDS = re.compile(
    r"\b(delet\w+|drop\w*|eras\w+|purge\w*|migrat\w+|authenticat\w+|authori[sz]\w+|passwords?|permissions?|secrets?|tokens?|"
    r"payments?|payouts?|invoic\w+|refund\w*|billing)\b",
    re.IGNORECASE,
)


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
