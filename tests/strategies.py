"""Hypothesis strategies: random graphs with weights, and random ONNX models.

Sizes are small primes, maps oblong, convolutions grouped and depthwise as often as plain: square
and round shapes hide mistakes.
"""

from __future__ import annotations

import math

import numpy as np
from hypothesis import strategies as st
from onnx_models import ModelMaker

from hass import ops
from hass.graph import Graph, Weights
from hass.rewrites.draft import Draft
from hass.rewrites.insert_forks import insert_forks
from hass.values import FeatureMap

CHANNELS = (1, 2, 3, 4, 5, 6, 7)
EXTENTS = (1, 2, 3, 5, 7, 11, 13)
ACTIVATIONS: tuple[ops.Op, ...] = (
    ops.Relu(),
    ops.Clip(0.0, 6.0),
    ops.Clip(-0.5, 1.25),
    ops.HardSigmoid(0.2, 0.5),
    ops.HardSwish(),
    ops.Sigmoid(),
    ops.LeakyRelu(0.1),
    ops.Curve(ops.Function.SILU),
    ops.Curve(ops.Function.ELU, 0.5),
)


@st.composite
def feature_maps(draw: st.DrawFn) -> FeatureMap:
    """Oblong maps of few words; square ones are rare."""
    height, width = draw(st.permutations(EXTENTS))[:2]
    return FeatureMap(height, width, draw(st.sampled_from(CHANNELS)))


@st.composite
def windows(draw: st.DrawFn, source: FeatureMap) -> tuple[ops.Pair, ops.Pair, ops.Pads]:
    """A kernel, a stride and pads that fit ``source``; pads are below the kernel."""
    kernel = (
        draw(st.integers(1, min(4, source.height))),
        draw(st.integers(1, min(4, source.width))),
    )
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    limits = (kernel[0] - 1, kernel[1] - 1) * 2
    top, left, bottom, right = (draw(st.integers(0, limit)) for limit in limits)
    return kernel, stride, (top, left, bottom, right)


def _dilations(source: FeatureMap, kernel: ops.Pair, pads: ops.Pads) -> list[ops.Pair]:
    """Those with which a window fits; most have none."""
    room = (source.height + pads[0] + pads[2], source.width + pads[1] + pads[3])
    return [
        dilation
        for dilation in ((1, 1), (1, 1), (1, 2), (2, 1), (3, 2))
        if all((k - 1) * d < size for k, d, size in zip(kernel, dilation, room, strict=True))
    ]


@st.composite
def conv_ops(draw: st.DrawFn, source: FeatureMap) -> ops.Conv2d:
    """A plain, grouped or depthwise convolution that fits ``source``."""
    kernel, stride, pads = draw(windows(source))
    groups = draw(st.sampled_from([g for g in CHANNELS if source.channels % g == 0]))
    dilation = draw(st.sampled_from(_dilations(source, kernel, pads)))
    return ops.Conv2d(groups * draw(st.integers(1, 3)), kernel, stride, pads, groups, dilation)


@st.composite
def single_input_ops(draw: st.DrawFn, source: FeatureMap) -> ops.Op:
    """Any op with one input, but Input, Output, Fork and Conv2d."""
    kernel, stride, pads = draw(windows(source))
    divisor = draw(st.sampled_from(ops.Divisor))

    def span(size: int) -> ops.Span:
        start = draw(st.integers(0, size - 1))
        return ops.Span(start, draw(st.integers(start + 1, size)), draw(st.integers(1, 3)))

    choices: list[ops.Op] = [
        *[ops.DepthToSpace(block) for block in _blocks(source.channels)],
        *ACTIVATIONS,
        ops.MaxPool2d(kernel, stride, pads),
        ops.MaxPool2d(kernel, stride, pads, _dilations(source, kernel, pads)[-1]),
        ops.AvgPool2d(kernel, stride, pads, divisor),
        ops.GlobalAvgPool(),
        ops.Slice(span(source.height), span(source.width), span(source.channels)),
        ops.Pad((1, 0, 0, 2), draw(st.integers(0, 2)), draw(st.integers(0, 2))),
        ops.Upsample(draw(st.sampled_from([(1, 2), (3, 1), (2, 2)]))),
        ops.Shuffle(draw(st.sampled_from([g for g in CHANNELS if source.channels % g == 0]))),
    ]
    return draw(st.sampled_from(choices))


