"""The built-in agent loop: a turn, its tools, the next turn, until the report or a reason to wait."""

import contextlib
import datetime as dt
import random
import time
from asyncio import CancelledError, sleep
from typing import Any

from asgiref.sync import sync_to_async

from leadroom.agents import holding
from leadroom.agents.enums import EventKind, FailureCause
from leadroom.agents.models import RunNote
from leadroom.agents.queries import ModelAccess, session_of
from leadroom.guardrails.bounds import granted_requests
from leadroom.guardrails.enums import ToolKind
from leadroom.lib.clock import now
from leadroom.lib.crash import crash_point
from leadroom.lib.errors import LeadroomError
from leadroom.lib.shapes import clip, storable
from leadroom.runners.base import Outcome, ToolCall, Workplace
from leadroom.runners.builtin.wire import Limited, Refused, Retry, Turn, Wire
from leadroom.runners.gate import use_tool
from leadroom.runners.journal import Journal
from leadroom.runners.standing import standing_outcome
from leadroom.runners.tools import TOOLBOX, tools_of

TURN_LIMIT = 300
MALFORMED_LIMIT = 3
SILENT_LIMIT = 3
GIVE_UP_SECONDS = 600.0
RESULT_LIMIT = 60_000
UNKNOWN_OUTCOME = (
    "Outcome unknown: the process was interrupted while this call was under way. Look at the state of the tree "
    "before you repeat it."
)
ANSWERED = "The agent answered while everything of its was read-only; it was not let go on."
NUDGE = "You ended your turn without a tool call. Go on with the work, or end the run with the tool `report`."


class GaveUp(LeadroomError):
    """The run cannot go on by itself; the text is the card's sentence."""


