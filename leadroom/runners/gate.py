"""The one way to a tool: known, readable, allowed, done. Every runner calls `use_tool` and nothing else."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from asgiref.sync import sync_to_async
from pydantic import ValidationError

from leadroom.agents.enums import WaitReason
from leadroom.guardrails.enums import Reason
from leadroom.guardrails.rules import HARMLESS_KINDS, Ruling, decide
from leadroom.lib.clock import now
from leadroom.lib.errors import Fenced, LeadroomError
from leadroom.lib.shapes import storable
from leadroom.runners import house_tools, machine_tools, outward_tools
from leadroom.runners.base import Outcome, ToolCall, Workplace
from leadroom.runners.facts import read_facts
from leadroom.runners.faults import faults_of, is_readable
from leadroom.runners.shapes import Shape
from leadroom.runners.tools import TOOLBOX, Tool, tools_of
from leadroom.runners.weighing import Weighed, note_answer, settle_ruling, weigh

log = logging.getLogger(__name__)
PAUSE_SECONDS = 0.2
Handler = Callable[[Workplace, Shape], Awaitable[Outcome]]
_HANDLERS: dict[str, Handler] = {**machine_tools.HANDLERS, **outward_tools.HANDLERS, **house_tools.HANDLERS}
if set(_HANDLERS) != set(TOOLBOX):
    raise RuntimeError(f"tools without a handler or the reverse: {sorted(set(_HANDLERS) ^ set(TOOLBOX))}")


async def use_tool(place: Workplace, call: ToolCall) -> Outcome:
    """Check and carry out one call. Never raises for what the agent did wrong; Fenced when the run was taken away."""
    role = place.run.role
    tool = TOOLBOX.get(call.name)
    if tool is None:
        names = ", ".join(t.name for t in tools_of(role))
        return Outcome(f"There is no tool {call.name!r}. Yours are: {names}.", is_error=True, is_malformed=True)
    if storable(call.input) != call.input:
        told = f"The input of {tool.name} holds a NUL or half a character; nothing was done. Send whole text."
        return Outcome(told, is_error=True, is_malformed=True)
    try:
        shape = tool.shape.model_validate(call.input)
    except ValidationError as error:
        return Outcome(_explain(tool, error), is_error=True, is_malformed=not is_readable(error))
    ruling, weighed = await rule_on(place, tool, shape, call)
    while ruling.code is Reason.PAUSED:
        await asyncio.sleep(PAUSE_SECONDS)
        ruling, weighed = await rule_on(place, tool, shape, call)
    refusal = ruling.reason if not ruling.is_allowed else ""
    if weighed is not None:
        refusal = await sync_to_async(settle_ruling)(weighed, ruling, tool, call, now=now())
    if ruling.is_parked:
        return Outcome(f"Parked: {refusal}", waits=WaitReason.APPROVAL, extra={"parked": True})
    if refusal:
        return Outcome(f"Not allowed: {refusal}", is_error=True, is_malformed=role not in tool.roles)
    note = _Note(partial(note_answer, place.run, weighed, tool, call) if weighed is not None else None)
    try:
        outcome = await _HANDLERS[call.name](replace(place, note=note), shape)
    except Fenced:
        raise
    except LeadroomError as error:
        return Outcome(str(error), is_error=True)
    if not outcome.is_error:
        await sync_to_async(note)()  # by a handler that has no transaction to write it down in
    return outcome


class _Note:
    """What was found out about one call, written down at most once."""

    def __init__(self, write: Callable[..., None] | None) -> None:
        self._write = write

    def __call__(self) -> None:
        if self._write is not None:
            self._write(now=now())
            self._write = None


async def rule_on(place: Workplace, tool: Tool, shape: Shape, call: ToolCall) -> tuple[Ruling, Weighed | None]:
    """Ask `guardrails.rules.decide` with facts read now, not remembered.

    What is refused for what it is needs no weighing, and looking and talking have none: then there is no Weighed.
    """
    ruling = decide(await sync_to_async(read_facts)(place.run, tool, shape))
    if not ruling.is_allowed or tool.kind in HARMLESS_KINDS:
        return ruling, None
    weighed = await weigh(place, tool, shape, call, now=now())
    facts = await sync_to_async(read_facts)(place.run, tool, shape)  # weighing may have taken a while
    return decide(replace(facts, **weighed.facts())), weighed


def _explain(tool: Tool, error: ValidationError) -> str:
    """Every wrong field by name, in words a model can act on."""
    lines = "\n".join(f"- {line}" for line in faults_of(error))
    return f"The input of {tool.name} was not usable; nothing was done. Mend these and call again:\n{lines}"
