"""Evaluation of nodes that do not depend on the frame: what exporters compute shapes with."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import onnx

from .by_reference import BY_REFERENCE, evaluate_by_reference
from .limits import MOST_MADE_VALUES, few_integers, values_made
from .node import Node
from .values import Constant

Evaluator: TypeAlias = Callable[[Node, Sequence[Constant]], Constant]


def _axes(node: Node, values: Sequence[Constant], opset: int) -> tuple[int, ...] | None:
    if node.opset < opset:
        return node.integers("axes")
    return few_integers(values[1]) if len(values) > 1 else None


def _cast(node: Node, values: Sequence[Constant]) -> Constant:
    kind = onnx.helper.tensor_dtype_to_np_dtype(node.integer("to", 0))
    if kind.kind in "Oc":
        raise ValueError("to text or to complex numbers")
    return values[0].astype(kind, copy=False)


def _concat(node: Node, values: Sequence[Constant]) -> Constant:
    return np.concatenate(values, axis=node.integer("axis", 0))


def _gather(node: Node, values: Sequence[Constant]) -> Constant:
    return np.take(values[0], values[1].astype(np.int64), axis=node.integer("axis", 0))


def _squeeze(node: Node, values: Sequence[Constant]) -> Constant:
    return np.squeeze(values[0], axis=_axes(node, values, 13))


def _unsqueeze(node: Node, values: Sequence[Constant]) -> Constant:
    return np.expand_dims(values[0], axis=_axes(node, values, 13) or ())


def _slice(node: Node, values: Sequence[Constant]) -> Constant:
    if node.opset < 10:
        lists = [node.integers(name) for name in ("starts", "ends", "axes")]
    else:
        lists = [few_integers(value) for value in values[1:]]
    starts, ends = lists[0] or (), lists[1] or ()
    axes = lists[2] if len(lists) > 2 and lists[2] is not None else range(len(starts))
    steps = lists[3] if len(lists) > 3 and lists[3] is not None else (1,) * len(starts)
    index = [slice(None)] * values[0].ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        # an end of INT_MIN with a negative step means: through the first element
        stop = None if step < 0 and end < -values[0].shape[axis] else end
        index[axis] = slice(start, stop, step)
    return values[0][tuple(index)]


def _reshape(_: Node, values: Sequence[Constant]) -> Constant:
    wanted = few_integers(values[1])
    return values[0].reshape(
        [values[0].shape[axis] if size == 0 else size for axis, size in enumerate(wanted)]
    )


def _transpose(node: Node, values: Sequence[Constant]) -> Constant:
    return np.transpose(values[0], node.integers("perm"))


def _constant_of_shape(node: Node, values: Sequence[Constant]) -> Constant:
    shape = few_integers(values[0])
    fill: Constant = np.zeros(1, np.float32)
    if node.has("value"):
        fill = onnx.numpy_helper.to_array(node.attributes["value"].t)
    return np.broadcast_to(fill.reshape(-1)[0], shape)  # no copies of the one value


def _expand(_: Node, values: Sequence[Constant]) -> Constant:
    shape = np.broadcast_shapes(values[0].shape, few_integers(values[1]))
    return np.broadcast_to(values[0], shape)


def _range(_: Node, values: Sequence[Constant]) -> Constant:
    start, limit, delta = (value.reshape(-1)[0] for value in values)
    return np.arange(start, limit, delta, dtype=values[0].dtype)


def _divide(_: Node, values: Sequence[Constant]) -> Constant:
    first, second = values
    if not np.issubdtype(first.dtype, np.integer):
        return np.asarray(first / second)
    # integers are divided towards zero
    return np.asarray(np.sign(first) * np.sign(second) * (np.abs(first) // np.abs(second)))


def _reduce_prod(node: Node, values: Sequence[Constant]) -> Constant:
    keep = bool(node.integer("keepdims", 1))
    return np.asarray(np.prod(values[0], axis=_axes(node, values, 18), keepdims=keep))


def dequantised_array(values: Sequence[Constant], axis: int, block: int) -> Constant:
    """(x - zero_point) * scale, both one for all, for each index of an axis, or for each block.

    Args:
        values: the integers, scales and, perhaps, zero points.
        axis, block: of the node; 0 where scales are not of blocks.
    """
    integers, scale = values[0], values[1].astype(np.float32)
    zero_point = values[2].astype(np.float32) if len(values) > 2 else np.zeros_like(scale)
    if scale.ndim == 1 and integers.ndim > 1 and scale.size > 1:
        shape = [-1 if index == axis % integers.ndim else 1 for index in range(integers.ndim)]
        scale, zero_point = scale.reshape(shape), zero_point.reshape(shape)
    elif block:
        size = integers.shape[axis]
        scale, zero_point = (
            np.take(np.repeat(array, block, axis=axis), range(size), axis=axis)
            for array in (scale, zero_point)
        )
    elif scale.size == 1:
        scale, zero_point = scale.reshape(()), zero_point.reshape(())
    return np.asarray((integers.astype(np.float32) - zero_point) * scale)


def _dequantize_linear(node: Node, values: Sequence[Constant]) -> Constant:
    return dequantised_array(values, node.integer("axis", 1), node.integer("block_size", 0))


def _size(_: Node, values: Sequence[Constant]) -> Constant:
    return np.asarray(values[0].size, np.int64)


EVALUATORS: Mapping[str, Evaluator] = MappingProxyType(
    {
        "Add": lambda _, v: v[0] + v[1],
        "Cast": _cast,
        "Ceil": lambda _, v: np.ceil(v[0]),
        "Concat": _concat,
        "ConstantOfShape": _constant_of_shape,
        "DequantizeLinear": _dequantize_linear,
        "Div": _divide,
        "Equal": lambda _, v: v[0] == v[1],
        "Expand": _expand,
        "Floor": lambda _, v: np.floor(v[0]),
        "Gather": _gather,
        "Identity": lambda _, v: v[0],
        "Max": lambda _, v: np.maximum.reduce(list(v)),
        "Min": lambda _, v: np.minimum.reduce(list(v)),
        "Mul": lambda _, v: v[0] * v[1],
        "Pow": lambda _, v: np.power(v[0], v[1].astype(v[0].dtype)),
        "Neg": lambda _, v: -v[0],
        "Range": _range,
        "Reciprocal": lambda _, v: 1 / v[0],
        "ReduceProd": _reduce_prod,
        "Reshape": _reshape,
        "Shape": lambda n, v: shape_value(n, v[0].shape),
        "Size": _size,
        "Slice": _slice,
        "Sqrt": lambda _, v: np.sqrt(v[0]),
        "Squeeze": _squeeze,
        "Sub": lambda _, v: v[0] - v[1],
        "Sum": lambda _, v: functools.reduce(np.add, v),
        "Transpose": _transpose,
        "Unsqueeze": _unsqueeze,
        "Where": lambda _, v: np.where(v[0], v[1], v[2]),
    }
)


def shape_value(node: Node, dims: Sequence[int]) -> Constant:
    """What Shape puts out for a tensor of these dimensions."""
    start, end = node.integer("start", 0), node.integer("end", len(dims))
    return np.asarray(dims[start:end], np.int64)


def is_evaluated(op: str) -> bool:
    """Whether nodes of this op are evaluated where all their inputs are constant."""
    return op in EVALUATORS or op in BY_REFERENCE


def evaluate(node: Node, room: int) -> Sequence[Constant]:
    """The outputs of a node all of whose inputs are constant.

    Args:
        node: the node.
        room: how many values it may make.

    Raises:
        UnsupportedOpError: if the op is not evaluated, does not fit its inputs, or makes more than
            there is room for.
    """
    evaluator = EVALUATORS.get(node.op)
    if evaluator is None and node.op in BY_REFERENCE:
        return evaluate_by_reference(node, room)
    if evaluator is None:
        raise node.refuse("of constants is not evaluated; simplify the model first")
    values = [value for value in node.inputs if isinstance(value, np.ndarray)]
    try:
        made = values_made(node.op, values)
        if made > room:
            most = f"all constants of a file may have {MOST_MADE_VALUES} values"
            raise ValueError(f"makes {made} values; {most}")
        with np.errstate(all="ignore"):  # what is not finite is refused where it is used
            return (np.asarray(evaluator(node, values)),)
    except (ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
        raise node.refuse(f"of constants: {error}") from None
