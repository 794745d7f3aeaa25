"""Filters whose outputs are given the mean and the deviation that they are to have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ..filter_refit import FilterStatistics
from .write_curve import SOURCE

MEAN, DEVIATION, RESTORED = "mean", "deviation", "restored"
# A filter whose outputs hardly vary is not blown up until they do: its scale stays within these.
LEAST_SCALE, MOST_SCALE = 0.125, 8.0
# Deviations below this share of the layer's largest one count as this one.
SMALLEST_DEVIATION = 1e-6
_AXES = (0, 2, 3)  # all but the channels


@dataclass(frozen=True, slots=True)
class Step:
    """One ONNX node.

    Attributes:
        name: of its output, within the layer.
        op_type: of the node.
        inputs: ``SOURCE``, names of steps before it or of constants.
        constants: those that it takes, float32.
        attributes: of the node.
    """

    name: str
    op_type: str
    inputs: tuple[str, ...]
    constants: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    attributes: Mapping[str, int | tuple[int, ...]] = field(default_factory=dict)


def least_deviation(targets: FilterStatistics) -> float:
    """What deviations of a layer's filters are taken to have at least."""
    return max(
        SMALLEST_DEVIATION * float(targets.deviations.max()), float(np.finfo(np.float32).tiny)
    )


def restoring_steps(targets: FilterStatistics | None) -> tuple[Step, ...]:
    """Steps from a layer's output to its statistics, ``MEAN`` and ``DEVIATION``, and to
    ``RESTORED``, the output with those of ``targets``, where there are any."""
    over: Mapping[str, int | tuple[int, ...]] = {"axes": _AXES, "keepdims": 1}
    measured = (
        Step(MEAN, "ReduceMean", (SOURCE,), attributes=over),
        Step("centred", "Sub", (SOURCE, MEAN)),
        Step("squares", "Mul", ("centred", "centred")),
        Step("variance", "ReduceMean", ("squares",), attributes=over),
        Step(DEVIATION, "Sqrt", ("variance",)),
    )
    if targets is None:
        return measured
    least = least_deviation(targets)
    shape = (1, -1, 1, 1)
    wanted = np.maximum(targets.deviations, least).reshape(shape)
    return (
        *measured,
        Step("held", "Max", (DEVIATION, "least"), {"least": np.asarray(least, np.float32)}),
        Step("ratio", "Div", ("wanted", "held"), {"wanted": wanted.astype(np.float32)}),
        Step(
            "scale",
            "Clip",
            ("ratio", "low", "high"),
            {
                "low": np.asarray(LEAST_SCALE, np.float32),
                "high": np.asarray(MOST_SCALE, np.float32),
            },
        ),
        Step("scaled", "Mul", ("centred", "scale")),
        Step(RESTORED, "Add", ("scaled", "target"), {"target": targets.means.reshape(shape)}),
    )
