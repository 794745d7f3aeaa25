"""A node as handlers see it: its values, its attributes with their types checked, its refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import onnx

from ..errors import UnsupportedNode, UnsupportedOpError
from ..graph import FloatArray
from ..ops import Op
from ..rewrites.draft import Draft
from .limits import few_integers
from .values import Constant, Stream, Value, is_floating, spatial

_TYPES = onnx.AttributeProto
ONLY_GEMM = "which only Gemm and MatMul behind it take over; elsewhere one per channel is supported"


@dataclass(frozen=True, slots=True)
class Node:
    """One ONNX node on its way into a draft.

    Attributes:
        path: the model file, for messages.
        op: ONNX op type.
        name: the node's name, for messages.
        layer: the name wished for the layer that it becomes.
        opset: version of the operator set.
        inputs: its values; None where an optional input is missing.
        attributes: by name.
        used_outputs: which outputs anything reads.
        draft: where layers are added.
    """

    path: str
    op: str
    name: str
    layer: str
    opset: int
    inputs: tuple[Value | None, ...]
    attributes: Mapping[str, onnx.AttributeProto]
    used_outputs: tuple[bool, ...]
    draft: Draft

    def refuse(self, reason: str) -> UnsupportedOpError:
        """The error to raise where the node cannot be lowered."""
        node = UnsupportedNode(self.op, self.name, self.opset, reason)
        return UnsupportedOpError(self.path, [node])

    def has(self, attribute: str) -> bool:
        """Whether an attribute is given."""
        return attribute in self.attributes

    def _attribute(self, name: str, kind: int) -> onnx.AttributeProto | None:
        found = self.attributes.get(name)
        if found is not None and found.type != kind:
            wanted = _TYPES.AttributeType.Name(kind)
            raise self.refuse(f"attribute {name!r} is not of type {wanted}")
        return found

    def integer(self, name: str, default: int) -> int:
        """An integer attribute."""
        found = self._attribute(name, _TYPES.INT)
        return default if found is None else int(found.i)

    def floating(self, name: str, default: float) -> float:
        """A float attribute."""
        found = self._attribute(name, _TYPES.FLOAT)
        return default if found is None else float(found.f)

    def text(self, name: str, default: str) -> str:
        """A string attribute."""
        found = self._attribute(name, _TYPES.STRING)
        return default if found is None else found.s.decode("utf-8", "replace")

    def integers(self, name: str) -> tuple[int, ...] | None:
        """A list of integers, None if it is not given."""
        found = self._attribute(name, _TYPES.INTS)
        return None if found is None else tuple(int(value) for value in found.ints)

    def input(self, index: int) -> Value | None:
        """An input; None if it is missing."""
        return self.inputs[index] if index < len(self.inputs) else None

    def stream(self, index: int) -> Stream:
        """An input that must depend on the frame, batch first."""
        value = self.rows(index)
        if value.folded:
            raise self.refuse(f"input {index} is {describe(value)}, with positions in its batch")
        return value

    def rows(self, index: int) -> Stream:
        """An input that must depend on the frame; perhaps its positions are in the batch."""
        value = self.view(index)
        if value.positional is not None:
            raise self.refuse(
                f"input {index} has a constant that varies over positions, {ONLY_GEMM}"
            )
        return value

    def view(self, index: int) -> Stream:
        """An input that must depend on the frame; perhaps a Gemm has to scale it first."""
        value = self.input(index)
        if not isinstance(value, Stream):
            raise self.refuse(f"input {index} is not computed from the model's input")
        if value.grown:
            only = "which only Add and Mul take"
            raise self.refuse(f"input {index} is expanded to {list(value.grown)}, {only}")
        if value.divides:
            raise self.refuse(f"input {index} is a root, of which only a division by it is built")
        return value

    def spatial_stream(self, index: int) -> Stream:
        """An input that must be a feature map (N, C, H, W)."""
        stream = self.stream(index)
        if not stream.is_spatial:
            raise self.refuse(f"input {index} is {describe(stream)}, expected (N, C, H, W)")
        return stream

    def constant(self, index: int) -> Constant | None:
        """An input that must be constant; None if it is missing."""
        value = self.input(index)
        if value is None or isinstance(value, np.ndarray):
            return value
        raise self.refuse(f"input {index} is computed from the frame, expected a constant")

    def floats(self, index: int) -> FloatArray:
        """A constant floating-point input, as float32."""
        value = self.constant(index)
        if value is None or not is_floating(value):
            found = "missing" if value is None else f"of type {value.dtype}"
            raise self.refuse(f"input {index} is {found}, expected floating-point constants")
        with np.errstate(over="ignore"):
            return value.astype(np.float32, copy=False)

    def integer_list(self, index: int) -> tuple[int, ...] | None:
        """A constant input of integers, flattened; None if it is missing."""
        value = self.constant(index)
        if value is None:
            return None
        if not np.issubdtype(value.dtype, np.integer):
            raise self.refuse(f"input {index} is of type {value.dtype}, expected integers")
        try:
            return few_integers(value)
        except ValueError as error:
            raise self.refuse(f"input {index}: {error}") from None

    def unary(self, op: Op, index: int = 0) -> Stream:
        """Add an elementwise layer on one input; it works under any view of the frame."""
        source = self.rows(index)
        name = self.draft.add(self.layer, op, [source.layer])
        return replace(source, layer=name)

    def windowed(self, op: Op) -> Stream:
        """Add a layer that maps the feature map of input 0 to another one."""
        source = self.spatial_stream(0)
        name = self.draft.add(self.layer, op, [source.layer])
        return spatial(name, self.draft.map(name), source.shape[0])


def describe(stream: Stream) -> str:
    """A stream's view, for messages."""
    text = "x".join(str(size) for size in stream.dims)
    pending = ""
    if stream.axes:
        inner = f" of {list(stream.shape)}" if stream.merged else ""
        pending = f", transposed by {list(stream.axes)}{inner}"
    return f"a {text} view of a {stream.map} (HxWxC) feature map{pending}"