def _blocks(channels: int) -> list[ops.Pair]:
    """What a map's channels can be dealt out into."""
    return [block for block in ((1, 2), (2, 1), (3, 1), (2, 2)) if channels % math.prod(block) == 0]


@st.composite
def graphs(draw: st.DrawFn, max_layers: int = 8) -> tuple[Graph, Weights]:
    """A verified graph with branches, and normal weights."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    draft = Draft("random")
    draft.add("input", ops.Input(), [], out=draw(feature_maps()))
    made = ["input"]
    for index in range(draw(st.integers(1, max_layers))):
        source = draw(st.sampled_from(made[-3:]))
        source_map = draft.map(source)
        twins = [name for name in made if draft.map(name) == source_map]
        name = f"layer{index}"
        kind = draw(st.sampled_from(("conv", "conv", "one", "one", "join", "gate", "concat")))
        match kind:
            case "conv":
                op = draw(conv_ops(source_map))
                shape = (op.out_channels, source_map.channels // op.groups, *op.kernel)
                bias = rng.normal(size=op.out_channels)
                draft.add_conv(name, op, source, rng.normal(size=shape), bias)
            case "one":
                draft.add(name, draw(single_input_ops(source_map)), [source])
            case "join":
                op_ = draw(st.sampled_from((ops.Add(), ops.Mul())))
                draft.add(name, op_, [source, draw(st.sampled_from(twins))])
            case "gate":
                pooled = draft.add(f"{name}.pool", ops.GlobalAvgPool(), [source])
                draft.add(
                    name, ops.Mul(), [source, draft.add(f"{name}.s", ops.Sigmoid(), [pooled])]
                )
            case _:
                draft.add(name, ops.Concat(), [source, draw(st.sampled_from(twins)), source])
        made.append(name)
    draft.add("output", ops.Output(), [made[-1]])
    return insert_forks(*draft.build())


@st.composite
def onnx_models(draw: st.DrawFn) -> ModelMaker:
    """A random model of the patterns that exporters write; its last tensor is the output."""
    source_map = draw(feature_maps())
    shape = (source_map.channels, source_map.height, source_map.width)
    opset = draw(st.sampled_from((9, 11, 13, 17, 18, 21)))
    maker = ModelMaker(shape, opset=opset, seed=draw(st.integers(0, 2**32 - 1)))
    maker.node("Identity", "x")
    tensor, channels, extent = "t0", source_map.channels, shape[1:]
    for _ in range(draw(st.integers(1, 4))):
        fits = FeatureMap(*extent, channels)
        op = draw(conv_ops(fits))
        previous, same_as = tensor, channels
        tensor = maker.node(
            "Conv",
            tensor,
            maker.random(op.out_channels, channels // op.groups, *op.kernel),
            strides=list(op.stride),
            pads=list(op.pads),
            group=op.groups,
            dilations=list(op.dilation),
        )
        channels = op.out_channels
        before = extent
        extent = tuple(
            (size + op.pads[i] + op.pads[i + 2] - op.extent[i]) // op.stride[i] + 1
            for i, size in enumerate(extent)
        )  # type: ignore[assignment]
        if draw(st.booleans()):
            tensor = maker.batch_norm(tensor, channels)
        if draw(st.booleans()):
            tensor = maker.node("Add", tensor, maker.random(channels, 1, 1))
        if (channels, extent) == (same_as, before) and draw(st.booleans()):
            tensor = maker.node("Add", previous, tensor)
        if draw(st.booleans()):
            tensor = maker.node(
                draw(
                    st.sampled_from(("Relu", "Sigmoid", "HardSigmoid", "Tanh", "LeakyRelu", "Elu"))
                ),
                tensor,
            )
        if draw(st.booleans()):
            tensor = maker.node("Mul", maker.random(1, channels, 1, 1), tensor)
    tail = draw(st.sampled_from(("map", "pool", "vector")))
    if tail != "map":
        words = channels
        if tail == "pool":
            tensor = maker.node("GlobalAveragePool", tensor)
        else:
            words = channels * extent[0] * extent[1]
        tensor = maker.node("Flatten", tensor)
        maker.node("Gemm", tensor, maker.random(5, words), maker.random(5), transB=1)
    return maker
