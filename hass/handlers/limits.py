"""What a file may ask for: bounds that keep a small file from taking all memory.

Weights that a file holds are as large as the file; bounded is what it makes of little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..errors import GraphError
from .values import Constant

# VGG-19 has 144 million parameters, which onnx's own models make with ConstantOfShape
MOST_MADE_VALUES = 160_000_000
_MOST_REUSE = 8  # layers that share one array: detectors have the same head at 5 to 7 scales
_MOST_LISTED = 4096  # sizes, axes, pads; the parts of a Split
_ELEMENTWISE = frozenset({"Add", "Div", "Equal", "Max", "Min", "Mul", "Sub", "Sum", "Where"})
_VIEWS = frozenset({"Identity", "Shape", "Slice", "Squeeze", "Transpose", "Unsqueeze"})


def few_integers(value: Constant) -> tuple[int, ...]:
    """A constant that lists sizes, axes or the like, flattened.

    Raises:
        ValueError: if they are no integers, or absurdly many.
    """
    if not np.issubdtype(value.dtype, np.integer):
        raise ValueError(f"numbers of type {value.dtype}, expected integers")
    if value.size > _MOST_LISTED:
        raise ValueError(f"{value.size} numbers, expected at most {_MOST_LISTED}")
    return tuple(int(item) for item in value.reshape(-1))


def values_made(op: str, values: Sequence[Constant]) -> int:
    """How many values an op makes of constants, at most; of ops that make no more than they read,
    those; of ops that only look at them, none.

    Raises:
        ValueError: if shapes do not meet.
    """
    match op:
        case _ if op in _ELEMENTWISE:
            return math.prod(np.broadcast_shapes(*(value.shape for value in values)))
        case "Concat":
            return sum(value.size for value in values)
        case "Gather" if len(values) > 1:
            return values[1].size * values[0].size // max(min(values[0].shape, default=1), 1)
        case "ConstantOfShape":
            return math.prod(few_integers(values[0]))
        case "Expand" if len(values) > 1:
            return math.prod(np.broadcast_shapes(values[0].shape, few_integers(values[1])))
        case "Range" if len(values) > 2:
            if any(np.iscomplexobj(value) for value in values):
                raise ValueError("of complex numbers")
            start, limit, delta = (float(value.reshape(-1)[0]) for value in values[:3])
            return max(math.ceil((limit - start) / delta), 0) if delta else MOST_MADE_VALUES + 1
        case _ if op in _VIEWS:
            return 0
        case _:
            return max((value.size for value in values), default=0)


def values_kept(result: Constant, values: Sequence[Constant]) -> int:
    """How many of a result's values are not those of one of the constants it was made of."""
    return 0 if any(np.may_share_memory(result, value) for value in values) else result.size


def check_weights(values: int, stored_values: int) -> None:
    """Refuse a network whose layers have far more weights than its file holds.

    Raises:
        GraphError: if they have.
    """
    most = MOST_MADE_VALUES + _MOST_REUSE * stored_values
    if values > most:
        raise GraphError(
            f"the layers up to here have {values} weights, of {stored_values} values that the file "
            f"holds; expected at most {most}"
        )
