"""What write_model writes: format, clips, taps, ops."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx_models import assert_close, frames_of, run
from strategies import graphs

from hass import ops
from hass.errors import GraphError
from hass.graph import Graph, Weights
from hass.onnx_io import write_model
from hass.ops import Conv2d
from hass.rewrites.draft import Draft
from hass.rewrites.insert_forks import insert_forks
from hass.values import FeatureMap


def _residual() -> tuple[Graph, Weights]:
    """stem, relu -> [a, relu_a, b, hswish] + skip -> c, all 1x1 or 3x3 on an oblong map."""
    rng = np.random.default_rng(0)
    draft = Draft("residual")
    draft.add("input", ops.Input(), [], out=FeatureMap(7, 5, 2))

    def conv(name: str, source: str, outs: int, kernel: int = 1) -> str:
        op = Conv2d(outs, (kernel, kernel), pads=(kernel // 2,) * 4)  # type: ignore[arg-type]
        shape = (outs, draft.map(source).channels, kernel, kernel)
        return draft.add_conv(name, op, source, rng.normal(size=shape), rng.normal(size=outs))

    skip = draft.add("relu", ops.Relu(), [conv("stem", "input", 3, 3)])
    relu_a = draft.add("relu_a", ops.Relu(), [conv("a", skip, 4)])
    swish = draft.add("hswish", ops.HardSwish(), [conv("b", relu_a, 3, 3)])
    total = draft.add("sum", ops.Add(), [swish, skip])
    draft.add(
        "output", ops.Output(), [conv("d", draft.add("s", ops.Sigmoid(), [conv("c", total, 2)]), 2)]
    )
    return insert_forks(*draft.build())


def _types(content: bytes) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load_model_from_string(content).graph.node)


def test_format() -> None:
    graph, weights = _residual()
    model = onnx.load_model_from_string(write_model(graph, weights))
    onnx.checker.check_model(model, full_check=True)
    assert (model.ir_version, model.opset_import[0].version) == (8, 17)
    assert [item.name for item in model.graph.input] == ["input"]
    assert [item.name for item in model.graph.output] == ["output"]
    dims = model.graph.output[0].type.tensor_type.shape.dim
    assert [dim.dim_param or dim.dim_value for dim in dims] == ["N", 2, 7, 5]


def test_writing_is_deterministic() -> None:
    graph, weights = _residual()
    assert write_model(graph, weights) == write_model(graph, weights)


def test_relu_that_only_the_clipped_conv_reads_becomes_thresholded() -> None:
    graph, weights = _residual()
    types = _types(write_model(graph, weights, act_thresholds={"b": 0.5}))
    assert (types["ThresholdedRelu"], types["Relu"], types["Sub"]) == (1, 1, 0)


def test_relu_that_others_read_stays() -> None:
    graph, weights = _residual()
    types = _types(write_model(graph, weights, act_thresholds={"a": 0.5}))
    assert (types["ThresholdedRelu"], types["Relu"], types["Sub"]) == (1, 2, 0)


def test_stream_that_is_never_negative_needs_one_op() -> None:
    graph, weights = _residual()
    types = _types(write_model(graph, weights, act_thresholds={"d": 0.6}))
    assert (types["ThresholdedRelu"], types["Sub"]) == (1, 0)


def test_stream_with_both_signs_is_clipped_on_both_sides() -> None:
    graph, weights = _residual()
    types = _types(write_model(graph, weights, act_thresholds={"c": 0.5}))
    assert (types["ThresholdedRelu"], types["Sub"]) == (2, 1)


def test_no_threshold_no_op() -> None:
    graph, weights = _residual()
    plain = write_model(graph, weights)
    assert write_model(graph, weights, act_thresholds={"a": 0.0, "c": 0.0}) == plain


def _clipped(values: np.ndarray, threshold: float) -> np.ndarray:  # type: ignore[type-arg]
    return np.where(np.abs(values) <= np.float32(threshold), np.float32(0), values)


def test_clip_is_exact_at_the_threshold() -> None:
    draft = Draft("edge")
    draft.add("input", ops.Input(), [], out=FeatureMap(1, 8, 1))
    draft.add_conv("conv", Conv2d(1, (1, 1)), "input", [[[[1.0]]]], [0.0])
    draft.add("output", ops.Output(), ["conv"])
    threshold = np.float32(0.3)
    above = np.nextafter(threshold, np.float32(1))
    below = np.nextafter(threshold, np.float32(0))
    row = np.array([threshold, -threshold, above, -above, below, -below, 0, -7], np.float32)
    content = write_model(*draft.build(), act_thresholds={"conv": 0.3}, taps=["tap:conv"])
    _, tap = run(content, row.reshape(1, 1, 1, 8))
    np.testing.assert_array_equal(tap.reshape(-1), [0, 0, above, -above, 0, 0, 0, -7])


@settings(max_examples=60, deadline=None)
@given(graphs(), st.data())
def test_clips_and_taps_of_any_graph(made: tuple[Graph, Weights], data: st.DataObject) -> None:
    graph, weights = made
    names = [layer.name for layer in graph.convs]
    thresholds = {
        name: data.draw(st.sampled_from((0.0, 0.25, 0.25, 1.0)), label=name) for name in names
    }
    taps = [f"tap:{name}" for name in names]
    sources = {name: graph.in_edges(name)[0].src for name in names}
    outs = sorted({f"out:{source}" for source in sources.values()})
    content = write_model(graph, weights, act_thresholds=thresholds, taps=taps + outs)
    found = run(content, frames_of(graph))
    values = dict(zip(["output", *taps, *outs], found, strict=True))
    assert values["output"].reshape(3, -1).shape[1] == graph.layers[-1].out.words
    for name in names:
        source = graph.in_maps(name)[0]
        before = values[f"out:{sources[name]}"]
        assert before.shape[1:] == (source.channels, source.height, source.width)
        np.testing.assert_array_equal(values[f"tap:{name}"], _clipped(before, thresholds[name]))
    # without taps other ops are chosen, with the same result
    (bare,) = run(write_model(graph, weights, act_thresholds=thresholds), frames_of(graph))
    assert_close(bare, values["output"])


def test_taps_of_every_layer_and_twice() -> None:
    graph, weights = _residual()
    taps = [f"out:{layer.name}" for layer in graph] + ["tap:stem", "tap:stem"]
    content = write_model(graph, weights, taps=taps)
    names = [item.name for item in onnx.load_model_from_string(content).graph.output]
    assert names == ["output", *dict.fromkeys(taps)]
    frames = frames_of(graph)
    values = dict(zip(names, run(content, frames), strict=True))
    np.testing.assert_array_equal(values["tap:stem"], frames)
    np.testing.assert_array_equal(values["out:output"], values["output"])


@pytest.mark.parametrize("tap", ["a", "tap:relu", "tap:nowhere", "out:nowhere", "in:a", ""])
def test_tap_that_does_not_exist(tap: str) -> None:
    with pytest.raises(GraphError, match=r"expected 'tap:<Conv2d layer>' or 'out:<layer>'"):
        write_model(*_residual(), taps=[tap])


@pytest.mark.parametrize(
    ("name", "threshold"),
    [("relu", 0.5), ("nowhere", 0.5), ("a", -1.0), ("a", float("nan")), ("a", float("inf"))],
)
def test_threshold_that_makes_no_sense(name: str, threshold: float) -> None:
    with pytest.raises(GraphError, match="activation threshold"):
        write_model(*_residual(), act_thresholds={name: threshold})
