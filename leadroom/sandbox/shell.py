"""The agents' `run_command`: a shell line in the sandbox, and a result a model can act on."""

from collections.abc import Callable

from leadroom.sandbox.files import ToolOutcome
from leadroom.sandbox.process import run
from leadroom.sandbox.profiles import Profile

COMMAND_LIMIT_BYTES = 100_000  # the kernel takes 128 KiB for one argument
OUTPUT_LIMIT_BYTES = 60_000
NETWORK_FAILURES = (
    "network is unreachable",
    "temporary failure in name resolution",
    "could not resolve host",
    "name or service not known",
    "getaddrinfo eai_again",
)
NETWORK_SENTENCE = "(The sandbox has no network unless the project opens it.)"


async def run_shell(
    profile: Profile,
    command: str,
    timeout_seconds: float,
    *,
    marker: str = "",
    on_start: Callable[[int], None] | None = None,
) -> ToolOutcome:
    """Runs `command` by `sh -c`; the text is its output and, as last line, the exit status.

    An error outcome for a status other than 0, a timeout, or a command no shell can be given.
    Raises what `process.run` raises.
    """
    try:
        size = len(command.encode())
    except UnicodeEncodeError:
        size = 0
    if not size or size > COMMAND_LIMIT_BYTES or "\0" in command:
        return ToolOutcome(
            True,
            f"The command must be a text of 1 to {COMMAND_LIMIT_BYTES:,} bytes, none zero; nothing was "
            "run. Write a longer one to a file and run that.",
        )
    done = await run(
        profile,
        ["sh", "-c", command],
        timeout_seconds=timeout_seconds,
        output_limit_bytes=OUTPUT_LIMIT_BYTES,
        marker=marker,
        on_start=on_start,
    )
    output = done.output.decode(errors="replace").rstrip("\n")
    parts = [output] if output else []
    if not profile.has_network and any(failure in output.lower() for failure in NETWORK_FAILURES):
        parts.append(NETWORK_SENTENCE)
    if done.is_timed_out:
        parts.append(f"Stopped after {timeout_seconds:g} s; everything it had started was ended. Exit status: none")
    else:
        parts.append(f"Exit status: {done.exit_status}")
    return ToolOutcome(done.is_timed_out or done.exit_status != 0, "\n".join(parts))
