"""Trains the ranking model of triage and writes `leadroom/triage/engine/model.json`.

    pip install lightgbm          # training only
    python bench/triage_train.py --data FOLDER --own bench/data/own_train.jsonl.gz [--out FILE] [--report]

FOLDER has `hadoop_2020_2024.jsonl.gz` (GitBugs, CC BY 4.0, Patil 2025) and `agent_beads.jsonl.gz` (MIT). Their labels
are not learned from. Pairs that are the same are made from their texts: a report's sentences are dealt to two reports,
the second with half of the title or its own first sentence (the inverse cloze task of Lee et al. 2019), so that the
model learns what two tellings of one matter share while everything else the tracker holds is another. The own corpus
adds pairs in Leadroom's template. Two numbers, slope and offset of the probability (Platt 1999), are fitted on the
labels of Hadoop; they do not change any order.
"""

import argparse
import atexit
import concurrent.futures
import datetime as dt
import gzip
import hashlib
import json
import multiprocessing
import os
import random
import re
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DAY = 86_400
THRESHOLDS = {"link": 0.9, "fields": 0.05, "suggest": 0.002}
DEALT, MEAN_DAYS = 0.45, 25
"""Share of the reports that are dealt to two, and the mean time between the two."""
DEALS, ASKED = 2, 0.15
"""How often each tracker is dealt, and the share of the other reports whose candidates are learned from."""
SETTINGS = {
    "objective": "binary", "num_leaves": 15, "learning_rate": 0.06, "min_data_in_leaf": 40, "feature_fraction": 0.5,
    "bagging_fraction": 0.7, "bagging_freq": 1, "lambda_l2": 5, "verbose": -1, "num_threads": 1, "seed": 1,
    "deterministic": True,
}  # fmt: skip
ROUNDS = 200
OWN_WEIGHT = 0.5


def main() -> int:
    """Gathers, fits, writes; prints what the model does on labels it has not seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--own", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=ROOT / "leadroom" / "triage" / "engine" / "model.json")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    trackers = [read(options.data / name) for name in ("hadoop_2020_2024.jsonl.gz", "agent_beads.jsonl.gz")]
    prepare()
    background = background_of(trackers)
    streams = [(dealt(rows, seed), ASKED) for seed in range(DEALS) for rows in trackers]
    streams += [(read(options.own), 1.0), (trackers[0], ASKED)]
    with concurrent.futures.ProcessPoolExecutor(options.jobs, multiprocessing.get_context("spawn"), prepare) as pool:
        waiting = [pool.submit(gathered, rows, background, share) for rows, share in streams]
        *parts, own, real = [done.result() for done in waiting]
    booster = fit([*parts, (own[0], own[1], [OWN_WEIGHT] * len(own[1]))])
    slope, offset = calibrated(booster, *real)
    model = plain_model(booster, slope, offset, background)
    options.out.write_text(json.dumps(model, sort_keys=True, separators=(",", ":")) + "\n")
    print(f"{model['version']}: {len(model['roots'])} trees, slope {slope}, offset {offset}")
    return 0


def prepare() -> None:
    """An empty database of this process's own, in a folder that goes with it."""
    home = tempfile.TemporaryDirectory()
    atexit.register(home.cleanup)
    names = {"LEADROOM_HOME": home.name, "DJANGO_SETTINGS_MODULE": "leadroom.settings", "LEADROOM_PROCESS": "holder"}
    os.environ.update(names)
    sys.path.insert(0, str(ROOT))
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)


