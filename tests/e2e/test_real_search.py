"""The main job on real trained networks and images. Needs HASS_DATA_DIR."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from real_data import few_of

from hass.design_file import read_design

MEMORY_LIMIT_BYTES = 8 * 2**30

# Runs a verb and writes the peak resident size of the process, in bytes, to the file named first.
RUN_AND_WEIGH = """
import resource, sys
from hass.cli import main
try:
    main(sys.argv[2:], standalone_mode=False)
finally:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    open(sys.argv[1], "w").write(str(peak))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "data", "device", "strategy", "images"),
    [
        ("cifar10/resnet20_jpeg.onnx", "cifar10/dataset.toml", "zcu104", "default", 300),
        # the default would first measure for minutes what clips of 59 layers lose
        ("imagenet/mobilenet_edgetpu.onnx", "imagenet/tf128.toml", "u250", "tpe", 50),
    ],
)
def test_sparse_beats_dense(
    model: str, data: str, device: str, strategy: str, images: int, tmp_path: Path
) -> None:
    folder = os.environ.get("HASS_DATA_DIR")
    if folder is None:
        pytest.skip("HASS_DATA_DIR is not set: no real networks here")
    root = Path(folder)
    out = tmp_path / "out"
    few = few_of(root / data, tmp_path, {"calibration": 64, "selection": images, "test": 16})
    command = ["search", str(root / model), "--data", str(few), "--device", device]
    command += ["--strategy", strategy, "--trials", "4"]
    command += ["--selection-images", str(images), "--profile-images", "16"]
    done = subprocess.run(
        [sys.executable, "-c", RUN_AND_WEIGH, str(tmp_path / "peak"), *command, "-o", str(out)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int((tmp_path / "peak").read_text()) < MEMORY_LIMIT_BYTES
    best = json.loads((out / "best.json").read_text())
    dense = best["dense"]
    design = read_design(out / "best.json")
    assert design.plan.estimate.resources.fits(design.device.budget)
    assert best["throughput_fps"] > dense["throughput_fps"]
    lost = dense["accuracy"]["selection"]["top1"] - best["accuracy"]["selection"]["top1"]
    assert lost <= 0.01 + 1e-9
    assert best["accuracy"]["test"]["images"] > 0
    with (out / "trials.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["origin"] for row in rows][:2] == ["dense", "seed"] and len(rows) == 4
    for name in ("study.journal", "spec.toml", "pareto.csv", "report.html"):
        assert (out / name).stat().st_size > 0
