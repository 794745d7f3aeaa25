"""Transposed and one-dimensional frames: the node is turned to what handlers know, (N, C, H, W),
and what it puts out is turned back. Handlers know nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from onnx import helper

from .node import Node, describe
from .reorder import as_map
from .values import Constant, Stream, Value
from .views import reshaped, transposed

Handler: TypeAlias = Callable[[Node], Stream | tuple[Stream, ...]]

# Attributes and inputs that speak of dimensions. Operator -> default of its attribute "axis".
_AXIS = {"Concat": 1, "Split": 0, "Gather": 0}
# operator -> operator set from which on "axes" is an input, and which one
_AXES = {
    "ReduceMean": (18, 1),
    "ReduceMax": (18, 1),
    "ReduceMin": (18, 1),
    "ReduceSum": (13, 1),
    "Slice": (10, 3),
}
_BROADCAST = ("Add", "Sub", "Mul", "Div", "Pow", "PRelu")
_PER_DIMENSION = {"Resize": (2, 3), "Upsample": (1,)}  # inputs with a value for each dimension
_WINDOWS = ("Conv", "ConvTranspose", "MaxPool", "AveragePool")
_POSITIONS = ("GlobalAveragePool", "GlobalMaxPool", "InstanceNormalization", "LRN")
_TURNED = (*_AXIS, *_AXES, *_BROADCAST, *_PER_DIMENSION, "Pad")
_LIFTED = (*_AXIS, *_AXES, *_PER_DIMENSION, *_WINDOWS, *_POSITIONS, "Pad")
# Operators on maps, whose inputs may be vectors that were given the shape of one.
_OF_MAPS = (
    *_WINDOWS,
    *_PER_DIMENSION,
    *("GlobalAveragePool", "GlobalMaxPool", "BatchNormalization"),
    *("Concat", "DepthToSpace", "Pad", "SpaceToDepth"),
)
_MOST_TURNS = 3  # one moves dimensions, one puts one in; where more are asked for, it never ends
_PER_SIDE = {"kernel_shape": 1, "strides": 1, "dilations": 1, "output_padding": 0}


def call(handler: Handler, node: Node, turns: int = 0) -> tuple[Stream, ...]:
    """What a handler makes of a node, whatever the order and number of its streams' dimensions.

    Args:
        handler, node: what is called, on what.
        turns: how often the node was turned already.
    """
    if node.op in _OF_MAPS:
        for index in range(len(node.inputs)):
            node = as_map(node, index)
    turn = _turn_of(node)
    if turn is None:
        result = handler(node)
        return result if isinstance(result, tuple) else (result,)
    if turns == _MOST_TURNS:
        streams = [describe(value) for value in node.inputs if isinstance(value, Stream)]
        raise node.refuse(f"of {' and '.join(streams)}: their dimensions are in different orders")
    keeps = node.integer("keepdims", 1) or node.op not in _AXES
    turned = call(handler, _turned(node, turn), turns + 1)
    outputs = tuple(turn.back(stream) for stream in turned)
    if keeps:
        return outputs
    dropped = _axes(node, turn.rank)
    return tuple(
        replace(stream, shape=tuple(s for a, s in enumerate(stream.shape) if a not in dropped))
        for stream in outputs
    )


@dataclass(frozen=True, slots=True)
class _Turn:
    """A way to see (N, C, H, W) in a frame.

    Attributes:
        perm: dimension -> where it comes to stand.
        inserted: the dimension of one element that is put in; None: the others are permuted.
    """

    perm: tuple[int, ...]
    inserted: int | None = None

    @property
    def rank(self) -> int:
        """Dimensions before."""
        return len(self.perm)

    def there(self, stream: Stream) -> Stream | None:
        """A stream as the handler is to see it; None where that cannot be."""
        if len(stream.dims) != self.rank:
            return None
        if self.inserted is None:
            return transposed(stream, [int(axis) for axis in np.argsort(self.perm)])
        return reshaped(stream, self.list(stream.dims, 1))

    def back(self, stream: Stream) -> Stream:
        """The inverse, of what the handler puts out."""
        if self.inserted is None:
            return transposed(stream, self.perm)
        dims = stream.dims
        return replace(
            stream, shape=tuple(s for axis, s in enumerate(dims) if axis != self.inserted)
        )

    def list(self, values: Sequence[int], fill: int) -> list[int]:
        """Values for each dimension; ``fill`` for the one put in."""
        moved = [fill] * (self.rank + (self.inserted is not None))
        for axis, value in enumerate(values):
            moved[self.perm[axis]] = value
        return moved

    def array(self, constant: Constant) -> Constant:
        """A constant that is broadcast against the stream."""
        aligned = constant.reshape((1,) * (self.rank - constant.ndim) + constant.shape)
        return aligned.transpose([int(axis) for axis in np.argsort(self.perm)])


def _turn_of(node: Node) -> _Turn | None:
    for value in node.inputs:
        if not isinstance(value, Stream) or value.merged or value.grown or value.folded:
            continue
        if node.op in _TURNED and value.axes:
            return _Turn(value.axes)
        rank = len(value.dims)
        is_last = rank > 2 and value.map.pixels == 1 and value.is_vector  # (N, 1, 1, C)
        if node.op in _TURNED and is_last and not value.is_spatial:
            return _Turn((0, *range(2, rank), 1))
        if node.op in _LIFTED and len(value.dims) == 3 and value.has_channel_axis:
            if value.map.height == 1:
                return _Turn((0, 1, 3), inserted=2)
            if value.map.width == 1:
                return _Turn((0, 1, 2), inserted=3)
    return None


def _axes(node: Node, rank: int) -> tuple[int, ...]:
    since, index = _AXES[node.op]
    given = node.integers("axes") if node.opset < since else node.integer_list(index)
    if given is None:
        if node.op == "Slice":
            starts = node.integers("starts") if node.opset < since else node.integer_list(1)
            given = tuple(range(len(starts or ())))
        else:
            given = tuple(range(rank))
    if any(not -rank <= axis < rank for axis in given):
        raise node.refuse(f"axes {list(given)} of {rank} dimensions")
    return tuple(axis % rank for axis in given)


def _turned(node: Node, turn: _Turn) -> Node:
    inputs: list[Value | None] = []
    for index, value in enumerate(node.inputs):
        if isinstance(value, Stream):
            stream = turn.there(value)
            if stream is None:
                raise node.refuse(f"input {index} is {describe(value)}: a Transpose stands between")
            inputs.append(stream)
        elif isinstance(value, np.ndarray) and node.op in _BROADCAST:
            if value.ndim > turn.rank:
                raise node.refuse(f"a constant of {value.ndim} dimensions on {turn.rank}")
            inputs.append(turn.array(value))
        else:
            inputs.append(value)
    attributes = dict(node.attributes)

    def give(name: str, value: int | list[int]) -> None:
        attributes[name] = helper.make_attribute(name, value)

    def give_integers(index: int, values: Sequence[int]) -> None:
        inputs.extend([None] * (index + 1 - len(inputs)))
        inputs[index] = np.asarray(values, np.int64)

    rank, op = turn.rank, node.op
    if op in _AXIS:
        axis = node.integer("axis", _AXIS[op])
        if not -rank <= axis < rank:
            raise node.refuse(f"axis {axis} of {rank} dimensions")
        give("axis", turn.perm[axis % rank])
    elif op in _AXES:
        axes = [turn.perm[axis] for axis in _axes(node, rank)]
        since, index = _AXES[op]
        if node.opset < since:
            give("axes", axes)
        else:
            give_integers(index, axes)
        if op != "Slice":
            give("keepdims", 1)
    elif op in _PER_DIMENSION:
        for index in _PER_DIMENSION[op]:
            value = node.constant(index)
            if value is not None and value.size == rank:
                moved = np.ones(rank + (turn.inserted is not None), value.dtype)
                moved[list(turn.perm)] = value.reshape(-1)
                inputs[index] = moved
    elif op == "Pad" and (node.input(3) is None or node.opset < 18):
        pads = node.integers("pads") if node.opset < 11 else node.integer_list(1)
        if pads is not None and len(pads) == 2 * rank:
            moved_pads = turn.list(pads[:rank], 0) + turn.list(pads[rank:], 0)
            if node.opset < 11:
                give("pads", moved_pads)
            else:
                give_integers(1, moved_pads)
    elif op == "Pad":
        given = node.integer_list(3) or ()
        if all(-rank <= axis < rank for axis in given):
            give_integers(3, [turn.perm[axis % rank] for axis in given])
    elif op in _WINDOWS and turn.inserted is not None:
        place = turn.inserted - 2
        for name, fill in _PER_SIDE.items():
            if (values := node.integers(name)) is not None and len(values) == 1:
                give(name, _inserted(values, place, fill))
        if (pads := node.integers("pads")) is not None and len(pads) == 2:
            give("pads", _inserted(pads[:1], place, 0) + _inserted(pads[1:], place, 0))
        weight = node.input(1)
        if isinstance(weight, np.ndarray) and weight.ndim == 3:
            inputs[1] = np.expand_dims(weight, turn.inserted)
    return replace(node, inputs=tuple(inputs), attributes=attributes)


def _inserted(values: Sequence[int], place: int, value: int) -> list[int]:
    return [*values[:place], value, *values[place:]]
