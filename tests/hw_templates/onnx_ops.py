"""One op of the IR as an ONNX model of its own, run by onnxruntime: the hardware's other judge.

The models are written with ``onnx.helper``, not with hass's own writer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import NodeProto, helper, numpy_helper

from hass import ops

OPSET = 20  # the first with Gelu
IR_VERSION = 9

FLOAT = np.dtype(np.float32)

Maps = npt.NDArray[np.float64]
Constants = Mapping[str, npt.NDArray[np.generic]]


def _conv(op: ops.Conv2d, threshold: float, whole_map: bool) -> list[NodeProto]:
    # activations with |x| <= threshold become zero: ONNX calls that Shrink without a bias
    shrink = helper.make_node("Shrink", ["x0"], ["clipped"], bias=0.0, lambd=threshold)
    if whole_map:  # a fully connected layer, as trained networks have it
        return [
            shrink,
            helper.make_node("Flatten", ["clipped"], ["flat"]),
            helper.make_node("Gemm", ["flat", "weight", "bias"], ["row"], transB=1),
            helper.make_node("Unsqueeze", ["row", "places"], ["y"]),
        ]
    conv = helper.make_node(
        "Conv",
        ["clipped", "weight", "bias"],
        ["y"],
        kernel_shape=op.kernel,
        strides=op.stride,
        pads=op.pads,
        dilations=op.dilation,
        group=op.groups,
    )
    return [shrink, conv]


def conv(
    op: ops.Conv2d,
    x: Maps,
    weight: Maps,
    bias: Maps,
    *,
    threshold: float = 0.0,
    whole_map: bool = False,
) -> Maps:
    """A convolution behind a clip of small activations; ``whole_map``: as Flatten and Gemm."""
    constants: dict[str, npt.NDArray[np.generic]] = {"weight": weight, "bias": bias}
    if whole_map:
        constants |= {"weight": weight.reshape(len(weight), -1), "places": np.array([2, 3])}
    return _run(_conv(op, threshold, whole_map), [x], constants)


def _window(kind: str, op: ops.MaxPool2d | ops.AvgPool2d, **more: int) -> NodeProto:
    window = {"kernel_shape": op.kernel, "strides": op.stride, "pads": op.pads}
    if op.dilation != (1, 1):
        window["dilations"] = op.dilation
    return helper.make_node(kind, ["x0"], ["y"], **window, **more)


def _shuffle(op: ops.Shuffle, x: Maps) -> Maps:
    """A channel shuffle as ShuffleNet has it."""
    frames, channels, height, width = x.shape
    shapes = {
        "rows": np.array([frames, op.groups, channels // op.groups, height, width]),
        "maps": np.array(x.shape),
    }
    nodes = [
        helper.make_node("Reshape", ["x0", "rows"], ["seen"]),
        helper.make_node("Transpose", ["seen"], ["turned"], perm=[0, 2, 1, 3, 4]),
        helper.make_node("Reshape", ["turned", "maps"], ["y"]),
    ]
    return _run(nodes, [x], shapes)


def _node(op: ops.Op, inputs: int) -> tuple[NodeProto, Constants]:
    names = [f"x{port}" for port in range(inputs)]
    match op:
        case ops.MaxPool2d():
            return _window("MaxPool", op), {}
        case ops.AvgPool2d():
            counted = int(op.divisor is ops.Divisor.WINDOW)
            return _window("AveragePool", op, count_include_pad=counted), {}
        case ops.GlobalAvgPool():
            return helper.make_node("GlobalAveragePool", names, ["y"]), {}
        case ops.Clip():
            ends = {"low": np.float32(op.low), "high": np.float32(op.high)}
            return helper.make_node("Clip", [*names, *ends], ["y"]), ends
        case ops.HardSigmoid():
            node = helper.make_node("HardSigmoid", names, ["y"], alpha=op.alpha, beta=op.beta)
            return node, {}
        case ops.LeakyRelu():
            return helper.make_node("LeakyRelu", names, ["y"], alpha=op.alpha), {}
        case ops.PRelu():
            slopes = np.array(op.slopes, np.float32).reshape(-1, 1, 1)
            return helper.make_node("PRelu", [*names, "slopes"], ["y"]), {"slopes": slopes}
        case ops.Slice():
            spans = (op.channels, op.rows, op.columns)
            lists = {
                "starts": np.array([span.start for span in spans]),
                "stops": np.array([span.stop for span in spans]),
                "axes": np.array([1, 2, 3]),
                "steps": np.array([span.step for span in spans]),
            }
            return helper.make_node("Slice", [*names, *lists], ["y"]), lists
        case ops.Pad():
            top, left, bottom, right = op.pads
            around = [0, op.channels_front, top, left, 0, op.channels_back, bottom, right]
            return helper.make_node("Pad", [*names, "around"], ["y"]), {"around": np.array(around)}
        case ops.Upsample():
            scales = {"scales": np.array([1, 1, *op.factor], np.float32)}
            how = {"mode": "nearest", "nearest_mode": "floor"}
            where = {"coordinate_transformation_mode": "asymmetric"}
            return helper.make_node("Resize", [*names, "", *scales], ["y"], **how, **where), scales
        case ops.DepthToSpace():  # of equal sides
            block = op.factor[0]
            return helper.make_node("DepthToSpace", names, ["y"], mode="DCR", blocksize=block), {}
        case ops.Concat():
            return helper.make_node("Concat", names, ["y"], axis=1), {}
        case ops.Fork():
            return helper.make_node("Identity", names, ["y"]), {}
        case ops.Relu() | ops.HardSwish() | ops.Sigmoid() | ops.Add() | ops.Mul():
            return helper.make_node(ops.op_name(op), names, ["y"]), {}
        case _:
            raise ValueError(f"{ops.op_name(op)} has no ONNX op here")


def _curve(op: ops.Curve) -> list[NodeProto]:
    kinds = {
        ops.Function.TANH: "Tanh",
        ops.Function.ERF: "Erf",
        ops.Function.SOFTPLUS: "Softplus",
        ops.Function.MISH: "Mish",
        ops.Function.GELU: "Gelu",
    }
    match op.function:
        case ops.Function.GELU_TANH:
            return [helper.make_node("Gelu", ["x0"], ["y"], approximate="tanh")]
        case ops.Function.ELU:
            return [helper.make_node("Elu", ["x0"], ["y"], alpha=op.alpha)]
        case ops.Function.DECAY:
            return [
                helper.make_node("Relu", ["x0"], ["positive"]),
                helper.make_node("Add", ["positive", "one"], ["moved"]),
                helper.make_node("Pow", ["moved", "power"], ["y"]),
            ]
        case ops.Function.SILU:
            return [
                helper.make_node("Mul", ["x0", "alpha"], ["steep"]),
                helper.make_node("Sigmoid", ["steep"], ["gate"]),
                helper.make_node("Mul", ["x0", "gate"], ["y"]),
            ]
        case _:
            return [helper.make_node(kinds[op.function], ["x0"], ["y"])]


def one_op(op: ops.Op, inputs: Sequence[Maps]) -> Maps:
    """An op without weights on (N, C, H, W) values."""
    if isinstance(op, ops.Curve):
        constants = {
            ops.Function.SILU: {"alpha": np.array(op.alpha)},
            ops.Function.DECAY: {"one": np.array(1.0), "power": np.array(-op.alpha)},
        }
        return _run(_curve(op), inputs, constants.get(op.function, {}))
    if isinstance(op, ops.Shuffle):
        return _shuffle(op, inputs[0])
    node, constants = _node(op, len(inputs))
    # onnxruntime approximates the sigmoid of a float32, by how much it does not say
    double = isinstance(op, ops.Sigmoid)
    return _run([node], inputs, constants, np.dtype(np.float64 if double else np.float32))


def _run(
    nodes: Sequence[NodeProto],
    inputs: Sequence[Maps],
    constants: Constants,
    dtype: np.dtype[np.floating] = FLOAT,
) -> Maps:
    """What onnxruntime makes of inputs of a type, which must hold the values given exactly."""
    feeds = {f"x{port}": x.astype(dtype) for port, x in enumerate(inputs)}
    assert all((feeds[f"x{port}"] == x).all() for port, x in enumerate(inputs))
    arrays = {
        name: array.astype(dtype) if array.dtype == np.float64 else array
        for name, array in constants.items()
    }
    kind = helper.np_dtype_to_tensor_dtype(dtype)
    graph = helper.make_graph(
        list(nodes),
        "one",
        [helper.make_tensor_value_info(name, kind, x.shape) for name, x in feeds.items()],
        [helper.make_tensor_value_info("y", kind, None)],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()],
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return np.asarray(session.run(["y"], feeds)[0], dtype=np.float64)
