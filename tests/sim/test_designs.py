"""Designs simulated from a script: as ``hass sim`` does, with pictures and frames of the result."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner

import hass
from hass.cli import main
from hass.design import Design
from hass.errors import ProfileError
from hass.measure import Dataset
from hass.onnx_io import ImportedModel
from hass.sim.result import SimResult
from hass.sparsity import SparsityProfile


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> ImportedModel:
    return hass.read_model(tiny_model)


@pytest.fixture(scope="module")
def dataset(model: ImportedModel, tiny_data: Path) -> Dataset:
    return hass.open_dataset(tiny_data, model.graph.frame)


@pytest.fixture(scope="module")
def profile(model: ImportedModel, dataset: Dataset) -> SparsityProfile:
    return hass.measure_profile(model.graph, model.weights, dataset, images=8)


@pytest.fixture(scope="module")
def design(design_file: Path) -> Design:
    return hass.read_design(design_file)


@pytest.fixture(scope="module")
def result(
    design: Design, model: ImportedModel, profile: SparsityProfile, dataset: Dataset
) -> SimResult:
    return hass.sim.simulate_design(design, model, profile=profile, dataset=dataset, intervals=64)


def test_it_is_what_the_verb_simulates(
    result: SimResult, design_file: Path, tiny_data: Path
) -> None:
    profile = design_file.parent / "profile.json"
    words = ["sim", design_file, "--profile", profile, "--trace", tiny_data, "--json"]
    done = CliRunner().invoke(main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["simulated_frame_ii_cycles"] == result.simulated_frame_ii_cycles
    assert [fifo["peak"] for fifo in found["fifos"]] == [fifo.peak for fifo in result.fifos]


def test_what_is_missing_is_said(design: Design, model: ImportedModel, dataset: Dataset) -> None:
    with pytest.raises(ProfileError, match="simulating it needs that profile"):
        hass.sim.simulate_design(design, model)
    plan = hass.solve(model.graph, design.device)
    dense = hass.build_design(model, design.device, plan)
    with pytest.raises(ProfileError, match="needs the profile by which channels are dealt"):
        hass.sim.simulate_design(dense, model, dataset=dataset)


def test_pictures_name_every_layer_and_every_deep_fifo(result: SimResult) -> None:
    (stalls,) = hass.sim.stall_pictures(result).pictures
    words = list(ET.fromstring(stalls.svg()).itertext())
    assert {layer.name for layer in result.layers} <= set(words)
    (held,) = hass.sim.occupancy_pictures(result).pictures
    words = list(ET.fromstring(held.svg()).itertext())
    deep = [fifo for fifo in result.fifos if fifo.depth > 2]
    assert deep
    for fifo in deep:
        assert f"{fifo.src} → {fifo.dst}" in words
        assert f"{fifo.peak:,} of {fifo.depth:,} × {fifo.streams}" in words


def test_columns_of_what_fifos_held(result: SimResult) -> None:
    columns = hass.sim.occupancy_columns(result)
    assert list(columns) == ["cycle", *map(str, result.fifos)]
    assert columns["cycle"][:2] == (0, result.occupancy.interval_cycles)
    assert {len(cells) for cells in columns.values()} == {len(columns["cycle"])}
    for fifo in result.fifos:
        assert max(columns[str(fifo)]) == fifo.peak


def test_a_simulation_that_kept_nothing_says_how_to_ask(
    design: Design, model: ImportedModel, profile: SparsityProfile
) -> None:
    plain = hass.sim.simulate_design(design, model, profile=profile)
    for show in (hass.sim.occupancy_pictures, hass.sim.occupancy_columns):
        with pytest.raises(ValueError, match="simulate with intervals=200"):
            show(plain)


def test_a_result_shows_itself(result: SimResult) -> None:
    table = ET.fromstring(result._repr_html_())
    cells = list(table.itertext())
    assert "frame II, cycles" in cells
    assert f"{result.modelled_frame_ii_cycles:,}" in cells
