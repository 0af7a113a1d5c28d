"""The demonstration project: its words and its files, as data for whoever asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
REPOSITORY = HERE / "repository"


def describe() -> dict[str, Any]:
    """`demo.yaml` with `files`: each path of the repository and its text.

    It has title, description and `items`, and under `more` those that are made only when somebody asks for one by name.
    """
    words: dict[str, Any] = yaml.safe_load((HERE / "demo.yaml").read_text(encoding="utf-8"))
    return {**words, "files": {path: file.read_text(encoding="utf-8") for path, file in _files()}}


def _files() -> list[tuple[str, Path]]:
    kept = (
        file
        for file in sorted(REPOSITORY.rglob("*"))
        if file.is_file() and not {"__pycache__", ".pytest_cache"} & set(file.parts)
    )
    return [(str(file.relative_to(REPOSITORY)), file) for file in kept]
