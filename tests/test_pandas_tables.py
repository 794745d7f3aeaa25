"""Frames for notebooks: they say what the values say, and who lacks pandas is told what to do."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

import hass
from hass.design import Design
from hass.errors import SpecError
from hass.export import Fate, Remark

pd = pytest.importorskip("pandas", reason="pip install -e '.[notebook]'")


@pytest.fixture(scope="module")
def design(design_file: Path) -> Design:
    return hass.read_design(design_file)


def test_layers_have_their_foldings_resources_and_share_of_the_bound(design: Design) -> None:
    frame = hass.tables.layers(design)
    assert list(frame.index) == list(design.plan.estimate.layers)
    for name, layer in design.plan.estimate.layers.items():
        row = frame.loc[name]
        assert (row.engine, row.coarse_out) == (
            layer.folding.engine.value,
            layer.folding.coarse_out,
        )
        assert (row.frame_ii_cycles, row.lut) == (layer.frame_ii_cycles, layer.resources.lut)
        assert row.multipliers == layer.folding.multipliers
        density = design.densities.get(name)
        assert pd.isna(row.pair_density) if density is None else row.pair_density
    busy = (frame.multiplier_bound_share * frame.multipliers).sum() / frame.multipliers.sum()
    assert busy == pytest.approx(design.summary.multiplier_bound_share)


def test_streams_are_the_fifos(design: Design) -> None:
    frame = hass.tables.streams(design)
    fifos = design.plan.estimate.fifos
    assert list(zip(frame.src, frame.dst, frame.port, strict=True)) == [f.edge for f in fifos]
    assert list(frame.depth_words) == [fifo.depth_words for fifo in fifos]
    assert list(frame.memory) == [fifo.memory.value for fifo in fifos]


def test_resources_have_shares_of_budget_and_part(design: Design) -> None:
    frame = hass.tables.resources(design)
    assert list(frame.index) == ["lut", "ff", "dsp", "bram18", "uram"]
    assert frame.used.dsp == design.summary.resources.dsp
    assert frame.share_of_part.lut == pytest.approx(frame.used.lut / frame.available.lut)
    assert frame.share_of_budget.lut == pytest.approx(frame.used.lut / frame.budget.lut)


def test_a_network_has_its_ops_parameters_and_macs(tiny_model: Path) -> None:
    model = hass.read_model(tiny_model)
    frame = hass.tables.network(model.graph, model.weights)
    assert list(frame.index) == [layer.name for layer in model.graph]
    assert frame.parameters.sum() == sum(array.size for array in model.weights.values())
    for layer in model.graph.convs:
        height, width = layer.op.kernel
        assert frame.kernel[layer.name] == f"{height}x{width}"
        assert frame.groups[layer.name] == layer.op.groups
        assert frame.out_channels[layer.name] == layer.out.channels
        assert frame.macs_per_frame[layer.name] > 0


def test_designs_are_set_against_the_first(design: Design) -> None:
    frame = hass.tables.designs({"one": design, "two": design})
    assert list(frame.index) == ["one", "two"]
    assert list(frame.throughput_ratio) == [1.0, 1.0]
    assert frame.dsp.two == design.summary.resources.dsp


def test_rows_and_columns_of_any_kind() -> None:
    remarks = [Remark("a", Fate.EXACT, "as it is"), Remark("b", Fate.LEFT_OUT, "nothing")]
    frame = hass.tables.frame(remarks, index="layer")
    assert frame.fate.to_dict() == {"a": "exact", "b": "left out"}
    assert hass.tables.frame([]).empty
    held = hass.tables.columns({"cycle": (0, 8), "a:b": (1, 2)}, index="cycle")
    assert held["a:b"].to_dict() == {0: 1, 8: 2}


def test_without_pandas_the_extra_is_named(design: Design, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_pandas(name: str, *rest: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(SpecError, match=r"pip install '\.\[notebook\]'"):
        hass.tables.layers(design)
