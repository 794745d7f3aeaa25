"""Small files that ask for much: memory, time, depth."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
from fuzz_values import pick
from onnx import TensorProto, helper, numpy_helper
from onnx_models import ModelMaker

Rng = np.random.Generator
HUGE = (1 << 29, (1 << 31) - 1, 1 << 31, 1 << 33, 1 << 40, (1 << 63) - 1)


def _maker(rng: Rng) -> ModelMaker:
    return ModelMaker((3, 8, 7), opset=pick(rng, [10, 13, 17, 18]))


def _used(maker: ModelMaker, constant: str) -> onnx.ModelProto:
    """A network in which a constant is added to the frame."""
    maker.node("Add", maker.conv("x", 3, 3), constant)
    return maker.model()


def claims_elements(rng: Rng) -> onnx.ModelProto:
    """An initializer that claims 2^40 elements, with or without a few bytes."""
    maker = _maker(rng)
    weight = maker.random(4, 3, 1, 1)
    tensor = maker.initializers[-1]
    tensor.dims[:] = pick(rng, [[1 << 40], [1 << 20, 1 << 20], [4, 3, 1 << 36, 1], [4, 3, 0, 1]])
    if rng.random() < 0.5:
        tensor.raw_data = b""
    maker.node("Conv", "x", weight)
    return maker.model()


def shape_of(rng: Rng) -> onnx.ModelProto:
    """ConstantOfShape, Expand, Tile, Range or Resize to a huge size."""
    maker = _maker(rng)
    size = maker.integers(*[pick(rng, HUGE)] * int(rng.integers(1, 4)))
    one = maker.constant(1.0)
    match int(rng.integers(6)):
        case 0:
            found = maker.node("ConstantOfShape", size)
        case 1:
            found = maker.node("Expand", one, size)
        case 2:
            found = maker.node("Tile", maker.constant([1.0]), maker.integers(pick(rng, HUGE)))
        case 3:
            limit = maker.constant(float(pick(rng, HUGE)))
            found = maker.node("Range", maker.constant(0.0), limit, one)
        case 4:
            pads = maker.integers(0, pick(rng, HUGE))
            found = maker.node("Pad", maker.constant([1.0]), pads)
        case _:
            found = maker.node("OneHot", size, size, maker.constant([0.0, 1.0]))
    return _used(maker, found)


def doubling(rng: Rng) -> onnx.ModelProto:
    """A constant that each of many nodes makes twice as large."""
    maker = _maker(rng)
    found = maker.constant(np.ones((2, 3)))
    for _ in range(pick(rng, [30, 70])):
        match int(rng.integers(4)):
            case 0:
                found = maker.node("Concat", found, found, axis=0)
            case 1:
                found = maker.node("Concat", found, found, axis=1)
            case 2:
                index = maker.integers(*range(2), *range(2))
                found = maker.node("Gather", found, index, axis=1)
            case _:
                wide = maker.node("Reshape", found, maker.integers(1, -1))
                found = maker.node("Add", maker.node("Reshape", found, maker.integers(-1, 1)), wide)
    return _used(maker, found)


def many_constants(rng: Rng) -> onnx.ModelProto:
    """Hundreds of constants, each of which would do alone; weights of many layers that are one."""
    maker = _maker(rng)
    found = "x"
    match int(rng.integers(3)):
        case 0:
            for _ in range(300):
                made = maker.node("ConstantOfShape", maker.integers(1 << 12, 1 << 11))
                made = maker.node("Neg", made)
                found = made if found == "x" else maker.node("Add", found, made)
            return _used(maker, found)
        case 1:
            weight = maker.node("ConstantOfShape", maker.integers(512, 512, 3, 3))
            found = maker.node("Conv", found, maker.random(512, 3, 1, 1))
        case _:
            weight = maker.random(256, 256, 3, 3)
            found = maker.node("Conv", found, maker.random(256, 3, 1, 1))
    for _ in range(400):
        found = maker.node("Conv", found, weight, pads=[1, 1, 1, 1])
    return maker.model()


def giant_window(rng: Rng) -> onnx.ModelProto:
    """Kernels, strides, pads and dilations of huge size."""
    maker = _maker(rng)
    size, other = pick(rng, HUGE), pick(rng, [1, 3, *HUGE])
    pads = [pick(rng, [0, 1, *HUGE]) for _ in range(4)]
    match int(rng.integers(6)):
        case 0:
            maker.node("MaxPool", "x", kernel_shape=[size, other], pads=pads)
        case 1:
            maker.node("AveragePool", "x", kernel_shape=[3, 3], pads=pads, count_include_pad=1)
        case 2:
            maker.conv("x", 3, 4, 3, pads=pads)
        case 3:
            maker.conv("x", 3, 4, 3, strides=[size, other], auto_pad="SAME_UPPER")
        case 4:
            maker.conv("x", 3, 4, 3, dilations=[size, other], pads=pads)
        case _:
            attributes = {"pads": [0, 0, 0, 0, *pads]}
            amounts = [] if maker.opset < 11 else [maker.integers(*attributes["pads"])]
            maker.node("Pad", "x", *amounts, **({} if amounts else attributes))
    return maker.model()


def giant_map(rng: Rng) -> onnx.ModelProto:
    """A feature map of more words than any machine holds, as input or on the way."""
    sizes = [int(pick(rng, [1, 3, 1 << 16, 1 << 20, *HUGE])) for _ in range(3)]
    maker = ModelMaker(sizes, batch=pick(rng, [1, "N", 1 << 40, 1 << 62]))
    match int(rng.integers(4)):
        case 0:
            maker.node("Relu", "x")
        case 1:
            maker.node("Add", "x", maker.constant(np.ones((1, sizes[0] % 1000, 1, 1))))
        case 2:
            maker.node("MatMul", maker.node("Flatten", "x"), maker.random(3, 3))
        case _:
            shape = maker.node("Shape", "x")
            maker.node("Add", "x", maker.node("ConstantOfShape", shape))
    return maker.model()


def deep(rng: Rng) -> onnx.ModelProto:
    """A chain of thousands of nodes, all of one name, or one node of thousands of inputs."""
    maker = _maker(rng)
    if rng.random() < 0.3:
        maker.node("Concat", *["x"] * 3000, axis=1)
        return maker.model()
    found = "x"
    for _ in range(2500):
        found = maker.node(pick(rng, ["Relu", "Identity", "Neg"]), found, name="same")
    return maker.model()


def cycle(rng: Rng) -> onnx.ModelProto:
    """A ring of nodes, which the output needs or not."""
    maker = _maker(rng)
    found = maker.node("Relu", "x")
    ring = [f"r{index}" for index in range(pick(rng, [1, 2, 50]))]
    for index, name in enumerate(ring):
        node = helper.make_node("Add", [ring[index - 1], found], [name])
        maker.nodes.insert(int(rng.integers(len(maker.nodes) + 1)), node)
    return maker.model(pick(rng, [found, ring[-1]]))


def strange_output(rng: Rng) -> onnx.ModelProto:
    """An output that is said to have another shape or type than it has."""
    maker = _maker(rng)
    model = maker.model(maker.node("Relu", "x"))
    kind = pick(rng, [TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING])
    shape = pick(rng, [[], [0], [1 << 62], [1, 3, 8, 8], [-1], ["N", "N", "N", "N"]])
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("t0", kind, shape))
    return model


def functions(rng: Rng) -> onnx.ModelProto:
    """Functions that call each other twice and more, each with a constant."""
    maker, fan = _maker(rng), int(rng.integers(1, 5))
    maker.node("f0", "x", domain="own")
    model = maker.model()
    model.opset_import.add(domain="own", version=1)
    sets = [helper.make_opsetid("own", 1), helper.make_opsetid("", maker.opset)]
    depth = int(rng.integers(2, 150))
    value = numpy_helper.from_array(np.ones(int(rng.integers(1, 1 << 16)), np.float32))
    for level in range(depth):
        made = helper.make_node("Constant", [], ["k"], value=value)
        called, domain = (f"f{level + 1}", "own") if level < depth - 1 else ("Relu", "")
        calls = [
            helper.make_node(called, [f"t{i}" if i else "a"], [f"t{i + 1}" if i < fan - 1 else "b"])
            for i in range(fan)
        ]
        for call in calls:
            call.domain = domain
        body = [made, *calls]
        model.functions.append(helper.make_function("own", f"f{level}", ["a"], ["b"], body, sets))
    return model


BOMBS: tuple[Callable[[Rng], onnx.ModelProto], ...] = (
    claims_elements,
    shape_of,
    doubling,
    many_constants,
    giant_window,
    giant_map,
    deep,
    cycle,
    strange_output,
    functions,
)
