"""Parts of real data sets."""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tomli_w


def few_of(data: Path, folder: Path, counts: Mapping[str, int]) -> Path:
    """A copy of a data set with so few images of each split that a search's last measurements,
    which run whole splits, take seconds."""
    spec = tomllib.loads(data.read_text())
    rng = np.random.default_rng(0)
    if spec["kind"] == "npz":
        with np.load(data.parent / spec["file"]) as arrays:
            chosen = _chosen(arrays["split"], counts, rng)
            np.savez(folder / "few.npz", **{name: arrays[name][chosen] for name in arrays})
        spec["file"] = "few.npz"
    else:
        with (data.parent / spec["labels"]).open(newline="") as stream:
            rows = list(csv.DictReader(stream))
        chosen = _chosen(np.array([row["split"] for row in rows]), counts, rng)
        with (folder / "few.csv").open("w", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows[index] for index in chosen)
        spec["labels"] = "few.csv"
        spec["folder"] = str((data.parent / spec["folder"]).resolve())
    (folder / "few.toml").write_text(tomli_w.dumps(spec))
    return folder / "few.toml"


def _chosen(splits: np.ndarray, counts: Mapping[str, int], rng: np.random.Generator) -> np.ndarray:
    """Rows, so many of each split, at random."""
    rows = [rng.permutation(np.flatnonzero(splits == s))[:count] for s, count in counts.items()]
    return np.concatenate(rows)
