"""What an ONNX tensor is while a graph is lowered: frames on a stream, or a constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..values import FeatureMap, Head

Constant: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Positional:
    """``scale * x + shift`` with a number for each word of a frame, float64 (C, H, W) or what
    broadcasts to it."""

    scale: npt.NDArray[np.float64]
    shift: npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stream:
    """What an IR layer puts out, seen under the shape that ONNX gives it.

    The data order of a frame is (channel, row, column), so every reshape that keeps the batch is
    a mere change of ``shape``, or of ``merged`` behind a Transpose; an op asks for the view that
    it needs.

    Attributes:
        layer: the IR layer.
        map: its feature map.
        shape: the tensor's dimensions before ``axes``; the batch is first (1 where symbolic).
        axes: the permutation of ``shape`` that a Transpose left pending; empty if there is none.
        merged: the dimensions that a reshape gave the tensor behind ``axes``; empty if none did.
        grown: the dimensions that an Expand gave the tensor, which has one value per channel;
            empty if none did. Only what broadcasts anyway takes it.
        folded: (N * positions, C), the dimensions that a reshape of a tensor with channels last
            gave it, or (words,) of one frame; empty if none did. Only what treats all positions
            alike takes it.
        divides: whether the tensor is one over what the layer puts out, as a root is. Only a
            division by it takes it.
        positional: a scale and a shift that vary over positions; None if there are none. Only a
            matrix behind them takes them over.
        head: what the host makes of it; None: nothing.
    """

    layer: str
    map: FeatureMap
    shape: tuple[int, ...]
    axes: tuple[int, ...] = ()
    merged: tuple[int, ...] = ()
    grown: tuple[int, ...] = ()
    folded: tuple[int, ...] = ()
    positional: Positional | None = None
    divides: bool = False
    head: Head | None = None

    @property
    def dims(self) -> tuple[int, ...]:
        """The tensor's dimensions as ONNX sees them."""
        if self.folded or self.merged:
            return self.folded or self.merged
        return tuple(self.shape[axis] for axis in self.axes) if self.axes else self.shape

    @property
    def is_spatial(self) -> bool:
        """Whether the dimensions are (N, C, H, W) of the map."""
        return not self.axes and self.shape[1:] == frame_dims(self.map)

    @property
    def is_vector(self) -> bool:
        """Whether the dimensions are (N, all words of the frame), with ones between at most; the
        words in any order."""
        dims = self.dims
        return len(dims) >= 2 and dims[-1] == self.map.words and set(dims[1:-1]) <= {1}

    @property
    def has_channel_axis(self) -> bool:
        """Whether dimension 1 counts the channels of the map."""
        return not self.axes and len(self.shape) >= 2 and self.shape[1] == self.map.channels

    @property
    def has_channels_last(self) -> bool:
        """Whether the last dimension counts the channels, and the others positions."""
        if not self.axes or self.merged:
            return False
        last = self.axes[-1]
        return self.shape[last] == self.map.channels and set(self.shape[1:last]) <= {1}


@dataclass(frozen=True, slots=True)
class Unknown:
    """What a node that could not be lowered would have put out."""


Value: TypeAlias = Stream | Constant | Unknown


def frame_dims(feature_map: FeatureMap) -> tuple[int, int, int]:
    """A map's dimensions in ONNX order: channels, height, width."""
    return feature_map.channels, feature_map.height, feature_map.width


def spatial(layer: str, feature_map: FeatureMap, batch: int) -> Stream:
    """A layer's output as (N, C, H, W)."""
    return Stream(layer, feature_map, (batch, *frame_dims(feature_map)))


def in_data_order(array: Constant, stream: Stream) -> Constant:
    """Constants that fit one frame as ONNX sees it (``stream.dims`` without the batch), in the
    order and with the dimensions (channel, row, column) of its map."""
    if stream.axes:
        seen = [stream.shape[axis] for axis in stream.axes[1:]]
        back = np.argsort(stream.axes[1:])
        array = array.reshape(seen).transpose(back)
    return array.reshape(frame_dims(stream.map))


def is_floating(array: Constant) -> bool:
    """Whether an array holds floating-point numbers, bfloat16 included."""
    return bool(np.issubdtype(array.dtype, np.floating)) or array.dtype.name == "bfloat16"
