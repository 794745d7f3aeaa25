"""All cases at once against one at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from large_networks import LARGE
from onnx_models import ModelMaker

from hass.cost import layer_shapes, pass_waits
from hass.graph import Graph
from hass.onnx_io import read_model
from hass.values import Arithmetic


def _gates(nodes: int) -> ModelMaker:
    """Squeeze and excitation, pooled and strided in between, with a Concat of two branches."""
    maker, x = ModelMaker((6, 17, 13)), "x"
    for block in range(nodes // 9):
        y = maker.node("Relu", maker.conv(x, 6, 6, 3, pads=[1] * 4))
        gate = maker.node("Relu", maker.conv(maker.node("GlobalAveragePool", y), 6, 3))
        y = maker.node("Mul", y, maker.node("Sigmoid", maker.conv(gate, 3, 6)))
        pooled = maker.node("MaxPool", y, kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4)
        y = maker.node("Concat", y, pooled, maker.conv(x, 6, 2, 5, pads=[2] * 4), axis=1)
        x = maker.conv(y, 14, 6, 2, strides=[1 + block % 2] * 2, pads=[1, 1, 0, 0])
    return maker


def _one_at_a_time(
    graph: Graph, lengths: dict[str, Arithmetic], cases: list[tuple[str, int]]
) -> tuple[int, ...]:
    def held(rows: dict[str, int]) -> int:
        shapes = layer_shapes(graph, rows_per_pass=rows)
        return sum(
            need.words * lengths[name].act_bits
            for name, shape in shapes.items()
            for need in shape.fifos
        )

    return tuple(held({name: rows}) - held({}) for name, rows in cases)


@pytest.mark.parametrize("kind", [*LARGE, "squeeze"])
def test_all_cases_at_once(kind: str, tmp_path: Path) -> None:
    maker = (LARGE | {"squeeze": _gates})[kind](40)
    graph = read_model(maker.save(tmp_path)).graph
    rng = np.random.default_rng(0)
    words = [Arithmetic(act_bits=bits) for bits in (8, 16)]
    lengths = {layer.name: words[rng.integers(2)] for layer in graph}
    cases = [
        (layer.name, rows)
        for layer in graph.convs
        for rows in sorted({1, min(2, layer.out.height), layer.out.height})
    ]
    found = pass_waits(graph, lengths, cases)
    assert found == _one_at_a_time(graph, lengths, cases)
    joins = any(len(graph.in_edges(layer.name)) > 1 for layer in graph)
    assert any(found) == joins