class Session:
    """One run under one holder. Everything it knows is stored before it is acted on, so any moment can be its last."""

    def __init__(self, place: Workplace, access: ModelAccess) -> None:
        self.place, self.run = place, place.run
        self.journal = Journal(self.run)
        definitions = [tool.definition() for tool in tools_of(self.run.role)]
        self.wire = Wire(access, system=self.run.system_prompt, tools=definitions)
        self.messages: list[dict[str, Any]] = []
        self.malformed = self.silent = 0
        self.refused: list[tuple[str, Any]] = []

    async def hold(self) -> None:
        """Work until the run waits, completes or fails; that state is stored on return. Raises Fenced."""
        try:
            await self._restore()
            if (standing := await sync_to_async(standing_outcome)(self.run)) is not None:
                await self._leave_if_due([standing])
                return
            if await self._carry_out_granted():
                return
            for _ in range(TURN_LIMIT):
                await self._deliver_notes()
                turn = await self._next_turn()
                if await self._act_on(turn):
                    return
            raise GaveUp(
                f"The agent took {TURN_LIMIT} turns without coming to a report. "
                "Read its transcript, then resume or stop it."
            )
        except (GaveUp, Refused) as error:
            self.journal.write(EventKind.ERROR, text=str(error))
            await self.journal.flush()
            cause = error.cause if isinstance(error, Refused) else FailureCause.OTHER
            await sync_to_async(holding.fail)(run=self.run, reason=str(error), now=now(), cause=cause)
        finally:
            with contextlib.suppress(Exception):  # a holder that is stopped or replaced leaves what was said so far
                await self.journal.flush()
            await self.wire.close()

    async def _restore(self) -> None:
        self.messages = await sync_to_async(session_of)(self.run)
        if not self.messages:
            self.journal.write(EventKind.PROMPT, text=self.run.brief, author="Leadroom")
            await self._add({"role": "user", "content": [{"type": "text", "text": self.run.brief}]})
            return
        last = self.messages[-1]
        pending = [b for b in last["content"] if b["type"] == "tool_use"] if last["role"] == "assistant" else []
        if pending:
            self.journal.write(EventKind.NOTICE, text=UNKNOWN_OUTCOME)
            await self._add({"role": "user", "content": [_result(b["id"], UNKNOWN_OUTCOME, True) for b in pending]})
        elif last["role"] == "assistant":
            await self._add({"role": "user", "content": [{"type": "text", "text": NUDGE}]})

    async def _add(self, message: dict[str, Any], *, delivered: list[RunNote] | None = None, **fields: Any) -> None:
        kept = storable(message)  # what the model is sent is what a resumed holder would send
        await self.journal.flush(messages=[kept], delivered=delivered or [], **fields)
        self.messages.append(kept)

    async def _deliver_notes(self) -> None:
        notes = await sync_to_async(lambda: list(RunNote.objects.filter(run=self.run, delivered_at=None)))()
        if not notes:
            return
        for note in notes:
            self.journal.write(EventKind.PROMPT, text=note.text, author=note.author)
        text = "\n\n".join(note.text for note in notes)
        await self._add({"role": "user", "content": [{"type": "text", "text": text}]}, delivered=notes)

    async def _next_turn(self) -> Turn:
        """One whole turn, with pauses for limits and faults. Raises GaveUp after GIVE_UP_SECONDS of faults, Refused."""
        began, attempt = time.monotonic(), 0  # a clock that is set, or a night asleep, is no outage
        while True:
            try:
                return await self.wire.turn(_merged(self.messages), self.journal)
            except Limited as limited:
                until = now() + dt.timedelta(seconds=limited.seconds)
                self.journal.write(
                    EventKind.NOTICE,
                    text=f"Rate limit: goes on in {limited.seconds:.0f} s",
                    until=until.isoformat(),
                )
                await self.journal.flush()
                await sync_to_async(holding.limit)(run=self.run, until=until, now=now())
                await sleep(limited.seconds)
                await sync_to_async(holding.unlimit)(run=self.run, now=now())
                began = time.monotonic()
            except Retry as fault:
                waited = time.monotonic() - began
                if waited > GIVE_UP_SECONDS:
                    raise GaveUp(
                        f"For {waited / 60:.0f} minutes {fault}. "
                        "Check the endpoint, then resume the run; its work is kept."
                    ) from fault
                attempt += 1
                # exponential backoff with full jitter (AWS Architecture Blog, 2015)
                seconds = random.uniform(0.2, min(60.0, 0.5 * 2**attempt))  # noqa: S311 - no secret
                self.journal.write(
                    EventKind.NOTICE,
                    text=f"Not answered: {fault}. Trying again in {seconds:.1f} s; what was said of this turn "
                    "does not count.",
                )
                await self.journal.flush()
                await sleep(seconds)

    async def _act_on(self, turn: Turn) -> bool:
        """Store the turn, carry out its calls, store the results. True when the run left the RUNNING state."""
        self.run.input_tokens += turn.input_tokens
        self.run.output_tokens += turn.output_tokens
        for call in turn.calls:
            self.journal.write(
                EventKind.TOOL_CALL,
                id=call.id,
                name=call.name,
                kind=_kind(call),
                title=_title(call),
                input=_shown(call.input),
            )
        self.journal.write(EventKind.USAGE, input_tokens=turn.input_tokens, output_tokens=turn.output_tokens)
        await self._add(
            {"role": "assistant", "content": turn.content or [{"type": "text", "text": "(no words)"}]},
            input_tokens=self.run.input_tokens,
            output_tokens=self.run.output_tokens,
        )
        crash_point("runners.turn-stored")
        if turn.unreadable:
            return await self._say_unreadable(turn.unreadable)
        if not turn.calls:
            return await self._nudge()
        self.silent = 0
        return await self._carry_out(turn.calls)

    async def _carry_out(self, calls: list[ToolCall]) -> bool:
        results, outcomes = [], []
        for call in calls:
            began = now()
            outcome = await self._use(call)
            crash_point("runners.tool-done")
            seconds = (now() - began).total_seconds()
            self.journal.write(
                EventKind.TOOL_RESULT,
                id=call.id,
                name=call.name,
                is_error=outcome.is_error,
                seconds=round(seconds, 3),
                text=clip(outcome.text, RESULT_LIMIT),
                **outcome.extra,
            )
            results.append(_result(call.id, clip(outcome.text, RESULT_LIMIT), outcome.is_error))
            outcomes.append(outcome)
        await self._add({"role": "user", "content": results})
        crash_point("runners.results-stored")
        is_malformed = any(outcome.is_malformed for outcome in outcomes) or self._repeats(calls, outcomes)
        self.malformed = self.malformed + 1 if is_malformed else 0
        if self.malformed >= MALFORMED_LIMIT:
            raise GaveUp(
                f"The agent made {MALFORMED_LIMIT} calls in a row that could not be used. "
                f"The last: {clip(outcomes[-1].text, 400)}"
            )
        return await self._leave_if_due(outcomes)

    async def _carry_out_granted(self) -> bool:
        """What a person approved while the run waited is done by Leadroom itself, exactly as it was asked for.

        True when the run left the RUNNING state by it.
        """
        for request in await sync_to_async(granted_requests)(self.run.pk):
            call = ToolCall(f"approved-{request.pk}", request.tool, request.input)
            title = clip(f"{_title(call)} (approved by {request.answered_by_name})", 200)
            self.journal.write(
                EventKind.TOOL_CALL, id=call.id, name=call.name, kind=_kind(call), title=title, input=_shown(call.input)
            )
            outcome = await self._use(call)
            text = clip(outcome.text, RESULT_LIMIT)
            self.journal.write(
                EventKind.TOOL_RESULT,
                id=call.id,
                name=call.name,
                is_error=outcome.is_error,
                seconds=0.0,
                text=text,
                **outcome.extra,
            )
            said = f"{request.answered_by_name} approved your parked call of {request.tool}, so Leadroom made it now."
            content = [{"type": "text", "text": f"{said} Its answer:\n{text}"}]
            await self._add({"role": "user", "content": content})
            if await self._leave_if_due([outcome]):
                return True
        return False

    async def _use(self, call: ToolCall) -> Outcome:
        began = time.monotonic()
        try:
            return await use_tool(self.place, call)
        except CancelledError:
            seconds = round(time.monotonic() - began, 3)
            self.journal.write(
                EventKind.TOOL_RESULT, id=call.id, name=call.name, is_error=True, seconds=seconds, text=UNKNOWN_OUTCOME
            )
            raise

    def _repeats(self, calls: list[ToolCall], outcomes: list[Outcome]) -> bool:
        """Whether the agent tells the house word for word what was just refused. A failed command may be repeated."""
        is_refused = all(outcome.is_error for outcome in outcomes) and all(_is_house(call) for call in calls)
        before, self.refused = self.refused, [(call.name, call.input) for call in calls] if is_refused else []
        return bool(self.refused) and self.refused == before

    async def _leave_if_due(self, outcomes: list[Outcome]) -> bool:
        for outcome in outcomes:
            if outcome.blocked_because:
                raise GaveUp(outcome.blocked_because)
            if outcome.ends:
                crash_point("runners.before-complete")
                await sync_to_async(holding.complete)(run=self.run, now=now())
                return True
            if outcome.waits:
                await sync_to_async(holding.wait)(run=self.run, reason=outcome.waits, now=now())
                return True
        return False

    async def _say_unreadable(self, problem: str) -> bool:
        self.malformed += 1
        said = clip(problem, 500)
        text = f"Your last tool call could not be read: {said}. Nothing was done. Send it again as valid JSON."
        self.journal.write(EventKind.ERROR, text=text)
        await self._add({"role": "user", "content": [{"type": "text", "text": text}]})
        if self.malformed >= MALFORMED_LIMIT:
            raise GaveUp(
                f"The agent made {MALFORMED_LIMIT} calls in a row that could not be read. "
                f"The last: {clip(problem, 400)}"
            )
        return False

    async def _nudge(self) -> bool:
        if self.run.is_read_only:
            await sync_to_async(holding.halt)(run=self.run, reason=ANSWERED, now=now())
            return True
        self.silent += 1
        if self.silent >= SILENT_LIMIT:
            raise GaveUp(
                f"The agent ended {SILENT_LIMIT} turns in a row without a tool call or a report, "
                "so the run is not complete."
            )
        self.journal.write(EventKind.NOTICE, text=NUDGE)
        await self._add({"role": "user", "content": [{"type": "text", "text": NUDGE}]})
        return False


