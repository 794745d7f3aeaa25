"""Evaluation of constants by onnx's reference implementation, for ops that exporters leave unfolded
between weights: norms of them, their products, gates of shapes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper

from .node import Node
from .values import Constant

# Ops whose outputs are no larger than a product of their inputs', and which are all ONNX says.
BY_REFERENCE = frozenset(
    {
        "Abs", "And", "BatchNormalization", "BitShift", "Celu", "Clip", "Conv", "CumSum",
        "DepthToSpace", "Einsum", "Elu", "Erf", "Exp", "Flatten",
        "GatherElements", "GatherND", "Gemm", "GlobalAveragePool", "Greater", "GreaterOrEqual",
        "HardSigmoid", "InstanceNormalization", "LayerNormalization", "LeakyRelu", "Less",
        "LessOrEqual", "Log", "LpNormalization", "MatMul", "Mean", "Mod", "Not", "OneHot", "Or",
        "Pow", "QuantizeLinear", "ReduceL1", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin",
        "ReduceSum", "ReduceSumSquare", "Relu", "Round", "ScatterElements", "ScatterND", "Sigmoid",
        "Sign", "Softmax", "SpaceToDepth", "Split", "Sum", "Tanh", "Tile", "Trilu", "Xor",
    }
)  # fmt: skip
_LARGEST_MADE = 1 << 24  # elements; see constants.py

_FAILURES = (
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    OverflowError,
    MemoryError,
    RuntimeError,  # NotImplementedError and onnx's own errors among them
)


def evaluate_by_reference(node: Node) -> Sequence[Constant]:
    """The outputs of a node all of whose inputs are constant.

    Raises:
        UnsupportedOpError: if it does not fit its inputs, or would make something huge.
    """
    from onnx.reference import ReferenceEvaluator  # here, as it is slow to load

    arrays = {f"i{i}": v for i, v in enumerate(node.inputs) if isinstance(v, np.ndarray)}
    repeats = arrays.get("i1")
    if node.op in ("Tile", "OneHot") and repeats is not None:
        factors = [float(abs(factor)) for factor in repeats.reshape(-1)]
        if float(np.prod([*factors, float(arrays["i0"].size)])) > _LARGEST_MADE:
            raise node.refuse("of constants: it would make too many of them")
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
    except _FAILURES as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise node.refuse(f"of constants: {reason}") from None
