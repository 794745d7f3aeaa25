"""fold: objectives, limits, prices, and what is said where nothing fits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hass.cli import main
from hass.design_file import read_design
from hass.device import RESOURCE_NAMES
from hass.errors import InfeasibleError, SpecError
from hass.folding import Goal, Objective
from hass.onnx_io import read_model


def fold(model: Path, *options: object) -> Result:
    device = [] if "--device" in options else ["--device", "pynq-z2"]
    words = ["fold", str(model), *device, *map(str, options)]
    return CliRunner().invoke(main, words)


def folded(model: Path, *options: object) -> dict[str, object]:
    result = fold(model, *options, "--json")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    assert isinstance(printed, dict)
    return printed


@pytest.mark.parametrize("goal", list(Goal))
def test_every_objective(tiny_model: Path, tmp_path: Path, goal: Goal) -> None:
    path = tmp_path / "design.json"
    printed = folded(tiny_model, "--objective", goal, "--min-fps", 1000, "--gap", 0, "-o", path)
    objective = printed["objective"]
    assert isinstance(objective, dict)
    assert (objective["goal"], objective["min_fps"]) == (goal.value, 1000)
    fps = printed["throughput_fps"]
    assert isinstance(fps, float)
    assert fps >= 1000
    design = read_design(path)
    plan = design.plan
    assert plan.objective == Objective(goal, 1000.0)
    assert plan.proved_bound == objective["bound"]
    assert plan.objective.value(plan.estimate, design.device.budget) >= plan.proved_bound
    if goal is not Goal.LATENCY:
        assert printed["gap"] == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "no folding that fits is faster than"),
        (["--objective", "dsp", "--min-fps", "1000"], "fits and gives 1,000 fps needs less than"),
        (["--objective", "latency"], "has its first frame through in less than"),
        (["--objective", "area"], "% of the budget's scarcest resource"),
        (["--objective", "efficiency"], "images per cycle and DSP"),
        (["--objective", "energy", "--min-fps", "1000"], "pJ of the energy proxy per frame"),
    ],
)
def test_the_proof_is_said(tiny_model: Path, options: list[str], words: str) -> None:
    result = fold(tiny_model, *options)
    assert result.exit_code == 0, result.output
    assert words in result.stdout.splitlines()[-1]


def test_no_time_still_gives_a_design(tiny_model: Path) -> None:
    limited = folded(tiny_model, "--time-limit", 0)
    free = folded(tiny_model)
    for one, other in ((limited, free), (free, limited)):
        assert one["proved_bound_cycles"] <= other["frame_ii_cycles"]  # type: ignore[operator]


def test_prices_as_json_and_as_a_table(tiny_model: Path) -> None:
    printed = folded(tiny_model, "--objective", "lut", "--min-fps", 1000, "--prices")
    prices = printed["prices"]
    assert isinstance(prices, dict)
    assert prices["unit"] == "lut"
    assert prices["frame_ii_cycles"] == 100_000
    assert set(prices["weights"]) == set(prices["resources"]) == set(RESOURCE_NAMES)
    convs = {layer.name for layer in read_model(tiny_model).graph.convs}
    assert set(prices["layers"]) == convs
    assert all(set(price) == {"worth", "share"} for price in prices["layers"].values())
    assert "prices" not in folded(tiny_model)
    table = fold(tiny_model, "--device", "u250", "--prices").stdout
    assert "Prices at a frame II of" in table
    assert "more of any resource is worth nothing: " in table  # streams set the pace
    assert "1 % less work (cycles)" in table


def test_latency_has_no_prices(tiny_model: Path) -> None:
    result = fold(tiny_model, "--objective", "latency", "--prices")
    assert isinstance(result.exception, SpecError) or result.exit_code == 2
    assert result.exit_code != 0


def test_what_was_tried_where_nothing_fits(tiny_model: Path) -> None:
    result = fold(tiny_model, "--min-fps", 1e9)
    assert result.exit_code == 3 or isinstance(result.exception, InfeasibleError)
    message = f"{result.output} {result.exception}"
    assert "infeasible: frame_ii_cycles" in message
    assert "tried with dense engines: at " in message


@pytest.mark.parametrize("option", ["--min-fps", "--gap", "--time-limit"])
def test_negative_numbers_are_refused(tiny_model: Path, option: str) -> None:
    assert fold(tiny_model, option, -1).exit_code == 2
