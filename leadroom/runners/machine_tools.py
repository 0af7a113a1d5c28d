"""Tools that touch the machine: all of them inside the sandbox."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import sync_to_async

from leadroom.agents.enums import Role
from leadroom.lib.errors import NotPermitted
from leadroom.runners import shapes
from leadroom.runners.base import Outcome, Workplace
from leadroom.sandbox.files import ToolOutcome, file_tool
from leadroom.sandbox.profiles import Profile, with_read_only
from leadroom.sandbox.shell import run_shell
from leadroom.verification.queries import frozen_paths


async def _profile(place: Workplace) -> Profile:
    """The run's sandbox, in which frozen tests are read-only from the moment they are accepted."""
    if place.profile is None:
        raise NotPermitted("Your role works without the repository.")
    if place.worktree is None or place.run.role != Role.DEVELOPER:
        return place.profile
    paths = await sync_to_async(frozen_paths)(place.run.item_id)
    return with_read_only(place.profile, place.worktree.path, paths)


def _outcome(done: ToolOutcome) -> Outcome:
    return Outcome(done.text, is_error=done.is_error, extra={"paths": list(done.paths), "diff": done.diff})


def _file_handler(operation: str) -> Callable[[Workplace, shapes.Shape], Awaitable[Outcome]]:
    async def handle(place: Workplace, shape: shapes.Shape) -> Outcome:
        arguments: dict[str, Any] = shape.model_dump(exclude_defaults=True, exclude={"sources"})
        return _outcome(await file_tool(await _profile(place), operation, arguments, marker=place.marker))

    return handle


async def run_command(place: Workplace, shape: shapes.Shape) -> Outcome:
    asked = cast(shapes.RunCommand, shape)
    return _outcome(await run_shell(await _profile(place), asked.command, asked.timeout_seconds, marker=place.marker))


HANDLERS = {
    "read_file": _file_handler("read"),
    "search_files": _file_handler("search"),
    "edit_file": _file_handler("edit"),
    "write_file": _file_handler("write"),
    "run_command": run_command,
}
