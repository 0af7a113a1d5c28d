"""Does a model answer at all? One tiny message, outside any run."""

import time

import anthropic
import httpx2
from anthropic import AsyncAnthropic

from leadroom.agents.queries import ModelAccess
from leadroom.lib.shapes import clip
from leadroom.lib.verdicts import Verdict
from leadroom.runners.builtin.wire import judged

TRIAL_SECONDS = 20.0


async def try_access(access: ModelAccess) -> Verdict:
    """Ask the model for a word. The reason says how long it took, or what is wrong and what to do; never raises."""
    client = AsyncAnthropic(
        base_url=access.base_url, api_key=access.key or "none", max_retries=0, timeout=httpx2.Timeout(TRIAL_SECONDS)
    )
    began = time.monotonic()
    try:
        message = await client.messages.create(
            model=access.model, max_tokens=16, messages=[{"role": "user", "content": "Answer with the word: ready"}]
        )
    except anthropic.APIStatusError as error:
        return Verdict(False, str(judged(error, access)))
    except (anthropic.AnthropicError, httpx2.HTTPError, ValueError) as error:
        return Verdict(
            False,
            f"{access.base_url} did not answer as a Messages API does ({type(error).__name__}). Check the address; "
            "nothing was changed.",
        )
    finally:
        await client.close()
    seconds = time.monotonic() - began
    return Verdict(True, f"{clip(str(message.model or access.model), 120)} answered in {seconds:.1f} s.")
