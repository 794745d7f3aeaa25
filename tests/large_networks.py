"""Networks of any number of nodes, in the shapes that make graph algorithms slow."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from onnx_models import ModelMaker

CHANNELS = 8
_BLOCKS_A_STAGE = 12  # dense blocks: until a convolution makes the channels few again
_BRANCHES = 16


def _maker() -> ModelMaker:
    return ModelMaker((CHANNELS, 9, 7))


def chain(nodes: int) -> ModelMaker:
    """Convolutions, each with a Relu."""
    maker, x = _maker(), "x"
    for _ in range(nodes // 2):
        x = maker.node("Relu", maker.conv(x, CHANNELS, CHANNELS, 3, pads=[1] * 4))
    return maker


def residual(nodes: int) -> ModelMaker:
    """Blocks with a BatchNormalization that is added to what enters them."""
    maker, x = _maker(), "x"
    for _ in range(nodes // 5):
        y = maker.batch_norm(maker.conv(x, CHANNELS, CHANNELS, 3, pads=[1] * 4), CHANNELS)
        y = maker.conv(maker.node("Relu", y), CHANNELS, CHANNELS)
        x = maker.node("Add", x, y)
    return maker


def dense(nodes: int) -> ModelMaker:
    """Layers that read the concatenation of all before them in their stage, as in a DenseNet."""
    maker, features, channels = _maker(), ["x"], CHANNELS
    while len(maker.nodes) < nodes:
        x = features[0]
        if len(features) > 1:
            x = maker.node("Concat", *features, axis=1)
        if len(features) > _BLOCKS_A_STAGE:
            features, channels = [maker.conv(x, channels, CHANNELS)], CHANNELS
        else:
            features.append(maker.node("Relu", maker.conv(x, channels, 4)))
            channels += 4
    return maker


def inception(nodes: int) -> ModelMaker:
    """Modules of many branches."""
    maker, x, channels = _maker(), "x", CHANNELS
    while len(maker.nodes) < nodes:
        branches = [maker.conv(x, channels, 2) for _ in range(_BRANCHES)]
        x = maker.node("Concat", *(maker.node("Relu", branch) for branch in branches), axis=1)
        channels = 2 * _BRANCHES
    return maker


def one_fan_out(nodes: int) -> ModelMaker:
    """One map that every layer but the last reads."""
    maker = _maker()
    branches = [maker.conv("x", CHANNELS, 1) for _ in range(nodes)]
    maker.node("Concat", *branches, axis=1)
    return maker


def gates(nodes: int) -> ModelMaker:
    """HardSwish as exporters spell it, all nodes of the same name."""
    maker, x = _maker(), "x"
    for _ in range(nodes // 5):
        y = maker.conv(x, CHANNELS, CHANNELS)
        gate = maker.node("Add", y, maker.constant(3.0), name="gate")
        gate = maker.node("Clip", gate, maker.constant(0.0), maker.constant(6.0), name="gate")
        gate = maker.node("Mul", y, gate, name="gate")
        x = maker.node("Div", gate, maker.constant(6.0), name="gate")
    return maker


def norms(nodes: int) -> ModelMaker:
    """Layer normalisation over channels, written out."""
    maker, x = _maker(), "x"
    for _ in range(nodes // 8):
        y = maker.conv(x, CHANNELS, CHANNELS)
        centred = maker.node("Sub", y, maker.node("ReduceMean", y, axes=[1]))
        variance = maker.node("ReduceMean", maker.node("Mul", centred, centred), axes=[1])
        root = maker.node("Sqrt", maker.node("Add", variance, maker.constant(1e-3)))
        x = maker.node("Div", centred, root)
    return maker


LARGE: Mapping[str, Callable[[int], ModelMaker]] = {
    "chain": chain,
    "residual": residual,
    "dense": dense,
    "inception": inception,
    "one_fan_out": one_fan_out,
    "gates": gates,
    "norms": norms,
}
