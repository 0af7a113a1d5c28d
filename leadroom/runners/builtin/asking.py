"""One closed question to a model, outside any run: the answer is the input of the one tool it is given."""

from dataclasses import dataclass
from typing import Any

import anthropic
import httpx2
from anthropic import AsyncAnthropic

from leadroom.agents.queries import ModelAccess
from leadroom.lib.errors import LeadroomError
from leadroom.runners.builtin.wire import Limited, Refused, judged

ASK_SECONDS = 60.0
MOST_TOKENS = 2_000


class Unanswered(LeadroomError):
    """The model did not answer the question; the text says why, and what to do."""


@dataclass(frozen=True)
class Answer:
    """The input of the tool as the model gave it, and what the question cost in tokens."""

    given: Any
    tokens: int


async def ask(access: ModelAccess, *, system: str, text: str, tool: dict[str, Any]) -> Answer:
    """Asks once; no retries, so that a budget counts what is really asked. Raises Unanswered."""
    client = AsyncAnthropic(
        base_url=access.base_url, api_key=access.key or "none", max_retries=0, timeout=httpx2.Timeout(ASK_SECONDS)
    )
    request: dict[str, Any] = {
        "model": access.model,
        "max_tokens": MOST_TOKENS,
        "system": system,
        "messages": [{"role": "user", "content": text}],
        "tools": [tool],
        "tool_choice": {"type": "tool", "name": tool["name"]},
    }
    try:
        message = await client.messages.create(**request)
        calls = [block for block in message.content if block.type == "tool_use" and block.name == tool["name"]]
        usage = message.usage
        tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    except anthropic.APIStatusError as error:
        raise Unanswered(_said(judged(error, access))) from error
    except (anthropic.AnthropicError, httpx2.HTTPError, ValueError, TypeError, AttributeError) as error:
        name = type(error).__name__
        raise Unanswered(
            f"{access.base_url} did not answer as a Messages API does ({name}). Check the endpoint in the project's "
            "settings."
        ) from error
    finally:
        await client.close()
    if not calls:
        raise Unanswered(f"{access.model} answered without using the tool it was given.")
    return Answer(calls[0].input, tokens)


def _said(fault: Exception) -> str:
    if isinstance(fault, Limited):
        return f"The model's server asks to wait {fault.seconds:.0f} s."
    return str(fault) if isinstance(fault, Refused) else f"Not answered: {fault}."
