"""What the dimensions of the model's input mean, and those of its output.

A file does not say whether its input is (N, C, H, W) or (N, H, W, C), nor which two of three
dimensions are rows. What the network does with it says so: the first reading under which all nodes
can be lowered is taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from ..errors import GraphError
from ..values import FeatureMap
from .model_file import ModelFile
from .values import Stream, frame_dims
from .views import reshaped, transposed

FLOAT_TYPES = (
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.BFLOAT16,
)
_READABLE = "2 to 4: (N, F), (N, C, L), (N, C, H, W) or channels last"
_LABELS = {2: "F", 3: "CL", 4: "CHW"}


@dataclass(frozen=True, slots=True)
class FrameOrder:
    """The order of a file's words within a frame, against (channel, row, column).

    Attributes:
        dims: a frame in the order (channel, row, column) is reshaped to these,
        axes: and then transposed by these.
    """

    dims: tuple[int, ...]
    axes: tuple[int, ...]

    @property
    def is_plain(self) -> bool:
        """Whether the file has the order (channel, row, column)."""
        return self.axes == tuple(range(len(self.dims)))

    def to_file(self, frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Frames (n, ...) in the order (channel, row, column) -> (n, words) in the file's."""
        if self.is_plain:
            return frames.reshape(len(frames), -1)
        axes = (0, *(axis + 1 for axis in self.axes))
        moved = frames.reshape(len(frames), *self.dims).transpose(axes)
        return np.ascontiguousarray(moved).reshape(len(frames), -1)


def frame_order(stream: Stream) -> FrameOrder:
    """The order of a tensor's words."""
    if not stream.axes:
        return FrameOrder(frame_dims(stream.map), (0, 1, 2))
    return FrameOrder(stream.shape[1:], tuple(axis - 1 for axis in stream.axes[1:]))


def input_dims(file: ModelFile, source: onnx.ValueInfoProto) -> tuple[int, ...]:
    """Dimensions of the model's input; the batch is 1 where it is symbolic.

    Raises:
        GraphError: if it is not floating point, or has other than 2 to 4 dimensions, of which all
            but the batch are known.
    """
    where = f"{file.path}: input {source.name!r}"
    kind = source.type.tensor_type
    if kind.elem_type not in FLOAT_TYPES:
        names = {number: name for name, number in onnx.TensorProto.DataType.items()}
        found = names.get(kind.elem_type, str(kind.elem_type))
        raise GraphError(f"{where} is of type {found}, expected floating point")
    dims = kind.shape.dim
    if len(dims) not in _LABELS:
        found = f"{len(dims)} dimensions" if kind.HasField("shape") else "no shape"
        raise GraphError(f"{where} has {found}, expected {_READABLE}")
    labels = _LABELS[len(dims)]
    for index, label in enumerate(labels, 1):
        size = dims[index].dim_value
        if size < 1:
            found = dims[index].dim_param or (size if dims[index].HasField("dim_value") else "?")
            raise GraphError(
                f"{where}: dimension {index} ({label}) is {found!r}, expected static"
                f" {', '.join(labels)}"
            )
    return (max(int(dims[0].dim_value), 1), *(int(dim.dim_value) for dim in dims[1:]))


def readings(layer: str, dims: Sequence[int]) -> Iterator[Stream]:
    """The input as a stream, under each meaning of its dimensions, the likeliest first."""
    batch, sizes = dims[0], tuple(dims[1:])
    yield _planar(layer, batch, sizes)
    if len(sizes) > 1:
        channels_last = _planar(layer, batch, (sizes[-1], *sizes[:-1]))
        order = (0, *range(2, len(dims)), 1)
        yield transposed(channels_last, order)


def seen_as(reading: Stream, views: Sequence[Stream]) -> Iterator[Stream]:
    """The input as a map of the dimensions under which nodes saw it, in its own order of words."""
    known = {reading.map}
    for view in views:
        dims = view.dims
        if view.axes or len(dims) not in _LABELS or view.layer != reading.layer:
            continue
        seen = _planar(reading.layer, dims[0], dims[1:])
        own = reshaped(seen, reading.dims)
        if seen.map not in known and own is not None:
            known.add(seen.map)
            yield own


def _planar(layer: str, batch: int, sizes: Sequence[int]) -> Stream:
    channels, *positions = sizes
    height, width = (1, 1, *positions)[-2:]
    return Stream(layer, FeatureMap(height, width, channels), (batch, *sizes))