def read(path: Path) -> list[dict[str, Any]]:
    """Rows of a corpus."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def background_of(trackers: list[list[dict[str, Any]]]) -> dict[str, float]:
    """Word to the share of reports that have it, for words that both trackers use: the general ones."""
    from leadroom.triage.engine import extraction, terms

    shares = []
    for rows in trackers:
        tally: Counter[str] = Counter()
        for row in rows:
            tally.update(set(terms.words(f"{row['title']}\n{extraction.read_part(row['body'])}")))
        shares.append({word: n / len(rows) for word, n in tally.items() if n >= 3})
    both = {word: (shares[0][word] * shares[1][word]) ** 0.5 for word in shares[0].keys() & shares[1].keys()}
    return {word: round(share, 4) for word, share in sorted(both.items()) if share >= 0.001}


def dealt(rows: list[dict[str, Any]], seed: int) -> list[dict[str, Any]]:
    """The rows, some of them dealt to two reports of one group."""
    dice = random.Random(f"dealt {seed}")
    made = []
    for row in rows:
        parts = [part for part in re.split(r"(?<=[.!?])\s+|\n+", row["body"]) if part.strip()]
        sides: tuple[list[str], list[str]] = ([], [])
        for part in parts:
            sides[dice.random() < 0.5].append(part)
        alone = row["duplicate_group"] == row["id"]
        if len(parts) < 4 or not alone or not all(sides) or dice.random() >= DEALT:
            made.append(row)
            continue
        title = " ".join(word for word in row["title"].split() if dice.random() < 0.55)
        if dice.random() < 0.5 or not title:
            title = sides[1][0][:120]
        later = row["created"] + int(dice.expovariate(1 / (MEAN_DAYS * DAY)))
        made.append({**row, "body": "\n".join(sides[0])})
        made.append({**row, "id": f"{row['id']}+", "title": title, "body": "\n".join(sides[1]), "created": later})
    return sorted(made, key=lambda row: (row["created"], row["id"]))


def gathered(
    rows: list[dict[str, Any]], background: dict[str, float], share: float
) -> tuple[list[list[float]], list[int], list[float]]:
    """Features of candidate pairs, whether each is the same, its weight; all from the engine's own retrieval.

    Of the reports that tell nothing again only a `share` is asked about; their pairs weigh as much more.
    """
    from django.db import transaction

    from leadroom.projects.models import Project
    from leadroom.triage import index, retrieval
    from leadroom.triage.models import Finding

    dice = random.Random(len(rows))
    shelves: dict[str, list[int]] = {}
    groups: dict[int, str] = {}
    known: set[str] = set()
    values, labels, weights = [], [], []
    with transaction.atomic():
        for row in rows:
            if row["project"] not in shelves:
                slug = f"trained-{Project.objects.count()}"
                project = Project.objects.create(slug=slug, name=slug, created_at=dt.datetime.now(dt.UTC))
                shelves[row["project"]] = [project.pk, 0]
            project_id, count = shelves[row["project"]]
            seen = dt.datetime.fromtimestamp(row["created"], dt.UTC)
            given = {"title": row["title"], "body": row["body"], "seen_at": seen, "background": background}
            weighing = retrieval.weigh(project_id=project_id, reports=count, **given)
            again = row["duplicate_group"] in known
            if again or dice.random() < share:
                for one in retrieval.gather(project_id, weighing).candidates:
                    values.append(one.values)
                    labels.append(int(groups[one.finding_id] == row["duplicate_group"]))
                    weights.append(1.0 if again else 1 / share)
            finding = Finding.objects.create(
                project_id=project_id, title=row["title"][:300], seen_at=seen, last_seen_at=seen,
                same_text=weighing.same_text, facts=weighing.side.facts.plain(), extractor=1,
                terms=weighing.side.weighed.packed(),
            )  # fmt: skip
            index.add(project_id, finding.pk, weighing.side.weighed)
            index.count(project_id, weighing.counted)
            shelves[row["project"]][1] += 1
            groups[finding.pk] = row["duplicate_group"]
            known.add(row["duplicate_group"])
    print(f"{len(rows)} reports gathered, {sum(labels)} of {len(labels)} pairs are the same", flush=True)
    return values, labels, weights


def fit(parts: list[tuple[list[list[float]], list[int], list[float]]]) -> Any:
    """Boosted trees over all parts."""
    import lightgbm
    import numpy as np

    values, labels, weights = (
        np.concatenate([np.asarray(one) for one in column]) for column in zip(*parts, strict=True)
    )
    return lightgbm.train(SETTINGS, lightgbm.Dataset(values, labels, weight=weights), ROUNDS)


def calibrated(booster: Any, values: list[list[float]], labels: list[int], weights: list[float]) -> tuple[float, float]:
    """Slope and offset of the log-odds by Newton's method on the likelihood (Platt 1999)."""
    import numpy as np

    raw = booster.predict(np.asarray(values), raw_score=True)
    target, weight = np.asarray(labels, dtype=float), np.asarray(weights)
    design = np.stack([raw, np.ones_like(raw)], axis=1)
    at = np.array([1.0, 0.0])
    for _ in range(50):
        p = 1 / (1 + np.exp(-design @ at))
        curve = design.T @ (design * (weight * p * (1 - p))[:, None]) + 1e-6 * np.eye(2)
        at = at + np.linalg.solve(curve, design.T @ (weight * (target - p)))
    return round(float(at[0]), 4), round(float(at[1]), 4)


def plain_model(booster: Any, slope: float, offset: float, background: dict[str, float]) -> dict[str, Any]:
    """The model as engine/model.py reads it; its version is a digest of all that decides."""
    from leadroom.triage.engine import extraction
    from leadroom.triage.engine.features import NAMES

    nodes: dict[str, list[Any]] = {"feature": [], "threshold": [], "left": [], "right": [], "value": []}
    dump = booster.dump_model()
    roots, depths = zip(*(_flat(tree["tree_structure"], nodes) for tree in dump["tree_info"]), strict=True)
    model = {
        "extractor": extraction.VERSION, "features": list(NAMES), "roots": list(roots), "nodes": nodes,
        "depth": max(depths), "slope": slope, "offset": offset, "thresholds": THRESHOLDS, "background": background,
        "trained_on": "GitBugs Hadoop (CC BY 4.0, Patil 2025) and beads (MIT), texts only; own corpus",
    }  # fmt: skip
    digest = hashlib.sha256(json.dumps(model, sort_keys=True).encode()).hexdigest()
    return {**model, "version": f"{extraction.VERSION}-{digest[:10]}"}


def _flat(node: dict[str, Any], nodes: dict[str, list[Any]]) -> tuple[int, int]:
    """Appends a tree; (index of its root, its depth)."""
    place = len(nodes["feature"])
    for name in nodes:
        nodes[name].append(0)
    if "leaf_value" in node:
        nodes["left"][place] = nodes["right"][place] = place
        nodes["value"][place] = round(node["leaf_value"] * 1_000_000)
        return place, 0
    nodes["feature"][place] = node["split_feature"]
    nodes["threshold"][place] = node["threshold"]
    left, depth_left = _flat(node["left_child"], nodes)
    right, depth_right = _flat(node["right_child"], nodes)
    nodes["left"][place], nodes["right"][place] = left, right
    return place, 1 + max(depth_left, depth_right)


if __name__ == "__main__":
    raise SystemExit(main())
