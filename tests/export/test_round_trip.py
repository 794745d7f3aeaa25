"""What hass exports comes in again: the same layers, the words' values as weights, word lengths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from chain_networks import Chain
from onnx_models import op_names
from qonnx_networks import FOR_FINN, FOR_HLS4ML, STRAIGHT, chain_source

from hass.export import ExportSource, load_exporter
from hass.export.onnx_exact import step_of
from hass.graph import Layer
from hass.onnx_io import ImportedModel, read_model
from hass.reference import integer_weights
from hass.values import Arithmetic


def _exported(source: ExportSource, target: str, file: str, folder: Path) -> ImportedModel:
    content = load_exporter(target).export(source).files[file]
    path = folder / "again.onnx"
    path.write_bytes(bytes(content) if isinstance(content, bytes) else content.encode())
    return read_model(path)


def _assert_convolutions(found: list[Layer], model: ImportedModel, source: ExportSource) -> None:
    """The convolutions of the source in their order, with the values of its integers."""
    graph, formats = source.graph, source.formats
    integers = integer_weights(graph, source.weights, formats)
    for layer, original in zip(found, graph.convs, strict=True):
        assert layer.op == original.op
        words, step = integers[f"{original.name}.weight"], step_of(formats.weights[original.name])
        np.testing.assert_array_equal(model.weights[f"{layer.name}.weight"], words * step)
        words, step = (
            integers[f"{original.name}.bias"],
            step_of(formats.accumulator(graph, original.name)),
        )
        found_bias = model.weights[f"{layer.name}.bias"]
        np.testing.assert_allclose(found_bias, words * step, rtol=1e-6, atol=step)


@pytest.mark.parametrize("bits", [4, 8, 16])
@pytest.mark.parametrize("chain", [STRAIGHT, FOR_HLS4ML], ids=["straight", "branches"])
def test_qdq(chain: Chain, bits: int, tmp_path: Path) -> None:
    source = chain_source(chain, arithmetic=Arithmetic(bits, bits, 32))
    model = _exported(source, "onnx", "model_qdq.onnx", tmp_path)
    if bits > 4:  # words narrower than ONNX's are held by Clips, which take over Relus
        assert op_names(model.graph) == op_names(source.graph)
    _assert_convolutions(list(model.graph.convs), model, source)
    wanted = 8 if bits == 4 else bits  # activations lie in int8
    assert set(model.word_bits.values()) == {wanted}
    assert len(model.word_bits) == len(model.graph.convs)


@pytest.mark.parametrize(("target", "chain"), [("finn", FOR_FINN), ("hls4ml", FOR_HLS4ML)])
def test_qonnx(target: str, chain: Chain, tmp_path: Path) -> None:
    source = chain_source(chain)
    model = _exported(source, target, "model.onnx", tmp_path)
    # both write averages, cuts and pads as convolutions too
    others = ("avg", "gap", "cut", "wide")
    own = [layer for layer in model.graph.convs if not layer.name.endswith(others)]
    _assert_convolutions(own, model, source)
    assert {model.word_bits[layer.name] for layer in own} == {8}
