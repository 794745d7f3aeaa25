"""Upsample, DepthToSpace and Shuffle as chains of ONNX nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import ops
from ..values import FeatureMap
from .values import frame_dims

Constants = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One node, which reads what the one before it makes.

    Attributes:
        op_type: its operator.
        constants: inputs behind the first; "" where an optional one is missing.
        attributes: of the node.
    """

    op_type: str
    constants: Constants = field(default_factory=dict)
    attributes: Mapping[str, str | tuple[int, ...]] = field(default_factory=dict)


def _reshape(name: str, *dims: int) -> Step:
    return Step("Reshape", {name: np.asarray((0, *dims), np.int64)})


def reorder_steps(op: ops.Reordering, source: FeatureMap, out: FeatureMap) -> tuple[Step, ...]:
    """The nodes of a layer.

    Args:
        op, source, out: the layer.
    """
    channels, height, width = frame_dims(source)
    seen: tuple[int, ...]
    order: tuple[int, ...]
    match op:
        case ops.Upsample():
            scales = np.asarray((1, 1, *op.factor), np.float32)
            modes = {"mode": "nearest", "nearest_mode": "floor"}
            where = {"coordinate_transformation_mode": "asymmetric"}
            return (Step("Resize", {"": scales, "scales": scales}, {**modes, **where}),)
        case ops.DepthToSpace():
            seen, order = (*op.factor, out.channels, height, width), (0, 3, 4, 1, 5, 2)
        case ops.Shuffle():
            seen, order = (op.groups, channels // op.groups, height, width), (0, 2, 1, 3, 4)
    turned = Step("Transpose", {}, {"perm": order})
    return _reshape("seen", *seen), turned, _reshape("map", *frame_dims(out))


def repeat_steps(op: ops.Upsample, source: FeatureMap, out: FeatureMap) -> tuple[Step, ...]:
    """An Upsample of any type of numbers: onnxruntime has no Resize of float64."""
    channels, height, width = frame_dims(source)
    shape = np.asarray((1, 1, 1, op.factor[0], 1, op.factor[1]), np.int64)
    repeated = Step("Expand", {"factor": shape})
    return (
        _reshape("seen", channels, height, 1, width, 1),
        repeated,
        _reshape("map", *frame_dims(out)),
    )
