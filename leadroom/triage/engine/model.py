"""The ranking model: boosted trees in a JSON file, evaluated here; the file has its version, thresholds and terms.

Leaf values are whole millionths, added up as integers: the same inputs give the same probability on every machine.
"""

import dataclasses
import functools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from leadroom.triage.engine import extraction
from leadroom.triage.engine.features import NAMES

FILE = Path(__file__).with_name("model.json")
MILLION = 1_000_000
LEVELS_AT_ONCE = 3


@dataclasses.dataclass(frozen=True)
class Model:
    """Trees as flat arrays over all nodes. `below` holds each node's two next ones, left then right; a leaf is its own.

    `background` is word to share of reports.
    """

    version: str
    roots: npt.NDArray[np.intp]
    feature: npt.NDArray[np.intp]
    threshold: npt.NDArray[np.float64]
    below: npt.NDArray[np.intp]
    is_leaf: npt.NDArray[np.bool_]
    value: npt.NDArray[np.int64]
    depth: int
    slope: float
    offset: float
    thresholds: Mapping[str, float]
    background: Mapping[str, float]

    def probabilities(self, rows: Sequence[Sequence[float]], bias: float = 0.0) -> list[float]:
        """That each pair is about the same, four decimals; `bias` is added to the log-odds."""
        if not rows:
            return []
        table = np.asarray(rows, dtype=np.float64)
        leaves = np.tile(self.roots, len(rows))
        offsets = np.repeat(np.arange(len(rows)) * table.shape[1], len(self.roots))
        walking, at, values = np.arange(len(leaves)), leaves, table.ravel()
        for level in range(1, self.depth + 1):
            goes_right = values[offsets + self.feature[at]] > self.threshold[at]
            at = self.below[2 * at + goes_right]
            if level % LEVELS_AT_ONCE and level < self.depth:
                continue
            leaves[walking] = at  # most are at a leaf after a few levels, and walk no further
            inside = ~self.is_leaf[at]
            walking, at, offsets = walking[inside], at[inside], offsets[inside]
        raw = self.value[leaves].reshape(len(rows), -1).sum(axis=1)
        return [round(_sigmoid(self.slope * int(one) / MILLION + self.offset + bias), 4) for one in raw]


def _sigmoid(odds: float) -> float:
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, odds))))


@functools.cache
def load(path: Path = FILE) -> Model:
    """Reads a model file. Raises ValueError when it was made for another extractor or other features."""
    plain: dict[str, Any] = json.loads(path.read_text())
    if plain["extractor"] != extraction.VERSION or tuple(plain["features"]) != NAMES:
        raise ValueError(
            f"The model {path.name} was made for another engine; train it again with bench/triage_train.py."
        )
    nodes = plain["nodes"]
    left, right = (np.asarray(nodes[side], dtype=np.intp) for side in ("left", "right"))
    return Model(
        version=plain["version"],
        roots=np.asarray(plain["roots"], dtype=np.intp),
        feature=np.asarray(nodes["feature"], dtype=np.intp),
        threshold=np.asarray(nodes["threshold"], dtype=np.float64),
        below=np.stack([left, right], axis=1).ravel(),
        is_leaf=left == np.arange(len(left)),
        value=np.asarray(nodes["value"], dtype=np.int64),
        depth=plain["depth"],
        slope=plain["slope"],
        offset=plain["offset"],
        thresholds=plain["thresholds"],
        background=plain["background"],
    )
