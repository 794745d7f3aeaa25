"""Evaluation of constants by onnx's reference implementation, for ops that exporters leave unfolded
between weights: norms of them, their products, gates of shapes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper

from .limits import MOST_MADE_VALUES
from .node import Node
from .values import Constant

# Ops whose outputs are no larger than a product of their inputs', and which are all ONNX says.
BY_REFERENCE = frozenset(
    {
        "Abs", "And", "BatchNormalization", "BitShift", "Celu", "Clip", "CumSum",
        "DepthToSpace", "Elu", "Erf", "Exp", "Flatten",
        "GatherElements", "GatherND", "Gemm", "GlobalAveragePool", "Greater", "GreaterOrEqual",
        "HardSigmoid", "InstanceNormalization", "LayerNormalization", "LeakyRelu", "Less",
        "LessOrEqual", "Log", "LpNormalization", "MatMul", "Mean", "Mod", "Not", "OneHot", "Or",
        "Pow", "QuantizeLinear", "ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin",
        "ReduceSum", "ReduceSumSquare", "Relu", "Round", "ScatterElements", "ScatterND", "Sigmoid",
        "Sign", "Softmax", "SpaceToDepth", "Split", "Sum", "Tanh", "Tile", "Trilu", "Xor",
    }
)  # fmt: skip

_PRODUCTS = ("Gemm", "MatMul")
_REPEATS = ("OneHot", "Tile")
_MOST_FACTORS = 16  # dimensions that a Tile repeats
_BROADCAST = frozenset(
    {
        "And", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Mean", "Mod", "Or", "Pow",
        "Sum", "Xor",
    }
)  # fmt: skip
FAILURES = (
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    OverflowError,
    MemoryError,
    RuntimeError,  # NotImplementedError and onnx's own errors among them
)


def evaluate_by_reference(node: Node, room: int) -> Sequence[Constant]:
    """The outputs of a node all of whose inputs are constant.

    Args:
        node: the node.
        room: how many values it may make.

    Raises:
        UnsupportedOpError: if it does not fit its inputs, or would make something huge.
    """
    from onnx.reference import ReferenceEvaluator  # here, as it is slow to load

    arrays = {f"i{i}": v for i, v in enumerate(node.inputs) if isinstance(v, np.ndarray)}
    made = _values_made(node, list(arrays.values()))
    if made > room:
        most = f"all constants of a file may have {MOST_MADE_VALUES} values"
        raise node.refuse(f"of constants: makes {made} values; {most}")
    names = [f"i{i}" if value is not None else "" for i, value in enumerate(node.inputs)]
    outputs = [f"o{index}" for index in range(len(node.used_outputs))]
    made = helper.make_node(node.op, names, outputs)
    made.attribute.extend(node.attributes.values())
    try:
        infos = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape
            )
            for name, array in arrays.items()
        ]
        results = [onnx.ValueInfoProto(name=name) for name in outputs]
        graph = helper.make_graph([made], node.op, infos, results)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", node.opset)])
        with np.errstate(all="ignore"):  # what is not finite is refused where it is used
            found = ReferenceEvaluator(model).run(None, arrays)
        return [np.asarray(value) for value in found]
    except FAILURES as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise node.refuse(f"of constants: {reason}") from None


def _values_made(node: Node, arrays: Sequence[Constant]) -> int:
    """How many values an op makes at most."""
    shapes = [array.shape for array in arrays]
    if node.op in _REPEATS and len(arrays) > 1:
        factors = [abs(int(factor)) for factor in arrays[1].reshape(-1)[:_MOST_FACTORS]]
        return math.prod(factors) * int(arrays[0].size)
    if node.op in _PRODUCTS and len(arrays) > 1 and all(len(shape) >= 2 for shape in shapes[:2]):
        rows = shapes[0][-1] if node.integer("transA", 0) else math.prod(shapes[0][:-1])
        last = -2 if node.integer("transB", 0) else -1
        return int(rows * math.prod(shapes[1][:-2]) * shapes[1][last])
    if node.op in _BROADCAST:
        try:
            return math.prod(np.broadcast_shapes(*shapes))
        except ValueError as error:
            raise node.refuse(f"of constants: {error}") from None
    return max((array.size for array in arrays), default=0)
