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


@dataclasses.dataclass(frozen=True)
class Model:
    """Trees as flat arrays over all nodes; a leaf points to itself. `background` is word to share of reports."""

    version: str
    roots: npt.NDArray[np.int32]
    feature: npt.NDArray[np.int32]
    threshold: npt.NDArray[np.float64]
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
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
        at = np.broadcast_to(self.roots, (len(rows), len(self.roots)))
        pairs = np.arange(len(rows))[:, None]
        for _ in range(self.depth):
            goes_left = table[pairs, self.feature[at]] <= self.threshold[at]
            at = np.where(goes_left, self.left[at], self.right[at])
        raw = self.value[at].sum(axis=1)
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
    return Model(
        version=plain["version"],
        roots=np.asarray(plain["roots"], dtype=np.int32),
        feature=np.asarray(nodes["feature"], dtype=np.int32),
        threshold=np.asarray(nodes["threshold"], dtype=np.float64),
        left=np.asarray(nodes["left"], dtype=np.int32),
        right=np.asarray(nodes["right"], dtype=np.int32),
        value=np.asarray(nodes["value"], dtype=np.int64),
        depth=plain["depth"],
        slope=plain["slope"],
        offset=plain["offset"],
        thresholds=plain["thresholds"],
        background=plain["background"],
    )