def _result(call_id: str, text: str, is_error: bool) -> dict[str, Any]:
    return {"type": "tool_result", "tool_use_id": call_id, "content": text, "is_error": is_error}


def _kind(call: ToolCall) -> str:
    return TOOLBOX[call.name].kind if call.name in TOOLBOX else "other"


def _is_house(call: ToolCall) -> bool:
    return call.name in TOOLBOX and TOOLBOX[call.name].kind == ToolKind.HOUSE


def _merged(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Neighbouring user messages as one, which strict servers ask for; the last block carries the cache mark."""
    merged: list[dict[str, Any]] = []
    for message in messages:
        if merged and merged[-1]["role"] == message["role"]:
            merged[-1] = {"role": message["role"], "content": [*merged[-1]["content"], *message["content"]]}
        else:
            merged.append({"role": message["role"], "content": list(message["content"])})
    last = merged[-1]["content"]
    last[-1] = {**last[-1], "cache_control": {"type": "ephemeral"}}
    return merged


def _title(call: ToolCall) -> str:
    given = call.input if isinstance(call.input, dict) else {}
    subject = next((given[name] for name in ("command", "url", "path", "pattern", "summary") if given.get(name)), "")
    return clip(f"{call.name} {subject}".strip(), 200)


def _shown(given: Any) -> Any:
    """The input as the transcript keeps it: long texts cut, shape kept."""
    if isinstance(given, dict):
        return {clip(str(key), 100): _shown(value) for key, value in list(given.items())[:60]}
    if isinstance(given, list):
        return [_shown(value) for value in given[:60]]
    return clip(given, 4_000) if isinstance(given, str) else given
