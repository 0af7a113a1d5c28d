"""Makes the own corpus: reports in Leadroom's template about faults seeded into real packages.

    python bench/triage_corpus.py --out bench/data [--faults 85] [--seed 6] [--jobs 1] [--keep FOLDER]

Downloads the source archives of the packages in `corpus_faults.PACKAGES`, seeds faults, runs the packages' own test
suites, and lets every fault be reported several times with different wording and completeness (`corpus_words.py`).
Same fault = duplicate, other fault = distinct, known by construction. Writes `own_train.jsonl.gz` and
`own_held.jsonl.gz` (two whole packages and a fifth of the faults of the others, never trained on) in the format of
docs/triage.md, plus `faults.json.gz`, from which `--words-only` re-words without running a suite again.
"""

import argparse
import concurrent.futures
import dataclasses
import gzip
import json
import random
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

from corpus_faults import PACKAGES, Failure, Fault, Package, seed
from corpus_words import reports_of

HELD_PACKAGES = ("parse", "humanize")
HELD_SHARE = 5
"""Every fifth fault of the other packages is held too."""


def main() -> int:
    """Makes the corpus and prints its counts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--faults", type=int, default=85, help="faults of each package")
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for archives and the environment, kept for the next time")
    parser.add_argument("--words-only", action="store_true", help="word the faults of --out/faults.json.gz again")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    stored = options.out / "faults.json.gz"
    if not options.words_only:
        with tempfile.TemporaryDirectory() as scratch:
            faults = seed_all(options.keep or Path(scratch), options)
        write(stored, [json.dumps(dataclasses.asdict(fault), sort_keys=True) for fault in faults])
    with gzip.open(stored, "rt") as lines:
        rows = worded([read_fault(line) for line in lines], options.seed)
    for split in ("train", "held"):
        part = [json.dumps(row, sort_keys=True) for row in rows if row["split"] == split]
        write(options.out / f"own_{split}.jsonl.gz", part)
        print(
            f"{split}: {len(part)} reports, {len({r['duplicate_group'] for r in rows if r['split'] == split})} groups"
        )
    return 0


def seed_all(folder: Path, options: argparse.Namespace) -> list[Fault]:
    """Faults of every package; the work of one package is one process."""
    folder.mkdir(parents=True, exist_ok=True)
    python = folder / "env" / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "env")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", "pytest", "freezegun"], check=True)
    with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
        waiting = [pool.submit(seed_one, p, folder, python, options.faults, options.seed) for p in PACKAGES]
        return [fault for done in waiting for fault in done.result()]


def seed_one(package: Package, folder: Path, python: Path, count: int, number: int) -> list[Fault]:
    """Unpacks one source archive and seeds it."""
    here = folder / package.name
    if not here.exists():
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", package.name]
        subprocess.run([*command, "-d", str(folder / "archives"), package.name], check=True)
        (archive,) = (folder / "archives").glob(f"{package.name}-*.tar.gz")
        with tarfile.open(archive) as opened:
            opened.extractall(folder / "unpacked", filter="data")
        next((folder / "unpacked").glob(f"{package.name}-*")).rename(here)
        if package.name == "humanize":  # asks its own metadata for a version
            subprocess.run([str(python), "-m", "pip", "install", "-q", "--no-deps", package.name], check=True)
    dice = random.Random(f"{number} {package.name}")
    found = list(seed(package, here, python, count=count, dice=dice))
    print(f"{package.name}: {len(found)} faults", flush=True)
    return found


def told_apart(faults: list[Fault]) -> list[Fault]:
    """Without faults that nobody could tell from an earlier one: same line, and a test that fails by the same error."""
    seen: dict[tuple[str, str, int], set[tuple[str, str]]] = {}
    kept = []
    for fault in faults:
        symptoms = {(failure.test, failure.error) for failure in fault.failures}
        known = seen.setdefault((fault.package, fault.path, fault.line), set())
        if not symptoms & known:
            kept.append(fault)
            known |= symptoms
    return kept


def worded(faults: list[Fault], number: int) -> list[dict[str, Any]]:
    """All reports of all faults, in order of time."""
    rows = []
    for place, fault in enumerate(told_apart(faults)):
        is_held = fault.package in HELD_PACKAGES or place % HELD_SHARE == 0
        for row in reports_of(fault, place, random.Random(f"{number} words {place}")):
            rows.append({**row, "split": "held" if is_held else "train"})
    rows.sort(key=lambda row: (row["created"], row["id"]))
    asked: dict[tuple[str, str, str], str] = {}
    for row in rows:
        if row["id"].endswith("-request"):  # two may ask for the very same thing
            key = (row["split"], row["project"], row["title"])
            row["duplicate_group"] = asked.setdefault(key, row["id"])
    return rows


def read_fault(line: str) -> Fault:
    """A fault from its stored form."""
    plain = json.loads(line)
    failures = tuple(
        Failure(one["test"], one["error"], tuple(one["lines"]), tuple(tuple(frame) for frame in one["frames"]))
        for one in plain.pop("failures")
    )
    return Fault(**plain, failures=failures)


def write(path: Path, lines: list[str]) -> None:
    """Lines, compressed without a time stamp, so that the same input gives the same bytes."""
    with open(path, "wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write("".join(line + "\n" for line in lines).encode())


if __name__ == "__main__":
    raise SystemExit(main())
