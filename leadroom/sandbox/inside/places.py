"""Paths of the tree: where they really lead, and opening, reading and replacing what lies there."""

import contextlib
import os
import stat
from typing import Any

READ_LIMIT = 2 * 1024 * 1024


class Refusal(Exception):
    """What is told to the agent instead of a result."""


def shown(name: str) -> str:
    """A file name as valid text, whatever bytes it is made of."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def argument(arguments: dict[str, Any], name: str, kind: type, default: Any = None) -> Any:
    value = arguments.get(name, default)
    if value is None and default is None:
        raise Refusal(f"`{name}` is missing.")
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Refusal(
            f"`{name}` must be {'a text' if kind is str else 'a number' if kind is int else 'true or false'}."
        )
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Refusal(f"`{name}` holds half a character (a lone surrogate); send whole characters.") from None
    return value


def locate(path: str) -> str:
    """The real place of `path`, relative to the tree root ("" for the root itself)."""
    root = os.getcwd()
    if not path or "\0" in path:
        raise Refusal("`path` must name a file or folder, relative to the working tree.")
    named = os.path.normpath(os.path.join(root, path))
    real = os.path.realpath(os.path.join(root, path))
    for place in (named, real):
        if place != root and not place.startswith(root + "/"):
            raise Refusal(
                f"paths must stay inside the working tree; {path} points to {shown(place)}. "
                "Use a path relative to the tree."
            )
    return "" if real == root else real[len(root) + 1 :]


def open_parent(relative: str, *, is_made: bool = False) -> tuple[int, str]:
    """A descriptor of the folder that holds `relative`, walked without following links, and the last name."""
    *folders, name = relative.split("/")
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY)
    for folder in folders:
        if is_made:
            with contextlib.suppress(FileExistsError):
                os.mkdir(folder, dir_fd=fd)
        try:
            below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
        finally:
            os.close(fd)
        fd = below
    return fd, name


def load(relative: str) -> tuple[bytes, int]:
    """The content and mode of a regular file of readable size."""
    parent, name = open_parent(relative)
    try:
        # O_NONBLOCK: opening a pipe nobody writes to would wait for ever
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=parent)
    finally:
        os.close(parent)
    with open(fd, "rb") as file:
        facts = os.fstat(fd)
        if not stat.S_ISREG(facts.st_mode):
            raise Refusal(f"{shown(relative)} is not a regular file but a {kind_of(facts.st_mode)}; it is not opened.")
        if facts.st_size > READ_LIMIT:
            raise Refusal(
                f"{shown(relative)} has {facts.st_size:,} bytes and files over {READ_LIMIT:,} are not read; "
                "use search_files, or run_command with head, tail or sed."
            )
        return file.read(READ_LIMIT + 1), stat.S_IMODE(facts.st_mode)


def kind_of(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISFIFO(mode):
        return "pipe"
    if stat.S_ISSOCK(mode):
        return "socket"
    return "symbolic link" if stat.S_ISLNK(mode) else "device"


def decode(content: bytes, relative: str, *, is_exact: bool) -> str:
    if b"\0" in content[:8192]:
        raise Refusal(
            f"{shown(relative)} is a binary file ({len(content):,} bytes) and is not shown or edited as text."
        )
    try:
        return content.decode("utf-8", "strict" if is_exact else "replace")
    except UnicodeDecodeError:
        raise Refusal(f"{shown(relative)} is not UTF-8 text; change it with run_command.") from None


def lines_of(text: str) -> list[str]:
    """Lines without their ends, numbered as editors do (only a line feed ends a line)."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def answer(text: str, paths: list[str], diff: str = "") -> dict[str, Any]:
    return {"is_error": False, "text": text, "paths": [shown(path) for path in paths], "diff": diff}


def store(relative: str, content: bytes, mode: int) -> None:
    """Replaces or creates a file in one step."""
    if any(part.lower() == ".git" for part in relative.split("/")):
        raise Refusal(f"{shown(relative)} belongs to git and is not written here. Leadroom commits for you.")
    parent, name = open_parent(relative, is_made=True)
    draft = f".{os.urandom(8).hex()}.draft"
    try:
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=parent)
        try:
            with open(fd, "wb") as file:
                file.write(content)
                os.fchmod(fd, mode)
            os.rename(draft, name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException:
            os.unlink(draft, dir_fd=parent)
            raise
    finally:
        os.close(parent)
