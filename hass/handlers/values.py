"""What an ONNX tensor is while a graph is lowered: frames on a stream, or a constant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from ..values import FeatureMap, Head

Constant: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Stream:
    """What an IR layer puts out, seen under the shape that ONNX gives it.

    The data order of a frame is (channel, row, column), so every reshape that keeps the batch is
    a mere change of ``shape``; an op asks for the view that it needs.

    Attributes:
        layer: the IR layer.
        map: its feature map.
        shape: the tensor's dimensions before ``axes``; the batch is first (1 where symbolic).
        axes: the permutation of ``shape`` that a Transpose left pending; empty if there is none.
        head: what the host makes of it; None: nothing.
    """

    layer: str
    map: FeatureMap
    shape: tuple[int, ...]
    axes: tuple[int, ...] = ()
    head: Head | None = None

    @property
    def dims(self) -> tuple[int, ...]:
        """The tensor's dimensions as ONNX sees them."""
        return tuple(self.shape[axis] for axis in self.axes) if self.axes else self.shape

    @property
    def is_spatial(self) -> bool:
        """Whether the dimensions are (N, C, H, W) of the map."""
        return not self.axes and self.shape[1:] == frame_dims(self.map)

    @property
    def is_vector(self) -> bool:
        """Whether the dimensions are (N, all words of the frame), with ones between at most."""
        inner = self.shape[1:-1]
        return (
            not self.axes
            and len(self.shape) >= 2
            and self.shape[-1] == self.map.words
            and all(size == 1 for size in inner)
        )

    @property
    def has_channel_axis(self) -> bool:
        """Whether dimension 1 counts the channels of the map."""
        return not self.axes and len(self.shape) >= 2 and self.shape[1] == self.map.channels


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


def is_floating(array: Constant) -> bool:
    """Whether an array holds floating-point numbers, bfloat16 included."""
    return bool(np.issubdtype(array.dtype, np.floating)) or array.dtype.name == "bfloat16"
