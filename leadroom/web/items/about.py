"""Facts beside an item's request and its alignment: what it is, how it is aligned, what that took."""

from dataclasses import dataclass
from functools import lru_cache

from leadroom.lib.errors import BadInput
from leadroom.lib.shapes import count_of
from leadroom.projects.enums import Origin, Stage
from leadroom.projects.models import WorkItem
from leadroom.requirements.contract import read_contract
from leadroom.requirements.enums import Strategy
from leadroom.requirements.models import Alignment, Revision
from leadroom.requirements.queries import Effort, alignment_of, effort_of
from leadroom.requirements.rules import strategy_for


@dataclass(frozen=True)
class RequestTab:
    """What kind of request it is. `contract` says what the text holds when it is a requirements document already."""

    origin: str
    link: str
    file_name: str
    strategy: str
    strategy_reason: str
    contract: str


def request(item: WorkItem) -> RequestTab:
    """Kind, origin and strategy of the request."""
    is_link = item.origin_ref.startswith(("https://", "http://"))
    strategy, reason = _strategy(item, alignment_of(item))
    is_new = item.stage == Stage.ALIGN and not Revision.objects.filter(item=item).exists()
    return RequestTab(
        origin=Origin(item.origin).label,
        link=item.origin_ref if is_link else "",
        file_name="" if is_link else item.origin_ref,
        strategy=strategy,
        strategy_reason=reason,
        contract=_contract(item.request) if is_new and item.origin == Origin.DOCUMENT else "",
    )


def _strategy(item: WorkItem, chosen: Alignment | None) -> tuple[str, str]:
    """As it was chosen; before alignment begins, as it will be."""
    strategy, reason = (chosen.strategy, chosen.strategy_reason) if chosen else strategy_for(item)
    return Strategy(strategy).label, reason


@lru_cache(maxsize=32)
def _contract(text: str) -> str:
    """What a requirements document holds, in words; empty for any other text."""
    try:
        body = read_contract(text).body
    except BadInput:
        return ""
    criteria = sum(len(goal["criteria"]) for goal in body["goals"])
    return f"{count_of(len(body['goals']), 'goal')}, {count_of(criteria, 'criterion', 'criteria')}"


@dataclass(frozen=True)
class EffortFacts:
    """What an alignment took of people. `spent` is in seconds of attention, pauses left out."""

    spent: Effort
    rounds: int
    strategy: str
    strategy_reason: str
    is_held: bool


def effort(item: WorkItem) -> EffortFacts:
    """Attention, key presses and decisions, summed over all sittings; and how the item is aligned."""
    chosen = alignment_of(item)
    strategy, reason = _strategy(item, chosen)
    return EffortFacts(
        spent=effort_of(item),
        rounds=chosen.round if chosen else 0,
        strategy=strategy,
        strategy_reason=reason,
        is_held=bool(chosen and chosen.is_held),
    )
